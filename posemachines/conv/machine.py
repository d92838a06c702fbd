"""The Convolutional Pose Machine."""

from __future__ import annotations

from ..machine import RepeatedStageMachine
from .stage import ConvStage
from .training import JointTraining

__all__ = ["ConvPoseMachine"]


class ConvPoseMachine(RepeatedStageMachine):
    """Convolutional Pose Machine: convolutional stages, trained jointly with a loss at every stage.

    Parameters
    ----------
    n_stages : int, default=3
        Number of stages T.
    stage : ConvStage, optional
        What each stage is a copy of; ``ConvStage()`` by default. The settings of network and training (epochs,
        device, ...) are its parameters, reached as ``stage__epochs``.
    training : strategy, optional
        :class:`JointTraining <posemachines.conv.JointTraining>` by default;
        :class:`Stacked <posemachines.Stacked>` trains greedily.
    skeleton, flip, scales, batch_size, random_state, verbose
        As in :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Attributes
    ----------
    stages_ : list of ConvStage
    skeleton_ : Skeleton

    Examples
    --------
    >>> from posemachines import ConvPoseMachine, ConvStage
    >>> machine = ConvPoseMachine(stage=ConvStage(epochs=40), skeleton="lsp", random_state=0)
    >>> machine.get_params()["stage__epochs"]
    40

    References
    ----------
    .. [1] Wei, Ramakrishna, Kanade and Sheikh, "Convolutional Pose Machines", CVPR 2016.
    """

    _shipped = "cpm_"

    def _default_stage(self) -> ConvStage:
        return ConvStage()

    def _make_training(self):
        return JointTraining() if self.training is None else self.training

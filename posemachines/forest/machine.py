"""The classic Pose Machine."""

from __future__ import annotations

from ..machine import RepeatedStageMachine
from ..training import Stacked
from .stage import ForestStage

__all__ = ["PoseMachine"]


class PoseMachine(RepeatedStageMachine):
    """Pose Machine: stages of random forests on hand-made features, trained greedily on out-of-fold beliefs.

    Parameters
    ----------
    n_stages : int, default=3
        Number of stages T.
    stage : ForestStage, optional
        What each stage is a copy of; ``ForestStage()`` by default. Its parameters are reached as ``stage__n_rounds``.
    training : strategy, optional
        ``Stacked(views=2)`` by default: on two folds, and on everybody's mirror image, too.
    skeleton, flip, scales, batch_size, random_state, verbose
        As in :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Attributes
    ----------
    stages_ : list of ForestStage
    skeleton_ : Skeleton

    Examples
    --------
    >>> from posemachines import ForestStage, PoseMachine
    >>> machine = PoseMachine(stage=ForestStage(n_rounds=20), skeleton="lsp", random_state=0)
    >>> machine.get_params()["stage__n_rounds"]
    20

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    """

    _shipped = "pm_"

    def _default_stage(self) -> ForestStage:
        return ForestStage()

    def _make_training(self):
        return Stacked(views=2) if self.training is None else self.training

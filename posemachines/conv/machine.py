"""The Convolutional Pose Machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .._checks import check_images, check_joints
from ..machine import RepeatedStageMachine, joint_scorer
from ..skeleton import Skeleton, get_skeleton
from .networks import PoseNetwork
from .stage import ConvStage
from .training import JointTraining, get_strategy

__all__ = ["ConvPoseMachine"]

PUBLISHED_SKELETONS = {15: "cpm", 10: "flic"}  # by number of maps


class ConvPoseMachine(RepeatedStageMachine):
    """Convolutional Pose Machine: convolutional stages, trained jointly with a loss at every stage.

    Parameters
    ----------
    n_stages : int, default=3
        Number of stages T.
    stage : ConvStage, optional
        What each stage is a copy of; ``ConvStage()`` by default. The settings of network and training (epochs,
        device, ...) are its parameters, reached as ``stage__epochs``.
    training : str or strategy, optional
        "joint" (:class:`JointTraining <posemachines.conv.JointTraining>`, the default), "stagewise",
        "stagewise+joint" (:class:`StagewiseTraining <posemachines.conv.StagewiseTraining>`) or
        "joint-without-supervision"; :class:`Stacked <posemachines.Stacked>` trains every stage as a network of its own.
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
        return JointTraining() if self.training is None else get_strategy(self.training)

    def fit(
        self, X, y, *, validation: tuple | None = None, others=None, start: ConvPoseMachine | None = None
    ) -> ConvPoseMachine:
        """Train all stages.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
            Person crops, RGB.
        y : float32 ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible (0 = not labelled). Labelled joints outside the crop count as
            not labelled.
        validation : (X, y), optional
            Crops and joints of other people: after every epoch each stage's PCK@0.2 and @0.1 on them go into the
            history and the log. Nothing is chosen by them.
        others : float32 ndarray of shape (N, K, P, 3), optional
            Joints of further people in each crop, rows of zeros where there are fewer: the first stage's target shows
            everybody, as published, later ones the person of `y` alone.
        start : ConvPoseMachine, optional
            A trained machine with the same network to go on from, with other people, or with other parts: weights whose
            shapes do not agree, those that write and read the parts' maps, are begun anew.

        Returns
        -------
        ConvPoseMachine
            Itself.

        Raises
        ------
        ValueError
            As for :meth:`SequentialMachine.fit`; also if validation or others do not match.
        """
        more: dict = {}
        if others is not None:
            more["others"] = np.asarray(others, np.float32)
        if validation is not None:
            more["watched"], more["score"] = self._watching(*validation, n_parts=np.shape(y)[1])
        if start is not None:
            more["start"] = start.network()
        return self._fit_stages(X, y, **more)

    def _watching(self, X, y, *, n_parts: int):
        """Checked crops, and the function that scores the joints found in them."""
        X = check_images(X)
        y = check_joints(y, n_people=len(X), n_parts=n_parts)
        return X, joint_scorer(y, get_skeleton(self.skeleton, n_parts))

    @classmethod
    def from_caffe(
        cls, prototxt=None, caffemodel=None, *, skeleton: str | Skeleton | None = None, faithful: bool = True
    ) -> ConvPoseMachine:
        """A machine with published weights: nets A, B or C, of any number of stages and parts.

        Parameters
        ----------
        prototxt : path, optional
            The description that came with the weights; where it is given, it must agree with them.
        caffemodel : path
            The weights.
        skeleton : str or Skeleton, optional
            The parts in the order of the weights; by default the published order of the fourteen parts ("cpm") or that
            of FLIC's nine, numbered parts for other numbers.
        faithful : bool, default=True
            Pools and centre map as Caffe computes them, which these weights were trained with.

        Returns
        -------
        ConvPoseMachine
            Ready to predict on crops of 368 px, or by
            :func:`predict_photo(..., faithful=True) <posemachines.photos.predict_photo>` as published.

        Raises
        ------
        ValueError
            If the file is not such a file, or its layers do not make one of these nets.
        ImportError
            If protobuf is not installed.
        """
        from .caffe import network_from_caffe

        if caffemodel is None:
            raise ValueError("give the file of the weights: from_caffe(caffemodel='....caffemodel')")
        network = network_from_caffe(caffemodel, prototxt, faithful=faithful)
        return cls._of_network(network, skeleton, crop_size=368)

    @classmethod
    def _of_network(cls, network: PoseNetwork, skeleton: str | Skeleton | None, *, crop_size: int) -> ConvPoseMachine:
        """A fitted machine of a published net that is there."""
        design = network.design
        n_maps = network.n_maps
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        known = get_skeleton(skeleton or PUBLISHED_SKELETONS.get(n_maps), n_maps - 1)
        stage = ConvStage(network=design.name, faithful=design.faithful, centre_map=design.sees_centre)
        machine = cls(len(network.heads), stage=stage, skeleton=known)
        machine.stages_ = machine._make_stages()
        for index, one in enumerate(machine.stages_):
            one._adopt(network, index, [])
            one.skeleton_, one.n_parts_, one.uses_beliefs_ = known, n_maps - 1, index > 0
        machine.skeleton_, machine.crop_size_ = known, crop_size
        return machine

    def network(self) -> PoseNetwork:
        """All stages of the fitted machine as one network, sharing their weights with it."""
        stages = self._fitted_stages()
        keys = list(dict.fromkeys(stage.feature_key for stage in stages))
        trunk_of = [keys.index(stage.feature_key) for stage in stages]
        trunks = [stages[trunk_of.index(index)].network_.trunks[0] for index in range(len(keys))]
        heads = [stage.network_.heads[0] for stage in stages]
        return PoseNetwork(trunks, heads, trunk_of, stages[0].network_.design).eval()

    def export_onnx(self, path: str | Path, *, size: int | tuple[int, int], stages: str = "last") -> None:
        """Write the machine as an ONNX graph, for runtimes without torch; needs the extra ``onnx``.

        Parameters
        ----------
        path : path
        size : int or (H, W)
            Of the crops, in pixels; the number of people stays open.
        stages : {"last", "all"}, default="last"
            Which stages' beliefs the graph returns.

        Raises
        ------
        ValueError
            If the size is no multiple of the stride, or `stages` is unknown.
        ImportError
            If the extra is not installed.

        Notes
        -----
        Input ``images``: uint8 (N, H, W, 3), RGB. Output ``beliefs``, or ``beliefs_1``, ``beliefs_2``, ...: float32
        (N, P+1, h, w). The mirrored crop and other scales are left to the caller, as is
        :func:`posemachines.beliefs.decode`.
        """
        from .onnx import export_network

        export_network(self.network(), path, size=(size, size) if isinstance(size, int) else size, stages=stages)

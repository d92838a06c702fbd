"""The Convolutional Pose Machine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from .._utils.checks import check_images, check_joints
from .._utils.deprecation import renamed_keyword
from ..repeated_machine import RepeatedStageMachine
from ..skeleton import Skeleton, get_skeleton
from ..training.watching import joint_scorer
from .networks.network import PoseNetwork
from .stage import ConvStage
from .training import Augmentation, JointTraining, get_strategy, resolve_epochs

__all__ = ["ConvPoseMachine"]

PUBLISHED_SKELETONS = {15: "cpm", 10: "flic"}  # by number of maps
_OF_THE_TRAINING = ("epochs", "batch_size", "learning_rate", "augmentation", "frozen_blocks", "backbone_rate")
_OF_THE_STAGE = ("network", "backbone")
_OF_THE_RUN = ("checkpoint", "log_dir")
COARSE_SHARE = 0.15  # of the passes, for a machine that locates subjects


class ConvPoseMachine(RepeatedStageMachine):
    """Convolutional Pose Machine: convolutional stages, trained jointly with a loss at every stage.

    Parameters
    ----------
    n_stages : int, default=3
        Number of stages T.
    network : {"cpm-pretrained", "cpm-lite", "cpm-hand-made", "cpm", "cpm-flic", "cpm-vgg"}, default="cpm-pretrained"
        `cpm-pretrained` starts from a backbone that was trained on ImageNet, `cpm-lite` from nothing; see
        :class:`ConvStage <posemachines.ConvStage>`.
    backbone : {"efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}, default="efficientnet-lite0"
        Of `cpm-pretrained`.
    epochs : int or "auto", default="auto"
        Passes over the training subjects. "auto" stands for 8 passes and 8,000 crops, but at most 50
        passes; without a pretrained backbone for 16,000 crops, but at least 11 and at most 100 passes.
    batch_size : int, default=16
        Subjects per training step.
    learning_rate : float, optional
        Largest learning rate; depends on network and optimiser by default.
    augmentation : Augmentation, optional
        Random changes of the training crops.
    frozen_blocks : int, default=3
        Blocks of the pretrained backbone that keep their weights, besides the stem; 0 trains all of them.
    backbone_rate : float, default=0.2
        Learning rate of its other blocks, as a multiple of that of the rest of the network; 0 freezes them, too.
    training : str or strategy, default="joint"
        "joint", "stagewise", "stagewise+joint" or "joint-without-supervision", with the settings above; or, for
        experts, a strategy that carries its own settings: :class:`JointTraining <posemachines.JointTraining>`,
        :class:`StagewiseTraining <posemachines.StagewiseTraining>`, or
        :class:`StackedTraining <posemachines.StackedTraining>`, which trains every stage as a separate network.
    stage : ConvStage, optional
        For experts: the stage that is repeated, in place of `network`. Its parameters are reached as
        ``stage__n_blocks``.
    device, precision, compile, n_jobs
        Where the network computes; see :class:`posemachines.Runtime`.
    checkpoint : path, optional
        File (a folder with StackedTraining) from which interrupted training resumes.
    log_dir : path, optional
        Folder for ``training.csv``, with one row per epoch, and TensorBoard's events.
    crop_size : int or (height, width), default=128
        Side of square crops, or both sides, in pixels, that are cut when a dataset is given.
    skeleton, flip, tta_scales, predict_batch_size, random_state, verbose
        See :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Attributes
    ----------
    stages_ : list of ConvStage
    skeleton_ : Skeleton
    crop_size_ : int or (int, int)
    crop_shape_ : (int, int)
    crop_record_ : CropRecord or None
        See :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Examples
    --------
    >>> from posemachines import ConvPoseMachine
    >>> machine = ConvPoseMachine(epochs=40, skeleton="lsp", random_state=0)
    >>> machine.get_params()["epochs"]
    40

    References
    ----------
    .. [1] Wei, Ramakrishna, Kanade and Sheikh, "Convolutional Pose Machines", CVPR 2016.
    """

    _shipped = "cpm_"
    coarse_subject = 18  # px; see SequentialMachine

    @renamed_keyword(scales="tta_scales")
    def __init__(
        self,
        n_stages: int = 3,
        *,
        network: str = "cpm-pretrained",
        backbone: str = "efficientnet-lite0",
        epochs: int | str = "auto",
        batch_size: int = 16,
        learning_rate: float | None = None,
        augmentation: Augmentation | None = None,
        frozen_blocks: int = 3,
        backbone_rate: float = 0.2,
        training="joint",
        stage: ConvStage | None = None,
        device: str = "auto",
        precision: str = "auto",
        compile: bool | str = False,
        n_jobs: int | None = None,
        checkpoint: str | Path | None = None,
        log_dir: str | Path | None = None,
        crop_size: int | tuple[int, int] = 128,
        skeleton: str | Skeleton | None = None,
        flip: bool = False,
        tta_scales: Sequence[float] = (1.0,),
        predict_batch_size: int = 64,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_stages = n_stages
        self.network = network
        self.backbone = backbone
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augmentation = augmentation
        self.frozen_blocks = frozen_blocks
        self.backbone_rate = backbone_rate
        self.training = training
        self.stage = stage
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.log_dir = log_dir
        self.crop_size = crop_size
        self.skeleton = skeleton
        self.flip = flip
        self.tta_scales = tta_scales
        self.predict_batch_size = predict_batch_size
        self.random_state = random_state
        self.verbose = verbose

    def _default_stage(self) -> ConvStage:
        return ConvStage(network=self.network, backbone=self.backbone)

    def _make_stages(self):
        if self.stage is not None and (changed := ", ".join(self._changed(*_OF_THE_STAGE))):
            raise ValueError(f"{changed} and stage= are both given; set {changed} on the stage")
        return super()._make_stages()

    def make_training(self):
        """The strategy that `fit` uses, with the settings of the machine."""
        settings = self._changed(*_OF_THE_TRAINING)
        run = self._changed(*_OF_THE_RUN)
        strategy: Any = JointTraining() if self.training is None else get_strategy(self.training)
        known = {one.name for one in fields(strategy)} if is_dataclass(strategy) else set()
        if "net" in known and "log_dir" in run:
            run["net"] = replace(strategy.net or JointTraining(), log_dir=run.pop("log_dir"))
        clash = [] if self.training is None or isinstance(self.training, str) else list(settings)
        clash += [name for name in run if name not in known]
        if clash:
            raise ValueError(
                f"{', '.join(clash)} and the strategy training={type(strategy).__name__}(...) are both given; set "
                f"{', '.join(clash)} on the strategy"
            )
        return replace(strategy, **settings, **run) if settings or run else strategy

    def coarse(self, n_subjects: int) -> ConvPoseMachine:
        """An untrained, cheaper machine that locates subjects on whole photos: a seventh of the passes.

        Parameters
        ----------
        n_subjects : int
            That it will be trained on.
        """
        made = clone(self).set_params(verbose=False, checkpoint=None, log_dir=None)
        training = made.make_training()
        network = self.network if self.stage is None else self.stage.design().name
        passes = {"epochs": max(round(COARSE_SHARE * resolve_epochs(training.epochs, n_subjects, network)), 1)}
        if self.training is None or isinstance(self.training, str):
            return made.set_params(**passes)
        return made.set_params(training=replace(training, **passes))

    def fit(
        self, X, y=None, *, validation=None, others=None, warm_start: ConvPoseMachine | None = None, start=None
    ) -> ConvPoseMachine:
        """Train all stages.

        Parameters
        ----------
        X : PoseDataset, Crops, or uint8 ndarray of shape (N, H, W, 3)
            Subjects with their labels, or RGB crops of subjects.
        y : float32 ndarray of shape (N, P, 3), optional
            With an array of crops: x, y in pixels of the crop, and labelled (0 = not labelled). Labelled joints outside
            the crop count as unlabelled.
        validation : PoseDataset, Crops or (X, y), optional
            Other subjects: after every epoch, PCK@0.2 and @0.1 of each stage on them are added to the history and the
            log. Nothing is selected by them.
        others : float32 ndarray of shape (N, K, P, 3), optional
            Joints of other subjects in each crop, padded with rows of zeros: the target of the first stage shows all of
            them, as published, that of later ones only the subject of `y`.
        warm_start : ConvPoseMachine, optional
            A trained machine with the same network to start from, for other subjects or other parts: weights with
            different shapes, those that predict and read the maps of the parts, are initialised anew.
        start : ConvPoseMachine, optional
            Deprecated name of `warm_start`.

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
        if start is not None:
            warnings.warn("fit(start=) is deprecated; use warm_start=", DeprecationWarning, stacklevel=2)
            warm_start = start if warm_start is None else warm_start
        if hasattr(X, "crops"):
            X = X.crops(self.crop_size)
        if others is not None:
            more["others"] = np.asarray(others, np.float32)
        if validation is not None:
            more["watched"], more["score"] = self._watch(validation, X, y)
        if warm_start is not None:
            more["warm_start"] = warm_start.as_network()
        return self._fit_stages(X, y, **more)

    def _watch(self, validation, X, y):
        """Checked validation crops, and the function that scores the joints found in them."""
        X, y, given = self._unpack(X, y)
        shape, n_parts = np.shape(X)[1:3], check_joints(y).shape[1]
        skeleton = get_skeleton(given if self.skeleton is None else self.skeleton, n_parts)
        both = validation if isinstance(validation, tuple | list) else (validation, None)
        watched, truth, theirs = self._unpack(*both, size=shape)
        watched = check_images(watched)
        truth = check_joints(truth, n_people=len(watched), n_parts=n_parts)
        if watched.shape[1:3] != shape:
            raise ValueError(f"the validation crops are {watched.shape[1:3]} px but the training crops are {shape} px")
        if given is not None and theirs is not None and given.parts != theirs.parts:
            raise ValueError(f"validation has the parts {theirs.parts} but the training data have {given.parts}")
        return watched, joint_scorer(truth, skeleton)

    @classmethod
    def from_caffe(
        cls, prototxt=None, caffemodel=None, *, skeleton: str | Skeleton | None = None, caffe_compatible: bool = True
    ) -> ConvPoseMachine:
        """A machine with published weights: net A, B or C with any number of stages and parts.

        Parameters
        ----------
        prototxt : path, optional
            The description that comes with the weights. If given, it must agree with them.
        caffemodel : path
            The weights.
        skeleton : str or Skeleton, optional
            The parts in the order of the weights. Default: the published order of the fourteen parts ("cpm") or of
            FLIC's nine; numbered parts for any other number.
        caffe_compatible : bool, default=True
            Pooling and centre map as in Caffe, with which these weights were trained.

        Returns
        -------
        ConvPoseMachine
            Predicts on crops of 368 px; ``predict_photo(..., protocol="cpm2016")`` predicts as published.

        Raises
        ------
        ValueError
            If the file is not a caffemodel, or its layers form none of these nets.
        ImportError
            If protobuf is not installed.
        """
        from .convert.caffe import network_from_caffe

        if caffemodel is None:
            raise ValueError("caffemodel is missing; pass the file with the weights: from_caffe(caffemodel=...)")
        network = network_from_caffe(caffemodel, prototxt, caffe_compatible=caffe_compatible)
        return cls._of_network(network, skeleton, crop_size=368)

    @classmethod
    def _of_network(cls, network: PoseNetwork, skeleton: str | Skeleton | None, *, crop_size: int) -> ConvPoseMachine:
        """A fitted machine with the weights of a published network."""
        design = network.design
        n_maps = network.n_maps
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        known = get_skeleton(skeleton or PUBLISHED_SKELETONS.get(n_maps), n_maps - 1)
        stage = ConvStage(network=design.name, caffe_compatible=design.caffe_compatible, centre_map=design.sees_centre)
        machine = cls(len(network.heads), stage=stage, skeleton=known, crop_size=crop_size)
        machine.stages_ = machine._make_stages()
        for index, one in enumerate(machine.stages_):
            one.adopt(network, index, [])
            one.skeleton_, one.n_parts_, one.uses_beliefs_ = known, n_maps - 1, index > 0
        machine.skeleton_, machine.crop_record_ = known, None
        machine._set_crop_shape((crop_size, crop_size))
        return machine

    def as_network(self) -> PoseNetwork:
        """All stages of the fitted machine as one network, which shares their weights."""
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
            Size of the crops, in pixels; the number of subjects stays variable.
        stages : {"last", "all"}, default="last"
            Stages whose beliefs the graph returns.

        Raises
        ------
        ValueError
            If the size is not a multiple of the stride, or `stages` is unknown.
        ImportError
            If the extra is not installed.

        Notes
        -----
        Input ``images``: uint8 (N, H, W, 3), RGB. Output ``beliefs``, or ``beliefs_1``, ``beliefs_2``, ...: float32
        (N, P+1, h, w). Test-time augmentation and :func:`posemachines.beliefs.decode` are left to the caller.
        """
        from .convert.onnx import export_network

        export_network(self.as_network(), path, size=(size, size) if isinstance(size, int) else size, stages=stages)

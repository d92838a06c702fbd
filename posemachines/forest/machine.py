"""The classic Pose Machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sklearn.base import clone

from .._utils.deprecation import renamed_keyword
from ..repeated_machine import RepeatedStageMachine
from ..skeleton import Skeleton
from ..training.stacking import StackedTraining
from .stage import ForestStage

__all__ = ["PoseMachine"]

_OF_THE_STAGE = ("features", "n_rounds", "n_trees", "max_depth", "levels")


class PoseMachine(RepeatedStageMachine):
    """Pose Machine: stages of random forests, trained greedily on out-of-fold beliefs.

    Parameters
    ----------
    n_stages : int, default=3
        Number of stages T.
    features : {"hand-made", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}, default="hand-made"
        Image features: gradients and colour, as published, or the maps of a frozen backbone with weights trained on
        ImageNet.
    n_rounds, n_trees : int, default=50 and 2
        Rounds of boosting of each forest, and trees per round.
    max_depth : int or None, default=6
        Depth of the trees.
    levels : int, optional
        Levels of the hierarchy of parts; as many as the skeleton has by default.
    n_augmented : int, default=2
        Times that each subject is shown: as is and mirrored.
    n_jobs : int, optional
        Threads; 1 by default, -1 for all cores.
    checkpoint : path, optional
        Folder from which interrupted training resumes.
    crop_size : int or (height, width), default=128
        Side of square crops, or both sides, in pixels, that are cut when a dataset is given.
    stage : ForestStage, optional
        For experts: the stage that is repeated, in place of the five parameters above that describe one. Its
        parameters are reached as ``stage__n_rounds``.
    training : StackedTraining or other strategy, optional
        For experts: in place of `n_augmented`.
    skeleton, flip, tta_scales, predict_batch_size, random_state, verbose
        See :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Attributes
    ----------
    stages_ : list of ForestStage
    skeleton_ : Skeleton
    crop_size_ : int or (int, int)
    crop_shape_ : (int, int)
    crop_record_ : CropRecord or None
        See :class:`SequentialMachine <posemachines.SequentialMachine>`.

    Examples
    --------
    >>> from posemachines import PoseMachine
    >>> machine = PoseMachine(n_rounds=20, skeleton="lsp", random_state=0)
    >>> machine.get_params()["n_rounds"]
    20

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    """

    _shipped = "pm_"

    @renamed_keyword(scales="tta_scales", batch_size="predict_batch_size")
    def __init__(
        self,
        n_stages: int = 3,
        *,
        features: str = "hand-made",
        n_rounds: int = 50,
        n_trees: int = 2,
        max_depth: int | None = 6,
        levels: int | None = None,
        n_augmented: int = 2,
        n_jobs: int | None = None,
        checkpoint: str | Path | None = None,
        crop_size: int | tuple[int, int] = 128,
        stage: ForestStage | None = None,
        training=None,
        skeleton: str | Skeleton | None = None,
        flip: bool = False,
        tta_scales: Sequence[float] = (1.0,),
        predict_batch_size: int = 64,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_stages = n_stages
        self.features = features
        self.n_rounds = n_rounds
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.levels = levels
        self.n_augmented = n_augmented
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.crop_size = crop_size
        self.stage = stage
        self.training = training
        self.skeleton = skeleton
        self.flip = flip
        self.tta_scales = tta_scales
        self.predict_batch_size = predict_batch_size
        self.random_state = random_state
        self.verbose = verbose

    def _default_stage(self) -> ForestStage:
        return ForestStage(**{name: getattr(self, name) for name in _OF_THE_STAGE})

    def _make_stages(self):
        if self.stage is not None and (changed := self._changed(*_OF_THE_STAGE)):
            raise ValueError(f"{', '.join(changed)} and stage= are both given; set {', '.join(changed)} on the stage")
        return super()._make_stages()

    def coarse(self, n_subjects: int) -> PoseMachine:
        """An untrained, cheaper machine that locates subjects on whole photos: one stage.

        Parameters
        ----------
        n_subjects : int
            That it will be trained on.
        """
        return clone(self).set_params(n_stages=1, checkpoint=None, verbose=False)

    def make_training(self):
        """The strategy that `fit` uses."""
        if self.training is not None and self._changed("n_augmented"):
            raise ValueError("n_augmented and training= are both given; set n_augmented on the strategy")
        training = StackedTraining(n_augmented=self.n_augmented) if self.training is None else self.training
        return training if self.checkpoint is None else replace(training, checkpoint=self.checkpoint)

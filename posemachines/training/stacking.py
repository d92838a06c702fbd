"""Stage-by-stage training on out-of-fold beliefs, for stages of any kind.

A strategy is an object with ``fit_stages(stages, images, joints, skeleton, *, random_state, runtime)`` that returns the
fitted stages in order. :class:`StackedTraining` works for all stages; joint back-propagation belongs to the
convolutional ones (:class:`posemachines.JointTraining`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from .._utils.deprecation import renamed_keyword
from .._utils.progress import progress
from ..skeleton import Skeleton
from ..stage import Runtime, Stage
from .checkpoints import StageCheckpoint
from .copies import add_copies

__all__ = ["StackedTraining", "predict_in_batches"]

BATCH = 64  # subjects for which beliefs are computed together


def predict_in_batches(stage: Stage, images, previous, *, features=None, batch_size: int = BATCH) -> np.ndarray:
    """Beliefs of one fitted stage, composites included, computed in batches; `previous` and `features` may be None."""
    beliefs: np.ndarray | None = None
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        some = stage.predict(images[part], _select(previous, part), features=_select(features, part), composites=True)
        if beliefs is None:
            beliefs = np.empty((len(images), *some.shape[1:]), np.float32)
        beliefs[part] = some
    assert beliefs is not None  # a checked array of images is never empty
    return beliefs


@dataclass(frozen=True, kw_only=True)
class StackedTraining:
    """Train the stages one after the other on out-of-fold beliefs, as in the 2014 paper.

    The beliefs on which stage t+1 is trained come from copies of stage t that have not seen the subject, so that they
    resemble beliefs on new photos. Stage t is then trained once more, on all subjects.

    Parameters
    ----------
    n_folds : int, default=2
        Number M of copies. 1 turns stacking off: the next stage then sees beliefs on training subjects, which are
        better than any it will meet later.
    n_augmented : int, default=1
        Times that each subject is shown: as is, then mirrored, as is, and so on, with a random rotation and scale for
        each copy. All copies of a subject are in the same fold. Stages that augment crops themselves need none.
    rotation : float, default=0
        Largest rotation of a copy to either side, in degrees.
    scale_jitter : float, default=0
        Largest change of the logarithm of the size of a copy.
    net : JointTraining, optional
        How convolutional stages are trained (epochs, learning rate, augmentation, ...); its defaults if None.
    checkpoint : path, optional
        Folder that keeps every trained stage and copy. Interrupted training, repeated with the same data and
        parameters, resumes from it and gives the same machine. Nothing in it is removed.

    Notes
    -----
    Memory: the images and the features of stages that do not change the crops, once per copy, and two sets of belief
    maps with four bytes per cell and map.

    References
    ----------
    .. [1] Ramakrishna et al., "Pose Machines: Articulated Pose Estimation via Inference Machines", ECCV 2014,
       section 3.3.
    """

    n_folds: int = 2
    n_augmented: int = 1
    rotation: float = 0.0
    scale_jitter: float = 0.0
    net: Any = None
    checkpoint: str | Path | None = None

    def fit_stages(
        self,
        stages: Sequence[Stage],
        images: np.ndarray,
        joints: np.ndarray,
        skeleton: Skeleton,
        *,
        random_state: int | None = None,
        runtime: Runtime = Runtime(),  # noqa: B008 - immutable
    ) -> list[Stage]:
        """Train the stages one after the other.

        Parameters
        ----------
        stages : sequence of Stage
            Untrained and left unchanged; clones of them are trained.
        images : uint8 ndarray of shape (N, H, W, 3)
        joints : float32 ndarray of shape (N, P, 3)
        skeleton : Skeleton
        random_state : int, optional
            Seeds the folds and the augmented copies.
        runtime : Runtime
            Where the stages compute.

        Returns
        -------
        list of Stage
            Fitted clones.

        Raises
        ------
        ValueError
            If there are fewer subjects than folds, a fold would leave no labelled joint to train on, a parameter is
            out of range, or the checkpoint belongs to another training.
        """
        rng = np.random.default_rng(random_state)
        folds = self._deal(joints, rng) if len(stages) > 1 else []
        kept = StageCheckpoint(self.checkpoint, (self, *stages), (images, joints), skeleton)
        images, joints, subjects = add_copies(
            images,
            joints,
            skeleton,
            n_augmented=self.n_augmented,
            rotation=self.rotation,
            scale_jitter=self.scale_jitter,
            rng=rng,
        )
        copies = list(range(len(folds)))
        rounds = [(t, copy) for t in range(len(stages)) for copy in ([] if t == len(stages) - 1 else copies) + [None]]
        bar = progress(rounds, "training", shown=runtime.verbose)
        fitted: list[Stage] = []
        previous = beliefs = None
        features = _SharedFeatures(images)
        for t, copy in bar:
            held_out = None if copy is None else np.flatnonzero(np.isin(subjects, folds[copy]))
            bar.set_description(f"stage {t + 1} of {len(stages)}, " + ("whole" if copy is None else f"copy {copy + 1}"))
            name = f"stage{t + 1}-" + ("whole" if copy is None else f"copy{copy + 1}")
            stage = clone(stages[t])
            stage.runtime = runtime
            last = copy is None and t == len(stages) - 1
            seen = slice(None) if held_out is None else np.setdiff1d(np.arange(len(images)), held_out)
            maps = features.of(stage)
            kept.fit(
                name, stage, images[seen], _select(previous, seen), joints[seen], training=self._settings(name),
                features=_select(maps, seen),
            )  # fmt: skip
            if held_out is not None:
                out_of_fold = predict_in_batches(
                    stage, images[held_out], _select(previous, held_out), features=_select(maps, held_out)
                )
                if beliefs is None:
                    beliefs = np.empty((len(images), *out_of_fold.shape[1:]), np.float32)
                beliefs[held_out] = out_of_fold
                continue
            fitted.append(stage)
            if beliefs is None and not last:
                beliefs = predict_in_batches(stage, images, previous, features=maps)
            previous, beliefs = beliefs, None
        return fitted

    def _settings(self, name: str):
        """Settings of one convolutional fit, with a log folder of its own."""
        net = self.net
        log_dir = getattr(net, "log_dir", None)
        return net if log_dir is None else replace(net, log_dir=Path(log_dir) / name)

    def _deal(self, joints: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Indices of the subjects held out from each copy; no folds if stacking is off."""
        if not isinstance(self.n_folds, int | np.integer) or self.n_folds < 1:
            raise ValueError(f"n_folds must be a positive integer; got {self.n_folds!r}")
        if self.n_folds == 1:
            return []
        if len(joints) < self.n_folds:
            raise ValueError(
                f"{len(joints)} subjects cannot fill {self.n_folds} folds; add subjects or use fewer folds"
            )
        folds = np.array_split(rng.permutation(len(joints)), self.n_folds)
        labelled = np.asarray(joints[..., 2].any(1))
        for held_out in folds:
            if labelled.sum() == labelled[held_out].sum():
                raise ValueError(
                    f"with {self.n_folds} folds one copy would train on subjects without a labelled joint; "
                    "label more subjects or use fewer folds"
                )
        return [np.sort(held_out) for held_out in folds]


StackedTraining.__init__ = renamed_keyword(  # type: ignore[method-assign]
    folds="n_folds", views="n_augmented", scale="scale_jitter"
)(StackedTraining.__init__)


class _SharedFeatures:
    """Features of the images, computed once for successive stages that read the same."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images
        self._key: Hashable = None
        self._features: np.ndarray | None = None

    def of(self, stage: Stage) -> np.ndarray | None:
        """The features of a stage that is not trained yet; None if it computes its own."""
        key = stage.feature_key if stage.reads_fixed_features else None
        if key != self._key:
            self._features = None  # makes room
            self._key, self._features = key, None if key is None else stage._features(self._images)
        return self._features


def _select(arrays: np.ndarray | None, subjects: np.ndarray | slice) -> np.ndarray | None:
    return None if arrays is None else arrays[subjects]

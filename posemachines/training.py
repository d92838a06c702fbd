"""How the stages of a machine are trained: a strategy beside the stages, not inside them.

A strategy is an object with ``fit_stages(stages, images, joints, skeleton, *, random_state, verbose)`` that returns
the fitted stages, in order. :class:`Stacked` works for any stages; joint back-propagation belongs to the
convolutional ones (:class:`posemachines.conv.JointTraining`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, clone

from .checkpoint import StageCheckpoint
from .progress import progress
from .skeleton import Skeleton
from .stage import Stage
from .views import add_views

__all__ = ["Stacked", "predict_in_batches"]


def predict_in_batches(stage: Stage, images, previous, *, batch_size: int = 64) -> np.ndarray:
    """Beliefs of one fitted stage, its composites too, `batch_size` people at a time; ``previous`` may be None."""
    beliefs: np.ndarray | None = None
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        some = stage.predict(images[part], None if previous is None else previous[part], composites=True)
        if beliefs is None:
            beliefs = np.empty((len(images), *some.shape[1:]), np.float32)
        beliefs[part] = some
    assert beliefs is not None  # a checked array of images is never empty
    return beliefs


class Stacked(BaseEstimator):
    """Greedy training, stage by stage, on out-of-fold beliefs: the way of the 2014 paper.

    The beliefs on which stage t+1 is trained come from copies of stage t that have not seen the person, so that
    they look like beliefs on new photos. After that stage t is trained once more, on everybody.

    Parameters
    ----------
    folds : int, default=2
        Number M of copies. 1 turns stacking off: the next stage then sees beliefs on training people, which are
        better than any it will ever be given.
    views : int, default=1
        Times that each person is shown: as is, then mirrored, then as is, and so on, the copies each turned and resized
        at random. All views of a person are in one fold. Stages that move people themselves need none.
    rotation : float, default=0
        Largest angle of a copy, in degrees, to either side.
    scale : float, default=0
        Largest change of the logarithm of a copy's size.
    batch_size : int, default=64
        People for whom beliefs are computed at a time.
    checkpoint : path, optional
        Folder that keeps every stage and copy that is trained, and what a stage keeps of its own training. A training
        that was broken off and is repeated with the same data and parameters goes on from there, to the same
        machine. Nothing in it is removed when the training ends.

    Notes
    -----
    Memory: the images once for each view, and two sets of belief maps, of four bytes a cell and map.

    References
    ----------
    .. [1] Ramakrishna et al., "Pose Machines: Articulated Pose Estimation via Inference Machines", ECCV 2014,
       section 3.3.
    """

    def __init__(
        self,
        folds: int = 2,
        *,
        views: int = 1,
        rotation: float = 0.0,
        scale: float = 0.0,
        batch_size: int = 64,
        checkpoint: str | Path | None = None,
    ) -> None:
        self.folds = folds
        self.views = views
        self.rotation = rotation
        self.scale = scale
        self.batch_size = batch_size
        self.checkpoint = checkpoint

    def fit_stages(
        self,
        stages: Sequence[Stage],
        images: np.ndarray,
        joints: np.ndarray,
        skeleton: Skeleton,
        *,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> list[Stage]:
        """Train the stages one after the other.

        Parameters
        ----------
        stages : sequence of Stage
            Not trained; clones of them are, so that they stay as they are.
        images : uint8 ndarray of shape (N, H, W, 3)
        joints : float32 ndarray of shape (N, P, 3)
        skeleton : Skeleton
        random_state : int, optional
            Deals people to folds and draws their views.
        verbose : bool, default=False
            Show a progress bar over the fits.

        Returns
        -------
        list of Stage
            Fitted clones.

        Raises
        ------
        ValueError
            If there are fewer people than folds, a fold would train on no labelled joint, a parameter is out of
            range, or the checkpoint is of another training.
        """
        rng = np.random.default_rng(random_state)
        folds = self._deal(joints, rng) if len(stages) > 1 else []
        kept = StageCheckpoint(self.checkpoint, (self, *stages), (images, joints), skeleton)
        images, joints, people = add_views(
            images, joints, skeleton, n_views=self.views, rotation=self.rotation, scale=self.scale, rng=rng
        )
        copies = list(range(len(folds)))
        rounds = [(t, copy) for t in range(len(stages)) for copy in ([] if t == len(stages) - 1 else copies) + [None]]
        bar = progress(rounds, "training", shown=verbose)
        fitted: list[Stage] = []
        previous = beliefs = None
        for t, copy in bar:
            held_out = None if copy is None else np.flatnonzero(np.isin(people, folds[copy]))
            bar.set_description(f"stage {t + 1} of {len(stages)}, " + ("whole" if copy is None else f"copy {copy + 1}"))
            name = f"stage{t + 1}-" + ("whole" if copy is None else f"copy{copy + 1}")
            stage = clone(stages[t])
            last = copy is None and t == len(stages) - 1
            if "checkpoint" in stage.get_params(deep=False) and (kept.folder or not last):
                # without a folder, one file serves one training: the longest, of the last stage
                stage.set_params(checkpoint=kept.folder and str(kept.folder / f"{name}.part"))
            seen = slice(None) if held_out is None else np.setdiff1d(np.arange(len(images)), held_out)
            kept.fit(name, stage, images[seen], _select(previous, seen), joints[seen])
            if held_out is not None:
                out_of_fold = self._predict(stage, images[held_out], _select(previous, held_out))
                if beliefs is None:
                    beliefs = np.empty((len(images), *out_of_fold.shape[1:]), np.float32)
                beliefs[held_out] = out_of_fold
                continue
            fitted.append(stage)
            if beliefs is None and not last:
                beliefs = self._predict(stage, images, previous)
            previous, beliefs = beliefs, None
        return fitted

    def _predict(self, stage: Stage, images, previous) -> np.ndarray:
        return predict_in_batches(stage, images, previous, batch_size=self.batch_size)

    def _deal(self, joints: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Indices of the people that each copy does not see; no folds where stacking is off."""
        if not isinstance(self.folds, int | np.integer) or self.folds < 1:
            raise ValueError(f"folds must be a positive integer; got {self.folds!r}")
        if self.folds == 1:
            return []
        if len(joints) < self.folds:
            raise ValueError(f"{len(joints)} people cannot fill {self.folds} folds; give more people or fewer folds")
        folds = np.array_split(rng.permutation(len(joints)), self.folds)
        labelled = np.asarray(joints[..., 2].any(1))
        for held_out in folds:
            if labelled.sum() == labelled[held_out].sum():
                raise ValueError(
                    f"with {self.folds} folds one copy would train on people without a labelled joint; "
                    "label more people or use fewer folds"
                )
        return [np.sort(held_out) for held_out in folds]


def _select(beliefs: np.ndarray | None, people: np.ndarray | slice) -> np.ndarray | None:
    return None if beliefs is None else beliefs[people]

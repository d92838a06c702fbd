"""How the stages of a machine are trained: a strategy beside the stages, not inside them.

A strategy is an object with ``fit_stages(stages, images, joints, skeleton, *, random_state, verbose)`` that returns
the fitted stages, in order. :class:`Stacked` works for any stages; joint back-propagation belongs to the
convolutional ones (:class:`posemachines.conv.JointTraining`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, clone

from .progress import progress
from .skeleton import Skeleton
from .stage import Stage

__all__ = ["Stacked", "predict_in_batches"]


def predict_in_batches(stage: Stage, images, previous, *, batch_size: int = 64) -> np.ndarray:
    """Beliefs of one fitted stage, computed `batch_size` people at a time; ``previous`` may be None."""
    parts = [slice(start, start + batch_size) for start in range(0, len(images), batch_size)]
    return np.concatenate([stage.predict(images[part], None if previous is None else previous[part]) for part in parts])


class Stacked(BaseEstimator):
    """Greedy training, stage by stage, on out-of-fold beliefs: the way of the 2014 paper.

    The beliefs on which stage t+1 is trained come from copies of stage t that have not seen the person, so that
    they look like beliefs on new photos. After that stage t is trained once more, on everybody.

    Parameters
    ----------
    folds : int, default=2
        Number M of copies. 1 turns stacking off: the next stage then sees beliefs on training people, which are
        better than any it will ever be given.
    batch_size : int, default=64
        People for whom beliefs are computed at a time.

    References
    ----------
    .. [1] Ramakrishna et al., "Pose Machines: Articulated Pose Estimation via Inference Machines", ECCV 2014,
       section 3.3.
    """

    def __init__(self, folds: int = 2, *, batch_size: int = 64) -> None:
        self.folds = folds
        self.batch_size = batch_size

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
            Deals people to folds.
        verbose : bool, default=False
            Show a progress bar over the fits.

        Returns
        -------
        list of Stage
            Fitted clones.

        Raises
        ------
        ValueError
            If there are fewer people than folds, or a fold would train on no labelled joint.
        """
        folds = self._deal(joints, np.random.default_rng(random_state)) if len(stages) > 1 else []
        rounds = [(t, fold) for t in range(len(stages)) for fold in ([] if t == len(stages) - 1 else folds) + [None]]
        bar = progress(rounds, "training", shown=verbose)
        fitted: list[Stage] = []
        previous = beliefs = None
        for t, held_out in bar:
            copy = "whole" if held_out is None else f"{len(held_out)} held out"
            bar.set_description(f"stage {t + 1} of {len(stages)}, {copy}")
            stage = clone(stages[t])
            if (held_out is not None or t < len(stages) - 1) and "checkpoint" in stage.get_params(deep=False):
                stage.set_params(checkpoint=None)  # one file serves one training: the longest, of the last stage
            if held_out is not None:
                rest = np.setdiff1d(np.arange(len(images)), held_out)
                stage.fit(images[rest], _select(previous, rest), joints[rest], skeleton=skeleton)
                out_of_fold = self._predict(stage, images[held_out], _select(previous, held_out))
                if beliefs is None:
                    beliefs = np.empty((len(images), *out_of_fold.shape[1:]), np.float32)
                beliefs[held_out] = out_of_fold
                continue
            fitted.append(stage.fit(images, previous, joints, skeleton=skeleton))
            if beliefs is None and t < len(stages) - 1:
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


def _select(beliefs: np.ndarray | None, people: np.ndarray) -> np.ndarray | None:
    return None if beliefs is None else beliefs[people]

"""The mean pose: what can be predicted without looking."""

from __future__ import annotations

import numpy as np

from posemachines.skeleton import Skeleton

from ._baseline import Baseline

__all__ = ["MeanPose"]


class MeanPose(Baseline):
    """Predicts for everybody the mean place of each joint in the training crops.

    Parameters
    ----------
    skeleton : str or Skeleton, optional
        Names of the parts; numbered parts by default.

    Attributes
    ----------
    mean_ : float32 ndarray of shape (P, 2)
        x, y in pixels of the crop; unlabelled joints do not count.
    skeleton_ : Skeleton
    """

    STATE = ("mean",)

    def __init__(self, *, skeleton: str | Skeleton | None = None) -> None:
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        self.mean_ = y[..., :2].mean(0, where=y[..., 2:] > 0).astype(np.float32)

    def _predict(self, X) -> np.ndarray:
        return np.repeat(self.mean_[None], len(X), axis=0)

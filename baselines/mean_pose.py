"""The mean pose: the baseline that ignores the image."""

from __future__ import annotations

import numpy as np

from posemachines.skeleton import Skeleton

from ._baseline import Baseline

__all__ = ["MeanPose"]


class MeanPose(Baseline):
    """Predicts the mean position of each joint in the training crops, for every subject.

    Parameters
    ----------
    skeleton : str or Skeleton, optional
        Names of the parts; numbered parts by default.

    Attributes
    ----------
    mean_ : float32 ndarray of shape (P, 2)
        x, y in pixels of the crop, over labelled joints.
    skeleton_ : Skeleton
    """

    STATE = ("mean",)

    def __init__(self, *, skeleton: str | Skeleton | None = None) -> None:
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        self.mean_ = y[..., :2].mean(0, where=y[..., 2:] > 0).astype(np.float32)

    def _predict(self, X) -> np.ndarray:
        return np.repeat(self.mean_[None], len(X), axis=0)

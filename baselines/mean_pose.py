"""The mean pose: what can be predicted without looking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from posemachines._checks import check_images, check_joints
from posemachines.skeleton import Skeleton, get_skeleton

from ._files import read_baseline, write_baseline

__all__ = ["MeanPose"]


class MeanPose(BaseEstimator):
    """Predicts for everybody the mean place of each joint in the training crops.

    Parameters
    ----------
    skeleton : str or Skeleton, optional
        Names of the parts; numbered parts by default.

    Attributes
    ----------
    mean_ : float32 ndarray of shape (P, 2)
        x, y in pixels of the crop.
    skeleton_ : Skeleton
    """

    def __init__(self, *, skeleton: str | Skeleton | None = None) -> None:
        self.skeleton = skeleton

    def fit(self, X, y) -> MeanPose:
        """Average the labelled joints.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible.

        Returns
        -------
        MeanPose
            Itself.

        Raises
        ------
        ValueError
            If the arrays are malformed or a part is never labelled.
        """
        y = check_joints(y, n_people=len(check_images(X)))
        self.skeleton_ = get_skeleton(self.skeleton, y.shape[1])
        labelled = y[..., 2:] > 0
        if not labelled.any(0).all():
            raise ValueError("a part is never labelled, so it has no mean; label it or select other parts")
        self.mean_ = y[..., :2].mean(0, where=labelled)
        return self

    def predict(self, X) -> np.ndarray:
        """Joints (N, P, 2), the same for everybody."""
        check_is_fitted(self, "mean_")
        return np.repeat(self.mean_[None], len(check_images(X)), axis=0)

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Joints after its only stage."""
        yield self.predict(X)

    def complexity(self) -> dict[str, int]:
        """Two numbers a part."""
        return {"parameters": self.mean_.size}

    def save(self, path: str | Path) -> None:
        """Write the mean into a ``.npz`` file."""
        check_is_fitted(self, "mean_")
        write_baseline(path, type(self).__name__, {}, self.skeleton_, {"mean": self.mean_})

    @classmethod
    def load(cls, path: str | Path) -> MeanPose:
        """The fitted baseline that :meth:`save` wrote."""
        _, skeleton, arrays = read_baseline(path, cls.__name__)
        machine = cls(skeleton=skeleton)
        machine.skeleton_, machine.mean_ = skeleton, arrays["mean"]
        return machine

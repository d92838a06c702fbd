"""Poses from the HOG descriptor of the whole crop: nearest neighbour and ridge regression."""

from __future__ import annotations

import joblib
import numpy as np
from skimage.feature import hog
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from posemachines.skeleton import Skeleton

from ._baseline import Baseline

__all__ = ["NearestNeighbourHOG", "RidgeHOG", "describe"]

HELD_OUT = 5  # one subject in five is held out to choose the strength of the ridge


def describe(images: np.ndarray, cell: int, n_jobs: int = 1) -> np.ndarray:
    """HOG of whole crops, float32 (N, D): nine orientations, blocks of 2x2 cells, the strongest colour channel."""

    def one(image) -> np.ndarray:
        return hog(image, orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(2, 2), channel_axis=-1)

    found = joblib.Parallel(n_jobs=n_jobs, prefer="threads")(joblib.delayed(one)(image) for image in images)
    return np.stack(found).astype(np.float32)


class NearestNeighbourHOG(Baseline):
    """The pose of the most similar training subject, or the mean pose of several.

    Parameters
    ----------
    n_neighbours : int, default=1
        Neighbours whose joints are averaged; one in which a joint is not labelled is replaced by the next.
    cell : int, default=16
        Side of the HOG cells, in pixels.
    n_jobs : int, default=1
        Threads.
    skeleton : str or Skeleton, optional

    References
    ----------
    .. [1] Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    .. [2] Shakhnarovich, Viola and Darrell, "Fast Pose Estimation with Parameter-Sensitive Hashing", ICCV 2003.
    """

    STATE = ("descriptors", "joints")

    def __init__(
        self, *, n_neighbours: int = 1, cell: int = 16, n_jobs: int = 1, skeleton: str | Skeleton | None = None
    ) -> None:
        self.n_neighbours = n_neighbours
        self.cell = cell
        self.n_jobs = n_jobs
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        if self.n_neighbours < 1:
            raise ValueError(f"n_neighbours must be at least 1; got {self.n_neighbours}")
        self.descriptors_ = describe(X, self.cell, self.n_jobs)
        self.joints_ = y.astype(np.float32)

    def _predict(self, X) -> np.ndarray:
        n = len(self.joints_)
        search = NearestNeighbors(n_jobs=self.n_jobs).fit(self.descriptors_)
        wanted = min(4 * self.n_neighbours + 16, n)
        found = search.kneighbors(describe(X, self.cell, self.n_jobs), wanted, return_distance=False)
        poses = np.empty((len(X), self.joints_.shape[1], 2))
        for part in range(poses.shape[1]):
            joint = self.joints_[found, part]  # (N, wanted, 3), the nearest first
            labelled = joint[..., 2] > 0
            chosen = labelled & (labelled.cumsum(1) <= self.n_neighbours)
            means = (joint[..., :2] * chosen[..., None]).sum(1) / np.maximum(chosen.sum(1), 1)[:, None]
            overall = self.joints_[self.joints_[:, part, 2] > 0, part, :2].mean(0)
            poses[:, part] = np.where(chosen.any(1)[:, None], means, overall)
        return poses


class RidgeHOG(Baseline):
    """Joints as linear functions of the crop's HOG.

    Parameters
    ----------
    strengths : tuple of float
        Candidate strengths of the ridge; one is chosen for all parts, on a held-out fifth of the subjects.
    cell : int, default=16
        Side of the HOG cells, in pixels.
    n_jobs : int, default=1
        Threads.
    random_state : int, default=0
        Selects that fifth.
    skeleton : str or Skeleton, optional

    Attributes
    ----------
    strength_ : float

    References
    ----------
    .. [1] Agarwal and Triggs, "Recovering 3D Human Pose from Monocular Images", PAMI 2006: regression from descriptors.
    """

    STATE = ("weights", "offsets", "strength")

    def __init__(
        self,
        *,
        strengths: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0),
        cell: int = 16,
        n_jobs: int = 1,
        random_state: int = 0,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.strengths = strengths
        self.cell = cell
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        descriptors = describe(X, self.cell, self.n_jobs)
        held = np.zeros(len(X), bool)
        held[check_random_state(self.random_state).permutation(len(X))[: len(X) // HELD_OUT]] = True
        errors = [self._error(descriptors, y, held, strength) for strength in self.strengths]
        self.strength_ = np.float64(self.strengths[int(np.argmin(errors))])
        self.weights_, self.offsets_ = self._solve(descriptors, y, float(self.strength_))

    def _error(self, descriptors, y, held, strength: float) -> float:
        """Mean distance of the held-out joints, in pixels."""
        if len(self.strengths) == 1 or not (y[~held][..., 2] > 0).any(0).all():
            return 0.0
        weights, offsets = self._solve(descriptors[~held], y[~held], strength)
        poses = (descriptors[held] @ weights + offsets).reshape(-1, y.shape[1], 2)
        labelled = y[held][..., 2] > 0
        distances = np.linalg.norm(poses - y[held][..., :2], axis=-1)[labelled]
        return float(distances.mean()) if len(distances) else 0.0

    @staticmethod
    def _solve(descriptors, y, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (D, 2 P) and offsets (2 P), each part fitted to the subjects in which it is labelled."""
        weights, offsets = [], []
        for part in range(y.shape[1]):
            labelled = y[:, part, 2] > 0
            model = Ridge(strength, solver="cholesky").fit(descriptors[labelled].astype(float), y[labelled, part, :2])
            weights.append(model.coef_.T)
            offsets.append(model.intercept_)
        return np.concatenate(weights, 1).astype(np.float32), np.concatenate(offsets).astype(np.float32)

    def _predict(self, X) -> np.ndarray:
        poses = describe(X, self.cell, self.n_jobs) @ self.weights_ + self.offsets_
        return poses.reshape(len(X), -1, 2)

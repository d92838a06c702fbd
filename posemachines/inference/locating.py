"""Where a subject is, judged by joints that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..geometry import joints_extent

__all__ = ["Placement", "box_of_joints", "halves"]

FAR = 1.25  # of the usual size: a joint further from the middle is an outlier
BLOCKS = 8  # of subjects, in the order of the data set, of which every other one is left out
FEWEST = 8  # subjects from which the sizes are calibrated
BEYOND = 1.5  # times the 5th and 95th percentile of the sizes
TRUSTED = 3.0  # times larger or smaller than the training subjects: located wrongly


def box_of_joints(joints, scores=None, *, usual: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Centre and extent of subjects from predicted joints, without outliers.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 2)
        x, y in pixels of the photo; NaN where there is none.
    scores : ndarray of shape (N, P), optional
        Beliefs: the middle of the subject is their weighted median.
    usual : float, optional
        Usual length of the subjects, in pixels: joints further than 1.25 times as much from the middle are left out.

    Returns
    -------
    centre, extent : float32 ndarray of shape (N, 2)
        Of the bounding box of the joints that are left; NaN without any.
    """
    joints = np.asarray(joints, np.float64)
    found = np.isfinite(joints).all(-1)
    weights = found * 1.0
    if scores is not None:
        scores = np.nan_to_num(np.asarray(scores, float), nan=1.0)
        weights = found * np.maximum(scores, 1e-3)
    kept = found
    if usual is not None:
        middle = np.stack([_weighted_median(joints[..., axis], weights) for axis in (0, 1)], -1)
        kept = found & (np.linalg.norm(joints - middle[:, None], axis=-1) <= FAR * usual)
    kept = np.where(kept.any(1, keepdims=True), kept, found)
    return joints_extent(np.concatenate([np.nan_to_num(joints), kept[..., None]], -1))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted median (N,) of values (N, P)."""
    order = np.argsort(np.where(weights > 0, values, np.inf), axis=1)
    summed = np.take_along_axis(weights, order, 1).cumsum(1)
    middle = (summed < summed[:, -1:] / 2).sum(1).clip(0, values.shape[1] - 1)
    return np.take_along_axis(np.take_along_axis(values, order, 1), middle[:, None], 1)[:, 0]


@dataclass(frozen=True)
class Placement:
    """How the box of predicted joints becomes the frame of a subject.

    The size of the predicted box is drawn towards that of the median training subject, in logarithms, the more the less
    the sizes that were predicted for unseen subjects explain their true sizes.

    Attributes
    ----------
    extent : (float, float)
        Width and height of the median training subject, in pixels of the photo.
    size : float
        Longer side of the median training subject.
    predicted : float
        The same, as predicted for unseen subjects.
    trust : float
        0 takes the size of the median training subject, 1 the predicted one.
    sizes : (float, float)
        5th and 95th percentile of the longer side of the training subjects.
    error : float
        90th percentile of the distance between true and predicted centre of unseen training subjects, in pixels of the
        photo; NaN if unknown.
    """

    extent: tuple[float, float]
    size: float
    predicted: float
    trust: float
    sizes: tuple[float, float]
    error: float = float("nan")

    @classmethod
    def of(cls, extent: np.ndarray) -> Placement:
        """Of training subjects (N, 2), before anything is predicted."""
        middle = float(np.median(extent[:, 0])), float(np.median(extent[:, 1]))
        low, size, high = (float(value) for value in np.percentile(extent.max(1), (5, 50, 95)))
        return cls(middle, size, size, 1.0, (low, high))

    def calibrated(self, centre, extent, found_centre, found_extent) -> Placement:
        """With what was predicted (N, 2) for unseen subjects, beside the truth (N, 2)."""
        off = np.linalg.norm(np.asarray(found_centre) - centre, axis=1)
        usable = np.isfinite(off) & (off < max(self.sizes[1] / 2, 1))
        error = float(np.nanquantile(off, 0.9)) if np.isfinite(off).any() else float("nan")
        if usable.sum() < FEWEST:
            return replace(self, error=error)
        true, seen = (np.log(np.maximum(np.max(each, 1)[usable], 1)) for each in (extent, found_extent))
        middle = np.median(seen)
        spread = seen - middle
        slope = (spread * (true - np.median(true))).sum() / max((spread**2).sum(), 1e-9)
        return replace(self, predicted=float(np.exp(middle)), trust=float(np.clip(slope, 0, 1)), error=error)

    def frame(self, centre: np.ndarray, extent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre and extent (N, 2) of subjects from the boxes of their predicted joints."""
        longer = np.maximum(extent.max(1, keepdims=True), 1)
        wanted = self.size * (longer / self.predicted) ** self.trust
        return centre, (np.maximum(extent, 1) * wanted / longer).astype(np.float32)

    def bounded(self, centre: np.ndarray, extent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre and extent (N, 2) of boxes of joints, with sizes not far from those of the training subjects."""
        longer = np.maximum(extent.max(1, keepdims=True), 1)
        low, high = self.sizes
        return centre, (np.maximum(extent, 1) * np.clip(longer, low / BEYOND, high * BEYOND) / longer).astype(
            np.float32
        )

    def doubts(self, centre, extent, size: tuple[int, int]) -> list[str]:
        """What is implausible about one subject: its centre (2,), the box of its joints (2,), in a photo (w, h)."""
        found = []
        if not np.isfinite(centre).all():
            return ["no subject was found"]
        low, high = self.sizes
        longer = float(np.max(extent))
        if not low / TRUSTED <= longer <= high * TRUSTED:
            found.append(
                f"the subject was located with a length of {longer:.0f} px, but the training subjects had {low:.0f} to "
                f"{high:.0f} px: it may be wrong"
            )
        if (np.asarray(centre) < -0.5).any() or (np.asarray(centre) > np.array(size) - 0.5).any():
            found.append("the subject was located outside the photo")
        return found


def halves(dataset) -> np.ndarray:
    """Which half (N,) each subject belongs to: whole groups, or every other block in the order of the data set."""
    if dataset.groups is not None and len(set(dataset.groups.tolist())) > 1:
        numbers = np.unique(dataset.groups, return_inverse=True)[1]
        order = np.argsort(-np.bincount(numbers), kind="stable")
        sizes, in_second, counts = np.bincount(numbers), np.zeros(len(order), bool), [0, 0]
        for group in order:  # the largest first, each to the smaller half
            in_second[group] = counts[1] < counts[0]
            counts[int(in_second[group])] += sizes[group]
        return in_second[numbers]
    n_blocks = min(BLOCKS, len(dataset))
    return (np.arange(len(dataset)) * n_blocks // len(dataset)) % 2 == 1

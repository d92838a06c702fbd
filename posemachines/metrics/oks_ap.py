"""Average precision (AP) over object keypoint similarity, for images with several people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .oks import COCO_SIGMAS, oks_pairs

__all__ = ["AREA_RANGES", "OKS_THRESHOLDS", "Detections", "LabelledPeople", "Matches", "match", "oks_ap"]

OKS_THRESHOLDS = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
"""COCO's thresholds: 0.5, 0.55, ..., 0.95."""

AREA_RANGES = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's ranges of area, in square pixels, both ends inclusive; its small people have no keypoints."""

_RECALLS = np.linspace(0, 1, 101)
_MAX_DETECTIONS = 20


@dataclass(frozen=True)
class LabelledPeople:
    """Ground truth for images with several people.

    Parameters
    ----------
    image : ndarray of shape (G,)
        Image of each person.
    joints : ndarray of shape (G, P, 3)
        x, y and COCO's v: 0 not labelled, 1 labelled but occluded, 2 visible.
    areas : ndarray of shape (G,)
        Areas of the segments, in square pixels.
    boxes : ndarray of shape (G, 4)
        x, y, width, height.
    crowd : bool ndarray of shape (G,)
        Whether the annotation is of a crowd, which is never scored and may match any number of predictions.
    images : ndarray of shape (I,)
        All images, including those without people.

    Raises
    ------
    ValueError
        If the lengths differ or the image of a person is not among `images`.
    """

    image: np.ndarray
    joints: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray
    images: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.image)
        if self.joints.ndim != 3 or self.joints.shape[-1] != 3:
            raise ValueError(f"joints must be (G, P, 3): x, y, v; got {self.joints.shape}")
        shapes = {
            "joints": len(self.joints),
            "areas": len(self.areas),
            "boxes": len(self.boxes),
            "crowd": len(self.crowd),
        }
        for what, number in shapes.items():
            if number != count:
                raise ValueError(f"{what} has {number} people but image has {count}; they must agree")
        if not np.isin(self.image, self.images).all():
            raise ValueError("the image of a labelled person is not among `images`")


@dataclass(frozen=True)
class Detections:
    """Predicted poses for images with several people.

    Parameters
    ----------
    image : ndarray of shape (D,)
        Image of each pose.
    joints : ndarray of shape (D, P, 2)
        x, y in pixels of the photo.
    scores : ndarray of shape (D,)
        Confidence of each pose; higher is better.
    areas : ndarray of shape (D,), optional
        Area of each pose, in square pixels; that of the bounding box of its joints by default. It only decides
        whether an unmatched prediction lies outside the range of areas being scored.

    Raises
    ------
    ValueError
        If the lengths differ or a value is not finite.
    """

    image: np.ndarray
    joints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.joints.ndim != 3 or self.joints.shape[-1] != 2:
            raise ValueError(f"joints must be (D, P, 2); got {self.joints.shape}")
        if not len(self.image) == len(self.joints) == len(self.scores):
            raise ValueError(
                f"{len(self.image)} image entries, {len(self.joints)} poses and {len(self.scores)} scores disagree"
            )
        if not (np.isfinite(self.joints).all() and np.isfinite(self.scores).all()):
            raise ValueError("a predicted pose has a coordinate or a score that is not finite")
        if self.areas is None:
            size = np.ptp(self.joints, axis=1) if len(self.joints) else np.zeros((0, 2))
            object.__setattr__(self, "areas", size.prod(-1))


@dataclass(frozen=True)
class Matches:
    """Predictions matched to people at each OKS threshold, in order of descending score.

    Attributes
    ----------
    image : int ndarray of shape (D,)
        Index of the image of each prediction that was kept.
    found, ignored : bool ndarray of shape (T, D)
        Whether the prediction matches a person; whether it is ignored, counting as neither hit nor miss.
    n_people : int ndarray of shape (I,)
        Number of people to be scored in each image.
    """

    image: np.ndarray
    found: np.ndarray
    ignored: np.ndarray
    n_people: np.ndarray


def match(
    detections: Detections,
    people: LabelledPeople,
    *,
    sigmas=COCO_SIGMAS,
    thresholds=OKS_THRESHOLDS,
    area_range: tuple[float, float] = AREA_RANGES["all"],
    max_detections: int = _MAX_DETECTIONS,
) -> Matches:
    """Match predictions, in order of descending score, to the most similar unmatched person of their image.

    Parameters
    ----------
    detections : Detections
    people : LabelledPeople
    sigmas : sequence of P floats
    thresholds : sequence of T floats
        OKS thresholds, inclusive.
    area_range : (float, float)
        People with areas outside this range are not scored.
    max_detections : int, default=20
        Only this many predictions with the highest scores are kept per image.

    Returns
    -------
    Matches

    Raises
    ------
    ValueError
        If the numbers of parts differ, or the image of a prediction is not in the ground truth.
    """
    if detections.joints.shape[1] != people.joints.shape[1]:
        raise ValueError(
            f"predictions have {detections.joints.shape[1]} parts, the ground truth {people.joints.shape[1]}"
        )
    if not np.isin(detections.image, people.images).all():
        unknown = detections.image[~np.isin(detections.image, people.images)][0]
        raise ValueError(
            f"a prediction is for image {unknown}, which is not in the ground truth; are they of the same data set?"
        )
    images = np.unique(people.images)
    assert detections.areas is not None
    low, high = area_range
    skipped = people.crowd.astype(bool) | ~(people.joints[..., 2] > 0).any(1)
    skipped |= (people.areas < low) | (people.areas > high)
    of_image, truths = _groups(detections.image, images), _groups(people.image, images)
    order, found, ignored, where = [], [], [], []
    n_people = np.zeros(len(images), int)
    for number, (mine, true) in enumerate(zip(of_image, truths, strict=True)):
        mine = mine[np.argsort(-detections.scores[mine], kind="stable")][:max_detections]
        true = true[np.argsort(skipped[true], kind="stable")]
        n_people[number] = (~skipped[true]).sum()
        similar = oks_pairs(
            detections.joints[mine], people.joints[true], people.boxes[true], people.areas[true], sigmas=sigmas
        )
        hit, ignore = _match_image(similar, skipped[true], people.crowd[true].astype(bool), thresholds)
        out = (detections.areas[mine] < low) | (detections.areas[mine] > high)
        order.append(mine)
        found.append(hit)
        ignored.append(ignore | (~hit & out))
        where.append(np.full(len(mine), number))
    chosen = np.concatenate(order) if order else np.zeros(0, int)
    surest = np.argsort(-detections.scores[chosen], kind="stable")
    return Matches(
        np.concatenate(where)[surest],
        np.concatenate(found, axis=1)[:, surest],
        np.concatenate(ignored, axis=1)[:, surest],
        n_people,
    )


def _groups(values, images) -> list[np.ndarray]:
    """Row indices of each image, in the original order."""
    order = np.argsort(values, kind="stable")
    bounds = np.searchsorted(values[order], images), np.searchsorted(values[order], images, side="right")
    return [order[start:end] for start, end in zip(*bounds, strict=True)]


def _match_image(similar, skipped, crowd, thresholds) -> tuple[np.ndarray, np.ndarray]:
    """(found, ignored), each (T, D); predictions are in descending order of score, skipped people come last."""
    n_detections, n_true = similar.shape
    found, ignored = np.zeros((2, len(thresholds), n_detections), bool)
    for level, threshold in enumerate(thresholds):
        taken = np.zeros(n_true, bool)
        for detection in range(n_detections):
            free = (~taken | crowd) & (similar[detection] >= min(threshold, 1 - 1e-10))
            for group in (free & ~skipped, free & skipped):  # people who are scored take precedence
                if group.any():
                    candidates = np.where(group, similar[detection], -1)
                    best = n_true - 1 - int(np.argmax(candidates[::-1]))  # the last of equals, as in COCO
                    taken[best], found[level, detection] = True, True
                    ignored[level, detection] = skipped[best]
                    break
    return found, ignored


def oks_ap(matches: Matches, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and recall at each OKS threshold.

    Parameters
    ----------
    matches : Matches
        From :func:`match`.
    weights : ndarray of shape (I,), optional
        Number of times each image counts, e.g. in a bootstrap resample; 1 by default.

    Returns
    -------
    precision, recall : ndarray of shape (T,)
        In percent; the means over the thresholds are AP and AR. NaN where no person is to be scored.

    Raises
    ------
    ValueError
        If `weights` does not have one value per image.

    Notes
    -----
    COCO's rules: precision is made monotone and read at 101 values of recall; at most 20 predictions per image are
    kept; crowds, people without labelled joints and people outside the range of areas are ignored, as are the
    predictions matched to them. Predictions are ranked by score over *all* images, so scores must be comparable
    across images. The ground truth must include every image of the set, even without people.
    :func:`coco_ap` computes the same with COCO's reference implementation.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and the code of its keypoint evaluation.
    """
    n_images = len(matches.n_people)
    weights = np.ones(n_images) if weights is None else np.asarray(weights, float)
    if weights.shape != (n_images,):
        raise ValueError(f"weights must be ({n_images},), one per image; got {weights.shape}")
    n_people = float((weights * matches.n_people).sum())
    n_levels = len(matches.found)
    if not n_people:
        return np.full(n_levels, np.nan), np.full(n_levels, np.nan)
    if not len(matches.image):
        return np.zeros(n_levels), np.zeros(n_levels)
    weight = weights[matches.image] * ~matches.ignored
    hits = np.cumsum(weight * matches.found, axis=1)
    misses = np.cumsum(weight * ~matches.found, axis=1)
    recall = hits / n_people
    precision = hits / (misses + hits + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    read = np.zeros((n_levels, len(_RECALLS)))
    for level in range(n_levels):
        places = np.searchsorted(recall[level], _RECALLS)
        reached = places < recall.shape[1]
        read[level, reached] = precision[level, places[reached]]
    return 100 * read.mean(1), 100 * recall[:, -1]

"""Average precision over object keypoint similarity, for several people an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .oks import COCO_SIGMAS, oks_pairs

__all__ = ["AREA_RANGES", "OKS_THRESHOLDS", "Detections", "LabelledPeople", "Matches", "match", "oks_ap"]

OKS_THRESHOLDS = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
"""0.5, 0.55 .. 0.95."""

AREA_RANGES = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's sizes of people, in square pixels, both ends inclusive; it has no small ones with keypoints."""

_RECALLS = np.linspace(0, 1, 101)
_MAX_DETECTIONS = 20


@dataclass(frozen=True)
class LabelledPeople:
    """The truth of several people an image.

    Parameters
    ----------
    image : ndarray of shape (G,)
        The image that each person is on.
    joints : ndarray of shape (G, P, 3)
        x, y and COCO's v: 0 not labelled, 1 labelled but occluded, 2 visible.
    areas : ndarray of shape (G,)
        Of the segments, in square pixels.
    boxes : ndarray of shape (G, 4)
        x, y, width, height.
    crowd : bool ndarray of shape (G,)
        Groups: never scored, and any number of predictions may fall on them unpunished.
    images : ndarray of shape (I,)
        All images, those without people too.

    Raises
    ------
    ValueError
        If the numbers differ or an image of a person is not among `images`.
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
                raise ValueError(f"{what} is for {number} people but image for {count}; they must agree")
        if not np.isin(self.image, self.images).all():
            raise ValueError("a labelled person is on an image that is not among `images`")


@dataclass(frozen=True)
class Detections:
    """Predicted people, several an image.

    Parameters
    ----------
    image : ndarray of shape (D,)
        The image that each one is on.
    joints : ndarray of shape (D, P, 2)
        x, y in pixels of the photo.
    scores : ndarray of shape (D,)
        Higher is surer.
    areas : ndarray of shape (D,), optional
        In square pixels; those of the boxes of the joints by default. They decide only whether an unmatched
        prediction is out of a range of sizes.

    Raises
    ------
    ValueError
        If the numbers differ or a value is not finite.
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
                f"{len(self.image)} images, {len(self.joints)} poses and {len(self.scores)} scores disagree"
            )
        if not (np.isfinite(self.joints).all() and np.isfinite(self.scores).all()):
            raise ValueError("a predicted pose has a coordinate or a score that is not finite")
        if self.areas is None:
            size = np.ptp(self.joints, axis=1) if len(self.joints) else np.zeros((0, 2))
            object.__setattr__(self, "areas", size.prod(-1))


@dataclass(frozen=True)
class Matches:
    """Which predictions found somebody, at every threshold of OKS; ordered by falling score.

    Attributes
    ----------
    image : int ndarray of shape (D,)
        Index of the image of each prediction that was looked at.
    found, ignored : bool ndarray of shape (T, D)
        Whether it matches a person; whether it counts neither for nor against.
    n_people : int ndarray of shape (I,)
        People to find on each image.
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
    """Give each prediction, surest first, the most similar person of its image who is still free.

    Parameters
    ----------
    detections : Detections
    people : LabelledPeople
    sigmas : sequence of P floats
    thresholds : sequence of T floats
        Of OKS; inclusive.
    area_range : (float, float)
        People of other sizes are not scored.
    max_detections : int, default=20
        The surest ones of each image.

    Returns
    -------
    Matches

    Raises
    ------
    ValueError
        If the numbers of parts differ, or a prediction is on an image that the truth does not know.
    """
    if detections.joints.shape[1] != people.joints.shape[1]:
        raise ValueError(f"predictions have {detections.joints.shape[1]} parts, the truth {people.joints.shape[1]}")
    if not np.isin(detections.image, people.images).all():
        unknown = detections.image[~np.isin(detections.image, people.images)][0]
        raise ValueError(f"a prediction is on image {unknown}, which the truth does not have; give results of this set")
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
    """Indices of the rows of each image, in their order."""
    order = np.argsort(values, kind="stable")
    bounds = np.searchsorted(values[order], images), np.searchsorted(values[order], images, side="right")
    return [order[start:end] for start, end in zip(*bounds, strict=True)]


def _match_image(similar, skipped, crowd, thresholds) -> tuple[np.ndarray, np.ndarray]:
    """(found, ignored), each (T, D), for predictions by falling score and people with the skipped ones last."""
    n_detections, n_true = similar.shape
    found, ignored = np.zeros((2, len(thresholds), n_detections), bool)
    for level, threshold in enumerate(thresholds):
        taken = np.zeros(n_true, bool)
        for detection in range(n_detections):
            free = (~taken | crowd) & (similar[detection] >= min(threshold, 1 - 1e-10))
            for group in (free & ~skipped, free & skipped):  # a person who counts goes before one who does not
                if group.any():
                    candidates = np.where(group, similar[detection], -1)
                    best = n_true - 1 - int(np.argmax(candidates[::-1]))  # of equals the last, as COCO has it
                    taken[best], found[level, detection] = True, True
                    ignored[level, detection] = skipped[best]
                    break
    return found, ignored


def oks_ap(matches: Matches, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and recall at every threshold of OKS.

    Parameters
    ----------
    matches : Matches
        From :func:`match`.
    weights : ndarray of shape (I,), optional
        How often each image counts: a resample of the images for an interval. Once by default.

    Returns
    -------
    precision, recall : ndarray of shape (T,)
        In percent; the mean of the first is AP, of the second AR. NaN where there is nobody to find.

    Raises
    ------
    ValueError
        If there is not one weight an image.

    Notes
    -----
    COCO's rules: the precision is made monotone and read at 101 recalls; at most 20 predictions an image; people
    without labelled joints, crowds, and people outside of the range of sizes neither count nor punish. Scores order
    the predictions of *all* images, so a machine's scores must compare across images. Every image of the set must be
    in the truth, those without people too. :func:`coco_ap` computes the same with COCO's own code.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and its keypoint evaluation.
    """
    n_images = len(matches.n_people)
    weights = np.ones(n_images) if weights is None else np.asarray(weights, float)
    if weights.shape != (n_images,):
        raise ValueError(f"weights must be ({n_images},), one an image; got {weights.shape}")
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

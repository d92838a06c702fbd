"""Subjects whose photos show nearly the same: neighbouring frames, one subject photographed twice, edited copies.

Each subject is moved and turned onto the mean pose. What many photos have in common, such as a fixed background or dirt
on the lens, is removed; what remains is compared by correlation, coarsely for all pairs and in detail for candidates.
SIFT features were tried before: they call photos alike that share dirt, and do not scale to hundreds of rigid subjects.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ..datasets.pose_dataset import PoseDataset
from .patches import AREA, detail, subject_patches

__all__ = ["Alike", "AlikePair", "find_alike"]

COARSE = 32.0  # px, root of the area of the pictures that are compared first
CANDIDATE = 0.35  # correlation from which two subjects are compared in detail
MOST = 20  # candidates per subject
SHIFT = 0.04  # of the longer side: how far two labellings may be apart
ALIKE = (0.45, 0.8)  # least and greatest limit of the correlation of details ...
BEYOND = 10.0  # ... which lies so many standard deviations above that of any two subjects
TILE = 16  # px
TILES = 0.7  # share of the tiles that must agree ...
TILES_ALIKE = 0.3  # ... with this correlation
REFINED = (0.75, 0.9)  # limits of the correlation after an affine refinement ...
MORE = 0.2  # ... which lies so far above the other limit
SUSPECT = 0.15  # correlation from which two subjects are worth the refinement
MOST_REFINED = 5  # refinements per subject
BENT = 0.2  # greatest change by the refinement, of the picture
RANDOM = 400  # pairs that show how alike any two subjects are
CHUNK = 1024
TINY = 1e-6


class AlikePair(NamedTuple):
    """Two subjects whose photos show nearly the same.

    Attributes
    ----------
    first, second : int
        Indices in the data set, ``first < second``.
    score : float
        Correlation of the details, up to 1.
    """

    first: int
    second: int
    score: float


class Alike(NamedTuple):
    """What :func:`find_alike` found.

    Attributes
    ----------
    pairs : list of AlikePair
        Of different photos, the most alike first. Each subject has at most 20, so that not every pair of a video is
        listed.
    contents : int ndarray of shape (N,)
        Number of each subject's photo, the same for photos of identical pixels.
    """

    pairs: list[AlikePair]
    contents: np.ndarray


def find_alike(
    dataset: PoseDataset, readable: np.ndarray | None = None, *, n_jobs: int = 1, verbose: bool = False
) -> Alike:
    """Subjects in different photos that show nearly the same, and identical photos.

    Parameters
    ----------
    dataset : PoseDataset
    readable : bool ndarray of shape (N,), optional
        Subjects to compare; all by default. Those whose photo cannot be read are left out with a warning.
    n_jobs : int, default=1
        Threads that read photos.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    Alike

    Notes
    -----
    A pair is alike where the correlation exceeds that of any two subjects of the data set by ten robust standard
    deviations, within bounds of 0.45 and 0.8, and 70 % of the picture agree with a correlation of at least 0.3 each.
    Where two labellings disagree, an affine transform is refined first (:func:`cv2.findTransformECC`), and the limits
    are 0.75 to 0.9. The numbers were set on mice, salmon, tongues and people: copies and neighbouring frames are found,
    other salmon are not.
    """
    joints = dataset.joints.astype(float)
    readable = np.ones(len(dataset), bool) if readable is None else readable
    pictures, who, contents = subject_patches(dataset, joints, readable, n_jobs=n_jobs, verbose=verbose)
    if len(who) < 2:
        return Alike([], contents)
    fine = detail(pictures)
    candidates = _candidates(pictures, contents[who])
    limit = _limit(fine)
    high = float(np.clip(limit + MORE, *REFINED))
    found, unsure = [], []
    for first, second in candidates:
        score, share = _compare(fine[first], fine[second])
        if score > limit and share > TILES:
            found.append((first, second, score))
        elif score > SUSPECT:
            unsure.append((first, second))
    found += _refined(fine, unsure, high, found)
    pairs = [AlikePair(int(who[first]), int(who[second]), score) for first, second, score in found]
    return Alike(sorted(pairs, key=lambda pair: -pair.score), contents)


def _refined(fine: np.ndarray, pairs, limit: float, known) -> list[tuple[int, int, float]]:
    """Pairs that are alike after an affine refinement, among those that are not linked already."""
    found: list[tuple[int, int, float]] = []
    sets = np.arange(len(fine))
    for first, second, _ in known:
        sets[sets == sets[second]] = sets[first]
    tried = np.zeros(len(fine), int)
    for first, second in pairs:
        if sets[first] == sets[second] or min(tried[first], tried[second]) >= MOST_REFINED:
            continue
        tried[[first, second]] += 1
        score, share = _compare(fine[first], _moved_onto(fine[first], fine[second]))
        if score > limit and share > TILES:
            found.append((first, second, score))
            sets[sets == sets[second]] = sets[first]
    return found


def _moved_onto(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The second picture, moved by the affine transform that brings it closest to the first one."""
    target, half = (cv2.resize(each, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for each in (first, second))
    still, everywhere = np.eye(2, 3, dtype=np.float32), np.ones(half.shape, np.uint8)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 25, 1e-3)
    try:
        _, move = cv2.findTransformECC(target, half, still, cv2.MOTION_AFFINE, stop, everywhere, 3)
    except cv2.error:  # it does not converge: other pictures
        return second
    bend = max(abs(move[:, :2] - np.eye(2)).max(), abs(move[:, 2]).max() / max(half.shape))
    if not bend < BENT:
        return second
    move[:, 2] *= 2
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(second, move, second.shape[::-1], flags=way, borderMode=cv2.BORDER_REPLICATE)


def _candidates(pictures: np.ndarray, numbers: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of different photos that look alike from afar, the most alike first."""
    height, width = pictures.shape[1:]
    small = COARSE / np.sqrt(AREA)
    size = max(8, round(width * small)), max(8, round(height * small))
    reduced = np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])
    rows = detail(reduced).reshape(len(pictures), -1)
    rows = rows - rows.mean(1, keepdims=True)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(rows), CHUNK):
        alike = rows[start : start + CHUNK] @ rows.T
        alike[numbers[start : start + CHUNK, None] == numbers] = -1  # itself, and the same photo
        nearest = np.argsort(-alike, axis=1)[:, :MOST]
        for place, others in enumerate(nearest):
            likely = others[alike[place, others] > CANDIDATE]
            for other in likely.tolist():
                found[min(start + place, other), max(start + place, other)] = float(alike[place, other])
    return sorted(found, key=lambda pair: -found[pair])


def _limit(fine: np.ndarray) -> float:
    """Correlation from which two subjects of this data set are alike."""
    pairs = np.random.default_rng(0).integers(0, len(fine), (RANDOM, 2))
    scores = np.array([_compare(fine[first], fine[second])[0] for first, second in pairs if first != second])
    if not len(scores):
        return ALIKE[0]
    middle = np.median(scores)
    spread = 1.4826 * np.median(abs(scores - middle))
    return float(np.clip(middle + BEYOND * spread, *ALIKE))


def _compare(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlation of two pictures at the best shift, and the share of their tiles that agree there."""
    margin = max(2, round(SHIFT * max(first.shape)))
    inner = second[margin:-margin, margin:-margin]
    if inner.std() < TINY or first.std() < TINY:
        return 0.0, 0.0
    _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(first, inner, cv2.TM_CCOEFF_NORMED))
    outer = first[y : y + inner.shape[0], x : x + inner.shape[1]]
    mean_outer, mean_inner = _tiles(outer), _tiles(inner)
    spread_outer = np.maximum(_tiles(outer * outer) - mean_outer**2, 0)
    spread_inner = np.maximum(_tiles(inner * inner) - mean_inner**2, 0)
    alike = (_tiles(outer * inner) - mean_outer * mean_inner) / np.maximum(np.sqrt(spread_outer * spread_inner), TINY)
    texture = np.maximum(spread_outer, spread_inner)
    return float(score), float((alike[texture > 0.1 * np.median(texture)] > TILES_ALIKE).mean())


def _tiles(values: np.ndarray) -> np.ndarray:
    """Means of overlapping tiles."""
    half = TILE // 2
    side = min(TILE, *values.shape)
    means = cv2.blur(values, (side, side))
    return means[half : 1 - half : half, half : 1 - half : half] if side == TILE else means[side // 2 :: side]

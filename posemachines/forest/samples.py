"""Training samples of the forest stage: cells of the belief grid and their classes."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from ..beliefs import pixels_to_cells
from .psi import find_peaks

__all__ = [
    "AMBIGUOUS", "EXCLUDED", "composite_joints", "composite_poses", "draw_cells", "incompletely_labelled",
    "label_cells", "share_cells",
]  # fmt: skip

AMBIGUOUS = -1  # near a joint
EXCLUDED = -2  # background of subjects that must not provide any


def composite_joints(joints, composites) -> np.ndarray:
    """Positions of the composites of a level, in the form of joints.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y and labelled.
    composites : sequence of M sequences of part indices

    Returns
    -------
    ndarray of shape (N, M, 3), float32
        Mean of the labelled parts of the composite; labelled if at least half of its parts are.
    """
    found = np.zeros((len(joints), len(composites), 3), np.float32)
    for m, parts in enumerate(composites):
        own = joints[:, list(parts)]
        labelled = own[..., 2] > 0
        number = labelled.sum(1)
        known = 2 * number >= len(parts)
        centre = (own[..., :2] * labelled[..., None]).sum(1) / np.maximum(number, 1)[:, None]
        found[known, m, :2] = centre[known]
        found[known, m, 2] = 1
    return found


def composite_poses(joints, composites, n_mixtures: int, random) -> np.ndarray:
    """Mixture component of each composite, by clustering the positions of its parts relative to their mean.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y and labelled.
    composites : sequence of M sequences of part indices
    n_mixtures : int
        Clusters per composite; fewer where fewer subjects have all of its parts labelled.
    random : numpy.random.RandomState

    Returns
    -------
    int ndarray of shape (N, M)
        In 0..`n_mixtures` - 1. The clusters are computed from subjects with all parts labelled; other subjects are
        assigned to the nearest cluster by their labelled parts.
    """
    poses = np.zeros((len(joints), len(composites)), int)
    for m, parts in enumerate(composites):
        own = joints[:, list(parts)]
        labelled = own[..., 2] > 0
        middle = (own[..., :2] * labelled[..., None]).sum(1) / np.maximum(labelled.sum(1), 1)[:, None]
        offsets = (own[..., :2] - middle[:, None]) * labelled[..., None]
        whole = labelled.all(1)
        points = offsets[whole].reshape(whole.sum(), -1)
        n_clusters = min(n_mixtures, len(np.unique(points, axis=0)))
        if n_clusters < 2:
            continue
        clusters = KMeans(n_clusters, n_init=1, random_state=random).fit(points)
        centres = clusters.cluster_centers_.reshape(n_clusters, len(parts), 2)
        away = ((offsets[:, None] - centres) ** 2).sum(-1) * labelled[:, None]
        poses[:, m] = away.sum(-1).argmin(1)
    return poses


def label_cells(joints, shape: tuple[int, int], *, stride: int, positive_radius: float, background_radius: float):
    """Class of each cell.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    shape : (h, w)
        Grid size, in cells.
    stride : int
        Stride of the belief grid, in pixels.
    positive_radius, background_radius : float
        In cells. Cells within `positive_radius` of a joint are positives, cells beyond `background_radius` of all
        joints are background; the rest are ambiguous.

    Returns
    -------
    int16 ndarray of shape (N, h, w)
        Part 0..P-1, P for background, -1 for ambiguous cells.
    """
    height, width = shape
    places = pixels_to_cells(joints[..., :2], stride)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    nearest = np.full((len(joints), height, width), np.inf, np.float32)
    labels = np.full(nearest.shape, joints.shape[1], np.int16)
    for part in range(joints.shape[1]):
        x, y = places[:, part, :, None, None].swapaxes(0, 1)
        distance = np.hypot(rows - y, columns - x)
        distance[joints[:, part, 2] == 0] = np.inf
        closer = distance < nearest
        nearest[closer] = distance[closer]
        labels[closer & (distance <= background_radius)] = part
    labels[(nearest > positive_radius) & (nearest <= background_radius)] = AMBIGUOUS
    return labels


def share_cells(joints, cells, *, stride: int, sigma: float) -> np.ndarray:
    """Share of each class in some cells: the target of the forest.

    A joint has the share ``exp(-d ** 2 / (2 * sigma ** 2))`` of a cell at distance d. Joints that would together have
    more than a whole cell divide it in proportion; what remains is background.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled; an unlabelled joint has no share.
    cells : int ndarray of shape (n, 3)
        Subject, row and column.
    stride : int
        Stride of the belief grid, in pixels.
    sigma : float
        Standard deviation, in cells.

    Returns
    -------
    ndarray of shape (n, P+1), float32
        Background last; rows sum to 1.
    """
    subject, row, column = cells.T
    places = pixels_to_cells(joints[..., :2], stride)[subject]
    squared = (places[..., 0] - column[:, None]) ** 2 + (places[..., 1] - row[:, None]) ** 2
    shares = np.exp(-squared / (2 * sigma**2)) * (joints[subject, :, 2] > 0)
    total = shares.sum(1, keepdims=True)
    return np.concatenate([shares / np.maximum(total, 1), 1 - np.minimum(total, 1)], 1).astype(np.float32)


def incompletely_labelled(joints) -> np.ndarray:
    """Subjects with an unlabelled part, which may be visible in cells labelled as background: bool (N,).

    Parts that are not labelled in any subject are disregarded. If every subject is incomplete, the result is False for
    all of them, since there is then no better source of background.
    """
    labelled = joints[..., 2] > 0
    incomplete = (~labelled & labelled.any(0)).any(1)
    return np.zeros_like(incomplete) if incomplete.all() else incomplete


def draw_cells(
    labels, previous, n_background: int, *, background: int, hard_share: float, max_cells: int, random, n_near=None
) -> np.ndarray:
    """Draw the training cells.

    Parameters
    ----------
    labels : int16 ndarray of shape (N, h, w)
        From :func:`label_cells`, with -2 instead of background for subjects that must not provide any.
    previous : float32 ndarray of shape (N, P, h, w) or None
        Beliefs of the previous stage, without the background.
    n_background : int
        Mean number of background cells per subject.
    background : int
        Label of the background, P.
    hard_share : float
        Fraction of the background cells that are taken from false peaks of the previous beliefs, strongest first.
    max_cells : int
        Maximum number of cells in total.
    random : numpy.random.RandomState
    n_near : int ndarray of shape (N,), optional
        Number of ambiguous cells of each subject; none by default.

    Returns
    -------
    int32 ndarray of shape (n, 3)
        Subject, row and column, sorted in this order.

    Raises
    ------
    ValueError
        If there are no cells to train on.
    """
    is_background = labels == background
    usable = np.flatnonzero(is_background.any((1, 2)))
    chosen = (labels >= 0) & ~is_background
    quota = int(np.ceil(n_background * len(labels) / max(len(usable), 1)))
    for subject in usable:
        free = is_background[subject].ravel().copy()
        hard = np.empty(0, int)
        if previous is not None and hard_share > 0:
            hard = _false_peaks(previous[subject], free, round(hard_share * quota))
            free[hard] = False
        rest = np.flatnonzero(free)
        rest = random.choice(rest, min(quota - len(hard), len(rest)), replace=False)
        chosen[subject].ravel()[np.concatenate([hard, rest])] = True
    for index in range(len(labels) if n_near is not None else 0):
        near = np.flatnonzero(labels[index] == AMBIGUOUS)
        near = random.choice(near, min(n_near[index], len(near)), replace=False)
        chosen[index].ravel()[near] = True
    cells = np.argwhere(chosen).astype(np.int32)
    if not len(cells):
        raise ValueError(
            "no labelled joint is inside the crops: there is nothing to learn; are the joints in pixels of the crops?"
        )
    if len(cells) > max_cells:
        cells = cells[np.sort(random.choice(len(cells), max_cells, replace=False))]
    return cells


def _false_peaks(beliefs, free, n_peaks: int) -> np.ndarray:
    """At most `n_peaks` of the `free` cells at which the belief map of a part peaks, strongest first."""
    width = beliefs.shape[-1]
    peaks = find_peaks(beliefs[None], n_peaks=4).reshape(-1, 3)
    peaks = peaks[np.argsort(-peaks[:, 2], kind="stable")]
    cells = (peaks[:, 0] * width + peaks[:, 1]).astype(int)
    cells = cells[free[cells]]
    first = np.sort(np.unique(cells, return_index=True)[1])
    return cells[first[:n_peaks]]

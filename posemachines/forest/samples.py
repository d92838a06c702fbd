"""Which cells of which people a forest stage learns from, and what they show."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from ..beliefs import pixels_to_cells
from .psi import find_peaks

__all__ = ["composite_joints", "composite_poses", "draw_cells", "label_cells", "unknown_people"]

AMBIGUOUS = -1


def composite_joints(joints, composites) -> np.ndarray:
    """Where the composites of a level lie, in the form of joints.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y and labelled.
    composites : sequence of M sequences of part indices

    Returns
    -------
    ndarray of shape (N, M, 3), float32
        Mean of the composite's labelled parts, and 1 where at least half of them are labelled.
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


def composite_poses(joints, composites, n_poses: int, random) -> np.ndarray:
    """Which of its poses every composite is in, poses being clusters of where its parts lie about its middle.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y and labelled.
    composites : sequence of M sequences of part indices
    n_poses : int
        Clusters a composite; fewer where fewer people have all of its parts labelled.
    random : numpy.random.RandomState

    Returns
    -------
    int ndarray of shape (N, M)
        In 0 .. `n_poses` - 1. Clusters are found in the people who have all parts labelled; others are in the nearest
        one, by the parts that they have.
    """
    poses = np.zeros((len(joints), len(composites)), int)
    for m, parts in enumerate(composites):
        own = joints[:, list(parts)]
        labelled = own[..., 2] > 0
        middle = (own[..., :2] * labelled[..., None]).sum(1) / np.maximum(labelled.sum(1), 1)[:, None]
        offsets = (own[..., :2] - middle[:, None]) * labelled[..., None]
        whole = labelled.all(1)
        points = offsets[whole].reshape(whole.sum(), -1)
        n_clusters = min(n_poses, len(np.unique(points, axis=0)))
        if n_clusters < 2:
            continue
        clusters = KMeans(n_clusters, n_init=1, random_state=random).fit(points)
        centres = clusters.cluster_centers_.reshape(n_clusters, len(parts), 2)
        away = ((offsets[:, None] - centres) ** 2).sum(-1) * labelled[:, None]
        poses[:, m] = away.sum(-1).argmin(1)
    return poses


def label_cells(joints, shape: tuple[int, int], *, stride: int, positive_radius: float, background_radius: float):
    """Class of every cell.

    Parameters
    ----------
    joints : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    shape : (h, w)
        Grid size, in cells.
    stride : int
        Pixels a cell.
    positive_radius, background_radius : float
        In cells: up to the first from the nearest labelled joint a cell shows its part, from the second on it is
        background, between them neither.

    Returns
    -------
    int16 ndarray of shape (N, h, w)
        Part 0 .. P-1, P for the background, -1 for neither.
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


def unknown_people(joints) -> np.ndarray:
    """People of whom some part is not labelled, so that an empty place may show it: bool (N,).

    A part that is labelled in nobody is not learned and does not count. If that leaves no one, nobody is unknown:
    then background is taken anywhere off the labelled joints, for it cannot be had more cleanly.
    """
    labelled = joints[..., 2] > 0
    unknown = (~labelled & labelled.any(0)).any(1)
    return np.zeros_like(unknown) if unknown.all() else unknown


def draw_cells(
    labels, previous, n_background: int, *, background: int, hard_share: float, max_cells: int, random
) -> np.ndarray:
    """Draw the training cells.

    Parameters
    ----------
    labels : int16 ndarray of shape (N, h, w)
        From :func:`label_cells`; people from whom no background may be taken have none (-1 instead).
    previous : float32 ndarray of shape (N, P, h, w) or None
        Beliefs of the stage before in the parts, without the background.
    n_background : int
        Background cells a person, on average.
    background : int
        The label of the background, P.
    hard_share : float
        Share of the background cells that are false peaks of the previous beliefs, strongest first.
    max_cells : int
        Cells in all.
    random : numpy.random.RandomState

    Returns
    -------
    int32 ndarray of shape (n, 3)
        Person, row and column, in this order.

    Raises
    ------
    ValueError
        If no cell can teach anything.
    """
    is_background = labels == background
    usable = np.flatnonzero(is_background.any((1, 2)))
    chosen = (labels >= 0) & ~is_background
    quota = int(np.ceil(n_background * len(labels) / max(len(usable), 1)))
    for person in usable:
        free = is_background[person].ravel().copy()
        hard = np.empty(0, int)
        if previous is not None and hard_share > 0:
            hard = _false_peaks(previous[person], free, round(hard_share * quota))
            free[hard] = False
        rest = np.flatnonzero(free)
        rest = random.choice(rest, min(quota - len(hard), len(rest)), replace=False)
        chosen[person].ravel()[np.concatenate([hard, rest])] = True
    cells = np.argwhere(chosen).astype(np.int32)
    if not len(cells):
        raise ValueError("no labelled joint lies in the crops: there is nothing to learn; check the joints' frame")
    if len(cells) > max_cells:
        cells = cells[np.sort(random.choice(len(cells), max_cells, replace=False))]
    return cells


def _false_peaks(beliefs, free, n_peaks: int) -> np.ndarray:
    """Cells among the `free` ones at which a belief map of a part peaks, strongest first, at most `n_peaks`."""
    width = beliefs.shape[-1]
    peaks = find_peaks(beliefs[None], n_peaks=4).reshape(-1, 3)
    peaks = peaks[np.argsort(-peaks[:, 2], kind="stable")]
    cells = (peaks[:, 0] * width + peaks[:, 1]).astype(int)
    cells = cells[free[cells]]
    first = np.sort(np.unique(cells, return_index=True)[1])
    return cells[first[:n_peaks]]

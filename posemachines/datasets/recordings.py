"""Whether photos are frames of one recording, and blocks of time within it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np

from .groups import Groups, join_groups
from .photo_names import frame_numbers, photo_paths

__all__ = ["correlation_length", "looks_like_one_recording", "time_blocks"]

SIDE = 192  # px, longer side of the photos that are compared
MOST_PHOTOS = 60
FIXED = 0.15  # share of the details that all photos have in common: 0.2 to 0.9 with a fixed camera, else about 0
SHUFFLES = 200
LEAST = 8  # subjects from which successive ones are compared
logger = logging.getLogger(__name__)


def looks_like_one_recording(dataset, order: np.ndarray) -> str:
    """Why photos, whose names differ by a number only, are frames of one recording; "" if nothing says so.

    Either successive frames have more similar joints than others, or the photos share their background.

    Parameters
    ----------
    dataset : PoseDataset
    order : ndarray of shape (N,)
        Frame numbers.
    """
    if successive_alike(dataset.joints, order):
        return "successive numbers have similar joints"
    if _background(dataset) > FIXED:
        return "the photos share their background"
    return ""


def successive_alike(joints: np.ndarray, order: np.ndarray, random_state: int = 0) -> bool:
    """Whether joints of successive frames are closer than those of shuffled ones (permutation test, p < 0.01)."""
    places = np.where(joints[..., 2:] > 0, joints[..., :2], np.nan)[np.argsort(order, kind="stable")].astype(float)
    if len(places) < LEAST or np.isnan(places).all():
        return False
    rng = np.random.default_rng(random_state)
    shuffled = [_step(places[rng.permutation(len(places))]) for _ in range(SHUFFLES)]
    chance = np.array(shuffled)[np.isfinite(shuffled)]
    step = _step(places)
    return bool(len(chance) and (chance <= step).mean() < 0.01 and step < 0.7 * chance.mean())


def _step(places: np.ndarray, lag: int = 1) -> float:
    """Mean squared distance of joints that are `lag` places apart."""
    squares = (places[lag:] - places[:-lag]) ** 2
    return float(squares[np.isfinite(squares)].mean()) if np.isfinite(squares).any() else np.nan


def _background(dataset) -> float:
    """Share of the photos' fine details that is the same in all of them: 1 for copies, about 0 for other scenes."""
    numbers = np.unique(dataset.photo_numbers(), return_index=True)[1]
    chosen = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_PHOTOS)).astype(int)]
    details: list[np.ndarray] = []
    shapes = set()
    for index in chosen:
        try:
            photo = dataset.photo(index)
        except (OSError, ValueError) as error:
            logger.warning("subject %d is not compared with others: %s", index, error)
            continue
        shapes.add(photo.shape)
        if len(shapes) > 1:
            return 0.0
        scale = min(SIDE / max(photo.shape[:2]), 1.0)
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
        details.append(grey - cv2.GaussianBlur(grey, (0, 0), 3))
    if len(details) < LEAST:
        return 0.0
    stack = np.stack(details)
    n = len(stack)
    total = float((stack**2).mean())
    common = float((stack.mean(0) ** 2).mean()) / total if total > 0 else 0.0
    return max(0.0, (common - 1 / n) / (1 - 1 / n))


def correlation_length(joints: np.ndarray, order: np.ndarray) -> float:
    """Frames until joints differ half as much as those of distant frames do, in units of `order`.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
    order : ndarray of shape (N,)
        Frame numbers.
    """
    arranged = np.argsort(order, kind="stable")
    places = np.where(joints[..., 2:] > 0, joints[..., :2], np.nan)[arranged].astype(float)
    step = float(np.median(np.diff(order[arranged]))) if len(order) > 1 else 1.0
    most = max(1, len(places) // 4)
    if len(places) < LEAST:
        return step
    shuffles = (np.random.default_rng(seed).permutation(len(places)) for seed in range(20))
    steps = np.array([_step(places[shuffle]) for shuffle in shuffles])
    if np.isnan(steps).all():
        return step
    distant = np.nanmean(steps)
    for lag in range(1, most + 1):
        if not _step(places, lag) < distant / 2:
            return lag * step
    return most * step


def time_blocks(
    dataset, n_blocks: int, *, gap: float | None = None, order: Sequence[float] | np.ndarray | None = None
) -> Groups:
    """Blocks of successive frames of one recording, as groups.

    Parameters
    ----------
    dataset : PoseDataset
    n_blocks : int
        Blocks, of nearly the same number of subjects; twice the number of folds is a good choice.
    gap : float, optional
        Frames on both sides of a test block that are left out of training. By default, as long as neighbouring frames
        are alike (:func:`correlation_length`), but at most a third of a block; 0 leaves out none.
    order : sequence of N float, optional
        Frame numbers; by default the last number of each photo's name, or the order of the data set.

    Returns
    -------
    Groups
        Of kind "one recording".

    Raises
    ------
    ValueError
        If there are fewer photos than blocks, or fewer than two blocks.
    """
    photos = dataset.photo_numbers()
    n_photos = int(photos.max()) + 1
    if not 2 <= n_blocks <= n_photos:
        raise ValueError(f"n_blocks must be between 2 and the number of photos, {n_photos}; got {n_blocks}")
    if gap is not None and not 0 <= gap < np.inf:
        raise ValueError(f"gap is a number of frames, 0 or more; got {gap}")
    numbers, how, notes = _frames(dataset, order)
    rank = np.lexsort((photos, numbers)).argsort()
    block = rank * n_blocks // len(photos)
    width = len(str(n_blocks))
    values = join_groups(np.array([f"block {each + 1:0{width}d}" for each in block]), photos)
    if gap is None:
        extents = [np.ptp(numbers[block == each]) for each in np.unique(block)]
        gap = min(correlation_length(dataset.joints, numbers), float(np.median(extents)) / 3)
    source = f"one recording, in {len(np.unique(values))} blocks of {how}"
    notes.append("all photos are of one recording: the figures hold for this recording, not for new ones")
    return Groups(values, source, "one recording", tuple(notes), numbers, float(gap))


def _frames(dataset, order) -> tuple[np.ndarray, str, list[str]]:
    """Frame numbers (N,), what they are, and notes."""
    if order is not None:
        numbers = np.asarray(order, float)
        if numbers.shape != (len(dataset),) or not np.isfinite(numbers).all():
            raise ValueError(f"order must have {len(dataset)} finite numbers, one per subject; got {numbers.shape}")
        return numbers, "successive frames", []
    paths = photo_paths(dataset)
    found = None if paths is None else frame_numbers(paths)
    if found is not None:
        return found, "successive frame numbers", []
    message = "the names of the photos have no frame numbers: blocks follow the order of the labels"
    return dataset.photo_numbers().astype(float), "successive labels", [message]

"""Sizes of photos that annotations state, compared with the photos themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..photos import is_turned, photo_size, reference, split_reference

__all__ = ["FittedPhotos", "check_sizes", "rescale_points"]

SAME_SHAPE = 0.02  # relative difference between the scales of width and height of a photo that was only resized


@dataclass(frozen=True)
class FittedPhotos:
    """Photos that agree with the sizes that annotations state.

    Attributes
    ----------
    photos : list of N (Path, str or ndarray)
        With the option ``#stored`` where the labels belong to the photo as it is stored.
    scales : float ndarray of shape (N, 2), optional
        By what x and y must be multiplied; see :func:`rescale_points`. None where nothing is to be rescaled.
    notes : tuple of str
    """

    photos: list
    scales: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Facts:
    """Sizes of a photo upright and as stored, NaN if it is unreadable, and whether the file has an orientation."""

    upright: tuple[float, float]
    stored: tuple[float, float]
    is_turned: bool = False

    def size(self, stored: bool) -> tuple[float, float]:
        return self.stored if stored else self.upright


def rescale_points(points, scales) -> np.ndarray:
    """Points of photos that were resized.

    Parameters
    ----------
    points : ndarray of shape (N, ..., 2 or more)
        x, y in pixels with centres at integers; further columns stay as they are.
    scales : ndarray of shape (N, 2)
        New size divided by the old one.

    Returns
    -------
    float64 ndarray of the shape of `points`
        The edges of the photo, at -0.5, are mapped to each other.
    """
    points = np.array(points, float)
    factor = np.asarray(scales, float).reshape(len(points), *[1] * (points.ndim - 2), 2)
    points[..., :2] = (points[..., :2] + 0.5) * factor - 0.5
    return points


def check_sizes(
    photos: Sequence, sizes, source: str | Path, *, stored: bool = False, rescale: bool = False
) -> FittedPhotos:
    """Compare photos with the sizes that annotations state.

    Parameters
    ----------
    photos : sequence of N (path, reference or ndarray)
    sizes : ndarray of shape (N, 2), optional
        Width and height; NaN where the annotations do not state them.
    source : path
        File of the annotations, for messages.
    stored : bool, default=False
        The labelling tool is known to ignore EXIF orientations.
    rescale : bool, default=False
        Return scales instead of refusing photos of another resolution.

    Returns
    -------
    FittedPhotos
        A photo with an EXIF orientation whose stated size is that of the stored photo becomes ``photo#stored``. So do
        photos whose size cannot tell (square ones, or turned upside down), where all others agree.

    Raises
    ------
    ValueError
        If a photo has another size, and `rescale` is not set or its shape differs as well.
    """
    photos = list(photos)
    sizes = np.full((len(photos), 2), np.nan) if sizes is None else np.asarray(sizes, float)
    if sizes.shape != (len(photos), 2):
        raise ValueError(f"sizes must be ({len(photos)}, 2): width and height of each photo; got {sizes.shape}")
    known = np.isfinite(sizes).all(1) & (sizes > 0).all(1)
    keys = [str(photo) if isinstance(photo, str | Path) else id(photo) for photo in photos]
    needed = {key: photo for key, photo, wanted in zip(keys, photos, known | stored, strict=True) if wanted}
    facts = {key: _facts(photo) for key, photo in needed.items()}
    as_stored = _seen_as_stored(facts, keys, sizes, known, stored)
    notes = []
    if as_stored:
        notes.append(
            f"{len(as_stored)} photos are read as they are stored, not turned by their EXIF orientation, because the "
            f"labels were made so: {next(key for key in keys if key in as_stored)} first"
        )
    unknown = (np.nan, np.nan)
    actual = np.array([facts[key].size(key in as_stored) if key in facts else unknown for key in keys], float)
    actual = actual.reshape(-1, 2)
    scales = np.where(known[:, None] & np.isfinite(actual), actual / sizes, 1.0)
    other = (scales != 1).any(1)
    if other.any():
        _check_scales(scales, sizes, actual, keys, source, rescale)
        notes.append(f"the labels of {other.sum()} subjects are rescaled to photos of another resolution than stated")
    fitted = [
        reference(photo, stored=True) if key in as_stored else photo for key, photo in zip(keys, photos, strict=True)
    ]
    return FittedPhotos(fitted, scales if other.any() else None, tuple(notes))


def _facts(photo) -> _Facts:
    try:
        upright = photo_size(photo)
        if not isinstance(photo, str | Path) or split_reference(photo)[1].get("stored") or not is_turned(photo):
            return _Facts(upright, upright)
        return _Facts(upright, photo_size(reference(photo, stored=True)), True)
    except (OSError, ValueError):  # unreadable photos are reported where they are read
        return _Facts((np.nan, np.nan), (np.nan, np.nan))


def _seen_as_stored(facts: dict, keys: list, sizes: np.ndarray, known: np.ndarray, stored: bool) -> set:
    """Photos with an orientation that the labelling tool did not apply."""
    turned = {key for key, fact in facts.items() if fact.is_turned}
    if stored:
        return turned
    yes, no = set(), set()
    for key, size, is_known in zip(keys, sizes, known, strict=True):
        if key in turned and is_known and facts[key].upright != facts[key].stored:
            if tuple(size) == facts[key].stored:
                yes.add(key)
            elif tuple(size) == facts[key].upright:
                no.add(key)
    return turned - no if yes and not no else yes


def _check_scales(scales, sizes, actual, keys, source, rescale: bool) -> None:
    """ValueError unless photos may be rescaled, and only their resolution differs."""
    bent = np.abs(scales[:, 0] / scales[:, 1] - 1) > SAME_SHAPE
    first = int(np.argmax(bent if bent.any() else (scales != 1).any(1)))
    stated, there = (f"{size[first, 0]:.0f} x {size[first, 1]:.0f}" for size in (sizes, actual))
    belongs = f"{source}: labels belong to another resolution ({stated}) than the photos ({there}), {keys[first]} first"
    if bent.any():
        exchanged = tuple(sizes[first]) == tuple(actual[first, ::-1])
        why = "width and height are exchanged" if exchanged else "its shape differs, too, so it was cropped or replaced"
        raise ValueError(f"{belongs}; {why}: give the photos that were labelled")
    if not rescale:
        raise ValueError(f"{belongs}; pass rescale=True if the photos were only resized")

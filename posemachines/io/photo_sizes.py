"""Sizes of the photos that labels name, for formats whose coordinates depend on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..photos import reference
from .photo_files import find_photos, photo_size

__all__ = ["sizes_in"]


def sizes_in(
    images: str | Path, names: Sequence[str], source: Path, *, max_missing: float, stored: bool
) -> tuple[np.ndarray, list[str]]:
    """Width and height of each photo.

    Parameters
    ----------
    images : path
        Folder of the photos.
    names : sequence of N str
    source : Path
        File of the labels, for messages.
    max_missing : float
        Share of the photos that may be missing.
    stored : bool
        Sizes of the photos as they are stored, not turned by their EXIF orientation.

    Returns
    -------
    sizes : float64 ndarray of shape (N, 2)
        NaN where the photo is missing.
    notes : list of str
        What is missing.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`.find_photos`, and if a file is not a photo.
    """
    found = find_photos(images, names, source, max_missing=max_missing)
    sizes = {photo: photo_size(reference(photo, stored=stored)) for photo in dict.fromkeys(found.photos)}
    rows = [(np.nan, np.nan) if photo is None else sizes[photo] for photo in found.paths]
    return np.array(rows, float).reshape(-1, 2), [*found.notes[-1:]] if found.missing else []

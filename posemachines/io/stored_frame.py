"""Labels of photos with an EXIF orientation, between the photo as it is stored and the upright one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..photos.raster import raster_orientation
from ..photos.sources import find_source
from ..photos.tiff import tiff_orientation
from ..photos.turning import INVERSE, turned_size

__all__ = ["orientation_of", "turned_boxes", "turned_points"]

_ORIENTATIONS = {"raster": raster_orientation, "tiff": tiff_orientation}


def orientation_of(photo: str | Path) -> int:
    """EXIF orientation of a photo's file, 1 to 8; 1 where it is upright as it is stored."""
    source = find_source(photo)
    return _ORIENTATIONS[source.kind](source) if source.kind in _ORIENTATIONS else 1


def turned_points(points, size: tuple[int, int], orientation: int, *, back: bool = False) -> np.ndarray:
    """Points of the stored photo in the upright one.

    Parameters
    ----------
    points : ndarray of shape (..., 2)
        x, y in pixels, counted from 0, at their centres.
    size : (width, height)
        Of the photo that the points belong to.
    orientation : int
        EXIF orientation, 1 to 8.
    back : bool, default=False
        From the upright photo to the stored one.

    Returns
    -------
    float64 ndarray of shape (..., 2)
    """
    number = INVERSE.get(orientation, orientation) if back else orientation
    width, height = turned_size(size, number)
    x, y = np.moveaxis(np.asarray(points, float), -1, 0)
    if number >= 5:  # 5 to 8 lie on their side
        x, y = y, x
    if number in (2, 3, 6, 7):
        x = width - 1 - x
    if number in (3, 4, 7, 8):
        y = height - 1 - y
    return np.stack([x, y], -1)


def turned_boxes(boxes, size: tuple[int, int], orientation: int, *, back: bool = False) -> np.ndarray:
    """The same for boxes (..., 4): x, y of the first pixel, width, height."""
    boxes = np.asarray(boxes, float)
    corners = (boxes[..., :2], boxes[..., :2] + boxes[..., 2:] - 1)
    first, last = (turned_points(each, size, orientation, back=back) for each in corners)
    low = np.minimum(first, last)
    return np.concatenate([low, np.maximum(first, last) - low + 1], -1)

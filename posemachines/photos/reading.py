"""Any photo as uint8 RGB, and its size from the header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .arrays import to_rgb
from .dicom import dicom_size, dicom_spacing, read_dicom
from .raster import raster_orientation, raster_size, read_raster
from .sources import find_source
from .tiff import read_tiff, tiff_orientation, tiff_size
from .videos import read_frame, video_size

__all__ = ["is_turned", "photo_size", "pixel_spacing", "read_photo"]

_READERS = {"raster": read_raster, "tiff": read_tiff, "dicom": read_dicom, "video": read_frame}
_SIZES = {"raster": raster_size, "tiff": tiff_size, "dicom": dicom_size, "video": video_size}
_ORIENTATIONS = {"raster": raster_orientation, "tiff": tiff_orientation}


def read_photo(photo: str | Path | np.ndarray) -> np.ndarray:
    """Read a photo as uint8 RGB.

    Parameters
    ----------
    photo : path, reference or ndarray
        A file: JPEG, PNG, TIFF, WebP, BMP, GIF, JPEG 2000, DICOM (extra ``dicom``) or a video. A reference names a page
        of a file (``stack.tif#page=3``), a frame (``film.mp4#frame=12``), the picture that labelme embedded
        (``labels.json#picture``), or asks for the picture as it is stored (``scan.jpg#stored``). An array is converted
        by :func:`to_rgb`.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)
        Upright by the file's EXIF orientation. Values of more than 8 bits are converted by
        :data:`~posemachines.photos.DEPTH_RULE`; grey, palettes and transparency as in :func:`to_rgb`.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ImportError
        If the file is DICOM and pydicom is not installed.
    ValueError
        If the file is not an image or is truncated, has several pages and none is named, or lacks the page or frame.
    """
    if not isinstance(photo, str | Path):
        return to_rgb(photo)
    source = find_source(photo)
    return _READERS[source.kind](source)


def photo_size(photo: str | Path | np.ndarray) -> tuple[int, int]:
    """(width, height) in pixels of the photo that :func:`read_photo` reads, from the header alone.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As :func:`read_photo`.
    """
    if not isinstance(photo, str | Path):
        height, width = to_rgb(photo).shape[:2]
        return width, height
    source = find_source(photo)
    width, height = _SIZES[source.kind](source)
    return int(width), int(height)


def pixel_spacing(photo: str | Path | np.ndarray) -> float | None:
    """Spacing of a photo's pixels in mm, as a DICOM file states it.

    Parameters
    ----------
    photo : path, reference or ndarray

    Returns
    -------
    float or None
        None for other kinds of files, and where the spacing is missing or differs between rows and columns: distances
        in mm then cannot be told from those in pixels. ``PixelSpacing`` goes before ``ImagerPixelSpacing``, the spacing
        at the detector of a projection.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As :func:`read_photo`.
    """
    if not isinstance(photo, str | Path):
        return None
    source = find_source(photo)
    return dicom_spacing(source) if source.kind == "dicom" else None


def is_turned(photo: str | Path | np.ndarray) -> bool:
    """Whether the file of a photo has an EXIF orientation by which :func:`read_photo` turns or mirrors it.

    The option ``#stored`` makes no difference to the answer.
    """
    if not isinstance(photo, str | Path):
        return False
    source = find_source(photo)
    return source.kind in _ORIENTATIONS and _ORIENTATIONS[source.kind](source) != 1

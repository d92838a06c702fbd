"""EXIF orientations: how a stored picture is turned to stand upright.

JPEG, PNG (``eXIf``), WebP and TIFF carry one; other kinds are upright as they are stored.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL import Image

__all__ = ["orientation_of", "turned", "turned_size", "unturned"]

TAG = 0x0112
PNG = b"\x89PNG\r\n\x1a\n"
INVERSE = {6: 8, 8: 6}  # the others are their own


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """A stored picture (H, W, ...) upright, by its orientation 1 to 8."""
    if orientation >= 5:  # 5 to 8 lie on their side
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values


def unturned(values: np.ndarray, orientation: int) -> np.ndarray:
    """The inverse of :func:`turned`."""
    return turned(values, INVERSE.get(orientation, orientation))


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height after turning."""
    return (size[1], size[0]) if orientation >= 5 else (size[0], size[1])


def orientation_of(stream: BinaryIO) -> int:
    """EXIF orientation of a picture other than TIFF; 1 if it has none, or none that is valid."""
    stream.seek(0)
    if stream.read(8) == PNG:
        return _of_exif(_png_exif(stream))
    stream.seek(0)
    try:
        with Image.open(stream) as image:
            return _of_exif(image.info.get("exif"))
    except (OSError, ValueError, SyntaxError):
        return 1


def _of_exif(data: bytes | None) -> int:
    if not data:
        return 1
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(TAG, 1)
    except Exception:  # a damaged block: viewers ignore it, too
        return 1
    return value if value in range(1, 9) else 1


def _png_exif(stream: BinaryIO) -> bytes | None:
    """The eXIf chunk, which may follow the pixels, so Pillow finds it only after decoding them."""
    while len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            return stream.read(length)
        stream.seek(length + 4, 1)
    return None

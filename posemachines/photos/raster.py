"""Pictures in the usual formats: JPEG, PNG, WebP, BMP, GIF, JPEG 2000 and whatever else the libraries read.

OpenCV decodes formats that may have 16 bits per channel, which Pillow reduces to 8 in its own way. Pillow decodes the
others: OpenCV takes the unused fourth byte of BMP files for transparency. Each stands in for the other.
"""

from __future__ import annotations

from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from .arrays import to_rgb
from .depth import to_eight_bits
from .sources import Source
from .turning import PNG, orientation_of, turned, turned_size

__all__ = ["pillow_values", "raster_orientation", "raster_size", "read_raster"]

JPEG = b"\xff\xd8\xff"
BY_OPENCV = (JPEG, PNG, b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"P2", b"P3", b"P5", b"P6", b"P7")
ENDS = {JPEG: b"\xff\xd9", PNG: b"IEND"}
DIRECT = {"L", "RGB", "RGBA", "1", "I", "F"}  # modes of Pillow that are arrays as they are


def read_raster(source: Source) -> np.ndarray:
    """A picture as uint8 RGB (H, W, 3)."""
    with source.open() as stream:
        data = stream.read()
        if "page" in source.options:
            _check_page(source, stream)
            values = _by_pillow(stream, source.options["page"])
        elif data.startswith(BY_OPENCV):
            values = _by_opencv(data, stream)
        else:
            values = _first(_by_pillow(stream), lambda: _decode(data))
        if values is None:
            raise ValueError(
                f"{source.label} is not a readable image ({len(data)} bytes); it may be truncated, so download or copy "
                "it again"
            )
        picture = to_rgb(to_eight_bits(values))
        return picture if source.stored else np.ascontiguousarray(turned(picture, orientation_of(stream)))


def raster_size(source: Source) -> tuple[int, int]:
    """(width, height), from the header alone if Pillow knows the format."""
    with source.open() as stream:
        if "page" in source.options:
            _check_page(source, stream)
        try:
            with Image.open(stream) as image:
                size = image.size
        except (OSError, ValueError, SyntaxError):
            return read_raster(source).shape[1::-1]
        return size if source.stored else turned_size(size, orientation_of(stream))


def raster_orientation(source: Source) -> int:
    """EXIF orientation; 1 if there is none."""
    with source.open() as stream:
        return orientation_of(stream)


def pillow_values(image: Image.Image) -> np.ndarray:
    """Values of an open image (H, W) or (H, W, 1 to 4), palettes resolved."""
    image.load()
    if image.mode in DIRECT or image.mode.startswith("I;16"):
        return np.asarray(image)
    clear = "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBa")
    return np.asarray(image.convert("RGBA" if clear else "RGB"))


def _first(values: np.ndarray | None, other) -> np.ndarray | None:
    return other() if values is None else values


def _check_page(source: Source, stream: BinaryIO) -> None:
    try:
        with Image.open(stream) as image:
            source.page(getattr(image, "n_frames", 1))
    except OSError as error:
        raise ValueError(f"{source.label} is not a readable image ({error}); it may be truncated") from error


def _by_opencv(data: bytes, stream: BinaryIO) -> np.ndarray | None:
    start = next((start for start in ENDS if data.startswith(start)), None)
    values = _decode(data)
    if values is None:
        return _by_pillow(stream)
    if start is not None and ENDS[start] not in data[-1024:]:
        # OpenCV fills what is missing with grey, Pillow refuses it; some cameras append more than 1 kB to a whole file
        return values if _by_pillow(stream) is not None else None
    return values


def _decode(data: bytes) -> np.ndarray | None:
    """Stored values, RGB(A), by OpenCV; None if it does not know the format."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if data.startswith(JPEG) else cv2.IMREAD_UNCHANGED
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        return None
    if values is None or values.ndim == 2:
        return values
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.shape[2] >= 3 else values[..., 0]


def _by_pillow(stream: BinaryIO, page: int = 0) -> np.ndarray | None:
    """Stored values by Pillow; None if it does not know the format, or the file is damaged."""
    stream.seek(0)
    try:
        with Image.open(stream) as image:
            if page:
                image.seek(page)
            return pillow_values(image)
    except (OSError, ValueError, SyntaxError, EOFError):
        return None

"""TIFF: any depth, several pages, palettes, and pictures that are stored white to black.

Thumbnails, masks and the smaller levels of pyramids do not count as pages. Planes of grey that share a page, as
microscopes write them, count as pages. tifffile decodes what it can, Pillow and OpenCV the rest.
"""

from __future__ import annotations

import functools
import os
from typing import Any, BinaryIO

import cv2
import numpy as np
import tifffile
from PIL import Image

from .arrays import to_rgb
from .depth import to_eight_bits
from .raster import pillow_values
from .sources import Source
from .turning import turned, turned_size, unturned

__all__ = ["read_tiff", "tiff_orientation", "tiff_size"]

ORIENTATION = 274
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = range(4)
REDUCED, MASK = 1, 4  # bits of NewSubfileType


def read_tiff(source: Source) -> np.ndarray:
    """A page as uint8 RGB (H, W, 3)."""
    with source.open() as stream, _tiff(source, stream) as tiff:
        index, plane = _place(source, tiff)
        page: Any = tiff.pages[index]
        orientation = _orientation(page)
        try:
            if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE):
                raise ValueError(f"colours are stored as {page.photometric!s}")
            picture = _picture(page, plane)
        except Exception as error:  # of many kinds: each codec has its own
            picture = unturned(_by_others(source, page, index, plane, error), orientation)
    return np.ascontiguousarray(picture if source.stored else turned(picture, orientation))


def tiff_size(source: Source) -> tuple[int, int]:
    """(width, height) from the header."""
    with source.open() as stream, _tiff(source, stream) as tiff:
        page: Any = tiff.pages[_place(source, tiff)[0]]
        size = (page.imagewidth, page.imagelength)
        return size if source.stored else turned_size(size, _orientation(page))


def tiff_orientation(source: Source) -> int:
    """EXIF orientation of the page."""
    with source.open() as stream, _tiff(source, stream) as tiff:
        return _orientation(tiff.pages[_place(source, tiff)[0]])


def _tiff(source: Source, stream: BinaryIO) -> tifffile.TiffFile:
    try:
        return tifffile.TiffFile(stream)
    except Exception as error:
        raise ValueError(f"{source.label} is not a readable image ({error}); it may be truncated") from error


def _orientation(page) -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _place(source: Source, tiff: tifffile.TiffFile) -> tuple[int, int | None]:
    """Number of the wanted page in the file, and of the plane in that page."""
    if source.embedded is None:
        status = os.stat(source.path)
        places = _places_of_file(str(source.path), status.st_size, status.st_mtime_ns)
    else:
        places = _places(tiff)
    if not places:
        raise ValueError(f"{source.label} is not a readable image: the TIFF file has no page; it may be truncated")
    return places[source.page(len(places))]


@functools.lru_cache(maxsize=32)
def _places_of_file(path: str, size: int, time: int) -> tuple[tuple[int, int | None], ...]:
    """As :func:`_places`, once for each version of a file: a long stack has many pages to look at."""
    with tifffile.TiffFile(path) as tiff:
        return _places(tiff)


def _places(tiff: tifffile.TiffFile) -> tuple[tuple[int, int | None], ...]:
    found: list[tuple[int, int | None]] = []
    page: Any
    for index, page in enumerate(tiff.pages):
        if found and page.subfiletype & (REDUCED | MASK):
            continue
        grey = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO)
        planes = page.samplesperpixel if grey and page.extrasamples[:1] not in ((1,), (2,)) else 1
        found += [(index, None)] if planes == 1 else [(index, plane) for plane in range(planes)]
    pictures = int((tiff.imagej_metadata or {}).get("images", 1))
    if pictures > len(found) == 1:
        raise ValueError(
            f"{tiff.filename} holds {pictures} pictures that ImageJ wrote as one block without heads; save them as a "
            "sequence of pictures"
        )
    return tuple(found)


def _picture(page, plane: int | None) -> np.ndarray:
    values, axes = page.asarray(), page.axes
    if "Z" in axes or set(axes) - set("SYX"):
        raise ValueError(f"the axes of a page are {axes}, not those of a flat picture")
    if "S" in axes:
        values = np.moveaxis(values, axes.index("S"), -1)
    if plane is not None:
        values = values[..., plane]
    if page.photometric == PALETTE:
        colours = np.asarray(page.colormap).T
        return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)[values]
    if values.dtype == np.uint8 and page.bitspersample < 8:
        values = (values.astype(int) * 255 // (2**page.bitspersample - 1)).astype(np.uint8)
    alpha = page.extrasamples[:1] in ((1,), (2,))
    if values.ndim == 3 and values.shape[-1] == 2 and alpha:
        values = values[..., [0, 0, 0, 1]]
    elif values.ndim == 3 and values.shape[-1] > 3:
        values = values[..., : 4 if alpha else 3]
    eight = to_eight_bits(values)
    if page.photometric == WHITE_IS_ZERO:
        eight = np.concatenate([255 - eight[..., :3], eight[..., 3:]], -1) if eight.ndim == 3 else 255 - eight
    return to_rgb(eight)


def _by_others(source: Source, page, index: int, plane: int | None, first: Exception) -> np.ndarray:
    """The page, upright, decoded by Pillow, or by OpenCV where Pillow would reduce it to 8 bits."""
    try:
        if plane is not None:
            raise ValueError("its planes cannot be told apart")
        with source.open() as stream:
            if page.bitspersample <= 8:
                with Image.open(stream) as image:
                    image.seek(index)
                    return to_rgb(to_eight_bits(pillow_values(image)))
            return _by_opencv(stream.read(), page, index)
    except Exception as error:
        raise ValueError(
            f"{source.label} is not a readable image ({first}; {error}); it may be truncated, or compressed in a way "
            'that needs "pip install imagecodecs"'
        ) from first


def _by_opencv(data: bytes, page, index: int) -> np.ndarray:
    if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise ValueError("such colours of more than 8 bits cannot be converted")
    found, pictures = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(index, index + 1))
    if not found:
        raise ValueError("OpenCV cannot decode it either")
    values = pictures[0]
    eight = to_eight_bits(values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values)
    return to_rgb(255 - eight if page.photometric == WHITE_IS_ZERO else eight)

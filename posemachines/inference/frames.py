"""Centre and size of the subjects of a photo, from what is known about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._utils.deprecation import moved_keywords
from ..geometry import box_frame, crop_shape, frame_size, read_photo, to_rgb

__all__ = [
    "USUAL_SIZE",
    "check_protocol",
    "crop_size",
    "frame_of_box",
    "frame_of_photo",
    "open_photo",
    "shape_of_crops",
]

PADDING = 1 / 0.7  # side of the crop over a subject's size, as for crops by labelled joints
BOX_PADDING = 1.25  # the same for bounding boxes, which enclose the whole body
PHOTO_PADDING = 1.0  # and for whole photos
PUBLISHED_PADDING = 1.25  # of the photo's height, in the published test on Leeds Sports Pose
PUBLISHED_SIZE, USUAL_SIZE = 368, 128  # px; sides of crops
PROTOCOLS = (None, "cpm2016")


def frame_of_box(box, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of subjects from bounding boxes around their whole bodies.

    Parameters
    ----------
    box : array-like of shape (4,) or (N, 4)
        x, y of the first pixel, width and height, in pixels of the photo.
    aspect : float, default=1.0
        Width of the crop divided by its height.

    Returns
    -------
    centre : ndarray of shape (2,) or (N, 2)
        Middle of the box.
    person_size : ndarray of shape () or (N,)
        7/8 of the longer side of the smallest frame of that aspect that encloses the box: with the default padding,
        1 / 0.7, the crop is 1.25 times as long, as with ``PoseDataset(crop_rule="box")``.

    Raises
    ------
    ValueError
        If the shape is wrong, or width and height are not positive.
    """
    boxes = np.asarray(box, np.float32)
    centre, side = box_frame(boxes[None] if boxes.ndim == 1 else boxes, aspect)
    person_size = side.astype(float) * (BOX_PADDING / PADDING)
    return (centre[0], person_size[0]) if boxes.ndim == 1 else (centre, person_size)


@moved_keywords(published='protocol="cpm2016"')
def frame_of_photo(photo, *, protocol: str | None = None, aspect: float = 1.0) -> tuple[np.ndarray, float]:
    """Centre and size of the only subject of a photo.

    Parameters
    ----------
    photo : path or uint8 ndarray of shape (H, W, 3)
    protocol : {None, "cpm2016"}
        "cpm2016" is the frame of the published test on Leeds Sports Pose: the crop is 1.25 times as long as the photo
        is high. By default it encloses the photo, as with ``PoseDataset(crop_rule="photo")``.
    aspect : float, default=1.0
        Width of the crop divided by its height.

    Returns
    -------
    centre : ndarray of shape (2,)
        Middle of the photo.
    person_size : float
        In pixels.
    """
    check_protocol(protocol)
    height, width = open_photo(photo).shape[:2]
    enclosing = float(frame_size(np.array([width, height], float), aspect))
    side = height * PUBLISHED_PADDING if protocol else enclosing * PHOTO_PADDING
    return np.array([(width - 1) / 2, (height - 1) / 2]), side / PADDING


def crop_size(machine) -> int | tuple[int, int]:
    """Side of the square crops that a machine was trained on, in pixels, or their (height, width).

    128 if the machine does not know (``crop_size_``).
    """
    height, width = shape_of_crops(machine)
    return height if height == width else (height, width)


def shape_of_crops(machine) -> tuple[int, int]:
    """Height and width of the crops that a machine was trained on, in pixels; 128 if it does not know."""
    for name in ("crop_shape_", "crop_size_", "shape_"):
        known = getattr(machine, name, None)
        if known is not None:
            return crop_shape(known)
    return USUAL_SIZE, USUAL_SIZE


def open_photo(photo) -> np.ndarray:
    """A photo as uint8 RGB (H, W, 3), read from its file if it is a path."""
    return read_photo(photo) if isinstance(photo, str | Path) else to_rgb(photo)


def check_protocol(protocol: str | None) -> None:
    """Raise ValueError for an unknown protocol."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be None or 'cpm2016'; got {protocol!r}")

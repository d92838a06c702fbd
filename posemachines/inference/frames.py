"""Centre and size of the subjects of a photo, from what is known about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._utils.deprecation import moved_keywords
from ..geometry import box_frame, read_photo, to_rgb

__all__ = ["check_protocol", "crop_size", "frame_of_box", "frame_of_photo", "open_photo"]

PADDING = 1 / 0.7  # side of the crop over a subject's size, as for crops by labelled joints
BOX_PADDING = 1.25  # the same for bounding boxes, which enclose the whole body
PHOTO_PADDING = 1.0  # and for whole photos
PUBLISHED_PADDING = 1.25  # of the photo's height, in the published test on Leeds Sports Pose
PUBLISHED_SIZE, USUAL_SIZE = 368, 128  # px; sides of crops
PROTOCOLS = (None, "cpm2016")


def frame_of_box(box) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of subjects from bounding boxes around their whole bodies.

    Parameters
    ----------
    box : array-like of shape (4,) or (N, 4)
        x, y of the first pixel, width and height, in pixels of the photo.

    Returns
    -------
    centre : ndarray of shape (2,) or (N, 2)
        Middle of the box.
    person_size : ndarray of shape () or (N,)
        7/8 of the longer side, so that the crop is 1.25 times as long as the box, as with
        ``PoseDataset(crop_rule="box")``.

    Raises
    ------
    ValueError
        If the shape is wrong, or width and height are not positive.
    """
    boxes = np.asarray(box, np.float32)
    centre, side = box_frame(boxes[None] if boxes.ndim == 1 else boxes)
    person_size = side.astype(float) * (BOX_PADDING / PADDING)
    return (centre[0], person_size[0]) if boxes.ndim == 1 else (centre, person_size)


@moved_keywords(published='protocol="cpm2016"')
def frame_of_photo(photo, *, protocol: str | None = None) -> tuple[np.ndarray, float]:
    """Centre and size of the only subject of a photo.

    Parameters
    ----------
    photo : path or uint8 ndarray of shape (H, W, 3)
    protocol : {None, "cpm2016"}
        "cpm2016" is the frame of the published test on Leeds Sports Pose: the crop is 1.25 times as long as the photo
        is high. By default it is as long as the longer side, as with ``PoseDataset(crop_rule="photo")``.

    Returns
    -------
    centre : ndarray of shape (2,)
        Middle of the photo.
    person_size : float
        In pixels.
    """
    check_protocol(protocol)
    height, width = open_photo(photo).shape[:2]
    side = height * PUBLISHED_PADDING if protocol else max(height, width) * PHOTO_PADDING
    return np.array([(width - 1) / 2, (height - 1) / 2]), side / PADDING


def crop_size(machine) -> int:
    """Side of the crops that a machine was trained on, in pixels; 128 if it does not know (``crop_size_``)."""
    return int(getattr(machine, "crop_size_", None) or USUAL_SIZE)


def open_photo(photo) -> np.ndarray:
    """A photo as uint8 RGB (H, W, 3), read from its file if it is a path."""
    return read_photo(photo) if isinstance(photo, str | Path) else to_rgb(photo)


def check_protocol(protocol: str | None) -> None:
    """Raise ValueError for an unknown protocol."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be None or 'cpm2016'; got {protocol!r}")

"""Photos, crops and the transform between them: the only module that changes frame.

A *transform* is a 2 x 3 affine matrix that maps photo pixels to crop pixels, both 0-based with pixel centres
at integers. The subject's centre maps to the centre of the crop, ``((width - 1) / 2, (height - 1) / 2)``.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from ._utils.deprecation import moved_keywords
from .photos import GREY, read_photo, to_rgb

__all__ = [
    "box_extent",
    "box_frame",
    "crop_shape",
    "crop_transform",
    "cut_crop",
    "frame_size",
    "joints_extent",
    "joints_frame",
    "read_photo",
    "to_crop",
    "to_photo",
    "to_rgb",
]

MAX_SHRINK = 16  # limit of the supersampling; crops reduced further than this alias slightly


def joints_extent(joints) -> tuple[np.ndarray, np.ndarray]:
    """Centre and extent of the bounding box of each subject's labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
        Centre of the box; NaN where no joint is labelled.
    extent : ndarray of shape (N, 2), float32
        Width and height of the box, the longer of them at least one pixel; NaN where no joint is labelled.
    """
    joints = np.asarray(joints, np.float32)
    labelled = joints[..., 2:] > 0
    low = np.where(labelled, joints[..., :2], np.inf).min(1)
    high = np.where(labelled, joints[..., :2], -np.inf).max(1)
    none = ~labelled.any((1, 2))
    low[none] = high[none] = np.nan
    extent = high - low
    extent[extent.max(-1) < 1] = 1
    return ((low + high) / 2).astype(np.float32), extent.astype(np.float32)


def box_extent(boxes) -> tuple[np.ndarray, np.ndarray]:
    """Centre and extent of bounding boxes.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        x, y of the top left pixel, width, height.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
    extent : ndarray of shape (N, 2), float32
        Width and height.

    Raises
    ------
    ValueError
        If the shape is another, or a box is not finite or is empty.
    """
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4): x, y, width, height; got shape {boxes.shape}")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise ValueError("boxes must be finite with positive width and height")
    return boxes[:, :2] + (boxes[:, 2:] - 1) / 2, boxes[:, 2:].copy()


def frame_size(extent, aspect: float = 1.0) -> np.ndarray:
    """Longer side of the smallest frame of a given shape that encloses a subject.

    Parameters
    ----------
    extent : ndarray of shape (..., 2)
        Width and height of the subject.
    aspect : float, default=1.0
        Width of the frame divided by its height.

    Returns
    -------
    ndarray of shape (...)
        For a square frame, the longer side of the subject.

    Raises
    ------
    ValueError
        If the aspect is not positive and finite.
    """
    if not (np.isfinite(aspect) and aspect > 0):
        raise ValueError(f"aspect is a frame's width divided by its height, a positive number; got {aspect!r}")
    sides = np.array([aspect, 1.0]) / max(aspect, 1.0)  # width and height of a frame whose longer side is 1
    return (np.asarray(extent) / sides.astype(np.float32)).max(-1)


def joints_frame(joints, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of each subject, from the bounding box of its labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled.
    aspect : float, default=1.0
        Width of the crop divided by its height.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
        Centre of the box; NaN where no joint is labelled.
    person_size : ndarray of shape (N,), float32
        Longer side of the smallest frame of that aspect that encloses the box: of the box itself for square crops. At
        least one pixel; NaN where no joint is labelled.
    """
    centre, extent = joints_extent(joints)
    return centre, frame_size(extent, aspect)


def box_frame(boxes, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of each subject, from its bounding box.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        x, y of the top left pixel, width, height.
    aspect : float, default=1.0
        Width of the crop divided by its height.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
    person_size : ndarray of shape (N,), float32
        Longer side of the smallest frame of that aspect that encloses the box: of the box itself for square crops.

    Raises
    ------
    ValueError
        If the shape is another, or a box is not finite or is empty.
    """
    centre, extent = box_extent(boxes)
    return centre, frame_size(extent, aspect)


def crop_shape(size) -> tuple[int, int]:
    """Height and width of crops whose size is given as one side, or as (height, width).

    Raises
    ------
    ValueError
        If it is neither, or a side is not a positive integer.
    """
    sides = (size, size) if isinstance(size, int | np.integer) else size
    pair = isinstance(sides, tuple | list | np.ndarray) and len(sides) == 2
    if not pair or any(isinstance(side, bool) or not isinstance(side, int | np.integer) or side < 1 for side in sides):
        raise ValueError(f"size must be a positive integer of pixels, or two of them, (height, width); got {size!r}")
    return int(sides[0]), int(sides[1])


@moved_keywords(fill="padding=1 / fill")
def crop_transform(centre, person_size: float, size: int | tuple[int, int], *, padding: float) -> np.ndarray:
    """Transform that centres and scales a subject in a crop.

    Parameters
    ----------
    centre : (x, y)
        Subject's centre, in pixels of the photo.
    person_size : float
        Subject's size, in pixels of the photo: the longer side of a frame of the crop's shape; see
        :func:`joints_frame`.
    size : int or (height, width)
        Side of a square crop, or its two sides, in pixels.
    padding : float
        Longer side of the crop divided by the subject's size; 1 crops exactly `person_size` pixels of the photo.

    Returns
    -------
    ndarray of shape (2, 3), float64

    Raises
    ------
    ValueError
        If the centre is not finite, or person_size, size or padding is not positive.
    """
    centre = np.asarray(centre, float)
    if centre.shape != (2,) or not np.isfinite(centre).all():
        raise ValueError(f"centre must be a finite (x, y); got {centre}; does the subject have a labelled joint?")
    height, width = crop_shape(size)
    if not (np.isfinite(person_size) and person_size > 0 and padding > 0):
        raise ValueError(f"person_size, size and padding must be positive; got {person_size}, {size}, {padding}")
    zoom = max(height, width) / (padding * person_size)
    shift = (np.array([width, height]) - 1) / 2 - zoom * centre
    return np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])


def to_crop(points, transform) -> np.ndarray:
    """Map points from photo pixels to crop pixels.

    Parameters
    ----------
    points : ndarray of shape (P, 2) or (N, P, 2)
        x, y in pixels of the photo.
    transform : ndarray of shape (2, 3) or (N, 2, 3)
        One transform for all points, or one per subject.

    Returns
    -------
    float64 ndarray of the shape of `points`
    """
    transform = np.asarray(transform, float)
    return np.asarray(points, float) @ np.swapaxes(transform[..., :2], -1, -2) + transform[..., None, :, 2]


def to_photo(points, transform) -> np.ndarray:
    """Map points from crop pixels to photo pixels: the inverse of :func:`to_crop`, with the same shapes."""
    transform = np.asarray(transform, float)
    inverse = np.linalg.inv(transform[..., :2])
    return to_crop(points, np.concatenate([inverse, -(inverse @ transform[..., 2:])], axis=-1))


def cut_crop(photo: np.ndarray, transform: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Cut the crop that a transform describes.

    Parameters
    ----------
    photo : uint8 ndarray of shape (H, W, 3)
    transform : ndarray of shape (2, 3)
    size : int or (height, width)
        Side of a square crop, or its two sides, in pixels.

    Returns
    -------
    uint8 ndarray of shape (height, width, 3)
        Grey (128) outside the photo.

    Notes
    -----
    Against aliasing, a crop that reduces the photo is drawn several times larger and averaged down.
    """
    height, width = crop_shape(size)
    zoom = math.sqrt(abs(np.linalg.det(transform[:, :2])))
    times = min(max(1, math.ceil(1 / zoom)), MAX_SHRINK)
    larger = np.array(transform, float) * times
    larger[:, 2] += (times - 1) / 2  # pixel i of the crop covers pixels times * i ... times * i + times - 1
    warped = cv2.warpAffine(
        photo,
        larger,
        (width * times, height * times),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(GREY,) * 3,
    )
    return warped if times == 1 else cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)

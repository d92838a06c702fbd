"""Photos, crops and the transform between them: the only module that changes frame.

A *transform* is a 2 x 3 affine matrix that maps photo pixels to crop pixels, both 0-based with pixel centres
at integers. The subject's centre maps to the centre of the crop, ``(size - 1) / 2``.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ._utils.deprecation import moved_keywords

__all__ = ["box_frame", "crop_transform", "cut_crop", "joints_frame", "read_photo", "to_crop", "to_photo", "to_rgb"]

GREY = 128  # level of the pixels outside the photo, as in the published networks
JPEG_START = b"\xff\xd8\xff"
MAX_SHRINK = 16  # limit of the supersampling; crops reduced further than this alias slightly


def joints_frame(joints) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of each subject, from the bounding box of its labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
        Centre of the box; NaN where no joint is labelled.
    person_size : ndarray of shape (N,), float32
        Longer side of the box, at least one pixel; NaN where no joint is labelled.
    """
    joints = np.asarray(joints, np.float32)
    labelled = joints[..., 2:] > 0
    low = np.where(labelled, joints[..., :2], np.inf).min(1)
    high = np.where(labelled, joints[..., :2], -np.inf).max(1)
    none = ~labelled.any((1, 2))
    low[none] = high[none] = np.nan
    return ((low + high) / 2).astype(np.float32), np.maximum((high - low).max(-1), 1).astype(np.float32)


def box_frame(boxes) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of each subject, from its bounding box.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        x, y of the top left pixel, width, height.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
    person_size : ndarray of shape (N,), float32
        Longer side of the box.

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
    return boxes[:, :2] + (boxes[:, 2:] - 1) / 2, boxes[:, 2:].max(1)


@moved_keywords(fill="padding=1 / fill")
def crop_transform(centre, person_size: float, size: int, *, padding: float) -> np.ndarray:
    """Transform that centres and scales a subject in a square crop.

    Parameters
    ----------
    centre : (x, y)
        Subject's centre, in pixels of the photo.
    person_size : float
        Subject's size, in pixels of the photo.
    size : int
        Side of the crop, in pixels.
    padding : float
        Side of the crop divided by the subject's size; 1 crops exactly `person_size` pixels of the photo.

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
    if not (np.isfinite(person_size) and person_size > 0 and size > 0 and padding > 0):
        raise ValueError(f"person_size, size and padding must be positive; got {person_size}, {size}, {padding}")
    zoom = size / (padding * person_size)
    shift = (size - 1) / 2 - zoom * centre
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


def cut_crop(photo: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Cut the crop that a transform describes.

    Parameters
    ----------
    photo : uint8 ndarray of shape (H, W, 3)
    transform : ndarray of shape (2, 3)
    size : int
        Side of the crop, in pixels.

    Returns
    -------
    uint8 ndarray of shape (size, size, 3)
        Grey (128) outside the photo.

    Notes
    -----
    Against aliasing, a crop that reduces the photo is drawn several times larger and averaged down.
    """
    zoom = math.sqrt(abs(np.linalg.det(transform[:, :2])))
    times = min(max(1, math.ceil(1 / zoom)), MAX_SHRINK)
    larger = np.array(transform, float) * times
    larger[:, 2] += (times - 1) / 2  # pixel i of the crop covers pixels times * i ... times * i + times - 1
    warped = cv2.warpAffine(
        photo,
        larger,
        (size * times, size * times),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(GREY,) * 3,
    )
    return warped if times == 1 else cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo file as uint8 RGB (H, W, 3); a JPEG is turned upright by its EXIF orientation.

    Greyscale and transparent photos are converted as in :func:`to_rgb`.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not an image, is truncated, or has more than 8 bits per channel.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no photo at {path}; check the folder of the photos")
    data = np.fromfile(path, np.uint8)
    is_jpeg = data[:3].tobytes() == JPEG_START
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR if is_jpeg else cv2.IMREAD_UNCHANGED) if data.size else None
    if photo is None or _is_truncated(data):
        raise ValueError(
            f"{path} is not a readable image ({data.size} bytes); it may be truncated, so download or copy it again"
        )
    if photo.dtype != np.uint8:
        raise ValueError(f"{path} has {photo.dtype} values; convert it to 8 bits per channel")
    channels = [2, 1, 0, 3][: photo.shape[2]] if photo.ndim == 3 else []
    return to_rgb(photo[..., channels] if channels else photo)


def _is_truncated(data: np.ndarray) -> bool:
    """Whether a JPEG or PNG file lacks its end marker, which OpenCV ignores, filling the rest with grey."""
    start, end = data[:4].tobytes(), data[-1024:].tobytes()
    if start[:3] == JPEG_START:
        return b"\xff\xd9" not in end
    return start == b"\x89PNG" and b"IEND" not in end


def to_rgb(photo) -> np.ndarray:
    """Convert an image array to uint8 RGB (H, W, 3).

    Greyscale images, (H, W) or (H, W, 1), are repeated three times; an alpha channel is blended over grey (128);
    bool values become 0 and 255. Other types are rejected because their range is unknown.

    Raises
    ------
    ValueError
        For any other shape or type.
    """
    photo = np.asarray(photo)
    if photo.dtype == bool:
        photo = photo.astype(np.uint8) * 255
    if photo.dtype != np.uint8:
        raise ValueError(f"a photo must be uint8 in 0..255; got {photo.dtype}; scale it: (x * 255).astype(np.uint8)")
    if photo.ndim == 2:
        photo = photo[..., None]
    if photo.ndim != 3 or photo.shape[-1] not in (1, 3, 4) or not photo.size:
        raise ValueError(f"a photo must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got shape {photo.shape}")
    if photo.shape[-1] == 4:
        alpha = photo[..., 3:].astype(np.float32) / 255
        photo = np.rint(photo[..., :3] * alpha + GREY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(photo, (*photo.shape[:2], 3)))

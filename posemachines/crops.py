"""Between the photo and the canonical frame: the only module that changes frame.

A *transform* is a 2 x 3 affine matrix that takes photo pixels to crop pixels, both 0-based with pixel centres
at integers. The person's centre lands on the middle of the crop, ``(size - 1) / 2``.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

__all__ = ["box_frame", "crop_transform", "cut_crop", "joints_frame", "read_photo", "to_crop", "to_photo", "to_rgb"]

PADDING = 128  # grey level outside the photo, as in the published networks
JPEG_START = b"\xff\xd8\xff"
MAX_SHRINK = 16  # supersampling stops here; photos larger than that a crop pixel alias a little


def joints_frame(joints) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale of people from the box of their labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and visible.

    Returns
    -------
    centre : ndarray of shape (N, 2), float32
        Middle of the box; NaN where no joint is labelled.
    scale : ndarray of shape (N,), float32
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
    """Centre (N, 2) and scale (N,), the longer side, of boxes (N, 4): x, y of the first pixel, width, height."""
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4): x, y, width, height; got shape {boxes.shape}")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise ValueError("boxes must be finite with positive width and height")
    return boxes[:, :2] + (boxes[:, 2:] - 1) / 2, boxes[:, 2:].max(1)


def crop_transform(centre, scale: float, size: int, *, fill: float) -> np.ndarray:
    """Transform that puts a person into a square crop.

    Parameters
    ----------
    centre : (x, y)
        Person's centre, in pixels of the photo.
    scale : float
        Person's extent, in pixels of the photo.
    size : int
        Side of the crop, in pixels.
    fill : float
        Share of the crop's side that `scale` takes up.

    Returns
    -------
    ndarray of shape (2, 3), float64

    Raises
    ------
    ValueError
        If the centre is not finite, or scale, size or fill is not positive.
    """
    centre = np.asarray(centre, float)
    if centre.shape != (2,) or not np.isfinite(centre).all():
        raise ValueError(f"centre must be a finite (x, y); got {centre}; does the person have a labelled joint?")
    if not (np.isfinite(scale) and scale > 0 and size > 0 and fill > 0):
        raise ValueError(f"scale, size and fill must be positive; got {scale}, {size}, {fill}")
    zoom = fill * size / scale
    shift = (size - 1) / 2 - zoom * centre
    return np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])


def to_crop(points, transform) -> np.ndarray:
    """Points of the photo in pixels of the crop.

    Parameters
    ----------
    points : ndarray of shape (P, 2) or (N, P, 2)
        x, y in pixels of the photo.
    transform : ndarray of shape (2, 3) or (N, 2, 3)
        One transform, or one a person.

    Returns
    -------
    float64 ndarray of the shape of `points`
    """
    transform = np.asarray(transform, float)
    return np.asarray(points, float) @ np.swapaxes(transform[..., :2], -1, -2) + transform[..., None, :, 2]


def to_photo(points, transform) -> np.ndarray:
    """Points of the crop in pixels of the photo: the inverse of :func:`to_crop`, with the same shapes."""
    transform = np.asarray(transform, float)
    inverse = np.linalg.inv(transform[..., :2])
    return to_crop(points, np.concatenate([inverse, -(inverse @ transform[..., 2:])], axis=-1))


def cut_crop(photo: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """The crop that a transform describes.

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
    A crop smaller than the photo is drawn several times larger and averaged down, against aliasing.
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
        borderValue=(PADDING,) * 3,
    )
    return warped if times == 1 else cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)


def read_photo(path: str | Path) -> np.ndarray:
    """A picture file as uint8 RGB (H, W, 3), a JPEG upright as its EXIF orientation says.

    Grey and transparent pictures are converted as by :func:`to_rgb`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a picture, is cut short, or has more than 8 bits a channel.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no photo at {path}; check the folder that was given as root")
    data = np.fromfile(path, np.uint8)
    is_jpeg = data[:3].tobytes() == JPEG_START
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR if is_jpeg else cv2.IMREAD_UNCHANGED) if data.size else None
    if photo is None or _is_cut_short(data):
        raise ValueError(f"{path} is not a readable picture ({data.size} bytes); it may be truncated: fetch it again")
    if photo.dtype != np.uint8:
        raise ValueError(f"{path} has {photo.dtype} values; convert it to 8 bits a channel")
    channels = [2, 1, 0, 3][: photo.shape[2]] if photo.ndim == 3 else []
    return to_rgb(photo[..., channels] if channels else photo)


def _is_cut_short(data: np.ndarray) -> bool:
    """Whether a JPEG or PNG file lacks its end marker, which OpenCV passes over by filling in grey."""
    start, end = data[:4].tobytes(), data[-1024:].tobytes()
    if start[:3] == JPEG_START:
        return b"\xff\xd9" not in end
    return start == b"\x89PNG" and b"IEND" not in end


def to_rgb(photo) -> np.ndarray:
    """A picture in memory as uint8 RGB (H, W, 3).

    Grey pictures (H, W) or (H, W, 1) are repeated three times; an alpha channel is blended over grey 128;
    a bool picture becomes 0 and 255. Other types are refused, since their range is unknown.

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
        photo = np.rint(photo[..., :3] * alpha + PADDING * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(photo, (*photo.shape[:2], 3)))

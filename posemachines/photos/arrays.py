"""Pictures as arrays: any number of channels to RGB."""

from __future__ import annotations

import numpy as np

__all__ = ["GREY", "to_rgb"]

GREY = 128
"""Level behind transparent pixels, as outside the photo."""


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
        raise ValueError(
            f"a photo must be uint8 in 0..255; got {photo.dtype}; scale it: (x * 255).astype(np.uint8) for 0..1, "
            "or posemachines.photos.to_eight_bits(x) for any range"
        )
    if photo.ndim == 2:
        photo = photo[..., None]
    if photo.ndim != 3 or photo.shape[-1] not in (1, 3, 4) or not photo.size:
        raise ValueError(f"a photo must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got shape {photo.shape}")
    if photo.shape[-1] == 4:
        alpha = photo[..., 3:].astype(np.float32) / 255
        photo = np.rint(photo[..., :3] * alpha + GREY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(photo, (*photo.shape[:2], 3)))

"""Values of more than 8 bits: one rule that brings them to 0..255."""

from __future__ import annotations

import numpy as np

__all__ = ["DEPTH_RULE", "to_eight_bits"]

LOW, HIGH = 0.5, 99.5  # percentiles
CONSTANT = 128

DEPTH_RULE = (
    f"values of more than 8 bits: from the {LOW}th to the {HIGH}th percentile of the photo to 0..255, linear, clipped; "
    "from its lowest to its highest value where these percentiles are equal; a constant photo is grey (128)"
)
"""The rule in words, as reports and machine files record it. A DICOM window takes precedence over it."""


def to_eight_bits(values, where=None) -> np.ndarray:
    """Bring a picture of any depth to 8 bits by :data:`DEPTH_RULE`.

    Parameters
    ----------
    values : ndarray of shape (H, W) or (H, W, 1 to 4)
        Integers, floats or bools. All channels share one scale, so colours keep their hue. A fourth channel is alpha:
        it is divided by the largest value of its type (1 for floats).
    where : bool ndarray of shape (H, W), optional
        Pixels from which the percentiles are taken; by default those that are not fully transparent.

    Returns
    -------
    uint8 ndarray of the shape of `values`
        uint8 is returned as it is; False and True become 0 and 255; NaN becomes 0.

    Raises
    ------
    ValueError
        If the values are no real numbers, or none of them is finite.
    """
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype.kind not in "iuf" or values.ndim not in (2, 3):
        raise ValueError(f"a picture must be real numbers (H, W) or (H, W, channels); got {values.dtype}{values.shape}")
    if values.ndim == 3 and values.shape[-1] == 4:
        top = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
        share = np.clip(np.nan_to_num(values[..., 3:].astype(np.float32) / top), 0, 1)
        where = share[..., 0] > 0 if where is None else where
        colours = _scaled(values[..., :3], where)
        return np.concatenate([colours, np.rint(share * 255).astype(np.uint8)], axis=-1)
    return _scaled(values, where)


def _scaled(values: np.ndarray, where) -> np.ndarray:
    exact = np.float32 if values.dtype.itemsize <= 2 else np.float64
    values = values.astype(exact)
    chosen = values if where is None or not np.any(where) else values[np.asarray(where, bool)]
    chosen = chosen[np.isfinite(chosen)]
    if not chosen.size:
        raise ValueError("the photo has no finite value")
    low, high = np.percentile(chosen, (LOW, HIGH))
    if not low < high:
        low, high = float(chosen.min()), float(chosen.max())
    if not low < high:
        return np.full(values.shape, CONSTANT, np.uint8)
    scaled = (np.clip(values, low, high) - low) * (255 / (high - low))
    return np.rint(np.nan_to_num(scaled, nan=0)).astype(np.uint8)

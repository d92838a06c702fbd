"""Validation of the arrays that cross the public interface; every message says what to do."""

from __future__ import annotations

import numpy as np

__all__ = ["check_beliefs", "check_images", "check_joints"]

_CONVERSIONS = {
    1: "repeat the grey channel: np.repeat(X, 3, axis=-1)",
    4: "drop or blend the alpha channel: X[..., :3]",
}


def check_images(images, *, stride: int | None = None) -> np.ndarray:
    """Person crops as a C-contiguous uint8 array (N, H, W, 3); ValueError otherwise."""
    images = np.asarray(images)
    if images.ndim == 3 and images.shape[-1] == 3 and images.dtype == np.uint8:
        raise ValueError(f"images must be (N, H, W, 3); got one picture {images.shape}; pass images[None]")
    if images.ndim == 3:
        raise ValueError(
            f"images must be (N, H, W, 3) RGB; got {images.shape}; stack grey pictures three times: "
            "np.repeat(X[..., None], 3, axis=-1)"
        )
    if images.ndim != 4:
        raise ValueError(f"images must be (N, H, W, 3); got an array of shape {images.shape}")
    if images.shape[-1] != 3:
        hint = _CONVERSIONS.get(images.shape[-1], "give red, green and blue, channels last")
        raise ValueError(f"images must have 3 channels (RGB, last axis); got {images.shape[-1]}; {hint}")
    if images.dtype != np.uint8:
        raise ValueError(
            f"images must be uint8 in 0..255; got {images.dtype}; "
            "pictures in 0..1 become (X * 255).round().astype(np.uint8)"
        )
    if not len(images):
        raise ValueError("images is empty (N = 0); give at least one person")
    height, width = images.shape[1:3]
    if stride is not None and not (isinstance(stride, int | np.integer) and stride > 0):
        raise ValueError(f"stride is a positive whole number of pixels a cell; got {stride!r}")
    if stride is not None and (height % stride or width % stride or min(height, width) < stride):
        raise ValueError(
            f"images are {height} x {width} px, not a multiple of the stride {stride}; "
            f"crop to {max(height // stride, 1) * stride} x {max(width // stride, 1) * stride}"
        )
    return np.ascontiguousarray(images)


def check_joints(joints, *, n_people: int | None = None, n_parts: int | None = None) -> np.ndarray:
    """Joints as a float32 array (N, P, 3): x, y, visible.

    (N, P, 2) is taken as labelled wherever both coordinates are finite. The result is a copy in which an
    unlabelled joint stands at (0, 0, 0), so that no meaningless coordinate can leak into a computation.
    """
    joints = np.asarray(joints)
    if joints.dtype.kind not in "fiub":
        raise ValueError(f"joints must be numbers; got dtype {joints.dtype}")
    if joints.ndim != 3 or joints.shape[-1] not in (2, 3):
        raise ValueError(f"joints must be (N, P, 3): x, y, visible; got shape {joints.shape}")
    joints = joints.astype(np.float32)
    if joints.shape[-1] == 2:
        joints = np.concatenate([joints, np.isfinite(joints).all(-1, keepdims=True)], axis=-1).astype(np.float32)
    if n_people is not None and len(joints) != n_people:
        raise ValueError(f"joints has {len(joints)} people but there are {n_people} images; they must agree")
    if n_parts is not None and joints.shape[1] != n_parts:
        raise ValueError(f"joints has {joints.shape[1]} parts but {n_parts} are expected; select or reorder parts")
    if not joints.shape[1]:
        raise ValueError("joints has no parts (P = 0)")
    visible = joints[..., 2]
    if not np.isfinite(visible).all():
        raise ValueError(
            "the visible column of joints holds NaN or infinity; use 1 for labelled and 0 for not labelled"
        )
    broken = np.argwhere((visible > 0) & ~np.isfinite(joints[..., :2]).all(-1))
    if len(broken):
        person, part = broken[0]
        raise ValueError(
            f"joints[{person}, {part}] is labelled but its coordinates are not finite "
            f"({len(broken)} such joints); set visible to 0 there"
        )
    joints[..., 2] = visible > 0
    joints[visible <= 0] = 0
    return joints


def check_beliefs(beliefs, shape: tuple[int, int, int, int], *, what: str = "beliefs") -> np.ndarray:
    """Belief maps as float32 of exactly `shape` = (N, P+1, h, w), all finite; ValueError otherwise."""
    beliefs = np.asarray(beliefs)
    if beliefs.shape != shape:
        raise ValueError(f"{what} must be (N, P+1, h, w) = {shape}; got {beliefs.shape}")
    if beliefs.dtype.kind != "f":
        raise ValueError(f"{what} must be floating point; got {beliefs.dtype}")
    if not np.isfinite(beliefs).all():
        raise ValueError(f"{what} holds NaN or infinity")
    return np.ascontiguousarray(beliefs, dtype=np.float32)

"""Validation of the arrays that cross the public interface; every message says what to do."""

from __future__ import annotations

import numpy as np

__all__ = ["check_beliefs", "check_images", "check_joint_frame", "check_joints"]

_CONVERSIONS = {
    1: "repeat the grey channel: np.repeat(X, 3, axis=-1)",
    4: "drop or blend the alpha channel: X[..., :3]",
}


def check_images(images, *, stride: int | None = None) -> np.ndarray:
    """Crops as a C-contiguous uint8 array (N, H, W, 3); ValueError otherwise."""
    images = np.asarray(images)
    if images.ndim == 3 and images.shape[-1] == 3 and images.dtype == np.uint8:
        raise ValueError(f"images must be (N, H, W, 3); got one image {images.shape}; pass images[None]")
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
            "images in 0..1 become (X * 255).round().astype(np.uint8)"
        )
    if not len(images):
        raise ValueError("images is empty (N = 0); give at least one subject")
    height, width = images.shape[1:3]
    if stride is not None and not (isinstance(stride, int | np.integer) and stride > 0):
        raise ValueError(f"stride is a positive whole number of pixels per cell; got {stride!r}")
    if stride is not None and (height % stride or width % stride or min(height, width) < stride):
        raise ValueError(
            f"images are {height} x {width} px, not a multiple of the stride {stride}; "
            f"crop to {max(height // stride, 1) * stride} x {max(width // stride, 1) * stride}"
        )
    return np.ascontiguousarray(images)


def check_joints(joints, *, n_people: int | None = None, n_parts: int | None = None) -> np.ndarray:
    """Joints as a float32 array (N, P, 3): x, y, labelled.

    In (N, P, 2), joints with finite coordinates are labelled. The result is a copy in which unlabelled joints are
    (0, 0, 0), so that no meaningless coordinate enters a computation.
    """
    joints = np.asarray(joints)
    if joints.dtype.kind not in "fiub":
        raise ValueError(f"joints must be numbers; got dtype {joints.dtype}")
    if joints.ndim != 3 or joints.shape[-1] not in (2, 3):
        raise ValueError(f"joints must be (N, P, 3): x, y, labelled; got shape {joints.shape}")
    joints = joints.astype(np.float32)
    if joints.shape[-1] == 2:
        joints = np.concatenate([joints, np.isfinite(joints).all(-1, keepdims=True)], axis=-1).astype(np.float32)
    if n_people is not None and len(joints) != n_people:
        raise ValueError(f"joints has {len(joints)} subjects but there are {n_people} images; they must agree")
    if n_parts is not None and joints.shape[1] != n_parts:
        raise ValueError(f"joints has {joints.shape[1]} parts but {n_parts} are expected; select or reorder parts")
    if not joints.shape[1]:
        raise ValueError("joints has no parts (P = 0)")
    labelled = joints[..., 2]
    if not np.isfinite(labelled).all():
        raise ValueError(
            "the labelled column of joints holds NaN or infinity; use 1 for labelled and 0 for not labelled"
        )
    broken = np.argwhere((labelled > 0) & ~np.isfinite(joints[..., :2]).all(-1))
    if len(broken):
        subject, part = broken[0]
        raise ValueError(
            f"joints[{subject}, {part}] is labelled but its coordinates are not finite "
            f"({len(broken)} such joints); set labelled to 0 there"
        )
    joints[..., 2] = labelled > 0
    joints[labelled <= 0] = 0
    return joints


EDGE = 0.5  # px beyond the outermost pixel centres: the edge of the image
_FEWEST = 4  # labelled joints; fewer say nothing about all of them


def check_joint_frame(joints, shapes, *, what: str = "crop") -> None:
    """ValueError if the joints cannot be pixels of their images; says what they look like.

    Recognised are coordinates normalised to 0..1, x and y exchanged, and joints of another frame, of which more than
    90 % lie outside the image. A few joints outside are fine, and so are fewer than four labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y, labelled.
    shapes : (height, width) or ndarray of shape (N, 2)
        Of all images, or of each.
    what : {"crop", "photo"}
        What the joints should be pixels of, for the message.
    """
    joints = np.asarray(joints, float)
    labelled = joints[..., 2] > 0
    sides = np.broadcast_to(np.asarray(shapes)[..., ::-1], (len(joints), 2))[:, None]  # width, height
    sides = np.broadcast_to(sides, joints[..., :2].shape)[labelled]
    points = joints[..., :2][labelled]
    if len(points) < _FEWEST:
        return
    low, high = points.min(0), points.max(0)
    reach = f"x {low[0]:.4g}..{high[0]:.4g}, y {low[1]:.4g}..{high[1]:.4g}"
    images = f"a {what}" if what == "crop" else "their photos"
    size = "x".join(f"{side:.0f}" for side in np.median(sides, 0)) + " px"
    if low.min() > -0.1 and high.max() < 1.1 and sides.min() > 8 and (points % 1 > 0).any():
        raise ValueError(
            f"joints look normalised to 0..1 ({reach}) but must be pixels of {images} ({size}, width x height); "
            "multiply x by the width and y by the height"
        )
    outside = ((points < -EDGE) | (points > sides - 1 + EDGE)).any(1).mean()
    exchanged = ((points[:, ::-1] < -EDGE) | (points[:, ::-1] > sides - 1 + EDGE)).any(1).mean()
    if outside > 0.5 and exchanged < 0.1:
        raise ValueError(
            f"joints look like (y, x): {outside:.0%} lie outside {images} ({size}, width x height), but only "
            f"{exchanged:.0%} with x and y exchanged; pass x first: joints[..., [1, 0, 2]]"
        )
    if outside > 0.9:
        advice = (
            "they look like pixels of the photo; pass the crops' own joints (dataset.crops()), or map them with "
            "posemachines.geometry.to_crop"
            if what == "crop"
            else "check that labels and photos belong together, and that the photos were not resized"
        )
        raise ValueError(f"{outside:.0%} of the labelled joints ({reach}) lie outside {images} ({size}): {advice}")


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

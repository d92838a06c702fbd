"""Augmented copies of the training subjects: mirrored, rotated and rescaled."""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry import to_crop
from ..skeleton import Skeleton

__all__ = ["add_copies"]


def add_copies(
    images: np.ndarray,
    joints: np.ndarray,
    skeleton: Skeleton,
    *,
    n_augmented: int,
    rotation: float = 0.0,
    scale_jitter: float = 0.0,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The subjects, followed by augmented copies of them.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
    joints : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    skeleton : Skeleton
        Determines which parts are swapped in a mirrored copy; without pairs no copy is mirrored.
    n_augmented : int
        V: each subject as is, then V - 1 copies, of which the first, third, ... are mirrored.
    rotation : float, default=0
        Largest rotation of a copy to either side, in degrees.
    scale_jitter : float, default=0
        Largest change of the logarithm of the size.
    rng : numpy.random.Generator

    Returns
    -------
    images : uint8 ndarray of shape (V * N, H, W, 3)
        Originals first; where a copy extends beyond the crop, its border is repeated.
    joints : float32 ndarray of shape (V * N, P, 3)
        Joints that leave the crop are unlabelled in that copy.
    subjects : int ndarray of shape (V * N,)
        Index of the original of each.

    Raises
    ------
    ValueError
        If `n_augmented`, `rotation` or `scale` is out of range.
    """
    if not isinstance(n_augmented, int | np.integer) or n_augmented < 1:
        raise ValueError(f"n_augmented must be a positive integer; got {n_augmented!r}")
    if not (0 <= rotation <= 180 and scale_jitter >= 0):
        raise ValueError(
            f"rotation must be in 0..180 degrees and scale_jitter not negative; got {rotation} and {scale_jitter}"
        )
    n, height, width = images.shape[:3]
    if n_augmented > 1 and not (rotation or scale_jitter or skeleton.pairs):
        n_augmented = 1  # the copies would be identical
    more_images = np.empty((n_augmented * n, *images.shape[1:]), np.uint8)
    more_joints = np.empty((n_augmented * n, *joints.shape[1:]), np.float32)
    more_images[:n], more_joints[:n] = images, joints
    for copy in range(n, n_augmented * n):
        mirrored = (copy // n) % 2 == 1 and bool(skeleton.pairs)
        degrees, factor = rng.uniform(-rotation, rotation), np.exp(rng.uniform(-scale_jitter, scale_jitter))
        matrix = _motion((height, width), mirrored, degrees, factor)
        more_images[copy] = _move(images[copy % n], matrix, exact=not (rotation or scale_jitter))
        moved = joints[copy % n].copy()
        moved[:, :2] = to_crop(moved[:, :2], matrix)
        moved = moved[list(skeleton.flip_order)] if mirrored else moved
        outside = ((moved[:, :2] < -0.5) | (moved[:, :2] > np.array([width, height]) - 0.5)).any(1)
        moved[outside | (moved[:, 2] == 0)] = 0
        more_joints[copy] = moved
    return more_images, more_joints, np.tile(np.arange(n), n_augmented)


def _motion(shape: tuple[int, int], mirrored: bool, degrees: float, factor: float) -> np.ndarray:
    """Transform (2, 3) that mirrors, rotates and rescales about the centre of the crop."""
    middle = (np.array(shape[::-1]) - 1) / 2
    angle = np.deg2rad(degrees)
    linear = factor * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    return np.column_stack([linear, middle - linear @ middle])


def _move(image: np.ndarray, matrix: np.ndarray, *, exact: bool) -> np.ndarray:
    if exact:  # mirrored at most
        return image[:, ::-1] if matrix[0, 0] < 0 else image
    size = image.shape[1], image.shape[0]
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

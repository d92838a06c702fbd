"""Test-time augmentation: beliefs averaged over several scales and the mirror image of a crop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..beliefs import flip_beliefs, resize_beliefs
from ..skeleton import Skeleton

__all__ = ["average_views", "check_flip", "check_tta_scales", "make_views"]


def check_tta_scales(tta_scales: Sequence[float]) -> tuple[float, ...]:
    """The scales as a tuple; ValueError if there are none or one is out of range."""
    scales = tuple(np.atleast_1d(tta_scales).astype(float))
    if not scales or not all(0.1 <= factor <= 10 for factor in scales):
        raise ValueError(f"tta_scales must be factors between 0.1 and 10, such as (0.9, 1, 1.1); got {tta_scales!r}")
    return scales


def check_flip(flip: bool | None, skeleton: Skeleton) -> None:
    """Raise ValueError if mirroring is requested for a skeleton without left-right pairs."""
    if flip and not skeleton.pairs:
        raise ValueError(
            f"flip=True needs left-right pairs, which skeleton {skeleton.name!r} lacks; pass flip=False or a "
            "skeleton with pairs"
        )


def make_views(
    images: np.ndarray, *, tta_scales: Sequence[float], flip: bool, stride: int
) -> list[tuple[np.ndarray, bool]]:
    """Views of crops (N, H, W, 3), each with whether it is mirrored.

    Each scale resizes the crops to the nearest multiple of the stride.
    """
    scaled = [_resized(images, factor, stride) for factor in check_tta_scales(tta_scales)]
    views = [(crops, False) for crops in scaled]
    if flip:
        views += [(np.ascontiguousarray(crops[:, :, ::-1]), True) for crops in scaled]
    return views


def average_views(
    run: Callable[[np.ndarray], Iterator[np.ndarray]],
    images: np.ndarray,
    skeleton: Skeleton,
    *,
    tta_scales: Sequence[float],
    flip: bool,
    stride: int,
) -> Iterator[np.ndarray]:
    """Part beliefs, stage by stage, averaged over the views of a batch of crops.

    Parameters
    ----------
    run : callable
        Crops (N, H, W, 3) -> beliefs (N, C, h, w) of stage 1, 2, ...; maps after the background are dropped.
    images : uint8 ndarray of shape (N, H, W, 3)
    skeleton : Skeleton
        Names the parts that change places in the mirror image.
    tta_scales : sequence of float
    flip : bool
    stride : int

    Yields
    ------
    float32 ndarray of shape (N, P+1, h, w)
        On the grid of the crops themselves.
    """
    check_flip(flip, skeleton)
    n_maps = skeleton.n_parts + 1
    grid = images.shape[1] // stride, images.shape[2] // stride
    views = make_views(images, tta_scales=tta_scales, flip=flip, stride=stride)
    for staged in zip(*(run(crops) for crops, _ in views), strict=True):
        total = np.zeros((len(images), n_maps, *grid), np.float32)
        for beliefs, (_, mirrored) in zip(staged, views, strict=True):
            beliefs = resize_beliefs(beliefs[:, :n_maps], grid)
            total += flip_beliefs(beliefs, skeleton.flip_order) if mirrored else beliefs
        yield total / len(views) if len(views) > 1 else total


def _resized(images: np.ndarray, factor: float, stride: int) -> np.ndarray:
    """Crops resized by about `factor`, to a multiple of the stride."""
    height, width = (max(round(size * factor / stride), 1) * stride for size in images.shape[1:3])
    if (height, width) == images.shape[1:3]:
        return images
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (width, height), interpolation=interpolation) for image in images])

"""Augmentation of a batch on the device: images, previous beliefs and joints are transformed together."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional

__all__ = ["Motion", "draw_motion", "jitter_colours", "move_beliefs", "move_images", "move_joints"]


class Motion(NamedTuple):
    """One affine map per subject, from the crop to the augmented crop.

    Attributes
    ----------
    matrix : tensor of shape (N, 2, 3)
        Maps (x, y, 1), in pixels, to the pixels of the augmented crop.
    flipped : bool tensor of shape (N,)
        Whether the map mirrors the crop.
    """

    matrix: torch.Tensor
    flipped: torch.Tensor

    def inverse(self) -> torch.Tensor:
        """The (N, 2, 3) maps from the augmented crop back to the crop."""
        linear = torch.linalg.inv(self.matrix[:, :, :2])
        return torch.cat([linear, -linear @ self.matrix[:, :, 2:]], dim=2)

    def to(self, device: torch.device) -> Motion:
        """The same motion on another device."""
        return Motion(self.matrix.to(device), self.flipped.to(device))


def draw_motion(
    n: int,
    shape: tuple[int, int],
    *,
    rotation: float,
    scale_jitter: tuple[float, float],
    shift: float,
    flip: bool,
    generator: torch.Generator,
    scale_law: str = "log",
) -> Motion:
    """Random similarity about the centre of the crop, uniform in angle, scale and shift.

    Parameters
    ----------
    n : int
        Number of subjects.
    shape : (H, W)
        Size of the crops, in pixels.
    rotation : float
        Largest angle, in degrees, to either side, in square crops. In others it is reduced, in the proportion of the
        angle of their diagonal to 45 degrees, so that elongated subjects stay inside.
    scale_jitter : (float, float)
        Smallest and largest scale factor.
    shift : float
        Largest shift in x and y, as a fraction of the shorter side.
    flip : bool
        Mirror each crop with a probability of one half.
    generator : torch.Generator
        On the CPU, whatever the device of the batch.
    scale_law : {"log", "linear"}, default="log"
        Whether the logarithm of the factor is uniform, or the factor itself, as published.

    Returns
    -------
    Motion
        On the CPU.
    """
    uniform = torch.rand(5, n, generator=generator)
    diagonal = math.atan2(min(shape), max(shape)) / math.atan2(1, 1)
    angle = (2 * uniform[0] - 1) * math.radians(rotation) * diagonal
    if scale_law == "linear":
        factor = scale_jitter[0] + (scale_jitter[1] - scale_jitter[0]) * uniform[1]
    else:
        low, high = (math.log(factor) for factor in scale_jitter)
        factor = torch.exp(low + (high - low) * uniform[1])
    flipped = (uniform[4] < 0.5) & flip
    sign = torch.where(flipped, -1.0, 1.0)
    cosine, sine = factor * torch.cos(angle), factor * torch.sin(angle)
    linear = torch.stack([torch.stack([cosine * sign, -sine], 1), torch.stack([sine * sign, cosine], 1)], 1)
    centre = torch.tensor([(shape[1] - 1) / 2, (shape[0] - 1) / 2])[:, None]
    offset = (2 * uniform[2:4].T[..., None] - 1) * shift * min(shape)
    return Motion(torch.cat([linear, centre + offset - linear @ centre], dim=2), flipped)


def move_images(images: torch.Tensor, motion: Motion) -> torch.Tensor:
    """Images (N, 3, H, W) after the motion; zero (pixel value 128) outside the crop."""
    return _resample(images, motion.inverse(), stride=1)


def move_beliefs(beliefs: torch.Tensor, motion: Motion, flip_order: torch.Tensor, *, stride: int) -> torch.Tensor:
    """Beliefs (N, P+1, h, w) after the motion, with left and right parts exchanged in mirrored crops.

    Outside the crop the parts are 0 and the background, last, is 1.
    """
    background = functional.one_hot(flip_order.new_tensor(len(flip_order)), len(flip_order) + 1)[:, None, None]
    moved = _resample(beliefs - background, motion.inverse(), stride=stride) + background
    order = torch.cat([flip_order, flip_order.new_tensor([len(flip_order)])])
    return torch.where(motion.flipped[:, None, None, None], moved[:, order], moved)


def move_joints(joints: torch.Tensor, motion: Motion, flip_order: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Joints (N, P, 3) after the motion; joints that leave the (H, W) crop become unlabelled, (0, 0, 0)."""
    places = joints[..., :2] @ motion.matrix[:, :, :2].mT + motion.matrix[:, None, :, 2]
    largest = places.new_tensor([shape[1] - 0.5, shape[0] - 0.5])
    inside = ((places >= -0.5) & (places <= largest)).all(-1) & (joints[..., 2] > 0)
    moved = torch.cat([places, torch.ones_like(places[..., :1])], dim=-1) * inside[..., None]
    return torch.where(motion.flipped[:, None, None], moved[:, flip_order], moved)


def jitter_colours(images: torch.Tensor, amount: float, chances: torch.Tensor) -> torch.Tensor:
    """Images in [-0.5, 0.5] with random contrast, brightness and channel gains.

    Parameters
    ----------
    images : tensor of shape (N, 3, H, W)
    amount : float
        Largest relative change of the contrast and of each channel's gain; brightness changes by up to half of it.
    chances : tensor of shape (N, 5, 1, 1)
        Uniform in [0, 1).
    """
    uniform = 2 * chances - 1
    gain = (1 + amount * uniform[:, :1]) * (1 + amount * uniform[:, 1:4])
    return images * gain + amount / 2 * uniform[:, 4:]


def _resample(maps: torch.Tensor, inverse: torch.Tensor, *, stride: int) -> torch.Tensor:
    """Maps (N, C, h, w) sampled at the positions to which `inverse`, in pixels, maps each cell; zero outside."""
    height, width = maps.shape[-2:]
    offset = (stride - 1) / 2
    x = torch.arange(width, device=maps.device) * stride + offset
    y = torch.arange(height, device=maps.device) * stride + offset
    columns, rows = torch.meshgrid(x, y, indexing="xy")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1) @ inverse[:, None].mT
    cells = (pixels - offset) / stride
    size = maps.new_tensor([width, height])
    return functional.grid_sample(maps, (2 * cells + 1) / size - 1, padding_mode="zeros", align_corners=False)

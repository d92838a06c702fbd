"""Trunk of `cpm-hand-made`: the image features of the forests, computed in torch, and learned convolutions on them."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn import functional

from .lite import ScaledConv2d, TwoScales, activation, fold, unfold

__all__ = ["HandMadeMaps", "HandMadeTrunk"]

CELLS = (4, 8, 16)  # sides of the HOG cells, in pixels; these numbers are those of posemachines.forest.features
STRIDE = 4
BINS = 9
CLIP, NOISE = 0.4, 4.0  # of the normalised histograms
N_MAPS = len(CELLS) * (BINS + 4)
_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
TINY = 1e-8  # keeps the gradients of roots finite


class HandMadeMaps(nn.Module):
    """Images (N, 3, H, W) -> the maps of :func:`posemachines.forest.features.image_maps` at stride 4, (N, 39, h, w).

    Nothing is learned. Values are scaled to about unit size, after the square root of histograms and magnitudes, like
    the codes that forests read.

    Attributes
    ----------
    FIELD : int
        Side of the receptive field of a cell, in pixels: three of the largest HOG cells, and the differences.
    """

    FIELD = 3 * CELLS[-1] + 2

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("xyz", torch.tensor(_XYZ) / torch.tensor(_WHITE)[:, None], persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The maps of images scaled to pixel / 256 - 0.5."""
        with _single_precision(images.device.type):
            pixels = ((images.float() + 0.5) * 256).clamp(0, 255)
            votes = self.votes(pixels)
            light = self.linear(pixels / 255)
            maps = []
            for cell in CELLS:
                means = _cell_means(votes, cell)
                histogram = _normalise(means[:, :BINS], max(cell // STRIDE, 1))
                lab = self.lab(_cell_means(light, cell))
                roots = torch.cat([histogram * (4 / CLIP), means[:, BINS:] / 16], 1).clamp(min=TINY).sqrt()
                maps += [roots, lab[:, :1] / 25 - 2, lab[:, 1:] / 16]
            return torch.cat(maps, 1)

    @staticmethod
    def votes(pixels: torch.Tensor) -> torch.Tensor:
        """Gradient magnitude by orientation, and in all: (N, 10, H, W)."""
        along_y, along_x = torch.zeros_like(pixels), torch.zeros_like(pixels)
        along_y[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
        along_x[..., 1:-1] = pixels[..., 2:] - pixels[..., :-2]
        best = (along_y.square() + along_x.square()).argmax(1, keepdim=True)
        along_y, along_x = along_y.gather(1, best), along_x.gather(1, best)
        magnitude = (along_y.square() + along_x.square() + TINY).sqrt()
        place = torch.atan2(along_y, along_x + TINY) * (BINS / math.pi) - 0.5
        bins = torch.arange(BINS, device=pixels.device)[:, None, None]
        away = (place - bins + BINS / 2) % BINS - BINS / 2  # the orientations form a circle
        return torch.cat([magnitude * (1 - away.abs()).clamp(min=0), magnitude], 1)

    @staticmethod
    def linear(values: torch.Tensor) -> torch.Tensor:
        """SRGB values in [0, 1] as linear RGB."""
        return torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)

    def lab(self, rgb: torch.Tensor) -> torch.Tensor:
        """Convert linear RGB to L, a, b."""
        xyz = torch.einsum("kc,nchw->nkhw", self.xyz, rgb)
        roots = xyz.clamp(min=216 / 24389) ** (1 / 3)
        x, y, z = torch.where(xyz > 216 / 24389, roots, (24389 / 27 * xyz + 16) / 116).unbind(1)
        return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


class HandMadeTrunk(nn.Module):
    """Images (N, 3, H, W) -> features on the belief grid (N, width / 4, H / 4, W / 4).

    The trunk of `cpm-lite` with hand-made maps in place of its stem.

    Parameters
    ----------
    width, coarse_width : int
        Channels at strides 8 and 16; `width` is a multiple of 4.
    n_blocks, n_coarse_blocks : int
        Residual blocks at strides 8 and 16.
    """

    def __init__(self, width: int, coarse_width: int, n_blocks: int, n_coarse_blocks: int) -> None:
        super().__init__()
        self.maps = HandMadeMaps()
        self.project = nn.Sequential(ScaledConv2d(4 * N_MAPS, width, 1), activation(), ScaledConv2d(width, width, 1))
        self.body = TwoScales(width, coarse_width, n_blocks, n_coarse_blocks)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        maps = fold(self.maps(images))
        maps = self.body(self.project(maps.contiguous(memory_format=torch.channels_last)))
        return unfold(maps, (height // 4, width // 4))


def _single_precision(device: str) -> AbstractContextManager:
    """Switch mixed precision off; the hollow device "meta", on which operations are counted, knows none."""
    return nullcontext() if device == "meta" else torch.autocast(device, enabled=False)


def _cell_means(maps: torch.Tensor, cell: int) -> torch.Tensor:
    """Mean over each cell, without what lies beyond the border."""
    return functional.avg_pool2d(maps, cell, STRIDE, (cell - STRIDE) // 2, count_include_pad=False)


def _normalise(histograms: torch.Tensor, step: int) -> torch.Tensor:
    """Divide each histogram by the norm of the block of 3 x 3 cells around it, and clip."""
    energy = functional.pad(histograms.square().sum(1, keepdim=True), (step,) * 4, mode="replicate")
    height, width = histograms.shape[-2:]
    places = [(row * step, column * step) for row in range(3) for column in range(3)]
    total = torch.cat([energy[..., i : i + height, j : j + width] for i, j in places], 1).sum(1, keepdim=True)
    return (histograms / (total + NOISE**2).sqrt()).clamp(max=CLIP)

"""The encoder that the convolutional baselines share: strided and residual convolutions down to stride 32."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from posemachines.conv.networks.lite import IMAGE_GAIN, ResidualBlock, ScaledConv2d, activation

__all__ = ["ENCODER_STRIDE", "Encoder"]

ENCODER_STRIDE = 32


class Encoder(nn.Module):
    """Images (N, 3, H, W) -> features (N, C, H / 32, W / 32), rounded up.

    Residual blocks at stride 8, 16 and 32, without batch normalisation: the convolutions standardise their weights, as
    in `cpm-lite`. Strided convolutions have kernels with even sides, so that features are aligned with the image.

    Parameters
    ----------
    widths : (int, int, int, int)
        Channels at stride 4, 8, 16 and 32.
    blocks : (int, int, int)
        Residual blocks at stride 8, 16 and 32.
    """

    def __init__(self, widths: tuple[int, int, int, int], blocks: tuple[int, int, int]) -> None:
        super().__init__()
        first = widths[0]
        self.stem = nn.Sequential(
            ScaledConv2d(3, first // 2, 6, stride=2), activation(), ScaledConv2d(first // 2, first, 4, stride=2)
        )
        levels = []
        for before, width, n_blocks in zip(widths[:-1], widths[1:], blocks, strict=True):
            levels += [activation(), ScaledConv2d(before, width, 2, stride=2)]
            levels += [ResidualBlock(width) for _ in range(n_blocks)]
        self.levels = nn.Sequential(*levels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        padded = functional.pad(images, (0, -width % ENCODER_STRIDE, 0, -height % ENCODER_STRIDE)) * IMAGE_GAIN
        return self.levels(self.stem(padded.contiguous(memory_format=torch.channels_last)))

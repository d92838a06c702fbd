"""Trunk (backbone) and heads of `cpm-lite`, a small convolutional pose machine that can be trained on a laptop.

Features and beliefs are on the belief grid (stride 4). A head folds them to half the resolution by space-to-depth,
computes on these *folded* maps, and unfolds its output by depth-to-space.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["LiteHead", "LiteTrunk", "ResidualBlock", "ScaledConv2d", "TwoScales", "fold", "full", "unfold"]

IMAGE_GAIN = 4.0  # pixel / 256 - 0.5 has a standard deviation of about 1/4
BELIEF_GAIN = 4.0  # the last layer of a stage outputs beliefs times 4, which speeds up the first steps
LEAK = 0.1  # slope of the activation for negative values
RESIDUAL_GAIN = 0.25  # initial gain of the branch of a residual block


def activation() -> nn.Module:
    """Leaky ReLU; at high learning rates, whole stages with plain ReLUs die."""
    return nn.LeakyReLU(LEAK)


class ScaledConv2d(nn.Conv2d):
    """Convolution with standardised weights: each kernel has zero mean, unit gain and a learned factor.

    It replaces batch normalisation, without depending on statistics of the batch. After training, :meth:`bake` turns
    it into a plain convolution.

    Parameters
    ----------
    in_channels, out_channels, size : int
        Input and output channels, and the side of the kernel.
    stride : int, default=1
    gain : float, default=1
        Initial gain; 1 preserves the variance of the input.

    References
    ----------
    .. [1] Qiao et al., "Micro-batch training with batch-channel normalization and weight standardization", 2019.
    .. [2] Brock et al., "Characterizing signal propagation to close the performance gap in unnormalized ResNets",
       ICLR 2021.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__(in_channels, out_channels, size, stride, padding=(size - stride + 1) // 2)
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        self.bias: nn.Parameter  # never None here
        nn.init.zeros_(self.bias)
        self.gain = nn.Parameter(torch.full((out_channels, 1, 1, 1), gain))
        self.baked = False

    def kernel(self) -> torch.Tensor:
        """Weights that the convolution uses."""
        if self.baked:
            return self.weight
        deviation, mean = torch.std_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        scale = self.gain * self.weight[0].numel() ** -0.5 / (deviation + 1e-4)
        return (self.weight - mean) * scale

    def bake(self) -> None:
        """Store the standardised weights, so that they no longer need to be computed."""
        with torch.no_grad():
            self.weight.copy_(self.kernel())
        self.baked = True

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(maps, self.kernel(), self.bias)


class ResidualBlock(nn.Sequential):
    """Residual block of two 3x3 convolutions, each preceded by an activation."""

    def __init__(self, width: int) -> None:
        super().__init__(
            activation(), ScaledConv2d(width, width, 3), activation(), ScaledConv2d(width, width, 3, gain=RESIDUAL_GAIN)
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps + super().forward(maps)


class TwoScales(nn.Module):
    """Sum of two branches of residual blocks: at the resolution of the input, and at half of it.

    Parameters
    ----------
    width, coarse_width : int
        Channels at full and at half resolution.
    n_blocks, n_coarse_blocks : int
        Residual blocks of the two branches; with no coarse blocks, there is no coarse branch.
    """

    def __init__(self, width: int, coarse_width: int, n_blocks: int, n_coarse_blocks: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(*(ResidualBlock(width) for _ in range(n_blocks)))
        self.coarse = None
        if n_coarse_blocks:
            self.coarse = nn.Sequential(
                activation(),
                ScaledConv2d(width, coarse_width, 2, stride=2),
                *(ResidualBlock(coarse_width) for _ in range(n_coarse_blocks)),
                activation(),
                ScaledConv2d(coarse_width, width, 1),
                nn.Upsample(scale_factor=2, mode="nearest"),
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        if self.coarse is None:
            return self.fine(maps)
        height, width = maps.shape[-2:]
        padded = functional.pad(maps, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else maps
        return self.fine(maps) + self.coarse(padded)[..., :height, :width]


def full(maps: torch.Tensor) -> torch.Tensor:
    """Convert half-precision maps to float32; others are returned unchanged."""
    return maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps


def fold(maps: torch.Tensor) -> torch.Tensor:
    """Space-to-depth: (N, C, h, w) -> (N, 4 C, h / 2, w / 2); odd sides are padded with zeros."""
    height, width = maps.shape[-2:]
    if height % 2 or width % 2:
        maps = functional.pad(maps, (0, width % 2, 0, height % 2))
    return functional.pixel_unshuffle(maps, 2)


def unfold(maps: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Depth-to-space, the inverse of :func:`fold`, cropped to `shape` = (h, w)."""
    return functional.pixel_shuffle(maps, 2)[..., : shape[0], : shape[1]]


class LiteTrunk(nn.Module):
    """Images (N, 3, H, W) -> features on the belief grid (N, width / 4, H / 4, W / 4).

    A stem of stride 4 is followed by the sum of residual blocks at strides 8 and 16. The kernels of the strided
    convolutions have even sides, so that cell i at stride s is centred on pixel s i + (s - 1) / 2, like the beliefs.

    Parameters
    ----------
    stem_width, width, coarse_width : int
        Channels at strides 4, 8 and 16; `width` is a multiple of 4.
    n_blocks, n_coarse_blocks : int
        Residual blocks at strides 8 and 16.
    """

    def __init__(self, stem_width: int, width: int, coarse_width: int, n_blocks: int, n_coarse_blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ScaledConv2d(3, stem_width // 2, 6, stride=2), activation(), ScaledConv2d(stem_width // 2, stem_width, 4, 2)
        )
        self.middle = nn.Sequential(activation(), ScaledConv2d(stem_width, width, 2, stride=2))
        self.body = TwoScales(width, coarse_width, n_blocks, n_coarse_blocks)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        maps = functional.pad(images, (0, -width % 8, 0, -height % 8)) * IMAGE_GAIN
        maps = self.body(self.middle(self.stem(maps.contiguous(memory_format=torch.channels_last))))
        return unfold(maps, (height // 4, width // 4))


class LiteHead(nn.Module):
    """Features and the beliefs of the previous stage -> beliefs (N, P+1, h, w).

    A first stage has 1x1 convolutions only, and thus no context beyond the receptive field of the trunk. A later one
    processes features and beliefs with 3x3 residual blocks at strides 8 and 16, so that the context grows from stage
    to stage, and predicts a correction that is added to the beliefs.

    Parameters
    ----------
    n_maps : int
        Number of belief maps, P + 1.
    feature_width : int
        Channels of the trunk at stride 8.
    width, coarse_width : int
        Channels of the head at strides 8 and 16.
    n_blocks, n_coarse_blocks : int
        Residual blocks of the head at strides 8 and 16.
    uses_beliefs : bool
        Whether the head reads the beliefs of a previous stage; False for a first stage.
    sees_centre : bool, default=False
        Whether a later stage also reads the centre map.
    """

    def __init__(
        self, n_maps: int, feature_width: int, width: int, coarse_width: int, n_blocks: int, n_coarse_blocks: int,
        uses_beliefs: bool, sees_centre: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.uses_beliefs = uses_beliefs
        self.sees_centre = sees_centre and uses_beliefs
        if uses_beliefs:
            self.body = nn.Sequential(
                ScaledConv2d(feature_width + 4 * (n_maps + self.sees_centre), width, 3),
                TwoScales(width, coarse_width, n_blocks, n_coarse_blocks),
                activation(),
            )
        else:
            width = 2 * width
            self.body = nn.Sequential(activation(), ScaledConv2d(feature_width, width, 1), activation())
        self.beliefs = ScaledConv2d(width, 4 * n_maps, 1, gain=0.1)
        if not uses_beliefs:
            with torch.no_grad():  # initial beliefs: background everywhere
                self.beliefs.bias[-4:] = BELIEF_GAIN

    def forward(
        self, features: torch.Tensor, previous: torch.Tensor | None, centre: torch.Tensor | None
    ) -> torch.Tensor:
        maps = fold(features)
        if previous is not None:
            given = [previous, centre] if self.sees_centre and centre is not None else [previous]
            maps = torch.cat([maps, *(fold(one.to(maps.dtype) * BELIEF_GAIN) for one in given)], dim=1)
        maps = maps.contiguous(memory_format=torch.channels_last)
        height, width = features.shape[-2:]
        written = unfold(full(self.beliefs(self.body(maps))) / BELIEF_GAIN, (height, width))
        return written if previous is None else full(previous) + written

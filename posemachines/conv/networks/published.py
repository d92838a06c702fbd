"""Trunks (backbones) and heads of the published nets, one class per box of the paper's figures.

Net A (``"cpm"``) and net B (``"cpm-flic"``, the same with four stages and nine parts) have trunks of 9x9 convolutions.
Net C (``"cpm-vgg"``) starts like VGG-19 and has 7x7 convolutions in its later stages. Layers have the published names.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from .._kernels.fft import LargeConv2d
from .lite import full

__all__ = ["BranchTrunk", "FirstBranchHead", "FirstVggHead", "LaterBranchHead", "LaterVggHead", "VggTrunk"]

FEATURES = 32  # channels of the features that a stage of nets A and B reads
WIDTH = 128
LARGE = 5  # with kernels of this size or larger, Fourier transforms may be faster


def conv(in_channels: int, out_channels: int, size: int) -> nn.Conv2d:
    """Convolution with 'same' padding."""
    if size >= LARGE:
        return LargeConv2d(in_channels, out_channels, size)
    return nn.Conv2d(in_channels, out_channels, size, padding=size // 2)


def chain(*layers: tuple[str, nn.Module]) -> nn.Sequential:
    """Sequence of named layers."""
    return nn.Sequential(OrderedDict(layers))


def with_relus(*layers: tuple[str, nn.Module]) -> list[tuple[str, nn.Module]]:
    """Named layers, each followed by a ReLU."""
    return [entry for name, layer in layers for entry in ((name, layer), (f"relu_{name}", nn.ReLU(inplace=True)))]


def pool(caffe_compatible: bool) -> nn.MaxPool2d:
    """Pooling that halves the resolution: 3x3 with Caffe's rounding, or 2x2, which preserves the alignment."""
    return nn.MaxPool2d(3, 2, ceil_mode=True) if caffe_compatible else nn.MaxPool2d(2, 2, ceil_mode=True)


class BranchTrunk(nn.Sequential):
    """Images (N, 3, H, W) -> features (N, 128, H / 8, W / 8): three 9x9 convolutions, each followed by pooling."""

    def __init__(self, caffe_compatible: bool) -> None:
        layers: list[tuple[str, nn.Module]] = []
        for number, width in enumerate((3, WIDTH, WIDTH), 1):
            layers += with_relus((f"conv{number}", conv(width, WIDTH, 9)))
            layers.append((f"pool{number}", pool(caffe_compatible)))
        super().__init__(OrderedDict(layers))


class FirstBranchHead(nn.Module):
    """First stage of nets A and B: features -> beliefs (N, P+1, h, w)."""

    uses_beliefs = False

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.layers = chain(
            *with_relus(("conv4", conv(WIDTH, FEATURES, 5)), ("conv5", conv(FEATURES, 512, 9))),
            ("drop5", nn.Dropout(0.5)),
            *with_relus(("conv6", conv(512, 512, 1))),
            ("drop6", nn.Dropout(0.5)),
            ("conv7", conv(512, n_maps, 1)),
        )

    def forward(
        self, features: torch.Tensor, previous: torch.Tensor | None, centre: torch.Tensor | None
    ) -> torch.Tensor:
        return full(self.layers(features))


class LaterBranchHead(nn.Module):
    """Later stage of nets A and B: features, beliefs and centre map, concatenated in this order, -> beliefs."""

    uses_beliefs = True

    def __init__(self, n_maps: int, sees_centre: bool) -> None:
        super().__init__()
        self.sees_centre = sees_centre
        self.features = chain(*with_relus(("conv4", conv(WIDTH, FEATURES, 5))))
        self.layers = chain(
            *with_relus(
                ("Mconv1", conv(FEATURES + n_maps + sees_centre, WIDTH, 11)),
                ("Mconv2", conv(WIDTH, WIDTH, 11)),
                ("Mconv3", conv(WIDTH, WIDTH, 11)),
                ("Mconv4", conv(WIDTH, WIDTH, 1)),
            ),
            ("Mconv5", conv(WIDTH, n_maps, 1)),
        )

    def forward(
        self, features: torch.Tensor, previous: torch.Tensor | None, centre: torch.Tensor | None
    ) -> torch.Tensor:
        return full(self.layers(_join(self.features(features), previous, centre if self.sees_centre else None)))


class VggTrunk(nn.Sequential):
    """Images (N, 3, H, W) -> features (N, 128, H / 8, W / 8); all convolutions are 3x3."""

    def __init__(self) -> None:
        groups = {"1": [64] * 2, "2": [128] * 2, "3": [256] * 4, "4": [512] * 2 + [256] * 4 + [128]}
        layers: list[tuple[str, nn.Module]] = []
        before = 3
        for group, widths in groups.items():
            for number, width in enumerate(widths, 1):
                own = "_CPM" if group == "4" and number > 2 else ""
                layers += with_relus((f"conv{group}_{number}{own}", conv(before, width, 3)))
                before = width
            if group != "4":
                layers.append((f"pool{group}", pool(caffe_compatible=False)))
        super().__init__(OrderedDict(layers))


class FirstVggHead(nn.Module):
    """First stage of net C: features -> beliefs (N, P+1, h, w)."""

    uses_beliefs = False

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.layers = chain(*with_relus(("conv5_1_CPM", conv(WIDTH, 512, 1))), ("conv5_2_CPM", conv(512, n_maps, 1)))

    def forward(
        self, features: torch.Tensor, previous: torch.Tensor | None, centre: torch.Tensor | None
    ) -> torch.Tensor:
        return full(self.layers(features))


class LaterVggHead(nn.Module):
    """Later stage of net C: beliefs, features and centre map, concatenated in this order, -> beliefs."""

    uses_beliefs = True

    def __init__(self, n_maps: int, sees_centre: bool) -> None:
        super().__init__()
        self.sees_centre = sees_centre
        widths = [n_maps + WIDTH + sees_centre, *[WIDTH] * 4]
        sevens = [(f"Mconv{number}", conv(width, WIDTH, 7)) for number, width in enumerate(widths, 1)]
        self.layers = chain(*with_relus(*sevens, ("Mconv6", conv(WIDTH, WIDTH, 1))), ("Mconv7", conv(WIDTH, n_maps, 1)))

    def forward(
        self, features: torch.Tensor, previous: torch.Tensor | None, centre: torch.Tensor | None
    ) -> torch.Tensor:
        return full(self.layers(_join(previous, features, centre if self.sees_centre else None)))


def _join(*maps: torch.Tensor | None) -> torch.Tensor:
    """Concatenate maps, in the type of the first; None is skipped."""
    given = [one for one in maps if one is not None]
    return torch.cat([one.to(given[0].dtype) for one in given], dim=1)

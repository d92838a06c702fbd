"""EfficientNet-Lite, block by block, without its classifier.

Its convolutions of stride 2 are padded such that the network keeps its alignment. TensorFlow pads them on the right
and at the bottom only, which moves the maps of each stride nearly half a cell away from the grid. Which of two
neighbouring cells a convolution of stride 2 is centred on is a matter of the padding alone; here the later and the
earlier one alternate, so that the maps of all strides stay within a fifth of a cell of the grid, and
:attr:`EfficientNetLite.offsets` says where exactly. Away from the border the maps are those of the original network
for an image that is moved by a few pixels.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from .depthwise import DepthwiseConv2d

__all__ = ["BACKBONES", "MAP_SIZES", "STRIDES", "EfficientNetLite", "check_backbone"]

STRIDES = (4, 8, 16, 32)  # of the maps that a backbone returns
STEM_WIDTH = 32


class _Group(NamedTuple):
    """Consecutive blocks with the same width; the first one has the stride."""

    expansion: int
    size: int
    stride: int
    repeats: int
    width: int


_GROUPS = (
    _Group(1, 3, 1, 1, 16),
    _Group(6, 3, 2, 2, 24),
    _Group(6, 5, 2, 2, 40),
    _Group(6, 3, 2, 3, 80),
    _Group(6, 5, 1, 3, 112),
    _Group(6, 5, 2, 4, 192),
    _Group(6, 3, 1, 1, 320),
)
_SCALES = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite1": (1.0, 1.1), "efficientnet-lite2": (1.1, 1.2)}
BACKBONES = tuple(_SCALES)
"""Names of the known backbones."""
MAP_SIZES = {4: 8.0, 8: 7.0, 16: 6.0, 32: 4.0}  # about the standard deviation of the maps of each stride


def check_backbone(name: str, stride: int = STRIDES[-1]) -> None:
    """Raise ValueError if there is no backbone of this name, or it cannot end at this stride."""
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(map(repr, BACKBONES))}; got {name!r}")
    if stride not in STRIDES[1:]:
        raise ValueError(f"backbone_stride must be one of {', '.join(map(str, STRIDES[1:]))}; got {stride!r}")


class EfficientNetLite(nn.Module):
    """Images (N, 3, H, W) -> maps at strides 4, 8, ..., each of about unit size.

    Parameters
    ----------
    name : {"efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}
    stride : {8, 16, 32}, default=32
        Stride of the last maps; blocks after them are left out.

    Attributes
    ----------
    strides : tuple of int
        Of the maps that are returned.
    widths : tuple of int
        Their channels.
    offsets : tuple of float
        Cell i of the maps of stride s is centred on pixel ``s * i + offset``.
    ends : tuple of int
        Number of blocks up to the maps of each stride.

    Notes
    -----
    The batch normalisation of the original is folded into the convolutions, so the maps of a subject do not depend on
    the batch.

    References
    ----------
    .. [1] Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", ICML 2019; the
       variant "Lite" has no squeeze-and-excitation and ReLU6 in place of swish.
    """

    def __init__(self, name: str, stride: int = STRIDES[-1]) -> None:
        super().__init__()
        check_backbone(name, stride)
        self.name = name
        self.stem = _convolution(3, STEM_WIDTH, 3, 2, late=True, active=True)
        blocks: list[nn.Module] = []
        last: dict[int, tuple[int, float, int]] = {}  # of each stride: width, offset, number of blocks
        before, reached, centre, late = STEM_WIDTH, 2, 1.0, False
        for group in _scaled(name):
            if group.stride == 2 and reached == stride:
                break
            if group.stride == 2:
                late = centre < (reached - 1) / 2  # the maps lie before the grid: the later of two cells is nearer
            for number in range(group.repeats):
                down = group.stride if number == 0 else 1
                blocks.append(_Block(before, group.width, group.expansion, group.size, down, late and down == 2))
                before = group.width
            if group.stride == 2:
                centre, reached = centre + late * reached, 2 * reached
            last[reached] = before, centre, len(blocks)
        self.blocks = nn.ModuleList(blocks)
        self.strides = tuple(one for one in STRIDES if one <= stride)
        self.widths, self.offsets, self.ends = zip(*(last[one] for one in self.strides), strict=True)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Maps of all strides.

        Parameters
        ----------
        images : float tensor of shape (N, 3, H, W)
            RGB, scaled to pixel / 256 - 0.5.

        Returns
        -------
        list of tensors of shape (N, C, ceil(H / s), ceil(W / s))
        """
        maps = self.stem(images * 2 + 1 / 128)  # (pixel - 127) / 128
        found: list[torch.Tensor] = []
        for number, block in enumerate(self.blocks, 1):
            maps = block(maps)
            if number in self.ends:
                found.append(maps / MAP_SIZES[self.strides[len(found)]])
        return found


class _Block(nn.Module):
    """Inverted residual block: expansion, depthwise convolution, projection."""

    def __init__(self, before: int, after: int, expansion: int, size: int, stride: int, late: bool) -> None:
        super().__init__()
        inner = before * expansion
        self.expand = _convolution(before, inner, 1, 1, active=True) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(inner, inner, size, stride, late=late, active=True, depthwise=True)
        self.project = _convolution(inner, after, 1, 1)
        self.adds = stride == 1 and before == after

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        changed = self.project(self.depthwise(self.expand(maps)))
        return maps + changed if self.adds else changed


class _PadLate(nn.Module):
    """Zeros on the border, for a convolution of stride 2 that is centred on the later one of two cells."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.before, self.after = size // 2 - 1, size // 2

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        height, width = maps.shape[-2:]
        sides = self.before, self.after + width % 2, self.before, self.after + height % 2
        return functional.pad(maps, sides)


def _convolution(
    before: int,
    after: int,
    size: int,
    stride: int,
    *,
    late: bool = False,
    active: bool = False,
    depthwise: bool = False,
) -> nn.Sequential:
    """A convolution with a bias, and the activation if there is one."""
    pads = stride == 2 and late
    layers: list[tuple[str, nn.Module]] = [("pad", _PadLate(size))] if pads else []
    padding = 0 if pads else size // 2
    if depthwise:
        layers.append(("conv", DepthwiseConv2d(before, size, stride, padding)))
    else:
        layers.append(("conv", nn.Conv2d(before, after, size, stride, padding)))
    if active:
        layers.append(("active", nn.ReLU6(inplace=True)))
    return nn.Sequential(OrderedDict(layers))


def _scaled(name: str) -> list[_Group]:
    """The groups of blocks of a backbone; the first and the last group are as deep in all of them."""
    wider, deeper = _SCALES[name]
    groups = []
    for number, group in enumerate(_GROUPS):
        inner = 0 < number < len(_GROUPS) - 1
        repeats = math.ceil(group.repeats * deeper) if inner else group.repeats
        groups.append(group._replace(repeats=repeats, width=_rounded(group.width * wider)))
    return groups


def _rounded(width: float) -> int:
    """The nearest multiple of 8, but at least nine tenths of the width."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest

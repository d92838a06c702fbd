"""Trunk of `cpm-pretrained`: a backbone trained on ImageNet, whose maps of all strides are merged at stride 8."""

from __future__ import annotations

import torch
from torch import nn

from ...backbones import EfficientNetLite, load_weights, resample
from .lite import ScaledConv2d, TwoScales, fold, unfold

__all__ = ["PretrainedTrunk"]

STRIDE, OFFSET = 8, 3.5  # of the cells on which the maps are merged: cell i is centred on pixel 8 i + 3.5


class PretrainedTrunk(nn.Module):
    """Images (N, 3, H, W) -> features on the belief grid (N, width / 4, H / 4, W / 4).

    The maps of each stride of the backbone are projected to the same width, brought to the cells of stride 8 by linear
    interpolation, and summed; residual blocks at strides 8 and 16 follow. The interpolation also corrects the places of
    the backbone's cells, so that the features lie where the beliefs do.

    Parameters
    ----------
    backbone : str
        A key of :data:`posemachines.backbones.BACKBONES`.
    backbone_stride : {8, 16, 32}
        Stride of the last maps of the backbone that are used.
    width, coarse_width : int
        Channels at strides 8 and 16; `width` is a multiple of 4.
    n_blocks, n_coarse_blocks : int
        Residual blocks at strides 8 and 16.
    """

    def __init__(
        self, backbone: str, backbone_stride: int, width: int, coarse_width: int, n_blocks: int, n_coarse_blocks: int
    ) -> None:
        super().__init__()
        self.backbone = EfficientNetLite(backbone, backbone_stride)
        gain = len(self.backbone.strides) ** -0.5
        self.project = nn.ModuleList(
            ScaledConv2d(channels * (4 if stride < STRIDE else 1), width, 1, gain=gain)
            for stride, channels in zip(self.backbone.strides, self.backbone.widths, strict=True)
        )
        self.body = TwoScales(width, coarse_width, n_blocks, n_coarse_blocks)

    def initialise(self) -> None:
        """Load the weights of the backbone; all others keep their random values."""
        load_weights(self.backbone)

    def blocks(self, number: int | None) -> list[nn.Module]:
        """The stem and the first `number` blocks of the backbone, or all."""
        return [self.backbone.stem, *self.backbone.blocks[:number]]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        shape = -(-height // STRIDE), -(-width // STRIDE)
        merged: torch.Tensor | None = None
        found = self.backbone(images.contiguous(memory_format=torch.channels_last))
        for maps, stride, offset, project in zip(
            found, self.backbone.strides, self.backbone.offsets, self.project, strict=True
        ):
            if stride < STRIDE:
                maps = fold(self._move(maps, (2 * shape[0], 2 * shape[1]), stride, offset, stride))
                maps = project(maps)
            else:
                maps = self._move(project(maps), shape, stride, offset, STRIDE)
            merged = maps if merged is None else merged + maps
        return unfold(self.body(merged), (height // 4, width // 4))

    @staticmethod
    def _move(maps: torch.Tensor, shape: tuple[int, int], stride: int, offset: float, to_stride: int) -> torch.Tensor:
        return resample(maps, shape, stride=stride, offset=offset, to_stride=to_stride, to_offset=(to_stride - 1) / 2)

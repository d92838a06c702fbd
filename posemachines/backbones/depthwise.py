"""Depthwise convolution whose gradients are computed quickly on a CPU.

oneDNN computes the gradient of a 3x3 depthwise kernel much faster than that of a 5x5 kernel, and gradients in single
precision faster than in bfloat16. So the gradient of a 5x5 kernel is computed as that of the four 3x3 kernels that
cover it, and in single precision.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["DepthwiseConv2d"]


class DepthwiseConv2d(nn.Conv2d):
    """Depthwise convolution with a 3x3 or 5x5 kernel and a bias; the same results and gradients as its base class.

    Parameters
    ----------
    channels : int
    size : {3, 5}
    stride : int
    padding : int
    """

    def __init__(self, channels: int, size: int, stride: int, padding: int) -> None:
        super().__init__(channels, channels, size, stride, padding, groups=channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        learns = torch.is_grad_enabled() and (maps.requires_grad or self.weight.requires_grad)
        if not learns or maps.device.type != "cpu" or maps.dtype == torch.double:
            return super().forward(maps)
        if torch.is_autocast_enabled("cpu"):
            maps = maps.to(torch.get_autocast_dtype("cpu"))
        return _Depthwise.apply(maps, self.weight, self.bias, self.stride[0], self.padding[0])


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution in the type of the maps, with gradients in single precision."""

    @staticmethod
    def forward(ctx, maps, weight, bias, stride, padding):
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = stride, padding
        with torch.autocast("cpu", enabled=False):
            weight, bias = weight.to(maps.dtype), bias.to(maps.dtype)
            return functional.conv2d(maps, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx, gradient):
        maps, weight = ctx.saved_tensors
        of_maps = of_weight = of_bias = None
        slope = gradient.float()
        with torch.autocast("cpu", enabled=False):
            if ctx.needs_input_grad[0]:
                padding = ctx.padding
                wanted = (True, False, False)
                of_maps = _backward(slope, maps.float(), weight, ctx.stride, padding, wanted)[0].to(maps.dtype)
            if ctx.needs_input_grad[1]:
                of_weight = _weight_gradient(slope, maps.float(), weight, ctx.stride, ctx.padding)
            if ctx.needs_input_grad[2]:
                of_bias = slope.sum((0, 2, 3))
        return of_maps, of_weight, of_bias, None, None


def _weight_gradient(slope, maps, weight, stride: int, padding: int) -> torch.Tensor:
    """Gradient of the kernels, (C, 1, k, k)."""
    size = weight.shape[-1]
    wanted = (False, True, False)
    if size <= 3:
        return _backward(slope, maps, weight, stride, padding, wanted)[1]
    padded = functional.pad(maps, (padding,) * 4)
    height, width = (stride * (side - 1) + 3 for side in slope.shape[-2:])
    whole = torch.empty_like(weight)
    for row in (0, size - 3):  # the four kernels overlap, where they agree
        for column in (0, size - 3):
            part = weight[..., row : row + 3, column : column + 3].contiguous()
            seen = padded[..., row : row + height, column : column + width]
            seen = seen.contiguous(memory_format=torch.channels_last)
            found = _backward(slope, seen, part, stride, 0, wanted)[1]
            whole[..., row : row + 3, column : column + 3] = found
    return whole


def _backward(slope, maps, weight, stride: int, padding: int, wanted: tuple[bool, bool, bool]):
    channels = len(weight)
    sides, pads = [stride, stride], [padding, padding]
    return torch.ops.aten.convolution_backward(
        slope, maps, weight, [channels], sides, pads, [1, 1], False, [0, 0], channels, wanted
    )

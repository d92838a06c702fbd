"""What a network costs and what it sees: parameters, multiply-adds, receptive fields."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from .networks import PoseNetwork

__all__ = ["NetworkFacts", "multiply_adds", "network_facts", "receptive_fields"]


@dataclass(frozen=True)
class NetworkFacts:
    """Cost and geometry of a network.

    Attributes
    ----------
    parameters : int
    multiply_adds : int
        Of the convolutions, for one image.
    receptive_fields : tuple of int
        Side, in pixels, of what a belief cell of stage 1, 2, ... sees of the image.
    """

    parameters: int
    multiply_adds: int
    receptive_fields: tuple[int, ...]


def network_facts(network: PoseNetwork, size: tuple[int, int]) -> NetworkFacts:
    """Cost and geometry of a network for one image of `size` = (H, W) pixels; nothing is computed on real maps."""
    return NetworkFacts(
        sum(weight.numel() for weight in network.parameters()), multiply_adds(network, size), receptive_fields(network)
    )


def multiply_adds(network: PoseNetwork, size: tuple[int, int], *, trunks: bool = True) -> int:
    """Multiply-adds of the convolutions for one image of `size` = (H, W) pixels, of all or of the heads alone."""
    total = 0

    def count(conv: nn.Conv2d, _given, maps: torch.Tensor) -> None:
        nonlocal total
        total += maps.shape[2] * maps.shape[3] * conv.weight.numel()

    hollow = copy.deepcopy(network).to("meta").eval()
    for module in (hollow if trunks else hollow.heads).modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    hollow(torch.empty(1, 3, *size, device="meta"), _beliefs_given(hollow, size, "meta"))
    return total


def _beliefs_given(network: PoseNetwork, size: tuple[int, int], device: str) -> torch.Tensor | None:
    """All-zero beliefs for a network whose first stage wants some."""
    if not network.heads[0].uses_beliefs:
        return None
    stride = network.design.stride
    dtype = next(network.parameters()).dtype
    return torch.zeros(1, network.n_maps, *(-(-side // stride) for side in size), device=device, dtype=dtype)


def receptive_fields(network: PoseNetwork) -> tuple[int, ...]:
    """Side of what a belief cell of each stage sees of the image, in pixels.

    Notes
    -----
    Measured by a gradient: in a copy whose convolutions and pools average, the derivative of a belief by a pixel is
    positive exactly where the belief depends on the pixel. A strip of two rows of cells shows it.
    """
    probe = copy.deepcopy(network).double().eval()
    given = _beliefs_given(probe, (2 * probe.design.stride,) * 2, "cpu")
    for name, module in list(probe.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(module, nn.MaxPool2d):
            average = nn.AvgPool2d(module.kernel_size, module.stride, ceil_mode=True)
            probe.get_submodule(parent).register_module(own, average)
        elif isinstance(module, nn.Conv2d):
            probe.get_submodule(parent).register_module(own, _Mean(module))
        elif isinstance(module, nn.ReLU | nn.LeakyReLU):
            probe.get_submodule(parent).register_module(own, nn.Identity())
    width = 512
    while True:
        images = torch.ones(1, 3, 2 * probe.design.stride, width, dtype=torch.double, requires_grad=True)
        beliefs = None if given is None else given[..., :1].expand(-1, -1, -1, width // probe.design.stride)
        spans = [_span(maps, images) for maps in probe(images, beliefs)]
        if all(first > 0 and last < width - 1 for first, last in spans):
            return tuple(last - first + 1 for first, last in spans)
        width *= 2


class _Mean(nn.Module):
    """Takes the place of a convolution: the mean over its kernel and all channels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.kernel = torch.full((1, 1, *conv.kernel_size), 1 / (conv.kernel_size[0] * conv.kernel_size[1])).double()
        self.stride, self.padding, self.out_channels = conv.stride, conv.padding, conv.out_channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        means = functional.conv2d(maps.mean(1, keepdim=True), self.kernel, None, self.stride, self.padding)
        return means.expand(-1, self.out_channels, -1, -1)


def _span(beliefs: torch.Tensor, images: torch.Tensor) -> tuple[int, int]:
    """First and last column of the images that a belief in the middle depends on."""
    middle = beliefs[0, 0, beliefs.shape[2] // 2, beliefs.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, images, retain_graph=True)
    columns = gradient[0].sum((0, 1)).nonzero()
    return int(columns.min()), int(columns.max())

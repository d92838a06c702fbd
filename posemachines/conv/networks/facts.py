"""Cost and geometry of a network: parameters, multiply-adds and receptive fields."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from .hand_made import N_MAPS, STRIDE, HandMadeMaps
from .network import PoseNetwork

__all__ = ["NetworkFacts", "multiply_adds", "network_facts", "receptive_fields"]


@dataclass(frozen=True)
class NetworkFacts:
    """Cost and geometry of a network.

    Attributes
    ----------
    parameters : int
        Number of weights and biases.
    multiply_adds : int
        For one image.
    receptive_fields : tuple of int
        Side of the receptive field of a belief cell at stage 1, 2, ..., in pixels.
    """

    parameters: int
    multiply_adds: int
    receptive_fields: tuple[int, ...]


def network_facts(network: PoseNetwork, size: tuple[int, int]) -> NetworkFacts:
    """Cost and geometry of a network for one image of `size` = (H, W) pixels."""
    return NetworkFacts(
        sum(weight.numel() for weight in network.parameters()), multiply_adds(network, size), receptive_fields(network)
    )


def multiply_adds(network: PoseNetwork, size: tuple[int, int], *, trunks: bool = True) -> int:
    """Multiply-adds for one image of `size` = (H, W) pixels, of the whole network or of its heads only.

    Notes
    -----
    Counted by :class:`torch.utils.flop_counter.FlopCounterMode` on meta tensors. On these, large kernels run as direct
    convolutions, so the count does not depend on whether Fourier transforms are used.
    """
    hollow = copy.deepcopy(network).to("meta").eval()
    images = torch.empty(1, 3, *size, device="meta")
    with FlopCounterMode(display=False) as counter:
        hollow(images, _beliefs_given(hollow, size, "meta"))
    with FlopCounterMode(display=False) as of_trunks:
        for trunk in hollow.trunks:
            trunk(images)
    flops = counter.get_total_flops() - (0 if trunks else of_trunks.get_total_flops())
    return flops // 2  # a multiply-add counts as two operations


def _beliefs_given(network: PoseNetwork, size: tuple[int, int], device: str) -> torch.Tensor | None:
    """Zero beliefs, for a network whose first stage reads beliefs; otherwise None."""
    if not network.heads[0].uses_beliefs:
        return None
    stride = network.design.stride
    dtype = next(network.parameters()).dtype
    return torch.zeros(1, network.n_maps, *(-(-side // stride) for side in size), device=device, dtype=dtype)


def receptive_fields(network: PoseNetwork) -> tuple[int, ...]:
    """Side of the receptive field of a belief cell at each stage, in pixels.

    Notes
    -----
    Measured by a gradient. In a copy of the network whose convolutions and pooling layers take means, the derivative
    of a belief with respect to a pixel is positive exactly where the belief depends on the pixel. The image is a
    strip, two cells high.
    """
    probe = copy.deepcopy(network).double().eval()
    given = _beliefs_given(probe, (2 * probe.design.stride,) * 2, "cpu")
    for name, module in list(probe.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(module, nn.MaxPool2d):
            average = nn.AvgPool2d(module.kernel_size, module.stride, ceil_mode=True)
            probe.get_submodule(parent).register_module(own, average)
        elif isinstance(module, HandMadeMaps):
            probe.get_submodule(parent).register_module(own, _MeanOfField(module))
        elif isinstance(module, nn.Conv2d):
            probe.get_submodule(parent).register_module(own, _Mean(module))
        elif isinstance(module, nn.ReLU | nn.ReLU6 | nn.LeakyReLU):
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
    """Replacement of a convolution: the mean over its kernel and all input channels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.kernel = torch.full((1, 1, *conv.kernel_size), 1 / (conv.kernel_size[0] * conv.kernel_size[1])).double()
        self.stride, self.padding, self.out_channels = conv.stride, conv.padding, conv.out_channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        means = functional.conv2d(maps.mean(1, keepdim=True), self.kernel, None, self.stride, self.padding)
        return means.expand(-1, self.out_channels, -1, -1)


class _MeanOfField(nn.Module):
    """Replacement of hand-made maps: the mean over their receptive field."""

    def __init__(self, maps: HandMadeMaps) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(maps.FIELD, STRIDE, (maps.FIELD - STRIDE) // 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.pool(images).mean(1, keepdim=True).expand(-1, N_MAPS, -1, -1)


def _span(beliefs: torch.Tensor, images: torch.Tensor) -> tuple[int, int]:
    """First and last image column on which the belief in the central cell depends."""
    middle = beliefs[0, 0, beliefs.shape[2] // 2, beliefs.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, images, retain_graph=True)
    columns = gradient[0].sum((0, 1)).nonzero()
    return int(columns.min()), int(columns.max())

"""A network of stages, and the ready designs: the published nets A, B and C, and `cpm-lite`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from .lite import LiteHead, LiteTrunk, ScaledConv2d
from .published import BranchTrunk, FirstBranchHead, FirstVggHead, LaterBranchHead, LaterVggHead, VggTrunk

__all__ = ["NETWORKS", "Design", "PoseNetwork", "build_network", "centre_maps"]

NETWORKS = ("lite", "cvpr", "flic", "vgg")
CENTRE_SIGMA = 21.0 / 368  # of the centre map, as a share of the crop's shorter side
GAUSSIAN_STD = 0.01  # of published nets' first weights


class Design(NamedTuple):
    """What a network is built from.

    Attributes
    ----------
    name : {"lite", "cvpr", "flic", "vgg"}
    faithful : bool
        Pools and centre map of nets A and B as Caffe computes them; otherwise nothing is shifted.
    sees_centre : bool
        Whether later stages read a centre map.
    widths : tuple of int
        Of `cpm-lite`: channels at stride 4, 8, 16 and residual blocks at stride 8, 16 of the trunk; then channels and
        blocks at stride 8, 16 of a later stage.
    """

    name: str = "lite"
    faithful: bool = False
    sees_centre: bool = False
    widths: tuple[int, ...] = (64, 96, 128, 2, 0, 96, 128, 2, 2)

    @property
    def stride(self) -> int:
        """Pixels a belief cell."""
        return 4 if self.name == "lite" else 8

    @property
    def maps_folded(self) -> int:
        """Channels that a stage's last layer writes for each map: `cpm-lite` folds its maps."""
        return 4 if self.name == "lite" else 1

    def trunk(self) -> nn.Module:
        """A fresh image branch."""
        if self.name == "lite":
            return LiteTrunk(*self.widths[:5])
        return VggTrunk() if self.name == "vgg" else BranchTrunk(self.faithful)

    def head(self, n_maps: int, uses_beliefs: bool) -> nn.Module:
        """A fresh stage."""
        if self.name == "lite":
            feature_width, (width, coarse, blocks, coarse_blocks) = self.widths[1], self.widths[5:]
            return LiteHead(n_maps, feature_width, width, coarse, blocks, coarse_blocks, uses_beliefs, self.sees_centre)
        if self.name == "vgg":
            return LaterVggHead(n_maps, self.sees_centre) if uses_beliefs else FirstVggHead(n_maps)
        return LaterBranchHead(n_maps, self.sees_centre) if uses_beliefs else FirstBranchHead(n_maps)

    def trunk_of(self, uses_beliefs: Sequence[bool]) -> tuple[int, ...]:
        """For each stage the index of its trunk: nets A and B have one for first stages and one for later ones."""
        if self.name in ("lite", "vgg"):
            return (0,) * len(uses_beliefs)
        kinds = list(dict.fromkeys(uses_beliefs))
        return tuple(kinds.index(uses) for uses in uses_beliefs)

    def published_rate(self, uses_beliefs: bool) -> float:
        """Factor of the learning rate of a first, or later, stage and its trunk, as published."""
        if self.name == "vgg":
            return 4.0 if uses_beliefs else 1.0
        return 1.0 if uses_beliefs else 5.0


class PoseNetwork(nn.Module):
    """Trunks, and the stages (heads) that read them.

    Parameters
    ----------
    trunks : iterable of Module
        Images (N, 3, H, W) -> features (N, C, h, w).
    heads : iterable of Module
        (features, previous beliefs or None, centre map (N, 1, h, w) or None) -> beliefs (N, P+1, h, w), in order.
    trunk_of : sequence of int
        Index of each head's trunk.
    design : Design
    """

    def __init__(self, trunks, heads, trunk_of: Sequence[int], design: Design) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.heads = nn.ModuleList(heads)
        self.trunk_of = tuple(trunk_of)
        self.design = design

    def forward(
        self,
        images: torch.Tensor,
        beliefs: torch.Tensor | None = None,
        centres: torch.Tensor | None = None,
        n_stages: int | None = None,
    ) -> list[torch.Tensor]:
        """Beliefs of every stage, or of the first `n_stages`.

        Parameters
        ----------
        images : float tensor of shape (N, 3, H, W)
            Red, green, blue; pixel / 256 - 0.5.
        beliefs : tensor of shape (N, P+1, h, w), optional
            Given to the first stage.
        centres : tensor of shape (N, 2), optional
            x, y of the people's centres, in pixels; the middle of the crop by default.
        n_stages : int, optional
        """
        stride = self.design.stride
        if self.design.faithful and (images.shape[2] % stride or images.shape[3] % stride):
            raise ValueError(
                f"a faithful net needs sides that are multiples of {stride}; got {tuple(images.shape[2:])}"
            )
        centre = self.centre_map(images.shape[0], (images.shape[2], images.shape[3]), centres, device=images.device)
        trunk_of, staged = self.trunk_of[:n_stages], []
        features = [trunk(images) for trunk in self.trunks[: max(trunk_of) + 1]]
        for head, trunk in zip(self.heads, trunk_of, strict=False):
            beliefs = head(features[trunk], beliefs, centre)
            staged.append(beliefs)
        return staged

    def centre_map(
        self, n: int, shape: tuple[int, int], centres: torch.Tensor | None = None, *, device: torch.device | str = "cpu"
    ) -> torch.Tensor | None:
        """The centre map (n, 1, h, w) of crops of `shape` = (H, W); None where no stage reads one."""
        if not self.design.sees_centre or not any(head.uses_beliefs for head in self.heads):
            return None
        faithful = self.design.faithful and self.design.name != "lite"
        return centre_maps(n, shape, centres, stride=self.design.stride, faithful=faithful, device=device)

    @property
    def n_maps(self) -> int:
        """P + 1: the parts and the background."""
        last = [layer for layer in self.heads[0].modules() if isinstance(layer, nn.Conv2d)][-1]
        return last.out_channels // self.design.maps_folded

    def stage(self, index: int) -> PoseNetwork:
        """Stage `index` and its trunk, as a network that shares their weights."""
        return PoseNetwork([self.trunks[self.trunk_of[index]]], [self.heads[index]], [0], self.design)

    def bake(self) -> None:
        """End of training: every convolution becomes a plain one."""
        for module in self.modules():
            if isinstance(module, ScaledConv2d):
                module.bake()

    def take_over(self, other: PoseNetwork) -> list[str]:
        """Copy the weights of another network where name and shape agree; the names of those that do not."""
        theirs = other.state_dict()
        mine = self.state_dict()
        left = [name for name, tensor in mine.items() if name not in theirs or theirs[name].shape != tensor.shape]
        self.load_state_dict(
            mine | {name: tensor for name, tensor in theirs.items() if name in mine and name not in left}
        )
        return left

    def initialise(self, way: str) -> None:
        """First weights of the published nets: "he", or "gaussian" as published; those of `cpm-lite` stay."""
        if way not in ("he", "gaussian"):
            raise ValueError(f"init must be 'he' or 'gaussian'; got {way!r}")
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not isinstance(module, ScaledConv2d):
                if way == "he":
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                else:
                    nn.init.normal_(module.weight, std=GAUSSIAN_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for head in self.heads:
            last = [module for module in head.modules() if isinstance(module, nn.Conv2d)][-1]
            if way == "he" and not isinstance(last, ScaledConv2d):
                nn.init.normal_(last.weight, std=GAUSSIAN_STD)


def build_network(
    name: str, *, n_maps: int, n_stages: int, faithful: bool = False, sees_centre: bool | None = None, **widths
) -> PoseNetwork:
    """A fresh network by name.

    Parameters
    ----------
    name : {"lite", "cvpr", "flic", "vgg"}
        `cpm-lite`, net A, net B or net C.
    n_maps : int
        P + 1.
    n_stages : int
    faithful : bool, default=False
        Pools and centre map of nets A and B as Caffe computes them.
    sees_centre : bool, optional
        Whether later stages read a centre map; as published by default: all nets but `cpm-lite`.
    **widths
        ``widths=`` of :class:`Design`.

    Returns
    -------
    PoseNetwork

    Raises
    ------
    ValueError
        If there is no such network.
    """
    if name not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(map(repr, NETWORKS))}; got {name!r}")
    design = Design(name, faithful, name != "lite" if sees_centre is None else sees_centre, **widths)
    return assemble(design, n_maps, [index > 0 for index in range(n_stages)])


def assemble(design: Design, n_maps: int, uses_beliefs: Sequence[bool]) -> PoseNetwork:
    """A fresh network with a stage for each entry of `uses_beliefs`."""
    trunk_of = design.trunk_of(uses_beliefs)
    trunks = [design.trunk() for _ in range(max(trunk_of) + 1)]
    return PoseNetwork(trunks, [design.head(n_maps, uses) for uses in uses_beliefs], trunk_of, design)


def centre_maps(
    n: int,
    shape: tuple[int, int],
    centres: torch.Tensor | None = None,
    *,
    stride: int,
    faithful: bool = False,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Gaussians of peak 1 at the people's centres, on the belief grid.

    Parameters
    ----------
    n : int
        People.
    shape : (H, W)
        Size of the crops, in pixels.
    centres : tensor of shape (N, 2), optional
        x, y in pixels of the crop; its middle by default.
    stride : int
        Pixels a belief cell.
    faithful : bool, default=False
        Draw them pixel by pixel and average over 9x9 pixels every 8, as published, which puts cell i at pixel
        8 i + 4; otherwise each cell has the value at its own centre.
    device : device

    Returns
    -------
    float32 tensor of shape (N, 1, h, w)
        h and w are H and W divided by the stride, rounded up.
    """
    height, width = shape
    if centres is None:
        centres = torch.tensor([[(width - 1) / 2, (height - 1) / 2]], device=device).expand(n, 2)
    sigma = CENTRE_SIGMA * min(shape)
    step = 1 if faithful else stride
    along = []
    for axis, size in ((0, width), (1, height)):
        places = torch.arange(-(-size // step), device=device) * step + (step - 1) / 2
        along.append(torch.exp(-((places - centres[:, axis : axis + 1]) ** 2) / (2 * sigma**2)))
    maps = (along[1][:, :, None] * along[0][:, None, :])[:, None]
    return functional.avg_pool2d(maps, 9, stride, ceil_mode=True) if faithful else maps

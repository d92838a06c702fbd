"""Networks of several stages, and the built-in designs: `cpm-pretrained`, `cpm-lite` and the published nets A, B, C.

A network has trunks (backbones), which compute features of the image, and heads, one per stage, which predict beliefs
from the features of a trunk and the beliefs of the previous stage.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from ...backbones import BACKBONES
from ...io.old_machines import NETWORKS as OLD_NETWORK_NAMES
from .hand_made import HandMadeTrunk
from .lite import LiteHead, LiteTrunk, ScaledConv2d
from .pretrained import PretrainedTrunk
from .published import BranchTrunk, FirstBranchHead, FirstVggHead, LaterBranchHead, LaterVggHead, VggTrunk

__all__ = [
    "NETWORKS",
    "OLD_NETWORK_NAMES",
    "PUBLISHED",
    "Design",
    "PoseNetwork",
    "assemble",
    "build_network",
    "centre_maps",
    "network_name",
]

OWN = ("cpm-pretrained", "cpm-lite", "cpm-hand-made")  # with the heads of `cpm-lite`
PUBLISHED = ("cpm", "cpm-flic", "cpm-vgg")
NETWORKS = OWN + PUBLISHED
CENTRE_SIGMA = 21.0 / 368  # of the Gaussian in the centre map, as a fraction of the crop's shorter side
GAUSSIAN_STD = 0.01  # of the initial weights of the published nets


def network_name(name: str) -> str:
    """Return the name of a network; an old name is replaced by the new one, with a DeprecationWarning."""
    if name not in OLD_NETWORK_NAMES:
        return name
    new = OLD_NETWORK_NAMES[name]
    warnings.warn(f"network={name!r} is deprecated and will be removed; use {new!r}", DeprecationWarning, stacklevel=3)
    return new


class Design(NamedTuple):
    """Specification of a network.

    Attributes
    ----------
    name : {"cpm-pretrained", "cpm-lite", "cpm-hand-made", "cpm", "cpm-flic", "cpm-vgg"}
        `cpm-lite` on a pretrained backbone, `cpm-lite`, the same on hand-made features, net A, net B or net C.
    caffe_compatible : bool
        Pooling and centre map of nets A and B as in Caffe, which shifts the beliefs; otherwise they are aligned with
        the belief grid.
    sees_centre : bool
        Whether later stages also read a map of the subject's centre.
    widths : tuple of int
        Size of `cpm-lite`: channels of the trunk at strides 4, 8 and 16 and its residual blocks at strides 8 and 16;
        then channels and blocks of a later stage at strides 8 and 16. `cpm-pretrained` has the same, after its
        backbone.
    backbone : str
        Backbone of `cpm-pretrained`, a key of :data:`posemachines.backbones.BACKBONES`; "" for the other networks.
    backbone_stride : int
        Stride of the last maps of the backbone that are used; 0 for the other networks.
    """

    name: str = "cpm-lite"
    caffe_compatible: bool = False
    sees_centre: bool = False
    widths: tuple[int, ...] = (64, 96, 128, 2, 0, 96, 128, 2, 2)
    backbone: str = ""
    backbone_stride: int = 0

    @property
    def is_published(self) -> bool:
        """Whether it is one of the published nets; the others are ours, and share the heads of `cpm-lite`."""
        return self.name in PUBLISHED

    @property
    def stride(self) -> int:
        """Stride of the belief grid, in pixels."""
        return 8 if self.is_published else 4

    @property
    def maps_folded(self) -> int:
        """Output channels per belief map of a stage's last layer; our own heads work on folded maps."""
        return 1 if self.is_published else 4

    def trunk(self) -> nn.Module:
        """Build a trunk."""
        if self.name == "cpm-pretrained":
            return PretrainedTrunk(self.backbone, self.backbone_stride, *self.widths[1:5])
        if self.name == "cpm-hand-made":
            return HandMadeTrunk(*self.widths[1:5])
        if self.name == "cpm-lite":
            return LiteTrunk(*self.widths[:5])
        return VggTrunk() if self.name == "cpm-vgg" else BranchTrunk(self.caffe_compatible)

    def head(self, n_maps: int, uses_beliefs: bool) -> nn.Module:
        """Build the head of a stage."""
        if not self.is_published:
            feature_width, (width, coarse, blocks, coarse_blocks) = self.widths[1], self.widths[5:]
            return LiteHead(n_maps, feature_width, width, coarse, blocks, coarse_blocks, uses_beliefs, self.sees_centre)
        if self.name == "cpm-vgg":
            return LaterVggHead(n_maps, self.sees_centre) if uses_beliefs else FirstVggHead(n_maps)
        return LaterBranchHead(n_maps, self.sees_centre) if uses_beliefs else FirstBranchHead(n_maps)

    def trunk_of(self, uses_beliefs: Sequence[bool]) -> tuple[int, ...]:
        """Index of each stage's trunk; in nets A and B, later stages have a trunk different from that of the first."""
        if self.name not in ("cpm", "cpm-flic"):
            return (0,) * len(uses_beliefs)
        kinds = list(dict.fromkeys(uses_beliefs))
        return tuple(kinds.index(uses) for uses in uses_beliefs)

    def published_rate(self, uses_beliefs: bool) -> float:
        """Published multiplier of the learning rate of a first or later stage and its trunk."""
        if self.name == "cpm-vgg":
            return 4.0 if uses_beliefs else 1.0
        return 1.0 if uses_beliefs else 5.0


class PoseNetwork(nn.Module):
    """Trunks (backbones), and a head for each stage.

    Parameters
    ----------
    trunks : iterable of Module
        Each maps images (N, 3, H, W) to features (N, C, h, w).
    heads : iterable of Module
        Each maps features, previous beliefs or None, and a centre map (N, 1, h, w) or None to beliefs (N, P+1, h, w).
    trunk_of : sequence of int
        Index of the trunk of each head.
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
        """Beliefs of all stages, or of the first `n_stages`.

        Parameters
        ----------
        images : float tensor of shape (N, 3, H, W)
            RGB, scaled to pixel / 256 - 0.5.
        beliefs : tensor of shape (N, P+1, h, w), optional
            Input of the first stage.
        centres : tensor of shape (N, 2), optional
            x, y of the subjects' centres, in pixels; the centre of the crop by default.
        n_stages : int, optional
        """
        stride = self.design.stride
        if self.design.caffe_compatible and (images.shape[2] % stride or images.shape[3] % stride):
            size = tuple(images.shape[2:])
            raise ValueError(f"a caffe_compatible network needs sides that are multiples of {stride}; got {size}")
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
        """Centre map (n, 1, h, w) of crops of `shape` = (H, W); None if no stage reads one."""
        if not self.design.sees_centre or not any(head.uses_beliefs for head in self.heads):
            return None
        caffe_compatible = self.design.caffe_compatible and self.design.is_published
        return centre_maps(
            n, shape, centres, stride=self.design.stride, caffe_compatible=caffe_compatible, device=device
        )

    @property
    def n_maps(self) -> int:
        """Number of belief maps, P + 1."""
        last = [layer for layer in self.heads[0].modules() if isinstance(layer, nn.Conv2d)][-1]
        return last.out_channels // self.design.maps_folded

    def stage(self, index: int) -> PoseNetwork:
        """Network of stage `index` and its trunk only; the weights are shared, not copied."""
        return PoseNetwork([self.trunks[self.trunk_of[index]]], [self.heads[index]], [0], self.design)

    def bake(self) -> None:
        """Replace standardised weights by constants, at the end of training."""
        for module in self.modules():
            if isinstance(module, ScaledConv2d):
                module.bake()

    def take_over(self, other: PoseNetwork) -> list[str]:
        """Copy weights from another network where names and shapes match; return the names of all others."""
        theirs = other.state_dict()
        mine = self.state_dict()
        left = [name for name, tensor in mine.items() if name not in theirs or theirs[name].shape != tensor.shape]
        self.load_state_dict(
            mine | {name: tensor for name, tensor in theirs.items() if name in mine and name not in left}
        )
        return left

    def initialise(self, way: str) -> None:
        """Give the network its initial weights: those of its backbone, if it is pretrained, or random ones.

        Parameters
        ----------
        way : {"he", "gaussian"}
            Of a published net: He initialisation, or N(0, 0.01) as published. The other networks draw their random
            weights when they are built.

        Raises
        ------
        ImportError
            If the package that carries the weights of the backbone is not installed.
        """
        if way not in ("he", "gaussian"):
            raise ValueError(f"init must be 'he' or 'gaussian'; got {way!r}")
        if self.design.is_published:
            self._initialise_published(way)
        for trunk in self.trunks:
            if isinstance(trunk, PretrainedTrunk):
                trunk.initialise()

    def _initialise_published(self, way: str) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if way == "he":
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                else:
                    nn.init.normal_(module.weight, std=GAUSSIAN_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for head in self.heads:
            last = [module for module in head.modules() if isinstance(module, nn.Conv2d)][-1]
            if way == "he":
                nn.init.normal_(last.weight, std=GAUSSIAN_STD)

    def pretrained_weights(self) -> set[str]:
        """Names of the weights that were trained on ImageNet."""
        return {
            f"trunks.{index}.backbone.{name}"
            for index, trunk in enumerate(self.trunks)
            if isinstance(trunk, PretrainedTrunk)
            for name, _ in trunk.backbone.named_parameters()
        }

    def freeze_blocks(self, number: int | None) -> None:
        """Freeze the stem and the first `number` blocks of pretrained backbones: all with None, nothing with 0."""
        for trunk in self.trunks:
            if isinstance(trunk, PretrainedTrunk) and number != 0:
                for module in trunk.blocks(number):
                    module.requires_grad_(False)


def build_network(
    name: str, *, n_maps: int, n_stages: int, caffe_compatible: bool = False, sees_centre: bool | None = None, **widths
) -> PoseNetwork:
    """Build a network by name, with random weights.

    Parameters
    ----------
    name : {"cpm-pretrained", "cpm-lite", "cpm-hand-made", "cpm", "cpm-flic", "cpm-vgg"}
        `cpm-lite` on a pretrained backbone, `cpm-lite`, the same on hand-made features, net A, net B or net C. The
        weights are random also with a pretrained backbone, until :meth:`PoseNetwork.initialise` is called.
    n_maps : int
        Number of belief maps, P + 1.
    n_stages : int
    caffe_compatible : bool, default=False
        Pooling and centre map of nets A and B as in Caffe.
    sees_centre : bool, optional
        Whether later stages read a centre map. By default, the published nets do.
    **widths
        The `widths`, `backbone` and `backbone_stride` of :class:`Design`.

    Returns
    -------
    PoseNetwork

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    name = network_name(name)
    if name == "cpm-pretrained":
        widths = {"backbone": BACKBONES[0], "backbone_stride": 16} | widths
    design = Design(name, caffe_compatible, name in PUBLISHED if sees_centre is None else sees_centre, **widths)
    return assemble(design, n_maps, [index > 0 for index in range(n_stages)])


def assemble(design: Design, n_maps: int, uses_beliefs: Sequence[bool]) -> PoseNetwork:
    """Build a network with a stage for each entry of `uses_beliefs`, with random weights."""
    if isinstance(design, Design) and design.name not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(map(repr, NETWORKS))}; got {design.name!r}")
    trunk_of = design.trunk_of(uses_beliefs)
    trunks = [design.trunk() for _ in range(max(trunk_of) + 1)]
    return PoseNetwork(trunks, [design.head(n_maps, uses) for uses in uses_beliefs], trunk_of, design)


def centre_maps(
    n: int,
    shape: tuple[int, int],
    centres: torch.Tensor | None = None,
    *,
    stride: int,
    caffe_compatible: bool = False,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Gaussians with peak 1 at the centres of the subjects, on the belief grid.

    Parameters
    ----------
    n : int
        Number of subjects.
    shape : (H, W)
        Size of the crops, in pixels.
    centres : tensor of shape (N, 2), optional
        x, y in pixels of the crop; the centre of the crop by default.
    stride : int
        Stride of the belief grid, in pixels.
    caffe_compatible : bool, default=False
        Draw the Gaussians at pixel resolution and average over 9x9 pixels with a stride of 8, as published, which
        centres cell i on pixel 8 i + 4. Otherwise each cell has the value at its centre.
    device : device

    Returns
    -------
    float32 tensor of shape (N, 1, h, w)
        h and w are H / stride and W / stride, rounded up.
    """
    height, width = shape
    if centres is None:
        centres = torch.tensor([[(width - 1) / 2, (height - 1) / 2]], device=device).expand(n, 2)
    sigma = CENTRE_SIGMA * min(shape)
    step = 1 if caffe_compatible else stride
    along = []
    for axis, size in ((0, width), (1, height)):
        places = torch.arange(-(-size // step), device=device) * step + (step - 1) / 2
        along.append(torch.exp(-((places - centres[:, axis : axis + 1]) ** 2) / (2 * sigma**2)))
    maps = (along[1][:, :, None] * along[0][:, None, :])[:, None]
    return functional.avg_pool2d(maps, 9, stride, ceil_mode=True) if caffe_compatible else maps

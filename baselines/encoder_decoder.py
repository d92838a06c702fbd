"""An encoder-decoder network for belief maps, after "Simple Baselines"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from posemachines.conv import ConvStage
from posemachines.conv.networks.lite import BELIEF_GAIN, ScaledConv2d, activation, full

from ._encoder import Encoder

__all__ = ["EncoderDecoderStage"]


class EncoderDecoderStage(ConvStage):
    """Encoder-decoder network as a first stage; the baseline is a machine with this stage only.

    Residual blocks down to stride 32, then three upsampling layers to beliefs at stride 4, without skip connections.
    Its receptive field covers the whole crop. It is trained like every other convolutional stage.

    Parameters
    ----------
    random_state : int, RandomState or None
        The other parameters of :class:`posemachines.ConvStage`, which describe other networks, have no effect.

    Examples
    --------
    >>> from posemachines import ConvPoseMachine
    >>> machine = ConvPoseMachine(1, stage=EncoderDecoderStage(), epochs=20, skeleton="lsp")

    Notes
    -----
    Deviations from the paper [1]_, all of which serve training from scratch on a CPU: the encoder is a residual network
    with standardised weights instead of an ImageNet-trained ResNet with batch normalisation; the layers of the decoder
    are 3x3 convolutions with depth-to-space (sub-pixel convolutions [2]_) instead of 4x4 transposed convolutions. On
    crops of 128 px it needs as many multiply-adds, within 5 %, as `cpm-lite` with three stages. Load a saved machine
    with ``posemachines.load(path, stage_classes=[EncoderDecoderStage])``.

    References
    ----------
    .. [1] Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018.
    .. [2] Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
       Neural Network", CVPR 2016.
    """

    def design(self) -> EncoderDecoderDesign:  # type: ignore[override]
        """The architecture, from which networks are built."""
        if self.network not in ("cpm-pretrained", "cpm-lite"):  # the default, and what it was
            raise ValueError(f"an encoder-decoder has no other networks: leave network out; got {self.network!r}")
        return EncoderDecoderDesign()


class EncoderDecoderDesign(NamedTuple):
    """Specification of the network, in place of :class:`posemachines.conv.networks.network.Design`.

    Attributes
    ----------
    widths : (int, int, int, int)
        Channels at stride 4, 8, 16 and 32.
    blocks : (int, int, int)
        Residual blocks of the encoder at stride 8, 16 and 32.
    decoder : (int, int, int)
        Channels of the decoder at stride 16, 8 and 4.
    """

    name: str = "encoder-decoder"
    caffe_compatible: bool = False
    sees_centre: bool = False
    widths: tuple[int, int, int, int] = (64, 96, 160, 256)
    blocks: tuple[int, int, int] = (4, 3, 2)
    decoder: tuple[int, int, int] = (128, 96, 64)

    is_published = False

    @property
    def stride(self) -> int:
        """Stride of the belief grid, in pixels."""
        return 4

    @property
    def maps_folded(self) -> int:
        """Output channels per belief map of the last layer."""
        return 1

    def trunk(self) -> nn.Module:
        """Build the encoder and decoder."""
        return EncoderDecoderTrunk(self.widths, self.blocks, self.decoder)

    def head(self, n_maps: int, uses_beliefs: bool) -> nn.Module:
        """Build the last layer; ValueError for a later stage."""
        if uses_beliefs:
            raise ValueError("an encoder-decoder reads no beliefs; use it as the only stage or as the first one")
        return EncoderDecoderHead(n_maps, self.decoder[-1])

    def trunk_of(self, uses_beliefs: Sequence[bool]) -> tuple[int, ...]:
        """Index of the trunk of each stage."""
        return (0,) * len(uses_beliefs)

    def published_rate(self, uses_beliefs: bool) -> float:
        """Multiplier of the learning rate."""
        return 1.0


class EncoderDecoderTrunk(nn.Module):
    """Images (N, 3, H, W) -> features (N, C, H / 4, W / 4)."""

    def __init__(self, widths, blocks, decoder) -> None:
        super().__init__()
        self.encoder = Encoder(widths, blocks)
        layers: list[nn.Module] = []
        for before, width in zip((widths[-1], *decoder), decoder, strict=False):
            layers += [activation(), ScaledConv2d(before, 4 * width, 3), nn.PixelShuffle(2)]
        self.decoder = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        return self.decoder(self.encoder(images))[..., : height // 4, : width // 4]


class EncoderDecoderHead(nn.Module):
    """Features -> beliefs (N, P+1, h, w)."""

    uses_beliefs = False

    def __init__(self, n_maps: int, width: int) -> None:
        super().__init__()
        self.body = activation()
        self.beliefs = ScaledConv2d(width, n_maps, 1, gain=0.1)
        with torch.no_grad():  # background everywhere
            self.beliefs.bias[-1] = BELIEF_GAIN

    def forward(self, features: torch.Tensor, previous=None, centre=None) -> torch.Tensor:
        return full(self.beliefs(self.body(features))) / BELIEF_GAIN

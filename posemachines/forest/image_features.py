"""The image features that a forest stage may read: hand-made ones, or the maps of a pretrained backbone."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Protocol

import numpy as np

from . import features
from .taps import window_taps

__all__ = ["FEATURES", "HandMadeFeatures", "ImageFeatures", "PretrainedFeatures", "get_features"]

FEATURES = ("hand-made", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
"""Names of the known image features."""
WINDOW = (-1, 0, 1)  # of cells of a map of a backbone, at its own stride


class ImageFeatures(Protocol):
    """Code maps of images, and where a cell reads them."""

    @property
    def key(self) -> Hashable:
        """Equal for features that compute the same maps."""

    @property
    def n_maps(self) -> int:
        """Number of maps."""

    def codes(self, images: np.ndarray, *, stride: int) -> np.ndarray:
        """Codes in 0..63, uint8 (N, n_maps, H / stride, W / stride), of images (N, H, W, 3)."""

    def taps(self, level: int, *, stride: int) -> np.ndarray:
        """What the descriptor of a cell of a level reads: channel, row offset and column offset, int (F, 3)."""


class HandMadeFeatures:
    """Histograms of gradients and colour at three sizes of cells, as in the paper of 2014."""

    key = ("hand-made", features.CELLS)
    n_maps = len(features.CELLS) * features.N_CHANNELS

    def codes(self, images: np.ndarray, *, stride: int) -> np.ndarray:
        return features.image_codes(images, stride=stride)

    def taps(self, level: int, *, stride: int) -> np.ndarray:
        return features.image_taps(features.PATCHES[level], stride=stride)


class PretrainedFeatures:
    """Maps of a frozen backbone that was trained on ImageNet, at strides 4, 8 and 16.

    All maps are brought to the belief grid by linear interpolation; a cell reads 3 x 3 cells of each, as far apart as
    the stride of the map. The codes are 64 steps from 2.3 standard deviations below the mean that a channel has on
    ImageNet to 2.3 above it, so they do not depend on the data.

    Parameters
    ----------
    backbone : str
        A key of :data:`posemachines.backbones.BACKBONES`.

    Notes
    -----
    Computed by torch in single precision on the CPU, so that a machine predicts the same on every computer.
    """

    def __init__(self, backbone: str) -> None:
        self.backbone = backbone

    @property
    def key(self) -> Hashable:
        return "pretrained", self.backbone

    @property
    def n_maps(self) -> int:
        return self._maps.n_maps

    @property
    def _maps(self):
        from ..backbones.code_maps import code_maps  # imports torch

        return code_maps(self.backbone)

    def codes(self, images: np.ndarray, *, stride: int) -> np.ndarray:
        return self._maps.codes(images, stride=stride, n_codes=features.N_CODES)

    def taps(self, level: int, *, stride: int) -> np.ndarray:
        first, table = 0, []
        for width, own_stride in zip(self._maps.widths, self._maps.strides, strict=True):
            step = max(own_stride // stride, 1)
            table.append(window_taps(np.arange(first, first + width), np.array(WINDOW) * step))
            first += width
        return np.concatenate(table)


@cache
def get_features(name: str) -> ImageFeatures:
    """Image features by name; ValueError if there are none of this name."""
    if name not in FEATURES:
        raise ValueError(f"features must be one of {', '.join(map(repr, FEATURES))}; got {name!r}")
    return HandMadeFeatures() if name == "hand-made" else PretrainedFeatures(name)

"""Maps of a frozen backbone as codes on the belief grid, for forests."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from .efficientnet import EfficientNetLite
from .sampling import resample
from .weights import load_moments, load_weights

__all__ = ["CodeMaps", "code_maps"]

SPREAD = 2.3  # standard deviations to either side of the mean that the codes cover
LAST_STRIDE = 16
PIXELS_AT_ONCE = 2**19


class CodeMaps:
    """Codes of the maps of a backbone, at strides 4, 8 and 16.

    Parameters
    ----------
    name : str
        A key of :data:`posemachines.backbones.BACKBONES`.

    Attributes
    ----------
    strides, widths : tuple of int
        Stride and channels of the maps, in the order of the codes.
    n_maps : int

    Raises
    ------
    ImportError
        If the package that carries the weights is not installed.
    """

    def __init__(self, name: str) -> None:
        backbone = EfficientNetLite(name, LAST_STRIDE)
        load_weights(backbone)
        self.backbone = backbone.eval().requires_grad_(False)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.strides, self.widths, self.n_maps = backbone.strides, backbone.widths, sum(backbone.widths)
        self.moments = load_moments(backbone)

    def codes(self, images: np.ndarray, *, stride: int, n_codes: int) -> np.ndarray:
        """Codes of images.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)
        stride : int
            Stride of the belief grid, in pixels.
        n_codes : int
            Number of codes.

        Returns
        -------
        uint8 ndarray of shape (N, n_maps, H / stride, W / stride)
            In 0..n_codes - 1; values out of range are clipped.
        """
        shape = images.shape[1] // stride, images.shape[2] // stride
        codes = np.empty((len(images), self.n_maps, *shape), np.uint8)
        at_once = max(PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]), 1)
        with torch.inference_mode():
            for start in range(0, len(images), at_once):
                some = torch.from_numpy(np.ascontiguousarray(images[start : start + at_once]))
                found = self.backbone(some.permute(0, 3, 1, 2).float() / 256 - 0.5)
                end = 0
                for maps, (mean, spread), own_stride, offset in zip(
                    found, self.moments, self.strides, self.backbone.offsets, strict=True
                ):
                    scaled = (maps - mean) * (n_codes / (2 * SPREAD) / spread) + n_codes / 2
                    moved = resample(
                        scaled, shape, stride=own_stride, offset=offset, to_stride=stride, to_offset=(stride - 1) / 2
                    )
                    first, end = end, end + maps.shape[1]
                    codes[start : start + at_once, first:end] = moved.clamp_(0, n_codes - 1).to(torch.uint8).numpy()
        return codes


@cache
def code_maps(name: str) -> CodeMaps:
    """The codes of a backbone, with its weights; loaded once."""
    return CodeMaps(name)

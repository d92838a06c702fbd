"""The descriptor of a cell: image patches, patches of previous beliefs, offsets to their peaks, and its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import features, psi, taps
from .image_features import ImageFeatures
from .layout import Layout
from .settings import ContextFeatures

__all__ = ["Descriptor", "subject_batches"]

_BATCH = 64  # subjects whose maps are packed at a time
_POSITION = 2  # maps of the cell's row and column


def subject_batches(n_subjects: int) -> list[slice]:
    """Slices of consecutive subjects whose maps are packed together."""
    return [slice(start, min(start + _BATCH, n_subjects)) for start in range(0, n_subjects, _BATCH)]


@dataclass(frozen=True)
class Descriptor:
    """What a stage reads around a cell, level by level.

    Attributes
    ----------
    layout : Layout
    context : ContextFeatures
    stride : int
        Stride of the belief grid, in pixels.
    images : ImageFeatures
    """

    layout: Layout
    context: ContextFeatures
    stride: int
    images: ImageFeatures

    def taps(self, level: int) -> np.ndarray:
        """The descriptor of a level as a table of taps (F, 3), on maps in the order of :meth:`pack`."""
        n_maps = self.images.n_maps
        n_previous = self.layout.n_previous
        table = [self.images.taps(level, stride=self.stride)]
        if n_previous and self.context.patches:
            table.append(psi.patch_taps(n_previous, first_channel=n_maps))
            n_maps += n_previous
        dense = _POSITION * bool(self.context.position)
        if n_previous and self.context.offsets:
            dense += int((~self.layout.is_background).sum()) * self.context.n_peaks * 3
        table.append(taps.window_taps(np.arange(n_maps, n_maps + dense), [0]))
        return np.concatenate(table)

    def reach(self) -> int:
        """Largest distance of a tap of any level, in cells."""
        return max(int(abs(self.taps(level)[:, 1:]).max()) for level in range(self.layout.n_levels))

    def locate(self, shape: tuple[int, int]) -> tuple[list[np.ndarray], int, int]:
        """Positions of the taps of every level in the packed maps, their pitch, and the width of the border."""
        reach = self.reach()
        n_bordered = self.images.n_maps
        n_bordered += self.layout.n_previous * bool(self.context.patches)
        located = [taps.locate(self.taps(level), n_bordered, reach, shape) for level in range(self.layout.n_levels)]
        return [base for base, _ in located], located[0][1], reach

    def pack(self, codes: np.ndarray, previous: np.ndarray | None, reach: int) -> np.ndarray:
        """Packed maps of some subjects, from the codes of their images and the previous beliefs."""
        n, shape = len(codes), codes.shape[2:]
        fill = np.full(codes.shape[1], taps.REPEAT, np.int16)
        beliefs, dense = np.empty((n, 0, *shape), np.float32), []
        is_background = self.layout.is_background
        if previous is not None and self.context.patches:
            beliefs = previous
            fill = np.concatenate([fill, np.where(is_background, features.N_CODES - 1, 0).astype(np.int16)])
        if self.context.position:
            dense.append(features.position_codes(n, shape))
        if previous is not None and self.context.offsets:
            foreground = np.ascontiguousarray(previous[:, ~is_background])
            dense.append(psi.offset_codes(psi.find_peaks(foreground, n_peaks=self.context.n_peaks), shape))
        together = np.concatenate(dense, 1) if dense else np.empty((n, 0, *shape), np.uint8)
        return taps.pack(codes, beliefs, together, fill, reach)

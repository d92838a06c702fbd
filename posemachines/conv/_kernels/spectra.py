"""Spectra of tiles and kernels, computed by matrix products; used by :mod:`.fft`.

Maps are cut into overlapping tiles (the *overlap-save* method). Every step is a matrix product, the operation at which
CPUs are most efficient: the Fourier transforms of all tiles along rows and columns, one product per frequency, which
sums over the channels, and the inverse transforms. Channels are always the innermost axis, so that nothing needs to be
transposed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
from torch.nn import functional

__all__ = ["Axis", "Tiling", "each", "kernel_spectrum", "multiply", "tripled"]

CHUNK = 2**23  # values in the tiles that are processed at a time; blocks of this size are reused by the allocator
GROUP = 2**21  # values in the spectra that are processed at a time; about the size of a CPU cache


class Axis(NamedTuple):
    """Tiles along one axis of the maps.

    Attributes
    ----------
    size, kernel : int
        Size of the maps and of the kernel, in cells.
    step : int
        Output cells per tile.
    """

    size: int
    kernel: int
    step: int

    @property
    def tile(self) -> int:
        return self.step + self.kernel - 1

    @property
    def number(self) -> int:
        return -(-self.size // self.step)

    @property
    def padding(self) -> tuple[int, int]:
        before = self.kernel // 2
        return before, self.number * self.step + self.kernel - 1 - before - self.size


class Transforms(NamedTuple):
    """Transform matrices of one axis: from tiles and kernels to spectra, and from spectra to the output cells.

    Complex numbers are pairs of a real and an imaginary part. The real transform along the rows has V = T // 2 + 1
    frequencies; the complex transform along the columns has T'.
    """

    tile: torch.Tensor
    kernel: torch.Tensor
    result: torch.Tensor


@lru_cache(maxsize=256)
def row_transforms(step: int, kernel: int) -> Transforms:
    """Tile (2 V, T), kernel (2 V, k) and result (step, 2 V)."""
    tile = step + kernel - 1
    frequencies = torch.arange(tile // 2 + 1, dtype=torch.float64)
    angles = 2 * math.pi / tile * frequencies[:, None] * torch.arange(tile)
    forward = torch.stack([angles.cos(), -angles.sin()], 1)
    # omitted frequencies are conjugates of the others
    share = torch.where((frequencies == 0) | (2 * frequencies == tile), 1, 2)[:, None, None] / tile
    conjugate = forward * torch.tensor([1, -1])[:, None]
    result = (forward * share).permute(2, 0, 1)[:step]
    return Transforms(_flat(forward, 2), _flat(conjugate[..., :kernel], 2), _flat(result, 1))


@lru_cache(maxsize=256)
def column_transforms(step: int, kernel: int) -> Transforms:
    """Tile (2 T', 2 T'), kernel (2 T', 2 k) and result (2 step, 2 T')."""
    tile = step + kernel - 1
    angles = 2 * math.pi / tile * torch.arange(tile, dtype=torch.float64)[:, None] * torch.arange(tile)
    cos, sin = angles.cos(), angles.sin()
    forward = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    conjugate = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    back = conjugate.permute(1, 3, 0, 2)[:, :step] / tile
    return Transforms(_flat(forward, 2), _flat(conjugate[..., :kernel], 2), _flat(back, 2))


def _flat(array: torch.Tensor, n_axes: int) -> torch.Tensor:
    """Reshape to a float32 matrix, with the first `n_axes` axes as rows."""
    rows = math.prod(array.shape[:n_axes])
    return array.reshape(rows, -1).float().contiguous()


class Tiling(NamedTuple):
    """How maps are cut into tiles, along rows and columns."""

    rows: Axis
    columns: Axis

    @property
    def row(self) -> Transforms:
        return row_transforms(self.rows.step, self.rows.kernel)

    @property
    def column(self) -> Transforms:
        return column_transforms(self.columns.step, self.columns.kernel)

    @property
    def tile(self) -> tuple[int, int]:
        """Size of a tile, on which the spectrum of the kernels depends."""
        return self.rows.tile, self.columns.tile

    @property
    def exact(self) -> bool:
        """Whether the output cells of all tiles are inside the maps."""
        return all(axis.size % axis.step == 0 for axis in self)

    def padded(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (N, C, h, w) as (N, h', w', C), padded with zeros as far as the tiles reach."""
        maps = maps.contiguous(memory_format=torch.channels_last)
        return functional.pad(maps, (*self.columns.padding, *self.rows.padding)).permute(0, 2, 3, 1)

    def middle(self, padded: torch.Tensor) -> torch.Tensor:
        """Padded maps without their padding, (N, C, h, w)."""
        (top, _), (left, _) = self.rows.padding, self.columns.padding
        return padded[:, top : top + self.rows.size, left : left + self.columns.size].permute(0, 3, 1, 2)

    def chunks(self, n: int, width: int) -> Iterator[tuple[slice, slice, slice]]:
        """Chunks that are processed together: subjects, rows of the padded maps, and rows of the maps."""
        rows, columns = self
        most = max(1, CHUNK // (rows.tile * columns.tile * columns.number * width))  # rows of tiles
        n_subjects, n_pieces = max(1, most // rows.number), -(-rows.number // most)
        for first in range(0, n, n_subjects):
            subjects = slice(first, min(first + n_subjects, n))
            for piece in range(n_pieces):
                top, end = (rows.number * edge // n_pieces * rows.step for edge in (piece, piece + 1))
                yield subjects, slice(top, end + rows.kernel - 1), slice(top, end)

    def windows(self, padded: torch.Tensor) -> torch.Tensor:
        """View of the overlapping tiles, (T, T', n, rows, columns, C)."""
        rows, columns = self
        windows = padded.unfold(1, rows.tile, rows.step).unfold(2, columns.tile, columns.step)
        return windows.permute(4, 5, 0, 1, 2, 3)

    def cells(self, tiles: torch.Tensor, maps: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Pairs of views: output cells in tiles (step * step' * tiles * C), and the same cells in maps (n, h, w, C)."""
        n, height, width, channels = maps.shape
        rows, columns = self
        tiles = tiles.view(rows.step, columns.step, n, -1, columns.number, channels)
        for down, high, y in _parts(height, rows.step):
            for along, wide, x in _parts(width, columns.step):
                blocks = maps[:, y, x].unfold(1, high, high).unfold(2, wide, wide).permute(4, 5, 0, 1, 2, 3)
                yield tiles[:high, :wide, :, down, along], blocks

    def add_up(self, tiles: torch.Tensor, padded: torch.Tensor) -> None:
        """Add tiles (T, T' * tiles * C) to the padded maps, at the positions of :meth:`windows`."""
        windows = self.windows(padded)
        tiles, step, across = tiles.view(windows.shape), self.rows.step, self.columns.step
        for top in range(0, self.rows.tile, step):
            for left in range(0, self.columns.tile, across):  # parts that do not overlap
                part = slice(top, top + step), slice(left, left + across)
                windows[part].add_(tiles[part])

    def tile_pairs(self, padded: torch.Tensor) -> torch.Tensor:
        """Tiles of padded maps, transformed along their rows: (V, 2 T', tiles * C)."""
        tiles = self.windows(padded).reshape(self.rows.tile, -1)
        return (self.row.tile @ tiles).view(len(self.row.tile) // 2, 2 * self.columns.tile, -1)

    def kernel_pairs(self, weight: torch.Tensor) -> torch.Tensor:
        """Kernels (D, C, k, l), transformed along their rows: (V, 2 l, D * C)."""
        flat = weight.reshape(-1, self.rows.kernel * self.columns.kernel).t().contiguous()
        pairs = self.row.kernel @ flat.view(self.rows.kernel, -1)
        return pairs.view(len(self.row.kernel) // 2, 2 * self.columns.kernel, -1)

    def kernel_gradient(self, pairs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Gradient with respect to the kernels, from that with respect to :meth:`kernel_pairs`."""
        flat = self.row.kernel.t() @ pairs.view(len(self.row.kernel), -1)
        return flat.view(self.rows.kernel * self.columns.kernel, -1).t().contiguous().view(weight.shape)

    def add_kernels(self, pairs: torch.Tensor, spectrum: torch.Tensor, triples: torch.Tensor) -> None:
        """Add the contribution of some frequencies to the gradient with respect to :meth:`kernel_pairs`.

        Parameters
        ----------
        pairs : tensor of shape (V, 2 l, D * C)
        spectrum : tensor of shape (V * T', 2 * tiles, C)
            Spectrum of the tiles.
        triples : tensor of shape (V * T', 3, tiles, D)
            Gradient with respect to the spectrum of the result.
        """
        n_tiles, parts = triples.shape[2], triples.flatten(1, 2)
        matrix = self.column.kernel.view(-1, 2, pairs.shape[1])
        for index, sign in ((0, 1), (1, -1)):  # with respect to the real and the imaginary part of the kernel
            above = parts[:, (1 - index) * n_tiles : (3 - index) * n_tiles]
            found = torch.bmm(above.transpose(1, 2), spectrum).view(len(pairs), len(matrix), -1)
            pairs.baddbmm_(matrix[:, index].t().expand(len(pairs), -1, -1), found, alpha=sign)

    def groups(self, n_tiles: int, n_in: int, n_out: int) -> list[slice]:
        """Groups of row frequencies that are processed together."""
        n = len(self.row.tile) // 2
        size = max(1, GROUP // (3 * self.columns.tile * max(n_tiles * n_in, n_tiles * n_out, n_in * n_out)))
        return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def _parts(size: int, step: int) -> list[tuple[slice, int, slice]]:
    """Complete tiles, and the partial last one: slice of tiles, their output cells, and the slice of the maps."""
    whole, rest = divmod(size, step)
    inside = (slice(0, whole), step, slice(0, whole * step))
    edge = (slice(whole, whole + 1), rest, slice(whole * step, size))
    return [part for part, there in ((inside, whole), (edge, rest)) if there]


def each(matrix: torch.Tensor, batch: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Product of the matrix with each matrix of the batch."""
    return torch.bmm(matrix.expand(len(batch), -1, -1), batch, out=out)


def tripled(matrix: torch.Tensor) -> torch.Tensor:
    """Convert a matrix that outputs pairs (2 T', n) to one that outputs the triples (3 T', n) of :func:`multiply`."""
    real, imaginary = matrix.view(-1, 2, matrix.shape[1]).unbind(1)
    return torch.stack([-imaginary, real, imaginary], 1).flatten(0, 1)


def multiply(triples: torch.Tensor, kernel: torch.Tensor, *, sign: int = 1) -> torch.Tensor:
    """Complex product for each frequency.

    Parameters
    ----------
    triples : tensor of shape (F, 3, tiles, C)
        (-imaginary, real, imaginary), so that the factors of each part of `kernel` are contiguous.
    kernel : tensor of shape (F, 2, C, D)
    sign : {1, -1}
        -1 multiplies by the conjugate of the kernel.

    Returns
    -------
    tensor of shape (F, 2, tiles, D)
    """
    n, _, n_tiles, n_out = (*triples.shape[:3], kernel.shape[3])
    parts = triples.view(n, 3 * n_tiles, -1)
    pairs = torch.bmm(parts[:, n_tiles:], kernel[:, 0])
    return pairs.baddbmm_(parts[:, : 2 * n_tiles], kernel[:, 1], alpha=sign).view(n, 2, n_tiles, n_out)


def kernel_spectrum(weight: torch.Tensor, tiling: Tiling) -> torch.Tensor:
    """Spectrum of the kernels, (V, T', 2, C, D)."""
    (n_out, n_in), pairs = weight.shape[:2], tiling.kernel_pairs(weight)
    spectrum = weight.new_empty(len(pairs), len(tiling.column.kernel), n_in, n_out)
    for into, one in zip(spectrum, pairs, strict=True):
        into.copy_((tiling.column.kernel @ one).view(-1, n_out, n_in).transpose(1, 2))
    return spectrum.view(len(pairs), -1, 2, n_in, n_out)

"""Convolutions with large kernels by way of their spectra: a tenth of the multiplications, or less.

The maps are cut into overlapping tiles (*overlap-save*), and every step is a matrix product, which is what processors
are best at: the Fourier transforms of all tiles along their rows and columns, one product a frequency that sums over
the channels, and the transforms back. Channels lie innermost throughout, so that nothing has to be transposed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["LargeConv2d", "conv2d_fft"]

CHUNK = 2**23  # numbers in the tiles that are worked on at a time: such memory is used again, larger pieces are not
GROUP = 2**20  # numbers in the spectra that are worked on at a time: what a processor's cache holds
LARGEST_TILE = 48
MOVED = 20.0  # multiplications in the time that it takes to move one number to memory or from there
TRANSFORM = 1.6  # a multiplication of a transform in those of a large matrix product
CALL = 5e5  # multiplications in the time of a step, however small
KEPT = 2  # spectra a layer keeps, of tiles of different sizes


class Axis(NamedTuple):
    """Tiles along one axis of the maps.

    Attributes
    ----------
    size, kernel : int
        Of the maps and of the kernel, in cells.
    step : int
        New cells a tile.
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
    """Matrices of one axis: of tiles and of kernels to their spectra, and from a spectrum to the new cells of a tile.

    The real transform of the rows yields complex numbers as pairs, 2 V of them for V = T // 2 + 1 frequencies. The
    transform of the columns takes pairs to triples, which are multiplied one by one (Gauss's way of multiplying
    complex numbers): (real + imaginary, real, imaginary) of a tile by (r, i - r, i + r) of a kernel.
    """

    tile: torch.Tensor
    kernel: torch.Tensor
    result: torch.Tensor


@lru_cache(maxsize=256)
def row_transforms(step: int, kernel: int) -> Transforms:
    """Real transforms: tile (2 V, T), kernel (2 V, k) and result (step, 2 V) with frequency and plane as one axis."""
    tile = step + kernel - 1
    frequencies = torch.arange(tile // 2 + 1, dtype=torch.float64)
    angles = 2 * math.pi / tile * frequencies[:, None] * torch.arange(tile)
    forward = torch.stack([angles.cos(), -angles.sin()], 1)
    # of the frequencies that are left out, the conjugates are there
    share = torch.where((frequencies == 0) | (2 * frequencies == tile), 1, 2)[:, None, None] / tile
    conjugate = forward * torch.tensor([1, -1])[:, None]
    result = (forward * share).permute(2, 0, 1)[:step]
    return Transforms(_flat(forward, 2), _flat(conjugate[..., :kernel], 2), _flat(result, 1))


@lru_cache(maxsize=256)
def column_transforms(step: int, kernel: int) -> Transforms:
    """Complex transforms: tile (3 T, 2 T), kernel (3 T, 2 k) and result (2 step, 3 T), by frequency and triple."""
    tile = step + kernel - 1
    angles = 2 * math.pi / tile * torch.arange(tile, dtype=torch.float64)[:, None] * torch.arange(tile)
    cos, sin = angles.cos(), angles.sin()
    real, imaginary = torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)
    forward = torch.stack([real + imaginary, real, imaginary], 1)
    real, imaginary = torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)  # the spectrum's conjugate: correlation
    of_kernel = torch.stack([real, imaginary - real, imaginary + real], 1)[..., :kernel]
    cos, sin = cos[:step] / tile, sin[:step] / tile
    back = torch.stack([torch.stack([cos - sin, -sin, -cos], -1), torch.stack([cos + sin, cos, -sin], -1)])
    return Transforms(_flat(forward, 2), _flat(of_kernel, 2), _flat(back, 2))


def _flat(array: torch.Tensor, n_axes: int) -> torch.Tensor:
    """The first `n_axes` axes as one and the others as one, in single precision."""
    rows = math.prod(array.shape[:n_axes])
    return array.reshape(rows, -1).float().contiguous()


class Tiling(NamedTuple):
    """How maps are cut: rows and columns of tiles, and the matrices of both."""

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
        """Size of the tiles, on which the kernels' spectrum depends."""
        return self.rows.tile, self.columns.tile

    @property
    def grid(self) -> tuple[int, int]:
        """Size of the maps that the new cells of all tiles make up."""
        return self.rows.number * self.rows.step, self.columns.number * self.columns.step

    def padded(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (N, C, h, w) as (N, h', w', C), with the margin of zeros that tiles reach into."""
        maps = maps.contiguous(memory_format=torch.channels_last)
        return functional.pad(maps, (*self.columns.padding, *self.rows.padding)).permute(0, 2, 3, 1)

    def chunks(self, n: int, width: int) -> Iterator[tuple[slice, slice, slice]]:
        """What is worked on together: people, their rows of the padded maps and those of the grid."""
        rows, columns = self
        most = max(1, CHUNK // (rows.tile * columns.tile * columns.number * width))  # rows of tiles
        n_people, n_pieces = max(1, most // rows.number), -(-rows.number // most)
        for first in range(0, n, n_people):
            people = slice(first, min(first + n_people, n))
            for piece in range(n_pieces):
                top, end = (rows.number * edge // n_pieces * rows.step for edge in (piece, piece + 1))
                yield people, slice(top, end + rows.kernel - 1), slice(top, end)

    def windows(self, padded: torch.Tensor) -> torch.Tensor:
        """Overlapping tiles, seen as (T, T', n, rows, columns, C)."""
        rows, columns = self
        windows = padded.unfold(1, rows.tile, rows.step).unfold(2, columns.tile, columns.step)
        return windows.permute(4, 5, 0, 1, 2, 3)

    def blocks(self, grid: torch.Tensor) -> torch.Tensor:
        """New cells of the tiles, seen as (step, step', n, rows, columns, C)."""
        rows, columns = self
        blocks = grid.unfold(1, rows.step, rows.step).unfold(2, columns.step, columns.step)
        return blocks.permute(4, 5, 0, 1, 2, 3)

    def add_up(self, tiles: torch.Tensor, padded: torch.Tensor) -> None:
        """Add tiles (T, T' * tiles * C) to the padded maps where :meth:`windows` sees them."""
        windows = self.windows(padded)
        tiles, step, beside = tiles.view(windows.shape), self.rows.step, self.columns.step
        for top in range(0, self.rows.tile, step):
            for left in range(0, self.columns.tile, beside):  # parts that do not overlap
                part = slice(top, top + step), slice(left, left + beside)
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
        """The gradient of :meth:`kernel_pairs` by the kernels, given that by the pairs."""
        flat = self.row.kernel.t() @ pairs.view(len(self.row.kernel), -1)
        return flat.view(self.rows.kernel * self.columns.kernel, -1).t().contiguous().view(weight.shape)

    def groups(self, n_tiles: int, n_in: int, n_out: int) -> list[slice]:
        """Frequencies along the rows that are worked on together."""
        n = len(self.row.tile) // 2
        size = max(1, GROUP // (3 * self.columns.tile * max(n_tiles * n_in, n_tiles * n_out, n_in * n_out)))
        return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def each(matrix: torch.Tensor, batch: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """The matrix times each matrix of the batch."""
    return torch.bmm(matrix.expand(len(batch), -1, -1), batch, out=out)


def kernel_spectrum(weight: torch.Tensor, tiling: Tiling) -> torch.Tensor:
    """What the spectra of tiles are multiplied by: (V, 3 T', C, D)."""
    (n_out, n_in), pairs = weight.shape[:2], tiling.kernel_pairs(weight)
    spectrum = weight.new_empty(len(pairs), len(tiling.column.kernel), n_in, n_out)
    for into, one in zip(spectrum, pairs, strict=True):
        into.copy_((tiling.column.kernel @ one).view(-1, n_out, n_in).transpose(1, 2))
    return spectrum


class _Convolution(torch.autograd.Function):
    """The convolution of :func:`conv2d_fft` on given tiles, with the kernels' spectrum where that is at hand."""

    @staticmethod
    def forward(ctx: Any, maps, weight, bias, tiling: Tiling, spectrum=None) -> torch.Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.tiling = tiling
        (n_out, n_in), (height, width) = weight.shape[:2], maps.shape[2:]
        padded, (row, column) = tiling.padded(maps), (tiling.row, tiling.column)
        kernels = tiling.kernel_pairs(weight) if spectrum is None else spectrum
        grid = maps.new_empty(len(maps), *tiling.grid, n_out)
        for people, around, inside in tiling.chunks(len(maps), max(n_in, n_out)):
            pairs, blocks = tiling.tile_pairs(padded[people, around]), tiling.blocks(grid[people, inside])
            n_tiles = blocks[0, 0, ..., 0].numel()
            found = maps.new_empty(len(pairs), len(column.result), n_tiles * n_out)
            for group in tiling.groups(n_tiles, n_in, n_out):
                if spectrum is None:
                    kernel = each(column.kernel, kernels[group]).view(-1, n_out, n_in).transpose(1, 2)
                else:
                    kernel = spectrum[group].flatten(0, 1)
                triples = each(column.tile, pairs[group]).view(-1, n_tiles, n_in)
                products = torch.bmm(triples, kernel).view(len(pairs[group]), -1, n_tiles * n_out)
                each(column.result, products, out=found[group])
            cells = (row.result @ found.view(row.result.shape[1], -1)).view(blocks.shape)
            torch.add(cells, 0 if bias is None else bias, out=blocks)
        return grid[:, :height, :width].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor):
        (maps, weight), tiling = ctx.saved_tensors, ctx.tiling
        (n_out, n_in), (height, width) = weight.shape[:2], maps.shape[2:]
        to_maps, to_weight, to_bias = ctx.needs_input_grad[:3]
        (row, column), (high, wide) = (tiling.row, tiling.column), tiling.grid
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        grid = functional.pad(gradient, (0, wide - width, 0, high - height)).permute(0, 2, 3, 1)
        padded, kernels = tiling.padded(maps), tiling.kernel_pairs(weight)
        sums, kernel_sums = torch.zeros_like(padded) if to_maps else None, torch.zeros_like(kernels)
        for people, around, inside in tiling.chunks(len(maps), max(n_in, n_out)):
            pairs, blocks = tiling.tile_pairs(padded[people, around]), tiling.blocks(grid[people, inside])
            n_tiles = blocks[0, 0, ..., 0].numel()
            back = (row.result.t() @ blocks.reshape(len(row.result), -1)).view(len(pairs), -1, n_tiles * n_out)
            for group in tiling.groups(n_tiles, n_in, n_out):
                products = each(column.result.t(), back[group]).view(-1, n_tiles, n_out)
                if to_weight:
                    triples = each(column.tile, pairs[group]).view(-1, n_tiles, n_in)
                    found = torch.bmm(products.transpose(1, 2), triples).view(len(pairs[group]), -1, n_out * n_in)
                    kernel_sums[group].baddbmm_(column.kernel.t().expand(len(found), -1, -1), found)
                if to_maps:
                    kernel = each(column.kernel, kernels[group]).view(-1, n_out, n_in)
                    found = torch.bmm(products, kernel).view(len(pairs[group]), -1, n_tiles * n_in)
                    each(column.tile.t(), found, out=pairs[group])
            if sums is not None:
                tiling.add_up(row.tile.t() @ pairs.view(len(row.tile), -1), sums[people, around])
        wanted = None
        if sums is not None:
            (top, _), (left, _) = tiling.rows.padding, tiling.columns.padding
            wanted = sums[:, top : top + height, left : left + width].permute(0, 3, 1, 2)
        return (
            wanted,
            tiling.kernel_gradient(kernel_sums, weight) if to_weight else None,
            gradient.sum((0, 2, 3)) if to_bias else None,
            None,
            None,
        )


# -- which way is faster --------------------------------------------------------------------------------------------


def direct_cost(maps: torch.Size, weight: torch.Size) -> float:
    """Time of a direct convolution, in multiplications of a large matrix product."""
    n, _, height, width = maps
    return n * height * width * math.prod(weight)


def fft_cost(n: int, n_out: int, n_in: int, tiling: Tiling, cached: bool) -> float:
    """Time of a convolution by way of spectra, in multiplications of a large matrix product."""
    rows, columns = tiling
    tiles, pairs = n * rows.number * columns.number, 2 * (rows.tile // 2 + 1)
    triples = pairs // 2 * 3 * columns.tile
    products = triples * tiles * n_in * n_out
    into = pairs * columns.tile * (rows.tile + 3 * columns.tile)
    back = pairs * columns.step * (rows.step + 3 * columns.tile)
    moved = (triples + rows.tile * columns.tile) * tiles * (n_in + n_out) + triples * n_in * n_out
    kernels = 0 if cached else n_in * n_out * pairs * columns.kernel * (rows.kernel + 3 * columns.tile)
    return products + TRANSFORM * (tiles * (n_in * into + n_out * back) + kernels) + MOVED * moved + CALL


@lru_cache(maxsize=1024)
def best_tiling(maps: torch.Size, weight: torch.Size, cached: bool) -> tuple[Tiling, float]:
    """The cheapest tiles for maps (N, C, h, w) and kernels (D, C, k, l), and their cost."""
    (n, _, *sizes), (n_out, n_in, *kernels) = maps, weight
    choices = []
    for size, kernel in zip(sizes, kernels, strict=True):
        steps = {-(-size // count) for count in range(1, size + 1)}
        choices.append([Axis(size, kernel, step) for step in sorted(steps) if step + kernel - 1 <= LARGEST_TILE])
    tilings = [Tiling(rows, columns) for rows in choices[0] for columns in choices[1]]
    costs = [fft_cost(n, n_out, n_in, tiling, cached) for tiling in tilings]
    best = min(range(len(costs)), key=costs.__getitem__)
    return tilings[best], costs[best]


def conv2d_fft(maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Convolution of stride 1 and 'same' padding by way of spectra; can be differentiated once.

    Parameters
    ----------
    maps : float32 tensor of shape (N, C, h, w)
    weight : float32 tensor of shape (D, C, k, l)
        k and l odd.
    bias : float32 tensor of shape (D,), optional

    Returns
    -------
    float32 tensor of shape (N, D, h, w)
        As of :func:`torch.nn.functional.conv2d`, in channels-last order.

    Raises
    ------
    ValueError
        If a side of the kernels is even, or a tensor is not float32.
    """
    if weight.shape[2] % 2 == 0 or weight.shape[3] % 2 == 0:
        raise ValueError(f"kernels must have odd sides; got {weight.shape[2]} x {weight.shape[3]}")
    if maps.dtype != torch.float32 or weight.dtype != torch.float32:
        raise ValueError(f"maps and weight must be float32; got {maps.dtype} and {weight.dtype}")
    return _Convolution.apply(maps, weight, bias, best_tiling(maps.shape, weight.shape, False)[0])


class LargeConv2d(nn.Conv2d):
    """Convolution of stride 1 and 'same' padding that takes the faster way: directly, or by way of spectra.

    State, parameters and first weights are those of :class:`torch.nn.Conv2d`.

    Parameters
    ----------
    in_channels, out_channels, size : int
        Channels in and out, and side of the kernels, which is odd.
    bias : bool, default=True

    Attributes
    ----------
    method : {"auto", "direct", "fft"}
        "auto" compares :func:`direct_cost` and :func:`fft_cost`, which depend on shapes alone.

    Notes
    -----
    Spectra are for single precision on a processor; elsewhere, under autocast, and while a network is traced, compiled
    or exported, the convolution is direct whatever `method` says. What is returned is in channels-last order.

    Without gradients, the kernels' spectrum is kept, as long as the weights stay the same and no gradients are asked
    for. It takes some 4 times the memory of the weights. Weights that are written through ``weight.data`` change
    unnoticed; :meth:`forget` makes up for that.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, bias: bool = True) -> None:
        if size % 2 == 0:
            raise ValueError(f"size must be odd, so that maps keep their size; got {size}")
        super().__init__(in_channels, out_channels, size, padding=size // 2, bias=bias)
        self.method = "auto"
        self._spectra: dict[tuple[int, int], tuple[torch.Tensor, tuple, torch.Tensor]] = {}  # by the size of the tiles

    def forget(self) -> None:
        """Drop the spectra that are kept."""
        self._spectra = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_spectra": {}}

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        tiling = self._tiling(maps) if self.method != "direct" else None
        if tiling is None:
            return self._direct(maps)
        spectrum = None if torch.is_grad_enabled() else self._spectrum(tiling)
        if spectrum is None:
            self.forget()
        return _Convolution.apply(maps, self.weight, self.bias, tiling, spectrum)

    def _tiling(self, maps: torch.Tensor) -> Tiling | None:
        """Tiles of the spectra; None for a direct convolution."""
        if self.method not in ("auto", "fft"):
            raise ValueError(f"method must be 'auto', 'direct' or 'fft'; got {self.method!r}")
        if maps.dim() != 4 or not maps.numel() or not _spectra_can(maps, self.weight):
            return None
        tiling, cost = best_tiling(maps.shape, self.weight.shape, not torch.is_grad_enabled())
        return tiling if self.method == "fft" or cost < direct_cost(maps.shape, self.weight.shape) else None

    def _spectrum(self, tiling: Tiling) -> torch.Tensor | None:
        """The kernels' spectrum, made once; None for weights that do not tell when they change."""
        weight = self.weight
        if weight.is_inference():
            return None
        version = weight._version, weight.data_ptr()
        of, at, spectrum = self._spectra.get(tiling.tile, (None, None, None))
        if spectrum is None or of is not weight or at != version:
            others = [entry for entry in self._spectra.items() if entry[1][0] is weight and entry[1][1] == version]
            spectrum = kernel_spectrum(weight, tiling)
            self._spectra = dict([*others, (tiling.tile, (weight, version, spectrum))][-KEPT:])
        return spectrum

    def _direct(self, maps: torch.Tensor) -> torch.Tensor:
        if maps.dim() == 4 and maps.device.type == "cpu":
            maps = maps.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(maps, self.weight, self.bias, padding=self.padding)


def _spectra_can(maps: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether spectra are for these maps, here and now."""
    plain = all(one.dtype == torch.float32 and one.device.type == "cpu" for one in (maps, weight))
    written_down = torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()
    return plain and not written_down and not torch.is_autocast_enabled("cpu")

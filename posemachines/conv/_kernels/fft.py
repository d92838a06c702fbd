"""Convolutions with large kernels by FFT, which needs a tenth of the multiplications or fewer."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from . import ENABLED
from .spectra import Axis, Tiling, each, kernel_spectrum, multiply, tripled

__all__ = ["LargeConv2d", "conv2d_fft"]

# Costs in units of one multiplication of a direct convolution; measured with two threads of a CPU with AVX-512.
WEIGHT = 100.0  # per weight of a direct convolution, which is rearranged on each call
PRODUCT = 1.35  # per multiplication of spectra
TRANSFORM = 3.0  # per multiplication in a transform
MOVED = 28.0  # per value of a tile's spectrum that is written or read
LOADED = 45.0  # per value of the kernels' spectrum
CALL = 4e5  # per call
LARGEST_TILE = 36
OBLONG = 1.5  # largest aspect ratio of a tile
KEPT = 2  # spectra that a layer caches, for tiles of different sizes


class _Convolution(torch.autograd.Function):
    """The convolution of :func:`conv2d_fft` for a given tiling, optionally with a cached spectrum of the kernels."""

    @staticmethod
    def forward(ctx: Any, maps, weight, bias, tiling: Tiling, spectrum=None) -> torch.Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.tiling = tiling
        (n_out, n_in), (row, column) = weight.shape[:2], (tiling.row, tiling.column)
        to_triples, padded = tripled(column.tile), tiling.padded(maps)
        kernels = tiling.kernel_pairs(weight) if spectrum is None else spectrum
        convolved = torch.empty((len(maps), n_out, *maps.shape[2:]), memory_format=torch.channels_last)
        for subjects, around, inside in tiling.chunks(len(maps), max(n_in, n_out)):
            pairs = tiling.tile_pairs(padded[subjects, around])
            n_tiles = pairs.shape[2] // n_in
            found = pairs.new_empty(len(pairs), len(column.result), n_tiles * n_out)
            for group in tiling.groups(n_tiles, n_in, n_out):
                if spectrum is None:
                    kernel = each(column.kernel, kernels[group]).view(-1, 2, n_out, n_in).transpose(2, 3)
                else:
                    kernel = kernels[group].flatten(0, 1)
                triples = each(to_triples, pairs[group]).view(len(kernel), 3, n_tiles, n_in)
                products = multiply(triples, kernel).view(-1, len(column.tile), n_tiles * n_out)
                each(column.result, products, out=found[group])
            tiles = row.result @ found.view(row.result.shape[1], -1)
            for cells, place in tiling.cells(tiles, convolved.permute(0, 2, 3, 1)[subjects, inside]):
                torch.add(cells, 0 if bias is None else bias, out=place)
        return convolved

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor):
        (maps, weight), tiling = ctx.saved_tensors, ctx.tiling
        (n_out, n_in), (row, column) = weight.shape[:2], (tiling.row, tiling.column)
        to_maps, to_weight, to_bias = ctx.needs_input_grad[:3]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_triples, padded, kernels = tripled(column.result.t()), tiling.padded(maps), tiling.kernel_pairs(weight)
        sums, kernel_sums = torch.zeros_like(padded) if to_maps else None, torch.zeros_like(kernels)
        for subjects, around, inside in tiling.chunks(len(maps), max(n_in, n_out)):
            pairs = tiling.tile_pairs(padded[subjects, around])
            n_tiles = pairs.shape[2] // n_in
            tiles = pairs.new_empty(len(row.result), tiling.columns.step * n_tiles * n_out)
            if not tiling.exact:
                tiles.zero_()
            for cells, place in tiling.cells(tiles, gradient.permute(0, 2, 3, 1)[subjects, inside]):
                cells.copy_(place)
            back = (row.result.t() @ tiles).view(len(pairs), -1, n_tiles * n_out)
            for group in tiling.groups(n_tiles, n_in, n_out):
                triples = each(to_triples, back[group]).view(-1, 3, n_tiles, n_out)
                if to_weight:
                    spectrum = each(column.tile, pairs[group]).view(-1, 2 * n_tiles, n_in)
                    tiling.add_kernels(kernel_sums[group], spectrum, triples)
                if to_maps:
                    kernel = each(column.kernel, kernels[group]).view(-1, 2, n_out, n_in)
                    products = multiply(triples, kernel, sign=-1).view(-1, len(column.tile), n_tiles * n_in)
                    each(column.tile.t(), products, out=pairs[group])
            if sums is not None:
                tiling.add_up(row.tile.t() @ pairs.view(len(row.tile), -1), sums[subjects, around])
        return (
            None if sums is None else tiling.middle(sums),
            tiling.kernel_gradient(kernel_sums, weight) if to_weight else None,
            gradient.sum((0, 2, 3)) if to_bias else None,
            *[None] * 2,
        )


def direct_cost(maps: torch.Size, weight: torch.Size) -> float:
    """Cost of a direct convolution."""
    return (maps[0] * maps[2] * maps[3] + WEIGHT) * math.prod(weight)


def fft_cost(maps: torch.Size, weight: torch.Size, tiling: Tiling, cached: bool) -> float:
    """Cost of a convolution by FFT, with or without a cached spectrum of the kernels."""
    (n_out, n_in), (rows, columns) = weight[:2], tiling
    tiles, pairs = maps[0] * rows.number * columns.number, 2 * (rows.tile // 2 + 1)
    triples = pairs // 2 * 3 * columns.tile
    into = pairs * columns.tile * (rows.tile + 3 * columns.tile)
    back = pairs * columns.step * (rows.step + 3 * columns.tile)
    kernels = 0 if cached else n_in * n_out * pairs * columns.kernel * (rows.kernel + 3 * columns.tile)
    return (
        PRODUCT * triples * tiles * n_in * n_out
        + TRANSFORM * (tiles * (n_in * into + n_out * back) + kernels)
        + MOVED * (triples + rows.tile * columns.tile) * tiles * (n_in + n_out)
        + LOADED * triples * n_in * n_out
        + CALL
    )


@lru_cache(maxsize=1024)
def best_tiling(maps: torch.Size, weight: torch.Size, cached: bool) -> tuple[Tiling, float]:
    """The cheapest tiling for maps (N, C, h, w) and kernels (D, C, k, l), and its cost."""
    axes = []
    for size, kernel in zip(maps[2:], weight[2:], strict=True):
        most = max(LARGEST_TILE, 2 * kernel)
        steps = sorted({-(-size // number) for number in range(1, size + 1)})
        axes.append([Axis(size, kernel, step) for step in steps if step + kernel - 1 <= most])
    tilings = [Tiling(*pair) for pair in product(*axes)]
    squarish = [tiling for tiling in tilings if max(tiling.tile) <= OBLONG * min(tiling.tile)]
    costs = {tiling: fft_cost(maps, weight, tiling, cached) for tiling in squarish or tilings}
    return min(costs.items(), key=lambda entry: entry[1])


def conv2d_fft(maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Convolution with stride 1 and 'same' padding by FFT; it can be differentiated once.

    Parameters
    ----------
    maps : float32 tensor of shape (N, C, h, w)
    weight : float32 tensor of shape (D, C, k, l)
        k and l odd.
    bias : float32 tensor of shape (D,), optional

    Returns
    -------
    float32 tensor of shape (N, D, h, w)
        As returned by :func:`torch.nn.functional.conv2d`, in channels-last order.

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
    """Convolution with stride 1 and 'same' padding that is computed directly or by FFT, whichever is faster.

    State, parameters and initial weights are the same as those of :class:`torch.nn.Conv2d`.

    Parameters
    ----------
    in_channels, out_channels, size : int
        Input and output channels, and the side of the kernels, which must be odd.
    bias : bool, default=True

    Attributes
    ----------
    method : {"auto", "direct", "fft"}
        "auto" compares :func:`direct_cost` and :func:`fft_cost`, which depend only on shapes.

    Notes
    -----
    FFT is used in single precision on the CPU only. On other devices, under autocast, while a network is traced,
    compiled or exported, and with ``POSEMACHINES_KERNELS=0``, the convolution is direct regardless of `method`. The
    result is in channels-last order.

    In inference the spectrum of the kernels is cached; it takes about four times the memory of the weights. The cache
    is discarded when the weights change or a gradient is needed. Changes through ``weight.data`` go unnoticed; call
    :meth:`forget` after them.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, bias: bool = True) -> None:
        if size % 2 == 0:
            raise ValueError(f"size must be odd, so that maps keep their size; got {size}")
        super().__init__(in_channels, out_channels, size, padding=size // 2, bias=bias)
        self.method = "auto"
        self._spectra: dict[tuple[int, int], tuple[torch.Tensor, tuple, torch.Tensor]] = {}  # by tile size

    def forget(self) -> None:
        """Discard cached spectra."""
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
        """Tiling for the FFT; None for a direct convolution."""
        if self.method not in ("auto", "fft"):
            raise ValueError(f"method must be 'auto', 'direct' or 'fft'; got {self.method!r}")
        if not _fft_applies(maps, self.weight) or maps.dim() != 4 or not maps.numel():
            return None
        tiling, cost = best_tiling(maps.shape, self.weight.shape, not torch.is_grad_enabled())
        return tiling if self.method == "fft" or cost < direct_cost(maps.shape, self.weight.shape) else None

    def _spectrum(self, tiling: Tiling) -> torch.Tensor | None:
        """Cached spectrum of the kernels; None for inference tensors, whose changes cannot be detected."""
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


def _fft_applies(maps: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether FFT can be used for these maps, in the current mode of torch."""
    if not ENABLED:
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export():
        return False
    plain = all(one.dtype == torch.float32 and one.device.type == "cpu" for one in (maps, weight))
    return plain and not torch.is_autocast_enabled("cpu")

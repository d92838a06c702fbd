"""Maps brought from one grid of cells to another by linear interpolation."""

from __future__ import annotations

import torch

__all__ = ["resample"]


def resample(
    maps: torch.Tensor, shape: tuple[int, int], *, stride: int, offset: float, to_stride: int, to_offset: float
) -> torch.Tensor:
    """Maps at the cells of another grid, by linear interpolation; beyond the outermost cells they are constant.

    Parameters
    ----------
    maps : tensor of shape (N, C, h, w)
        Cell i is centred on pixel ``stride * i + offset``.
    shape : (h', w')
        Size of the other grid.
    stride, offset : number
    to_stride, to_offset : number
        Cell i of the other grid is centred on pixel ``to_stride * i + to_offset``.

    Returns
    -------
    tensor of shape (N, C, h', w')
        In channels-last order.
    """
    rows, columns = (
        _weights(maps, source, target, to_stride / stride, (to_offset - offset) / stride)
        for source, target in zip(maps.shape[-2:], shape, strict=True)
    )
    moved = rows @ maps @ columns.mT
    return moved.contiguous(memory_format=torch.channels_last)


def _weights(maps: torch.Tensor, n_source: int, n_target: int, step: float, first: float) -> torch.Tensor:
    """Weight of each source cell in each target cell, (n_target, n_source), along one axis."""
    place = (torch.arange(n_target, device=maps.device) * step + first).clamp(0, n_source - 1)
    away = place[:, None] - torch.arange(n_source, device=maps.device)
    return (1 - away.abs()).clamp(min=0).to(maps.dtype)

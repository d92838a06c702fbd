"""Belief maps of several crops of one subject, averaged over the pixels of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import to_crop, to_photo

__all__ = ["Gathering", "seen_region"]

CUBIC = -0.5  # of the cubic kernel: MATLAB's value, as published; less biased at peaks than -0.75


@dataclass(frozen=True)
class Gathering:
    """Averages maps of several crops over one region of the photo.

    Crops are neither rotated nor sheared, so a map in the photo is ``rows @ map @ columns.T``, with one small matrix
    per axis.
    """

    offset: tuple[int, int]
    shape: tuple[int, int]
    rows: np.ndarray  # (K, height, h)
    columns: np.ndarray  # (width, K * w), divided by K
    covered: tuple[np.ndarray, np.ndarray]  # bool (height, K) and (width, K)

    @classmethod
    def of(
        cls, photo: np.ndarray, transforms: np.ndarray, shape: tuple[int, int], stride: int, upsample: str
    ) -> Gathering:
        """For crops of `shape` = (height, width) px with `transforms` (K, 2, 3)."""
        first, last = seen_region(photo, transforms, shape)
        n_cells = shape[1] // stride, shape[0] // stride
        along_axis, covered = [], []
        for axis in (0, 1):
            pixels = np.zeros((last[axis] - first[axis] + 1, 2))
            pixels[:, axis] = np.arange(first[axis], last[axis] + 1)
            places = [(to_crop(pixels, each)[:, axis] - (stride - 1) / 2) / stride for each in transforms]
            along_axis.append([_weights(each, n_cells[axis], upsample) for each in places])
            covered.append(np.stack([_inside(each, n_cells[axis]) for each in places], 1))
        columns = np.concatenate(along_axis[0], axis=1) / np.float32(len(transforms))
        region = len(covered[1]), len(covered[0])
        offset = int(first[0]), int(first[1])
        return cls(offset, region, np.stack(along_axis[1]), columns, (covered[1], covered[0]))

    def average(self, maps: np.ndarray, *, out: np.ndarray) -> None:
        """Mean of the maps (K, h, w) of one channel over the region; a crop counts as zero outside itself."""
        np.matmul(np.concatenate(list(self.rows @ maps), axis=1), self.columns.T, out=out)

    def outside(self) -> np.ndarray:
        """Fraction of the crops that do not cover each pixel."""
        rows, columns = (each.astype(np.float32) for each in self.covered)
        return 1 - rows @ columns.T / rows.shape[1]


def seen_region(photo: np.ndarray, transforms: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """First (x, y) and last (x, y) pixel of the photo inside the largest of some concentric crops."""
    widest = transforms[transforms[:, 0, 0].argmin()]
    edges = to_photo(np.array([[-0.5, -0.5], [shape[1] - 0.5, shape[0] - 0.5]]), widest)
    first = np.maximum(np.ceil(edges[0] - 1e-6), 0)
    last = np.minimum(np.floor(edges[1] + 1e-6), np.array(photo.shape[1::-1]) - 1)
    if (first > last).any():
        raise ValueError(
            f"the subject's crop spans {edges[0].round(1).tolist()} to {edges[1].round(1).tolist()} (x, y) and so lies "
            f"outside the photo of {photo.shape[1]} x {photo.shape[0]} px; check centre and person_size"
        )
    return first.astype(int), last.astype(int)


def _weights(places: np.ndarray, n_cells: int, upsample: str) -> np.ndarray:
    """Weight of each cell at positions in cells, (n, n_cells); zero outside the grid, whose border is extended."""
    kernels = {"cubic": (_cubic, (-1, 0, 1, 2)), "linear": (_linear, (0, 1))}
    if upsample not in kernels:
        raise ValueError(f"upsample must be one of {', '.join(kernels)}; got {upsample!r}")
    kernel, taps = kernels[upsample]
    first = np.floor(places).astype(int)
    weights = np.zeros((len(places), n_cells), np.float32)
    for tap in taps:
        cells = (first + tap).clip(0, n_cells - 1)
        np.add.at(weights, (np.arange(len(places)), cells), kernel(np.abs(places - first - tap)))
    weights[~_inside(places, n_cells)] = 0
    return weights


def _inside(places: np.ndarray, n_cells: int) -> np.ndarray:
    return (places >= -0.5 - 1e-6) & (places <= n_cells - 0.5 + 1e-6)


def _linear(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, 0)


def _cubic(distance: np.ndarray) -> np.ndarray:
    near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
    far = ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))

"""Groups of settings of a forest stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CellSampling", "ContextFeatures", "check_ranges"]


@dataclass(frozen=True, kw_only=True)
class CellSampling:
    """Cells of the belief grid on which a forest is trained.

    Parameters
    ----------
    cells_per_subject : int, default=15
        Background cells per subject.
    max_cells : int, default=400_000
        Training cells in all; each coarser level has half as many as the one before. A cell takes one byte per number
        of its descriptor (1.6 kB in a first stage, 4.5 kB in a later one with 14 parts and three levels), and 250
        bytes more.
    hard_negatives : float, default=0.5
        Fraction of the background cells taken where the previous beliefs have a false peak.
    positive_radius, background_radius : float, default=0.75 and 2.5
        In cells, multiplied by the level. All cells within `positive_radius` of a joint are used, cells beyond
        `background_radius` of every joint are background.
    near_cells : int, default=8
        Cells per labelled joint that are used of those between the two radii.
    sigma : float, default=0.7
        Standard deviation, in cells, multiplied by the level, of the Gaussian by which a joint shares the cells around
        it with the background. With 0, cells within `positive_radius` belong to the joint alone and those between the
        two radii are not used: beliefs are then as high anywhere near the joint, and the place of their maximum is
        off by a cell.
    class_balance : float, default=0.2
        A class weighs as much as its number of cells to the power of one minus this: 0 keeps the sampled numbers,
        1 gives all classes the same weight.
    """

    cells_per_subject: int = 15
    max_cells: int = 400_000
    hard_negatives: float = 0.5
    positive_radius: float = 0.75
    background_radius: float = 2.5
    near_cells: int = 8
    sigma: float = 0.7
    class_balance: float = 0.2

    def check(self) -> None:
        """Raise ValueError for values out of range."""
        check_ranges(
            self,
            ("cells_per_subject", 0, np.inf),
            ("max_cells", 1, np.inf),
            ("hard_negatives", 0, 1),
            ("near_cells", 0, np.inf),
            ("sigma", 0, np.inf),
            ("class_balance", 0, 1),
        )
        if not 0 < self.positive_radius <= self.background_radius:
            raise ValueError(
                "positive_radius must be positive and background_radius not smaller, in cells; "
                f"got {self.positive_radius} and {self.background_radius}"
            )


@dataclass(frozen=True, kw_only=True)
class ContextFeatures:
    """Features, besides those of the image, that a stage reads: the paper's psi and the place of the cell.

    Parameters
    ----------
    patches, offsets : bool, default=True
        Patches of the previous beliefs around a cell, and offsets from the cell to their peaks.
    n_peaks : int, default=2
        Peaks per part for the offsets.
    position : bool, default=True
        Row and column of the cell in the crop.
    """

    patches: bool = True
    offsets: bool = True
    n_peaks: int = 2
    position: bool = True

    def check(self) -> None:
        """Raise ValueError for values out of range."""
        check_ranges(self, ("n_peaks", 1, np.inf))


def check_ranges(owner, *ranges: tuple[str, float, float]) -> None:
    """Raise ValueError if an attribute lies outside its (name, low, high)."""
    for name, low, high in ranges:
        value = getattr(owner, name)
        if not low <= value <= high:
            bounds = f"at least {low}" if high == np.inf else f"between {low} and {high}"
            raise ValueError(f"{name} must be {bounds}; got {value}")

"""Levels of a forest stage, and where their maps lie among the beliefs of the previous stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import Skeleton

__all__ = ["Layout"]

MOST_LEVELS = 3


@dataclass(frozen=True)
class Layout:
    """The classes of every level and the maps of the previous stage.

    Attributes
    ----------
    skeleton : Skeleton
    n_mixtures : int
        Mixture components per composite.
    n_levels : int
        Levels that the stage predicts.
    n_previous : int
        Maps of the previous stage, composites included; 0 for a first stage.
    """

    skeleton: Skeleton
    n_mixtures: int
    n_levels: int
    n_previous: int

    @classmethod
    def of(cls, skeleton: Skeleton, levels: int | None, n_mixtures: int, n_previous: int) -> Layout:
        """The layout for `levels` levels, or as many as the skeleton has; ValueError if the numbers do not fit."""
        most = min(len(skeleton.levels) + 1, MOST_LEVELS)
        if levels is not None and not (isinstance(levels, int | np.integer) and 1 <= levels <= most):
            raise ValueError(
                f"levels must be between 1 and {most}, the number that skeleton {skeleton.name!r} has "
                f"(add composites with Skeleton(levels=...)); got {levels!r}"
            )
        layout = cls(skeleton, n_mixtures, most if levels is None else int(levels), n_previous)
        ends = np.cumsum([layout.n_classes(level) for level in range(most)]).tolist()
        if n_previous not in (0, *ends):
            raise ValueError(
                f"previous beliefs must have {' or '.join(map(str, ends))} maps, those of the levels of skeleton "
                f"{skeleton.name!r} one after the other, with n_mixtures={n_mixtures}; got {n_previous}"
            )
        return layout

    def parts(self, level: int) -> tuple[tuple[int, ...], ...]:
        """Parts of each composite of a level; level 0 has the parts themselves."""
        return self.skeleton.levels[level - 1] if level else tuple((part,) for part in range(self.skeleton.n_parts))

    def n_classes(self, level: int) -> int:
        """Number of maps of a level, including its background."""
        return len(self.parts(level)) * (self.n_mixtures if level else 1) + 1

    def own_maps(self, level: int) -> slice | None:
        """The previous maps that belong to a level, its background last; None if there are none."""
        first = sum(self.n_classes(before) for before in range(level))
        last = first + self.n_classes(level)
        return slice(first, last) if last <= self.n_previous else None

    @property
    def is_background(self) -> np.ndarray:
        """Which of the previous maps are backgrounds, bool (M,); the previous stage may be of another kind."""
        ends, end = np.zeros(self.n_previous, bool), 0
        for level in range(MOST_LEVELS):
            if end < self.n_previous:
                end += self.n_classes(level)
                ends[end - 1] = True
        return ends

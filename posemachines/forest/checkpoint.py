"""The trained levels of a stage in a file, from which a training that was broken off goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checkpoint import fingerprint, read_arrays, write_arrays

__all__ = ["LevelCheckpoint"]


class LevelCheckpoint:
    """Arrays of the levels that are trained.

    Parameters
    ----------
    path : path or None
        None keeps nothing.
    settings : dict
        What the training must agree in, as JSON knows it.
    data : tuple of ndarray or None
        What it learns from.

    Attributes
    ----------
    levels : list of dict of ndarray
        The levels that the file had; names end in their number, ``feature_0``.

    Raises
    ------
    ValueError
        If the file is of another training, or is not such a file; it is left as it is.
    """

    def __init__(self, path: str | Path | None, settings: dict, data: tuple) -> None:
        self.path = None if path is None else Path(path)
        self.levels: list[dict[str, np.ndarray]] = []
        if self.path is None:
            return
        self._mark = fingerprint(settings, data)
        if self.path.exists():
            arrays = read_arrays(self.path, self._mark)
            while own := {name: values for name, values in arrays.items() if name.endswith(f"_{len(self.levels)}")}:
                self.levels.append(own)

    def add(self, arrays: dict[str, np.ndarray], *, done: bool) -> None:
        """Keep one more level, or remove the file where it was the last."""
        self.levels.append(arrays)
        if self.path is None:
            return
        if done:
            self.path.unlink(missing_ok=True)
            return
        together = {name: array for level in self.levels for name, array in level.items()}
        write_arrays(self.path, together | {"fingerprint": self._mark})

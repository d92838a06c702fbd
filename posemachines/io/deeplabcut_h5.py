"""DeepLabCut's H5 files, which pandas writes in a fixed layout or as an appendable table; read without pandas.

Traps: the names of the columns are a pickled list in the second layout, which is unpickled without any class or
function; numbers may lie in several blocks; the photo is named by one string or by three levels.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np

__all__ = ["read_h5"]

_LEVELS = {3: ("scorer", "bodyparts", "coords"), 4: ("scorer", "individuals", "bodyparts", "coords")}


def read_h5(path: Path) -> tuple[dict[str, list[str]], list[str], np.ndarray]:
    """The heads of the columns by their names, the names of the photos, and the numbers (rows, columns).

    Raises
    ------
    ImportError
        Without h5py.
    ValueError
        If the file is not such a table.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f'{path}: reading H5 files needs h5py: pip install "posemachines[evaluate]"; or give the CSV file beside it'
        ) from error
    try:
        with h5py.File(path) as file:
            group = next((one for one in file.values() if isinstance(one, h5py.Group)), None)
            if group is None:
                raise KeyError("a group")
            names, photos, cells = _table(group) if "table" in group else _fixed(group)
    except (OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is not a table of DeepLabCut ({error}); give the CSV file") from error
    if not names or len(names[0]) not in _LEVELS:
        raise ValueError(f"{path} has columns such as {names[:1]}; expected scorer, (individuals,) bodyparts, coords")
    heads = dict(zip(_LEVELS[len(names[0])], (list(level) for level in zip(*names, strict=True)), strict=True))
    return heads, photos, cells


def _fixed(group) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    names = _multi_index(group, "axis0")
    place = {name: index for index, name in enumerate(names)}
    photos = ["/".join(levels) for levels in _multi_index(group, "axis1")]
    cells = np.full((len(photos), len(names)), np.nan)
    for number in range(int(group.attrs["nblocks"])):
        items = _multi_index(group, f"block{number}_items")
        cells[:, [place[item] for item in items]] = np.array(group[f"block{number}_values"], float)
    return names, photos, cells


def _multi_index(group, name: str) -> list[tuple[str, ...]]:
    if name in group:
        return [(text,) for text in _texts(group[name][:])]
    columns = []
    level = 0
    while f"{name}_level{level}" in group:
        values = _texts(group[f"{name}_level{level}"][:])
        columns.append([values[code] for code in group[f"{name}_label{level}"][:]])
        level += 1
    if not columns:
        raise KeyError(name)
    return list(zip(*columns, strict=True))


def _table(group) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    table = group["table"]
    content = table[:]
    names: list[tuple[str, ...]] = []
    blocks = []
    for column in sorted(name for name in content.dtype.names if name.startswith("values_block_")):
        names += [tuple(map(str, name)) for name in _unpickled(table.attrs[f"{column}_kind"])]
        blocks.append(content[column].reshape(len(content), -1).astype(float))
    index = [name for name in content.dtype.names if not name.startswith("values_block_")]
    photos = ["/".join(levels) for levels in zip(*(_texts(content[name]) for name in index), strict=True)]
    return names, photos, np.concatenate(blocks, 1)


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]


class _Plain(pickle.Unpickler):
    """Lists, tuples, strings and numbers alone: nothing in a file is imported or called."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _unpickled(value):
    return _Plain(io.BytesIO(bytes(value)), encoding="utf-8").load()

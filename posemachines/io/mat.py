"""MATLAB files (version 5 and 7.3) and HDF5.

Traps: version 7.3 is HDF5, with its axes in reverse; structs come as object arrays of one element; MATLAB counts
pixels from 1, which the readers of the data sets take off, not this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .files import existing_file

__all__ = ["mat_variables", "read_hdf5", "read_mat", "read_mat_arrays"]

_EXTRA = "pip install 'posemachines[evaluate]'"


def mat_variables(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the variables of a MATLAB file, without reading them; ValueError if it is none."""
    import scipy.io

    path = existing_file(path, "give a MATLAB file")
    try:
        return {name: shape for name, shape, _ in scipy.io.whosmat(path)}
    except NotImplementedError:
        return {name: array.shape for name, array in read_hdf5(path).items()}
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(f"{path} is not a readable MATLAB file ({error})") from error


def read_mat(path: str | Path, variable: str, *, advice: str) -> Any:
    """One variable of a MATLAB file of version 5: an array, or structs as objects with attributes.

    Parameters
    ----------
    path : path
    variable : str
    advice : str
        What to give instead, for the message about a missing file.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it is not a MATLAB file, or lacks the variable.
    """
    import scipy.io

    path = existing_file(path, advice)
    try:
        content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(f"{path} is not a readable MATLAB file with the variable {variable!r} ({error})") from error
    if variable not in content:
        names = ", ".join(name for name in content if not name.startswith("__")) or "none"
        raise ValueError(f"{path} has no variable {variable!r}; its variables are {names}")
    return content[variable]


def read_mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a MATLAB file by name; those inside structs as ``outer.inner``."""
    import scipy.io

    try:
        content = scipy.io.loadmat(path)
    except NotImplementedError:  # version 7.3 is HDF5
        return read_hdf5(path)
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(f"{path} is not a readable MATLAB file ({error})") from error
    found: dict[str, np.ndarray] = {}
    for name, value in content.items():
        if not name.startswith("__"):
            _collect(name, value, found)
    return found


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an HDF5 file by name; those inside groups as ``outer.inner``. ImportError without h5py."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"reading {path} (HDF5) needs h5py: {_EXTRA}") from error
    found: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or name.startswith("#"):
            return
        value = item[()]
        if h5py.check_ref_dtype(item.dtype) is not None:  # a cell array of MATLAB
            cells = np.empty(value.size, object)
            cells[:] = [file[reference][()] for reference in value.ravel()]
            value = cells
        _collect(name.replace("/", "."), np.asarray(value), found)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{path} is not a readable HDF5 file ({error})") from error
    return found


def _collect(name: str, value: Any, found: dict[str, np.ndarray]) -> None:
    """Add an array to `found`: structs field by field, cells and arrays of structs stacked where their shapes agree."""
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names:
        for inner in value.dtype.names:
            cells = np.empty(value.size, object)
            cells[:] = list(value[inner].ravel())
            _collect(f"{name}.{inner}", cells, found)
        return
    if value.dtype != object:
        found[name] = value
        return
    items = [np.asarray(item) for item in value.ravel()]
    if len(items) == 1:
        _collect(name, items[0], found)
    elif items and all(item.dtype.names and item.dtype.names == items[0].dtype.names for item in items):
        _collect(name, np.concatenate([item.ravel() for item in items]), found)
    elif items and len({item.shape for item in items}) == 1 and all(item.dtype.kind in "fiubSU" for item in items):
        found[name] = np.stack(items)

"""Poses in files of arrays (.mat, .h5, .npz, .npy): which variable, and which axis is which."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from .mat import read_hdf5, read_mat_arrays

__all__ = ["arrange", "choose", "read_arrays"]

_AXES = ("people", "parts", "xy")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name; those inside structs and groups as ``outer.inner``."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with np.load(path) as content:
            return {name: content[name] for name in content.files}
    if suffix == ".npy":
        return {path.stem: np.load(path)}
    return read_mat_arrays(path) if suffix == ".mat" else read_hdf5(path)


def choose(
    arrays: Mapping[str, np.ndarray],
    path: Path,
    *,
    sizes: Collection[int],
    preferred: tuple[str, ...],
    variable: str | None = None,
    axes: str | None = None,
    n_people: Collection[int] = (),
) -> tuple[np.ndarray, str]:
    """The poses of a file as (N, P, 2 or 3), and the name of their variable.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        From :func:`read_arrays`.
    path : Path
        For messages.
    sizes : collection of int
        Possible numbers of parts.
    preferred : tuple of str
        Names that decide between several arrays, best first.
    variable, axes : str, optional
        As the user chose; see :func:`arrange` for `axes`.
    n_people : collection of int
        Expected numbers of subjects, if known, for ambiguous shapes.

    Raises
    ------
    ValueError
        If no array, or more than one, can be the poses.
    """
    if variable is not None:
        if variable not in arrays:
            raise ValueError(f"{path} has no variable {variable!r}; it has {_listing(arrays)}")
        return arrange(
            arrays[variable], sizes=sizes, axes=axes, n_people=n_people, what=f"{path}: {variable}"
        ), variable
    fitting = [name for name, array in arrays.items() if axes or _orders(array, sizes)]
    fitting = [name for name in fitting if arrays[name].dtype.kind in "fiu"]
    if not fitting:
        raise ValueError(
            f"{path} holds no array of people x {_or(sizes)} parts x (2 or 3), in any order of the axes; it has "
            f"{_listing(arrays)}; choose with variable= (--variable) and axes= (--axes, such as people,parts*xy)"
        )
    if len(fitting) > 1:
        rank = {name: preferred.index(leaf) for name in fitting if (leaf := name.split(".")[-1].lower()) in preferred}
        if not rank:
            raise ValueError(f"{path} holds several poses: {', '.join(fitting)}; choose with variable= (--variable)")
        fitting = sorted(rank, key=rank.__getitem__)
    name = fitting[0]
    return arrange(arrays[name], sizes=sizes, axes=axes, n_people=n_people, what=f"{path}: {name}"), name


def arrange(
    array, *, sizes: Collection[int], axes: str | None = None, n_people: Collection[int] = (), what: str = "array"
) -> np.ndarray:
    """An array with its axes in the order people, parts, xy.

    Parameters
    ----------
    array : ndarray
        With three axes in any order, besides axes of length 1.
    sizes : collection of int
        Possible numbers of parts.
    axes : str, optional
        The order: ``"xy,parts,people"``; ``"people,parts*xy"`` for rows x1, y1, x2, y2 ..
    n_people : collection of int
        Expected numbers of subjects.
    what : str
        For messages.

    Returns
    -------
    float64 ndarray of shape (N, P, 2 or 3)

    Raises
    ------
    ValueError
        If no order of the axes fits, or more than one does.
    """
    array = np.asarray(array)
    if axes is not None:
        return _arranged_as(array, axes, sizes, what)
    orders = _orders(array, sizes)
    shape = array.shape
    if array.ndim > 3:
        array = array.squeeze()
    if len(orders) > 1 and n_people:
        orders = [order for order in orders if array.shape[order[0]] in n_people] or orders
    if len(orders) != 1:
        problem = "could be read in several ways" if orders else f"is not people x {_or(sizes)} parts x (2 or 3)"
        readings = [
            ",".join(dict(zip(order, _AXES, strict=True))[axis] for axis in range(len(order))) for order in orders
        ]
        raise ValueError(
            f"{what} of shape {shape} {problem}; say which axis is which with axes= (--axes): "
            f"{' or '.join(readings) or 'people,parts,xy'}"
        )
    return array.transpose(orders[0]).astype(float)


def _orders(array: np.ndarray, sizes: Collection[int]) -> list[tuple[int, ...]]:
    """The ways to read axes as (people, parts, xy)."""
    shape = array.squeeze().shape if array.ndim > 3 else array.shape
    if len(shape) != 3 or array.dtype.kind not in "fiu":
        return []
    return [
        order for order in itertools.permutations(range(3)) if shape[order[1]] in sizes and shape[order[2]] in (2, 3)
    ]


def _arranged_as(array: np.ndarray, axes: str, sizes: Collection[int], what: str) -> np.ndarray:
    """The array with the axes that the user named."""
    groups = [group.strip().split("*") for group in axes.split(",")]
    if sorted(itertools.chain(*groups)) != sorted(_AXES):
        raise ValueError(f"axes must name people, parts and xy once each, such as xy,parts,people; got {axes!r}")
    array = array.squeeze() if array.ndim > len(groups) else array
    if array.ndim != len(groups):
        raise ValueError(f"{what} of shape {array.shape} has {array.ndim} axes but axes={axes!r} names {len(groups)}")
    fits = []
    for n_parts, columns in itertools.product(sizes, (2, 3)):
        lengths = {"parts": n_parts, "xy": columns, "people": -1}
        shape = [lengths[name] for name in itertools.chain(*groups)]
        known = [np.prod([lengths[name] for name in group]) for group in groups]
        if all(
            (size < 0 and length % size == 0) or length == size for size, length in zip(known, array.shape, strict=True)
        ):
            fits.append(array.reshape(shape))
    if len(fits) != 1:
        raise ValueError(f"{what} of shape {array.shape} is not {axes} with {_or(sizes)} parts and 2 or 3 columns")
    order = [list(itertools.chain(*groups)).index(name) for name in _AXES]
    return fits[0].transpose(order).astype(float)


def _listing(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"


def _or(sizes: Collection[int]) -> str:
    return " or ".join(map(str, sizes))

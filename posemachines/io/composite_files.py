"""Machines that consist of others, in one file: the file of each machine is kept whole, as an array of bytes."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .machine_arrays import FORMAT, VERSION, write_arrays

__all__ = ["machines_in", "write_composite"]

_PREFIX = "file of "


def write_composite(
    path: str | Path, kind: str, parameters: dict, machines: dict[str, Any], record: dict, **options
) -> None:
    """Write several fitted machines into one file that :func:`load_machine` reads.

    Parameters
    ----------
    path : path
        Written under a temporary name and renamed.
    kind : str
        Class of the composite.
    parameters, record : dict
        Of the composite, as JSON represents them.
    machines : dict of str to machine
        Each with a method ``save(path)``.
    **options
        Passed to those methods that know them, such as ``half=True``.

    Raises
    ------
    TypeError
        If a machine cannot be saved.
    """
    arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, machine in machines.items():
            if not hasattr(machine, "save"):
                raise TypeError(f"{type(machine).__name__} has no method save, so this {kind} cannot be saved")
            known = inspect.signature(machine.save).parameters
            file = Path(folder) / f"{name}.npz"
            machine.save(file, **{key: value for key, value in options.items() if key in known})
            arrays[_PREFIX + name] = np.fromfile(file, np.uint8)
    description = {"format": FORMAT, "version": VERSION, "class": kind, "parameters": parameters, "record": record}
    write_arrays(Path(path), description, arrays)


def machines_in(path: Path, arrays: dict[str, np.ndarray], load: Callable[[Path], Any]) -> dict[str, Any]:
    """The machines whose files :func:`write_composite` kept.

    Raises
    ------
    ValueError
        If there are none.
    """
    machines = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in arrays.items():
            if name.startswith(_PREFIX):
                file = Path(folder) / f"{name.removeprefix(_PREFIX)}.npz"
                file.write_bytes(content.tobytes())
                machines[file.stem] = load(file)
    if not machines:
        raise ValueError(f"{path} is damaged: it holds no machine")
    return machines

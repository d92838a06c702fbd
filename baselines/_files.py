"""Baselines in files: arrays and JSON; nothing is executed on loading."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posemachines._utils.replacing import replacing
from posemachines.skeleton import Skeleton

__all__ = ["read_baseline", "write_baseline"]


def write_baseline(path: str | Path, kind: str, parameters: dict, skeleton: Skeleton, arrays: dict) -> None:
    """Write a baseline into a ``.npz`` file, completely or not at all."""
    description = {"baseline": kind, "parameters": parameters, "skeleton": asdict(skeleton)}
    encoded = np.frombuffer(json.dumps(description).encode(), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, description=encoded, **arrays)


def read_baseline(path: str | Path, kind: str) -> tuple[dict, Skeleton, dict[str, np.ndarray]]:
    """Parameters, skeleton and arrays that :func:`write_baseline` wrote.

    Raises
    ------
    ValueError
        If it is not the file of a baseline, or of another one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop("description").tobytes())
        skeleton = Skeleton(**description["skeleton"])
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib, numpy and json raise many kinds for damaged bytes
        raise ValueError(f"{path} is not the file of a baseline, or is damaged ({error})") from error
    if description["baseline"] != kind:
        raise ValueError(f"{path} holds a {description['baseline']}, not a {kind}; load it with that class")
    return description["parameters"], skeleton, arrays

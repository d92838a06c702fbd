"""Baselines in files: arrays and JSON; nothing is executed on loading."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posemachines._utils.replacing import replacing
from posemachines.inference.crop_record import CropRecord
from posemachines.skeleton import Skeleton

__all__ = ["describe_baseline", "read_baseline", "write_baseline"]


def write_baseline(
    path: str | Path, kind: str, parameters: dict, skeleton: Skeleton, arrays: dict, crops: CropRecord | None = None
) -> None:
    """Write a baseline into a ``.npz`` file, completely or not at all; `crops` says how its crops were cut."""
    description = {"baseline": kind, "parameters": parameters, "skeleton": asdict(skeleton)}
    if crops is not None:
        description["crops"] = crops.to_dict()
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
    description, arrays = _read(path)
    if description["baseline"] != kind:
        raise ValueError(f"{path} holds a {description['baseline']}, not a {kind}; load it with that class")
    return description["parameters"], Skeleton(**description["skeleton"]), arrays


def describe_baseline(path: str | Path) -> tuple[str, CropRecord | None]:
    """Name of the class of a baseline's file, and how its crops were cut."""
    description, _ = _read(path)
    return description["baseline"], CropRecord.from_dict(description.get("crops"))


def _read(path: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop("description").tobytes())
        Skeleton(**description["skeleton"])
        return description, arrays
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib, numpy and json raise many kinds for damaged bytes
        raise ValueError(f"{path} is not the file of a baseline, or is damaged ({error})") from error

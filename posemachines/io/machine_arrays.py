"""Arrays and JSON in one file: the bytes of machine files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from .._utils.replacing import replacing

__all__ = ["FORMAT", "VERSION", "read_arrays", "write_arrays"]

FORMAT = "posemachines machine"
VERSION = 3  # 2 has no record of how crops were cut
SAFETENSORS = ".safetensors"  # suffix of files of that format; any other is a zip of arrays


def write_arrays(path: Path, description: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write the file, completely or not at all."""
    text = json.dumps(description)
    with replacing(path) as temporary:
        if path.suffix == SAFETENSORS:
            contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
            temporary.write_bytes(safetensors.numpy.save(contiguous, metadata={"machine": text}))
            return
        encoded = np.frombuffer(text.encode(), np.uint8)
        with open(temporary, "wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, machine=encoded, **arrays)


def read_arrays(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Description and arrays of a file, recognised by its first bytes whatever its name."""
    with open(path, "rb") as stream:
        is_zip = stream.read(2) == b"PK"
    if is_zip:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(arrays.pop("machine").tobytes()), arrays
    with safetensors.safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["machine"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

"""A folder that keeps what a long training has finished, so that it can go on after it was broken off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from ._replacing import replacing
from .skeleton import Skeleton
from .stage import Stage

__all__ = ["StageCheckpoint", "fingerprint", "read_arrays", "write_arrays"]

_NO_MATTER = ("checkpoint", "n_jobs", "verbose", "batch_size")  # parameters that change no result


def fingerprint(settings: object, data: Iterable[np.ndarray | None]) -> np.ndarray:
    """SHA-256 of settings, as JSON writes them, and arrays: uint8 (32,)."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for array in data:
        digest.update(b"none" if array is None else f"{array.dtype.str} {array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into one compressed file, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_arrays(path: Path, mark: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays that :func:`write_arrays` wrote, with ``fingerprint`` among them, which must be `mark`.

    Raises
    ------
    ValueError
        If the file is damaged or of another training; it is left as it is.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = arrays.pop("fingerprint")
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged bytes
        raise ValueError(f"{path} is not a checkpoint, or is damaged ({error}); remove it to train anew") from error
    if not np.array_equal(found, mark):
        raise ValueError(
            f"{path} is the checkpoint of a training on other data or with other parameters; repeat that one, "
            "or give another path to start anew"
        )
    return arrays


class StageCheckpoint:
    """The trained stages of a machine, and their copies, one file each.

    Parameters
    ----------
    folder : path or None
        None keeps nothing.
    parameters : iterable of BaseEstimator
        The strategy and the stages, whose parameters the training must agree in.
    data : tuple of ndarray
    skeleton : Skeleton
    """

    def __init__(
        self, folder: str | Path | None, parameters: Iterable[BaseEstimator], data: tuple, skeleton: Skeleton
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.skeleton = skeleton
        settings = [[type(one).__name__, _that_matter(one)] for one in parameters] + [astuple(skeleton)]
        self.mark = None if folder is None else fingerprint(settings, data)

    def fit(self, name: str, stage: Stage, images, previous, joints) -> Stage:
        """The stage, from its file where there is one, else trained and written."""
        path = None if self.folder is None else self.folder / f"{name}.npz"
        if path is None or self.mark is None:
            return stage.fit(images, previous, joints, skeleton=self.skeleton)
        if path.exists():
            stage.skeleton_, stage.n_parts_ = self.skeleton, joints.shape[1]
            stage.uses_beliefs_ = previous is not None
            stage.set_state(read_arrays(path, self.mark))
            return stage
        stage.fit(images, previous, joints, skeleton=self.skeleton)
        write_arrays(path, stage.get_state() | {"fingerprint": self.mark})
        return stage


def _that_matter(estimator: BaseEstimator) -> dict:
    return {name: value for name, value in estimator.get_params(deep=False).items() if name not in _NO_MATTER}

"""Checkpoints from which interrupted training resumes: stages of a machine, levels of a stage, steps of a network."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, fields, is_dataclass
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..skeleton import Skeleton
from ..stage import Stage

__all__ = ["LevelCheckpoint", "StageCheckpoint", "StepCheckpoint", "fingerprint", "read_arrays", "write_arrays"]

_IRRELEVANT = ("accumulation_steps", "checkpoint", "checkpoint_minutes", "log_dir", "n_workers")


def fingerprint(settings: object, data: Iterable[np.ndarray | None]) -> np.ndarray:
    """SHA-256 of settings, serialised as JSON, and of arrays: uint8 (32,)."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for array in data:
        digest.update(b"none" if array is None else f"{array.dtype.str} {array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into one compressed file, completely or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_arrays(path: Path, mark: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays written by :func:`write_arrays`, whose ``fingerprint`` must equal `mark`.

    Raises
    ------
    ValueError
        If the file is damaged or belongs to another training; it is left unchanged.
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
            "or give another path to train anew"
        )
    return arrays


class StageCheckpoint:
    """The trained stages of a machine and their out-of-fold copies, one file each.

    Parameters
    ----------
    folder : path or None
        None keeps nothing.
    parameters : iterable
        The strategy and the stages, whose parameters must agree.
    data : tuple of ndarray
    skeleton : Skeleton
    """

    def __init__(self, folder: str | Path | None, parameters: Iterable, data: tuple, skeleton: Skeleton) -> None:
        self.folder = None if folder is None else Path(folder)
        self.skeleton = skeleton
        settings = [[type(one).__name__, _relevant(one)] for one in parameters] + [astuple(skeleton)]
        self.mark = None if folder is None else fingerprint(settings, data)

    def fit(self, name: str, stage: Stage, images, previous, joints, *, training=None, features=None) -> Stage:
        """The stage, read from its file if there is one, otherwise trained and written."""
        settings = {"skeleton": self.skeleton, "training": training, "features": features}
        if self.folder is None or self.mark is None:
            return stage.fit(images, previous, joints, **settings)
        path = self.folder / f"{name}.npz"
        if path.exists():
            stage.skeleton_, stage.n_parts_ = self.skeleton, joints.shape[1]
            stage.uses_beliefs_ = previous is not None
            stage.set_state(read_arrays(path, self.mark))
            return stage
        part = self.folder / f"{name}.part"
        stage.fit(images, previous, joints, checkpoint=part, **settings)
        write_arrays(path, stage.get_state() | {"fingerprint": self.mark})
        return stage


def _relevant(one) -> dict:
    """The parameters of an estimator or a dataclass that the result depends on."""
    if is_dataclass(one):
        values = {each.name: getattr(one, each.name) for each in fields(one)}
    else:
        values = one.get_params(deep=False)
    kept = {name: value for name, value in values.items() if name not in _IRRELEVANT}
    return {name: _relevant(value) if is_dataclass(value) else value for name, value in kept.items()}


class LevelCheckpoint:
    """The trained levels of one forest stage, in one file.

    Parameters
    ----------
    path : path or None
        None keeps nothing.
    settings : dict
        Settings that must agree, in a form that JSON can hold.
    data : tuple of ndarray or None
        Training data.

    Attributes
    ----------
    levels : list of dict of ndarray
        Levels found in the file; names end in their number, as in ``feature_0``.

    Raises
    ------
    ValueError
        If the file is damaged or belongs to another training; it is left unchanged.
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
        """Keep one more level, or remove the file after the last."""
        self.levels.append(arrays)
        if self.path is None:
            return
        if done:
            self.path.unlink(missing_ok=True)
            return
        together = {name: array for level in self.levels for name, array in level.items()}
        write_arrays(self.path, together | {"fingerprint": self._mark})


class StepCheckpoint:
    """The state of a training loop in one file, written every few minutes.

    Parameters
    ----------
    path : path or None
        None keeps nothing.
    minutes : float
        Least time between two checkpoints.
    write : callable
        (content, path) -> None
    read : callable
        path -> content, a dict; raises ValueError if the file is damaged.
    """

    def __init__(self, path: str | Path | None, minutes: float, *, write: Callable, read: Callable) -> None:
        self.path = None if path is None else Path(path)
        self.minutes, self._write, self._read = minutes, write, read
        self.written = time.monotonic()

    def is_due(self) -> bool:
        """Whether enough time has passed since the last checkpoint."""
        return self.path is not None and time.monotonic() - self.written >= 60 * self.minutes

    def save(self, content: dict) -> None:
        """Replace the file."""
        assert self.path is not None
        with replacing(self.path) as temporary:
            self._write(content, temporary)
        self.written = time.monotonic()

    def load(self, mark: str) -> dict | None:
        """The content of the file, whose ``fingerprint`` must equal `mark`; None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged or belongs to another training; it is left unchanged.
        """
        if self.path is None or not self.path.exists():
            return None
        content = self._read(self.path)
        if content.get("fingerprint") != mark:
            raise ValueError(
                f"the checkpoint {str(self.path)!r} is of another training (other settings or data: "
                f"{content.get('fingerprint')}); remove the file, or pass the settings and data it was started with"
            )
        return content

    def remove(self) -> None:
        """Remove the file after training is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

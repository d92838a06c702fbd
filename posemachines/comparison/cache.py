"""A cache of trained machines: what was trained before, with equal settings on the same subjects, is read.

Each machine has a file and a record in JSON of what its training cost. Other settings, subjects or versions of the
library make another file. An interrupted training, repeated, resumes where it was.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields, is_dataclass, replace
from pathlib import Path
from typing import NamedTuple

from sklearn.base import BaseEstimator

from .. import __version__
from .._utils.json_files import plain, write_json
from ..datasets import Crops
from ..io.machine_files import load_machine
from ..machine import SequentialMachine
from ..profiling.cost import machine_description, measured, versions
from ..skeleton import get_skeleton
from ..training import StackedTraining
from ..training.checkpoints import fingerprint

__all__ = ["FOLDER", "PACKAGES", "Trained", "describe", "fit", "history", "is_fitted", "train", "where"]

PACKAGES = ("posemachines", "numpy", "scikit-learn", "scikit-image", "opencv-python", "numba", "joblib", "torch")
FOLDER = Path("runs/trained")
"""Where the scripts keep trained machines."""
_OF_PREDICTION = ("crop_size", "flip", "predict_batch_size", "skeleton", "tta_scales", "verbose")
_OF_THE_RUN = (
    "accumulation_steps", "checkpoint", "checkpoint_minutes", "compile", "device", "log_dir", "n_jobs", "n_workers",
    "verbose",
)  # settings of a machine, stage or strategy that do not change what is learned  # fmt: skip
logger = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A trained machine and the record of its training.

    Attributes
    ----------
    machine : estimator
    record : dict
        ``settings``, ``people`` (number of subjects), ``cost`` (from
        :meth:`posemachines.profiling.cost.Cost.to_dict`, including interrupted runs), ``interruptions``, ``history`` of
        a net, ``computer``, ``versions`` and ``file_bytes``.
    file : Path
    """

    machine: BaseEstimator
    record: dict
    file: Path


def train(machine, crops: Crops, *, name: str, folder: str | Path = FOLDER, fresh: bool = False) -> Trained:
    """Train a machine, or read what was learned when it was trained before.

    Parameters
    ----------
    machine : estimator
        Untrained; fitted by this call. It has ``fit`` and ``save``, and a class method ``load`` unless it is a
        SequentialMachine.
    crops : Crops
        Training subjects.
    name : str
        Prefix of its files.
    folder : path
    fresh : bool, default=False
        Train it even if it is in the folder.

    Returns
    -------
    Trained
        With `machine` itself.
    """
    file = where(machine, crops, name=name, folder=folder)
    described = file.with_suffix(".json")
    if fresh:
        _forget(file)
    if file.is_file() and described.is_file():
        try:
            _take_over(machine, _read(machine, file))
        except ValueError as error:
            logger.warning("training anew: %s", error)
        else:
            logger.info("trained before: %s", file)
            return Trained(machine, json.loads(described.read_text(encoding="utf-8")), file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _counted(file.with_suffix(".spent")) as before, measured() as cost, _checkpointed(machine, file):
        fit(machine, crops)
    machine.save(file)
    took = cost.to_dict()
    for key in ("seconds", "cpu_seconds"):
        took[key] = round(took[key] + before[key], 2)
    record = {
        "name": name,
        "class": type(machine).__name__,
        "settings": describe(machine),
        "people": len(crops),
        "cost": took,
        "interruptions": before["interruptions"],
        "history": history(machine),
        "computer": machine_description(),
        "versions": versions(PACKAGES),
        "file_bytes": file.stat().st_size,
    }
    write_json(record, described)
    _remove_traces(file)
    return Trained(machine, json.loads(described.read_text(encoding="utf-8")), file)


def where(machine, crops: Crops, *, name: str, folder: str | Path = FOLDER) -> Path:
    """File of a machine with these settings, trained on these subjects."""
    own = getattr(machine, "skeleton", None)
    skeleton = get_skeleton(crops.skeleton if own is None else own, crops.y.shape[1])
    mark = fingerprint([__version__, describe(machine), astuple(skeleton)], (crops.X, crops.y)).tobytes()
    return Path(folder) / f"{name}-{hashlib.sha256(mark).hexdigest()[:10]}.npz"


def fit(machine, crops: Crops) -> None:
    """Fit a machine on crops, which are passed as arrays if it needs X and y."""
    target = inspect.signature(machine.fit).parameters.get("y")
    if target is not None and target.default is inspect.Parameter.empty:
        machine.fit(crops.X, crops.y)
    else:
        machine.fit(crops)


def is_fitted(machine) -> bool:
    """Whether a machine has a learned skeleton, as every fitted machine and baseline does."""
    return hasattr(machine, "skeleton_")


def history(machine) -> list[dict]:
    """Training history of the first part of a machine that has one; empty for forests."""
    parts = getattr(machine, "stages_", None) or [machine]
    return next((part.history_ for part in parts if hasattr(part, "history_")), [])


def describe(one) -> dict:
    """Settings that determine what is learned, down to the stages and the strategy."""
    if is_dataclass(one):
        settings = {field.name: getattr(one, field.name) for field in fields(one)}
    else:
        settings = one.get_params(deep=False)
    left_out = {*_OF_THE_RUN, *(_OF_PREDICTION if hasattr(one, "skeleton") else ())}
    kept = {name: _plain(value) for name, value in settings.items() if name not in left_out}
    return {"class": type(one).__name__} | kept


def _plain(value):
    if isinstance(value, BaseEstimator) or (is_dataclass(value) and not isinstance(value, type)):
        return describe(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return plain(value)


def _read(machine, file: Path):
    """The fitted machine of a file."""
    if not isinstance(machine, SequentialMachine):
        return type(machine).load(file)
    own = machine.get_params(deep=False)
    stages = [stage for stage in (own.get("stage"), *(own.get("stages") or ())) if stage is not None]
    return load_machine(file, stage_classes={type(stage) for stage in stages})


def _take_over(machine, trained) -> None:
    """Give a machine what an equal one has learned; its own parameters stay."""
    parameters = machine.get_params(deep=False)
    vars(machine).update({name: value for name, value in vars(trained).items() if name not in parameters})


@contextmanager
def _checkpointed(machine, file: Path) -> Iterator[None]:
    """Let a machine keep unfinished training next to its file, unless it keeps it elsewhere."""
    own = machine.get_params(deep=False)
    strategy = machine.make_training() if isinstance(machine, SequentialMachine) else None
    path = str(file.with_suffix(".stages" if isinstance(strategy, StackedTraining) else ".checkpoint"))
    if strategy is not None and not hasattr(strategy, "checkpoint"):
        change = {}
    elif "checkpoint" in own:
        change = {"checkpoint": path} if own["checkpoint"] is None else {}
    elif strategy is not None:
        change = {"training": replace(strategy, checkpoint=path)} if strategy.checkpoint is None else {}
    else:
        change = {}
    machine.set_params(**change)
    try:
        yield
    finally:
        machine.set_params(**{name: own[name] for name in change})


@contextmanager
def _counted(file: Path, every: float = 30.0) -> Iterator[dict]:
    """Seconds that interrupted runs took; what this run takes is written to the file regularly."""
    before = {"seconds": 0.0, "cpu_seconds": 0.0, "interruptions": 0}
    if file.is_file():
        before |= json.loads(file.read_text(encoding="utf-8"))
        before["interruptions"] += 1
    began, cpu_began, done = time.perf_counter(), time.process_time(), threading.Event()

    def write() -> None:
        while not done.wait(every):
            took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu_began}
            write_json(before | {key: before[key] + value for key, value in took.items()}, file)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield before
    finally:
        done.set()
        writer.join()


def _remove_traces(file: Path) -> None:
    """Remove what was kept of a training that is complete."""
    shutil.rmtree(file.with_suffix(".stages"), ignore_errors=True)
    for ending in (".checkpoint", ".spent"):
        file.with_suffix(ending).unlink(missing_ok=True)


def _forget(file: Path) -> None:
    _remove_traces(file)
    for one in (file, file.with_suffix(".json")):
        one.unlink(missing_ok=True)

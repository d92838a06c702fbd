"""Trained machines that the scripts share: what was trained before, with equal settings on equal people, is read.

A training that was broken off goes on where it was. Each machine has a file of its own and, beside it, a record in JSON
of what it took. Other settings, people or versions of the library make another file; ``fresh`` trains anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

from sklearn.base import BaseEstimator, clone

import posemachines
from benchmarks.publishing.results_file import write_json
from posemachines import SequentialMachine, StackedTraining
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions
from posemachines.skeleton import get_skeleton
from posemachines.training.checkpoints import fingerprint

__all__ = ["Trained", "train", "where"]

PACKAGES = ("posemachines", "numpy", "scikit-learn", "scikit-image", "opencv-python", "numba", "joblib", "torch")
FOLDER = Path("runs/trained")
OF_PREDICTION = ("flip", "scales", "batch_size", "verbose", "skeleton")  # a machine's settings that training ignores
OF_RUN = (
    "checkpoint", "checkpoint_minutes", "compile", "device", "log", "n_jobs", "n_workers", "verbose",
)  # settings of a stage, strategy or baseline that make no other machine  # fmt: skip
logger = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A trained machine and what is known of its training.

    Attributes
    ----------
    machine : estimator
    record : dict
        ``settings``, ``people``, ``cost`` (as :meth:`posemachines.profiling.cost.Cost.to_dict` gives it, with what
        interrupted runs took), ``interruptions``, ``history`` of a net, ``computer``, ``versions`` and ``file_bytes``.
    file : Path
    """

    machine: BaseEstimator
    record: dict
    file: Path


def train(machine, people: Crops, *, name: str, folder: Path = FOLDER, fresh: bool = False) -> Trained:
    """Train a machine on people, or read the one that was trained so before.

    Parameters
    ----------
    machine : estimator
        Not trained; with ``fit`` and ``save``, and a class method ``load`` unless it is a SequentialMachine.
    people : Crops
    name : str
        How its files begin.
    folder : path
    fresh : bool, default=False
        Train it even if it is there.

    Returns
    -------
    Trained
        Its machine has the settings of prediction (flip, scales, ...) that were asked for.
    """
    file = where(machine, people, name=name, folder=folder)
    described = file.with_suffix(".json")
    if fresh:
        _forget(file)
    if file.is_file() and described.is_file():
        try:
            found = Trained(_read(machine, file), json.loads(described.read_text(encoding="utf-8")), file)
        except ValueError as error:
            logger.warning("trained anew: %s", error)
        else:
            print(f"  trained before: {file}", flush=True)
            return found
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _with_checkpoint(clone(machine), file)
    with _counted(file.with_suffix(".spent")) as before, measured() as cost:
        unfinished.fit(people.X, people.y)
    _without_checkpoint(unfinished)
    unfinished.save(file)
    plain = cost.to_dict()
    for key in ("seconds", "cpu_seconds"):
        plain[key] = round(plain[key] + before[key], 2)
    record = {
        "name": name,
        "class": type(machine).__name__,
        "settings": _describe(machine),
        "people": len(people.X),
        "cost": plain,
        "interruptions": before["interruptions"],
        "history": next((one.history_ for one in _learners(unfinished) if hasattr(one, "history_")), []),
        "computer": machine_description(),
        "versions": versions(PACKAGES),
        "file_bytes": file.stat().st_size,
    }
    write_json(record, described)
    _remove_traces(file)
    return Trained(unfinished, json.loads(described.read_text(encoding="utf-8")), file)


def where(machine, people: Crops, *, name: str, folder: Path = FOLDER) -> Path:
    """File of a machine with these settings, trained on these people."""
    settings = [_describe(machine), astuple(get_skeleton(machine.skeleton, people.y.shape[1]))]
    mark = fingerprint([posemachines.__version__, settings], (people.X, people.y)).tobytes()
    return Path(folder) / f"{name}-{hashlib.sha256(mark).hexdigest()[:10]}.npz"


def _describe(estimator) -> dict:
    """Settings that matter for what is learned, down to the stages and the strategy."""
    left_out = {*OF_RUN, *(OF_PREDICTION if hasattr(estimator, "skeleton") else ())}
    described = {"class": type(estimator).__name__}
    for name, value in estimator.get_params(deep=False).items():
        if name not in left_out:
            described[name] = _plain(value)
    return described


def _plain(value):
    if isinstance(value, BaseEstimator):
        return _describe(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _read(machine, file: Path):
    """The machine of a file, with the settings of prediction of `machine`."""
    own = machine.get_params(deep=False)
    wanted = [stage for stage in (own.get("stage"), *(own.get("stages") or [])) if stage is not None]
    if isinstance(machine, SequentialMachine):
        found = posemachines.load(file, stage_classes={type(stage) for stage in wanted})
    else:
        found = type(machine).load(file)
    found.set_params(**{name: own[name] for name in OF_PREDICTION if name in own and name != "skeleton"})
    for one in getattr(found, "stages_", []):
        like = next((stage for stage in wanted if type(stage) is type(one)), None)
        if like is not None:
            own = like.get_params(deep=False)
            one.set_params(**{name: own[name] for name in ("device", "n_jobs", "verbose") if name in own})
    return found


def _learners(machine) -> list:
    """What holds a history and a checkpoint: the stages, or a baseline itself."""
    return list(getattr(machine, "stages_", None) or [machine])


def _with_checkpoint(machine, file: Path):
    """`machine`, told to keep what it has finished beside its file."""
    strategy = machine._make_training() if isinstance(machine, SequentialMachine) else None
    if isinstance(strategy, StackedTraining):
        kept = clone(strategy).set_params(checkpoint=str(file.with_suffix(".stages")))
        return machine.set_params(training=kept)
    every = machine.get_params(deep=True)
    name = next((name for name in ("checkpoint", "stage__checkpoint") if name in every), None)
    return machine.set_params(**{name: str(file.with_suffix(".checkpoint"))}) if name else machine


def _without_checkpoint(machine) -> None:
    for one in _learners(machine):
        if "checkpoint" in one.get_params(deep=False):
            one.set_params(checkpoint=None)  # it belongs to this run, not to the machine


@contextmanager
def _counted(file: Path, every: float = 30.0) -> Iterator[dict]:
    """Seconds that earlier, interrupted runs took, and write down now and then what this one takes."""
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
    """Remove what was kept of the training of a machine that is there."""
    shutil.rmtree(file.with_suffix(".stages"), ignore_errors=True)
    for ending in (".checkpoint", ".spent"):
        file.with_suffix(ending).unlink(missing_ok=True)


def _forget(file: Path) -> None:
    _remove_traces(file)
    for one in (file, file.with_suffix(".json")):
        one.unlink(missing_ok=True)

"""One training of one machine, and its predictions for unseen subjects: what is repeated, kept, and sent to workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from .._utils.json_files import plain
from ..datasets import Crops, PoseDataset
from ..geometry import to_photo
from ..located_machine import LocatedMachine
from ..profiling.cost import measured
from ..training.checkpoints import fingerprint, read_arrays, write_arrays
from . import cache

__all__ = ["Result", "Task", "read_result", "result_file", "run_task", "write_result"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Task:
    """What one training needs.

    Attributes
    ----------
    name : str
        Unique among the tasks of a comparison, and part of the names of its files.
    machine : estimator
        Untrained.
    train, test : PoseDataset
        Subjects to train on, and to predict, with the crop rule of the comparison.
    shape : (int, int)
        Height and width of the crops.
    located : bool
        Find the subjects of `test` without their labels (see :class:`posemachines.LocatedMachine`).
    boxes_too : bool
        Also predict in crops around the labels of the test subjects.
    folder : path or None
        Keeps unfinished training, and the machine if `keep`.
    keep : bool
        Write the trained machine into a file.
    """

    name: str
    machine: Any
    train: PoseDataset
    test: PoseDataset
    shape: tuple[int, int]
    located: bool = False
    boxes_too: bool = False
    folder: Path | None = None
    keep: bool = False

    def mark(self) -> np.ndarray:
        """Fingerprint of everything that the result depends on."""
        settings = [
            __version__, cache.describe(self.machine), self.shape, self.located, self.boxes_too, self.keep,
            [getattr(self.machine, name, None) for name in ("flip", "tta_scales")],
            self.train.skeleton.parts, self.train.skeleton.pairs, self.train.crop_rule, self.train.padding,
            [_stamp(photo) for photo in (*self.train.photos, *self.test.photos)],
        ]  # fmt: skip
        arrays = [array for data in (self.train, self.test) for array in (data.joints, data.centre, data.person_size)]
        return fingerprint(settings, arrays)


@dataclass
class Result:
    """What one training gave.

    Attributes
    ----------
    staged : float32 ndarray of shape (S, N, P, 2)
        Joints of the test subjects after each stage, in pixels of the photo.
    scores : float32 ndarray of shape (S, N, P)
        Belief at each joint; NaN for machines without beliefs.
    boxed : float32 ndarray of shape (N, P, 2) or None
        The same after the last stage, in crops around the labels.
    training : dict
        Cost of the training.
    history : list of dict
        Of a net.
    file : str or None
        The trained machine.
    """

    staged: np.ndarray
    scores: np.ndarray
    boxed: np.ndarray | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    history: list = field(default_factory=list)
    file: str | None = None


def run_task(task: Task) -> Result:
    """Train, and predict the test subjects."""
    machine = task.machine
    if task.located:
        return _run_located(task, LocatedMachine(machine, crop_shape=task.shape))
    train_crops, test_crops = (_crops(data, task) for data in (task.train, task.test))
    with measured() as cost:
        if task.folder is None or not hasattr(machine, "save"):
            cache.fit(machine, train_crops)
            took = None
        else:
            trained = cache.train(machine, train_crops, name=task.name, folder=task.folder / "unfinished")
            took = trained.record["cost"]
            _keep_only(trained.file)
    staged, scores = _staged(machine, test_crops)
    return Result(staged, scores, None, took or cost.to_dict(), cache.history(machine), _kept(machine, task))


def _run_located(task: Task, machine: LocatedMachine) -> Result:
    with measured() as cost:
        machine.fit(task.train)
    staged, scores = _staged(machine.machine_, machine.located(task.test).crops(task.shape, n_jobs=1))
    boxed = None
    if task.boxes_too:
        around = task.test.with_crop_rule("joints", padding=machine.crop_record_.padding)
        boxed = _staged(machine.machine_, around.crops(task.shape, n_jobs=1))[0][-1]
    history = cache.history(machine.machine_)
    return Result(staged, scores, boxed, cost.to_dict(), history, _kept(machine, task))


def _crops(data: PoseDataset, task: Task) -> Crops:
    kept = None if task.folder is None else task.folder / "crops"
    return data.crops(task.shape, n_jobs=1, cache=kept)


def _staged(machine, crops: Crops) -> tuple[np.ndarray, np.ndarray]:
    """Joints (S, N, P, 2) in pixels of the photo, and scores (S, N, P)."""
    if hasattr(machine, "staged_predict_scores"):
        joints, scores = map(list, zip(*machine.staged_predict_scores(crops.X), strict=True))
    else:
        joints = list(machine.staged_predict(crops.X))
        scores = [np.full(one.shape[:2], np.nan) for one in joints]
    in_photo = [to_photo(one, crops.transforms) for one in joints]
    return np.stack(in_photo).astype(np.float32), np.stack(scores).astype(np.float32)


def _kept(machine, task: Task) -> str | None:
    if not task.keep or task.folder is None or not hasattr(machine, "save"):
        return None
    file = task.folder / f"{task.name}.npz"
    machine.save(file)
    return str(file)


def _keep_only(file: Path) -> None:
    """Remove what the cache of machines wrote: results are kept by task."""
    for path in (file, file.with_suffix(".json")):
        path.unlink(missing_ok=True)


def _stamp(photo) -> str:
    """What identifies a photo: its file and the time of its last change, or its pixels."""
    from ..photos import split_reference

    if not isinstance(photo, str | Path):
        return fingerprint("", [np.asarray(photo)]).tobytes().hex()
    file, options = split_reference(photo)
    status = file.stat() if file.exists() else None
    return f"{file} {options} {status and (status.st_size, status.st_mtime_ns)}"


# -- files ------------------------------------------------------------------------------------------------------------


def result_file(task: Task) -> Path | None:
    """Where the result of a task is kept."""
    if task.folder is None:
        return None
    return task.folder / "results" / f"{task.name}-{task.mark().tobytes().hex()[:12]}.npz"


def write_result(task: Task, result: Result) -> None:
    """Keep a result, if the comparison has a folder."""
    file = result_file(task)
    if file is None:
        return
    record = {"training": result.training, "history": result.history, "file": result.file}
    arrays = {"staged": result.staged, "scores": result.scores, "fingerprint": task.mark()}
    arrays |= {} if result.boxed is None else {"boxed": result.boxed}
    arrays["record"] = np.frombuffer(json.dumps(plain(record)).encode(), np.uint8)
    write_arrays(file, arrays)


def read_result(task: Task) -> Result | None:
    """The result of an equal task that was run before; None if there is none, or its file is damaged."""
    file = result_file(task)
    if file is None or not file.is_file():
        return None
    try:
        arrays = read_arrays(file, task.mark())
        record = json.loads(arrays["record"].tobytes())
        kept = record["file"]
        if task.keep and (kept is None or not Path(kept).is_file()):
            return None
        return Result(arrays["staged"], arrays["scores"], arrays.get("boxed"), **record)
    except (ValueError, KeyError) as error:
        logger.warning("repeating %s: %s", task.name, error)
        return None

"""Machines that are trained, measured and compared on the same subjects, one after the other."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.progress import progress
from ..datasets import Crops, PoseDataset
from ..evaluation import Evaluation, compare_machines, describe_reference, evaluate
from ..evaluation.evaluator import crop_size
from ..profiling.cost import measure_inference, measured
from ..report import Examples, Report, comparison_to_json, differences_to_json, machine_to_json
from ..skeleton import get_skeleton
from .cache import PACKAGES, fit, history, is_fitted, train
from .machines import PEERS, compile_kernels, runs_forests

__all__ = ["Comparison", "check_data"]


def check_data(train: PoseDataset | Crops, test: PoseDataset | Crops) -> None:
    """Raise ValueError unless both are data of the same parts."""
    for what, data in (("train", train), ("test", test)):
        if not isinstance(data, PoseDataset | Crops):
            raise ValueError(f"{what} must be a PoseDataset or Crops; got {type(data).__name__}")
    first, second = train.skeleton, test.skeleton
    if first is not None and second is not None and first.parts != second.parts:
        raise ValueError(
            f"training subjects have the parts {', '.join(first.parts)} but test subjects {', '.join(second.parts)}; "
            "give data of the same landmarks"
        )


class Comparison:
    """A comparison in progress.

    Parameters
    ----------
    train, test, name, labels, output, cache, n_examples, n_timed, fresh
        See :func:`compare`.
    settings : dict
        What the report lists about the run.
    command : str, optional
        The command line that repeats it.
    n_jobs : int, default=-1
        Threads that cut crops.
    crops_cache : path, optional
        Folder that keeps the crops.
    began : float, optional
        When it began, by ``time.perf_counter``; now by default.

    Attributes
    ----------
    content : dict
        The content of ``report.json`` so far.
    """

    def __init__(
        self,
        train: PoseDataset | Crops,
        test: PoseDataset | Crops,
        *,
        settings: Mapping[str, Any],
        command: str | None = None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        output: str | Path | None = None,
        cache: str | Path | None = None,
        n_examples: int = 40,
        n_timed: int = 30,
        fresh: bool = False,
        n_jobs: int = -1,
        crops_cache: str | Path | None = None,
        began: float | None = None,
    ) -> None:
        check_data(train, test)
        self.train, self.test, self.labels = train, test, dict(labels or {})
        self.output = None if output is None else Path(output)
        self.cache, self.fresh = cache, fresh
        self.n_examples, self.n_timed = n_examples, n_timed
        self._cutting: dict[str, Any] = {"n_jobs": n_jobs, "cache": crops_cache}
        self._crops: dict[tuple, Crops] = {}
        self._machines: dict[str, Any] = {}
        self._seen: dict[str, Crops] = {}  # test crops of each machine
        self._distances: dict[str, np.ndarray] = {}
        self._began = time.perf_counter() if began is None else began
        self._training_seconds = 0.0  # of this call
        self._cpu_minutes: dict[str, float] = {}
        self.content = self._head(settings, command, name)

    def _head(self, settings: Mapping[str, Any], command: str | None, name: str | None) -> dict[str, Any]:
        """The report without machines."""
        data = self.test
        joints = data.y if isinstance(data, Crops) else data.joints
        skeleton = get_skeleton(data.skeleton, joints.shape[1])
        return comparison_to_json(
            settings=settings,
            dataset={
                "name": name or data.name,
                "train": len(self.train),
                "test": len(self.test),
                "skeleton": skeleton.name,
                "parts": list(skeleton.parts),
                "rule": data.crop_rule,
                "view": data.side_convention,
                "fill": None if data.padding is None else round(1 / data.padding, 6),
            },
            reference=describe_reference(skeleton),
            command=command,
            finished=False,
            packages=PACKAGES,
        )

    def run(self, machines: Mapping[str, Any], *, verbose: bool = False) -> None:
        """Train, measure and compare machines by name, baselines first."""
        self._cutting["verbose"] = verbose
        if any(runs_forests(machine) and not is_fitted(machine) for machine in machines.values()):
            compile_kernels()
        bar = progress(machines.items(), "comparison", shown=verbose, total=len(machines))
        for number, (name, machine) in enumerate(bar, 1):
            bar.set_description(self.labels.get(name, name))
            self._add(name, machine)
            self.content["finished"] = number == len(machines)
            if self.output is not None:
                self._write(self.output)

    def report(self) -> Report:
        """The report of the machines that are finished."""
        if not self._machines:
            return Report(self.content)
        test = next(iter(self._seen.values()))
        shown = {name: machine for name, machine in self._machines.items() if self._seen[name] is test}
        return Report(self.content, Examples.of(shown, test.X, test.y, n_people=self.n_examples))

    def _cut(self, which: str, size: int | tuple[int, int]) -> Crops:
        """Training or test subjects in crops of a size; given crops as they are."""
        data = getattr(self, which)
        if isinstance(data, Crops):
            return data
        if (which, size) not in self._crops:
            self._crops[which, size] = data.crops(size, **self._cutting)
        return self._crops[which, size]

    def _add(self, name: str, machine) -> None:
        """Train and measure one machine, and compare it with those before it."""
        size = crop_size(machine)
        train_crops, test_crops = self._cut("train", size), self._cut("test", size)
        record = self._trained(name, machine, train_crops)
        inference = measure_inference(machine, test_crops.X, n_images=self.n_timed)
        accuracy = evaluate(machine, test_crops, training=train_crops)
        assert isinstance(accuracy, Evaluation)
        self._machines[name], self._seen[name], self._distances[name] = machine, test_crops, accuracy.distances[-1]
        self.content["machines"][name] = machine_to_json(
            machine, accuracy, inference, label=self.labels.get(name, name), **record
        )
        compared = {key: far for key, far in self._distances.items() if key not in PEERS}
        self.content["differences"] = differences_to_json(compare_machines(compared))
        passed = time.perf_counter() - self._began
        self.content["settings"]["total_seconds"] = round(passed, 1)
        self.content["measuring_minutes"] = round((passed - self._training_seconds) / 60, 2)
        self.content["training_cpu_minutes"] = self._cpu_minutes

    def _trained(self, name: str, machine, crops: Crops) -> dict[str, Any]:
        """Fit a machine unless it is fitted; what is known of its training, and of its file in the output folder."""
        stem = re.sub(r"[^\w.-]+", "-", name)
        file = None if self.output is None else self.output / f"{stem}.npz"
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        record: dict[str, Any] = {}
        if is_fitted(machine):
            pass
        elif self.cache is not None:
            trained = train(machine, crops, name=name, folder=self.cache, fresh=self.fresh)
            known = trained.record
            record = {"training": known["cost"] | {"interruptions": known["interruptions"]}}
            record |= {"file_bytes": known["file_bytes"], "history": known["history"]}
            self._cpu_minutes[trained.file.name] = round(known["cost"]["cpu_seconds"] / 60, 2)
            if file is not None:
                shutil.copyfile(trained.file, file)
        else:
            with measured() as cost:
                fit(machine, crops)
            record = {"training": cost.to_dict(), "history": history(machine)}
            self._cpu_minutes[name] = round(cost.cpu_seconds / 60, 2)
        self._training_seconds += time.perf_counter() - began
        if file is not None and "file_bytes" not in record and hasattr(machine, "save"):
            machine.save(file)
            record["file_bytes"] = file.stat().st_size
        return record

    def _write(self, folder: Path) -> None:
        """All files of the report; each replaces its older version at once. Pictures are drawn at the end."""
        report = self.report()
        report.to_json(folder / "report.json")
        report.to_markdown(folder / "report.md")
        report.to_html(folder / "report.html")
        if self.content["finished"]:
            report.write_pictures(folder)

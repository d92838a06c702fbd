"""A comparison whose verdicts count the luck of training: cross-validation, or several seeds for one test set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.json_files import write_json
from ..evaluation import describe_reference, evaluate_stages
from ..io.files import read_json
from ..io.machine_files import load_machine
from ..profiling.cost import measure_inference
from ..report import Examples, Report, comparison_to_json, differences_to_json, machine_to_json
from .answer import Answer
from .cache import PACKAGES
from .experiment import Experiment
from .machines import LABELS, build, full_name, has_baselines
from .plan import Plan

__all__ = ["ValidatedComparison", "plan_machines"]

SPENT = "spent.json"
ALWAYS = ("mean", "ridge")
"""Baselines that are always compared too, where the package ``baselines`` is installed."""


def plan_machines(machines: Mapping[str, Any] | Sequence[str], plan: Plan, **settings) -> tuple[dict, dict]:
    """Machines by name, or functions that build them for a number of training subjects, baselines first; and labels.

    Parameters
    ----------
    machines : dict of str to machine, or list of str
    plan : Plan
    **settings
        Of :func:`posemachines.comparison.machines.build`, for machines given by name.
    """
    if isinstance(machines, str):
        machines = [machines]
    if not len(machines):
        raise ValueError('machines is empty; pass a dict of machines by name, or names such as ["forest", "net"]')
    if isinstance(machines, Mapping):
        planned, labels = dict(machines), {}
    else:
        labels = {name: LABELS[full_name(name)] for name in machines}
        planned = {name: _builder(name, plan, settings) for name in machines}
    if has_baselines():
        extra = [name for name in ALWAYS if name not in planned]
        planned = {name: _builder(name, plan, settings) for name in extra} | planned
        labels |= {name: LABELS[name] for name in extra}
    return planned, labels


def _builder(name: str, plan: Plan, settings: Mapping[str, Any]):
    full_name(name)
    return partial(_build, name, plan.data.skeleton, dict(settings))


def _build(name: str, skeleton, settings: dict, n_train: int):
    machine = build(name, skeleton, n_train, **settings)
    if "verbose" in machine.get_params(deep=False):
        machine.set_params(verbose=False)
    return machine


class ValidatedComparison:
    """A comparison on a plan, in progress.

    Parameters
    ----------
    plan : Plan
    machines, labels : dict
        From :func:`plan_machines`.
    settings : dict
        What the report lists about the run.
    command, name, title : str, optional
    output : path, optional
        Folder for the report and the machines.
    folder : path, optional
        Keeps what was trained; by default ``trained`` in `output`.
    thresholds : sequence of float, optional
        Distances, in the plan's units, at which the rate of success is given.
    second_joints : ndarray of shape (N, P, 3), optional
        A second person's labels of the plan's subjects.
    label_check : dict, optional
        Numbers of ``errors``, ``warnings`` and ``notes`` that :func:`posemachines.labels.validate` found.
    curve : bool, default=True
        Measure how the error falls with the number of labels.
    final : bool, default=True
        Train the chosen machine on everything at the end.
    n_examples, n_timed, workers, cluster, jobs, minutes, random_state, verbose
        See :func:`.compare` and :class:`.Experiment`.

    Attributes
    ----------
    content : dict
        The content of ``report.json`` so far.
    """

    def __init__(
        self,
        plan: Plan,
        machines: Mapping[str, Any],
        labels: Mapping[str, str],
        *,
        settings: Mapping[str, Any],
        command: str | None = None,
        name: str | None = None,
        title: str | None = None,
        output: str | Path | None = None,
        folder: str | Path | None = None,
        thresholds: Sequence[float] | None = None,
        second_joints: np.ndarray | None = None,
        label_check: Mapping[str, int] | None = None,
        curve: bool = True,
        final: bool = True,
        n_examples: int = 40,
        n_timed: int = 30,
        workers: int | str = 1,
        cluster=None,
        jobs: int = -1,
        minutes: float | None = None,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.plan, self.labels = plan, dict(labels)
        self.output = None if output is None else Path(output)
        kept = None if self.output is None else self.output / "trained"
        self.folder = kept if folder is None else Path(folder)
        self.curve, self.final = curve, final
        self.n_examples, self.n_timed = n_examples, n_timed
        self._command, self._name, self._settings = command, name, dict(settings)
        self._began = time.perf_counter()
        kept = None if self.folder is None else self.folder / SPENT
        self._before = 0.0 if kept is None or not kept.is_file() else float(read_json(kept)["seconds"])
        self._timed: dict[str, dict] = {}
        self._loaded: dict[str, Any] = {}
        self.final_file: dict[str, Any] | None = None
        self.experiment = Experiment(
            plan, machines, folder=self.folder, workers=workers, cluster=cluster, jobs=jobs, minutes=minutes,
            spent=self._before, random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.answer = Answer(
            self.experiment, self.labels, thresholds=thresholds, second_joints=second_joints, label_check=label_check,
            title=title,
        )  # fmt: skip
        self.content: dict[str, Any] = self._content(finished=False)

    # -- the phases ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """All phases: what must be there first, then what sharpens the answer, as far as time allows."""
        run = self.experiment
        if self.plan.held_out:  # without several trainings there is no verdict
            every = [run.fold_tasks(repeat) for repeat in range(self.plan.folds.n_repeats)]
            run.run({key: task for tasks in every for key, task in tasks.items()}, "training")
        else:
            run.run(run.fold_tasks(0), "first repeat")
        self.write()
        chosen = self.answer.chosen()
        last = run.final_task(chosen) if self.final else {}
        curve = run.affordable(run.curve_tasks(chosen), "the learning curve", besides=1) if self.curve else {}
        run.run({**last, **curve}, "training on everything" + (", learning curve" if curve else ""))
        if self.final:
            self._save_final(chosen)
        run.run(run.affordable(run.box_tasks(), "the comparison with perfect boxes"), "perfect boxes")
        for repeat in range(run.n_repeats(), self.plan.folds.n_repeats):
            what = f"repeat {repeat + 1} of {self.plan.folds.n_repeats}"
            more = run.affordable(run.fold_tasks(repeat), what)
            if not more:
                break
            run.run(more, what)
        again = self.answer.chosen()
        if self.final and again != chosen:
            run.run(run.final_task(again), "training on everything")
            self._save_final(again)
        self._finish()

    def interrupted(self) -> None:
        """Bring the report up to date after an interruption, if a machine has been tested."""
        if self.experiment.finished():
            self.write()

    def _save_final(self, name: str) -> None:
        result = self.experiment.results["final", name, 0, 0]
        if result.file is None or self.output is None:
            return
        target = self.output / "machine.npz"
        self.output.mkdir(parents=True, exist_ok=True)
        machine = self._load(result.file)
        machine.save(target)
        seconds = result.training.get("seconds")
        self.final_file = {"file": str(target), "machine": name, "seconds": seconds}

    def _finish(self) -> None:
        self.content = self._content(finished=True)
        if self.output is not None:
            for name in self.experiment.finished():
                file = self.experiment.results["fold", name, 0, 0].file
                if file is not None:
                    self._load(file).save(self.output / f"{name}.npz")
            self._write(self.output, pictures=True)

    # -- the report ---------------------------------------------------------------------------------------------------

    def report(self) -> Report:
        """The report of what is finished."""
        return Report(self.content, self._examples())

    def write(self) -> None:
        """Bring the report, and its files, up to date."""
        self.content = self._content(finished=False)
        if self.output is not None:
            self._write(self.output)

    def _write(self, folder: Path, *, pictures: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        report = self.report()
        report.to_json(folder / "report.json")
        report.to_markdown(folder / "report.md")
        report.to_html(folder / "report.html")
        if pictures:
            report.write_pictures(folder)

    def _content(self, *, finished: bool) -> dict[str, Any]:
        data, plan = self.plan.data, self.plan
        done = self.experiment.finished()
        fill = None if data.padding is None else round(1 / data.padding, 6)
        settings = self._settings | {"machines": [name for name in self.experiment.machines if name != "mean"]}
        settings |= {"total_seconds": round(self._spent(), 1)}
        content = comparison_to_json(
            settings=settings,
            dataset={
                "name": self._name or data.name,
                "train": plan.describe()["n_train"],
                "test": len(self.experiment.tested),
                "skeleton": data.skeleton.name,
                "parts": list(data.skeleton.parts),
                "rule": plan.rule.rule,
                "view": data.side_convention,
                "fill": fill,
            },
            reference=describe_reference(data.skeleton),
            machines={name: self._machine(name) for name in done},
            command=self._command,
            finished=finished,
            packages=PACKAGES,
        )
        if done:
            content["differences"] = differences_to_json(self.answer.pck_differences())
            content["answer"] = self.answer.content({name: self._timed[name] for name in done}, self.final_file)
        return content

    def _spent(self) -> float:
        """Seconds of this call and of interrupted ones before it, which are kept in the folder."""
        passed = self._before + time.perf_counter() - self._began
        if self.folder is not None and self.experiment.results:
            write_json({"seconds": passed}, self.folder / SPENT)
        return passed

    def _machine(self, name: str) -> dict[str, Any]:
        """The entry of one machine: accuracy of the first repeat, cost of its trainings."""
        run, data = self.experiment, self.plan.data
        tested = run.tested
        staged, scores = run.gathered(name)
        accuracy = evaluate_stages(
            staged, data.joints[tested], data.skeleton, scores=scores if np.isfinite(scores).any() else None,
            others=data.others()[tested], occluded=None if data.occluded is None else data.occluded[tested],
        )  # fmt: skip
        results = [result for key, result in run.results.items() if key[:2] == ("fold", name)]
        first = run.results["fold", name, 0, 0]
        machine = self._fold_machine(name)
        if name not in self._timed:
            self._timed[name] = self._time(machine)
        training = dict(first.training)
        for key in ("seconds", "cpu_seconds"):
            training[key] = round(float(np.median([each.training.get(key) or 0.0 for each in results])), 2)
        size = Path(first.file).stat().st_size if first.file is not None else None
        return machine_to_json(
            _inner(machine), accuracy, self._timed[name], label=self.labels.get(name, name), training=training,
            file_bytes=size, history=first.history,
        )  # fmt: skip

    def _fold_machine(self, name: str):
        """The machine of the first fold."""
        file = self.experiment.results["fold", name, 0, 0].file
        if file is None:
            raise ValueError("a validated comparison needs a folder, where machines are kept; pass output=...")
        return self._load(file)

    def _load(self, file: str):
        if file not in self._loaded:
            self._loaded[file] = load_machine(file, n_jobs=self.experiment.jobs)
        return self._loaded[file]

    def _time(self, machine) -> dict:
        """Cost of one prediction, with that of finding the subject."""
        tested = self.experiment.tested[: self.n_timed]
        crops = self.plan.data[tested].crops(self.plan.shape.shape)
        inference = measure_inference(_inner(machine), crops.X, n_images=self.n_timed)
        locator = getattr(machine, "locator_", None)
        if locator is not None:
            coarse = self.plan.data[tested].with_crop_rule("photo").crops(locator.crop_record_.shape)
            finding = measure_inference(locator, coarse.X, n_images=self.n_timed)
            for key, value in finding["ms_per_image"].items():
                inference["ms_per_image"][key] = round(inference["ms_per_image"][key] + value, 3)
            inference["ms_to_locate"] = finding["ms_per_image"]["median"]
        return inference

    def _examples(self) -> Examples | None:
        """Test subjects of the first fold, with what the machines of that fold see in them."""
        done = self.experiment.finished()
        if not done:
            return None
        test = self.plan.folds.test(0, 0)[: 4 * self.n_examples]
        crops = self.plan.data[test].crops(self.plan.shape.shape)
        machines = {name: _inner(self._fold_machine(name)) for name in done}
        return Examples.of(machines, crops.X, crops.y, n_people=min(self.n_examples, len(crops)))


def _inner(machine):
    """The machine that predicts in crops."""
    return getattr(machine, "machine_", machine)

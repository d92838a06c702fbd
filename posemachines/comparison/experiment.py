"""Machines trained and tested fold by fold, repeat by repeat, on one plan; resumable, and limited in time if asked."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from .._utils.progress import progress
from .cache import is_fitted
from .machines import usual_seconds
from .plan import Plan
from .scheduling import resolve_workers, run_tasks
from .tasks import Result, Task, read_result, run_task, write_result

__all__ = ["CURVE_SHARES", "Experiment", "Key"]

CURVE_SHARES = (1 / 8, 1 / 4, 1 / 2)
"""Shares of the training subjects of a learning curve, besides all of them."""
CURVE_FOLDS = 2
LEAST_TO_TRAIN = 8  # subjects of the smallest point of a learning curve
Key = tuple[str, str, int, int]
"""Purpose ("fold", "boxes", "curve 1/8", "final"), machine, repeat and fold of a task."""
logger = logging.getLogger(__name__)


class Experiment:
    """Trainings of several machines, as a plan asks for them.

    Parameters
    ----------
    plan : Plan
    machines : dict of str to (estimator or callable)
        Untrained machines by name, or functions of the number of training subjects that return one.
    folder : path, optional
        Keeps results and unfinished training: the same experiment, begun again, trains nothing twice.
    workers : int or "auto", default=1
        See :func:`.run_tasks`; "auto" as :func:`.resolve_workers` finds.
    cluster
        See :func:`.run_tasks`.
    jobs : int, default=-1
        Threads of each training.
    minutes : float, optional
        What goes beyond the first repeat is left out, with a note, if it would take longer in all.
    spent : float, default=0
        Seconds of earlier calls that were interrupted, which count against the limit.
    random_state : int, default=0
        Seed of the first training; each one has its own.
    verbose : bool, default=False

    Attributes
    ----------
    results : dict of Key to Result
    notes : list of str
        What was left out, and why.
    """

    def __init__(
        self,
        plan: Plan,
        machines: Mapping[str, Any],
        *,
        folder: str | Path | None = None,
        workers: int | str = 1,
        cluster=None,
        jobs: int = -1,
        minutes: float | None = None,
        spent: float = 0.0,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        fitted = [name for name, machine in machines.items() if is_fitted(machine)]
        if fitted:
            raise ValueError(
                f"{fitted[0]!r} is trained already, so it may have seen the subjects it would be tested on; pass an "
                "untrained machine, or a test set of its own"
            )
        self.plan, self.machines = plan, dict(machines)
        self.folder = None if folder is None else Path(folder)
        if workers == "auto":
            n_train = min((len(train) for _, _, train, _ in plan), default=0)
            workers = 1 if cluster is not None else resolve_workers(n_train)
        self.workers = int(workers)
        self.cluster, self.jobs, self.minutes = cluster, jobs, minutes
        self.random_state, self.verbose = random_state, verbose
        self.results: dict[Key, Result] = {}
        self.notes: list[str] = []
        self._began = time.perf_counter() - spent
        self.seconds = 0.0  # of all trainings of this call

    # -- what is trained ----------------------------------------------------------------------------------------------

    def machine(self, name: str, n_train: int, seed: int):
        """An untrained machine for so many subjects."""
        given = self.machines[name]
        made = given(n_train) if callable(given) and not hasattr(given, "get_params") else clone(given)
        own = made.get_params(deep=False)
        changes: dict[str, Any] = {"random_state": seed} if "random_state" in own else {}
        if "n_jobs" in own:
            changes["n_jobs"] = 1 if self.workers > 1 else self.jobs
        if "verbose" in own and (self.workers > 1 or self.cluster is not None):
            changes["verbose"] = False
        return made.set_params(**changes)

    def _task(self, key: Key, train: np.ndarray, test: np.ndarray) -> Task:
        purpose, name, repeat, fold = key
        seed = self.random_state + 1000 * repeat + fold
        stem = re.sub(r"[^\w.-]+", "-", f"{name}-{purpose}-{repeat}-{fold}")
        training = self.plan.data[train]
        return Task(
            stem, self.machine(name, len(train), seed), training, self.plan.data[test], self.plan.shape.shape,
            located=self.plan.located, boxes_too=self.plan.located and purpose == "fold", folder=self.folder,
            keep=purpose == "final" or (purpose == "fold" and repeat == fold == 0),
        )  # fmt: skip

    def fold_tasks(self, repeat: int) -> dict[Key, Task]:
        """The trainings of one repeat, machine after machine."""
        divided = [each for each in self.plan if each[0] == repeat]
        return {
            ("fold", name, repeat, fold): self._task(("fold", name, repeat, fold), train, test)
            for name in self.machines
            for _, fold, train, test in divided
        }

    def box_tasks(self) -> dict[Key, Task]:
        """Where machines see whole photos: the same with crops around the labels, for comparison."""
        if self.plan.rule.rule != "photo":
            return {}
        around = self.plan.data.with_crop_rule("joints")
        return {
            ("boxes", name, repeat, fold): replace(
                task, name=f"{task.name}-boxes", train=around[train], test=around[test], keep=False
            )
            for _, fold, train, test in [each for each in self.plan if each[0] == 0]
            for (_, name, repeat, number), task in self.fold_tasks(0).items()
            if number == fold
        }

    def curve_tasks(self, name: str) -> dict[Key, Task]:
        """Trainings of one machine on parts of the training subjects, whole groups where there are enough."""
        tasks = {}
        for repeat, fold, train, test in self.plan:
            if (
                fold >= CURVE_FOLDS
                or (self.plan.held_out and repeat >= CURVE_FOLDS)
                or (repeat and not self.plan.held_out)
            ):
                continue
            order = np.random.default_rng(self.random_state + 1000 * repeat + fold).permutation(train)
            for share in CURVE_SHARES:
                some = np.sort(order[: round(share * len(train))])
                if len(some) < LEAST_TO_TRAIN or not self.plan.data.joints[some, :, 2].any(0).all():
                    continue
                key = (f"curve {share:g}", name, repeat, fold)
                tasks[key] = self._task(key, some, test)
        return tasks

    def final_task(self, name: str) -> dict[Key, Task]:
        """The training of one machine on everything; it predicts a few subjects that it has seen, for its timing."""
        key: Key = ("final", name, 0, 0)
        everything = np.arange(len(self.plan.data))
        return {key: self._task(key, everything, everything[:2])}

    # -- running ------------------------------------------------------------------------------------------------------

    def affordable(self, tasks: Mapping[Key, Task], what: str, *, besides: int = 0) -> Mapping[Key, Task]:
        """These tasks, or none, with a note, where they and as many others `besides` would exceed the limit of time."""
        waiting = self._waiting(tasks)
        if not waiting or self._fits([*waiting] + [*waiting][:1] * besides):
            return tasks
        self.notes.append(f"{what} was left out: the limit of {self.minutes:g} minutes")
        return {}

    def _waiting(self, tasks: Mapping[Key, Task]) -> dict[Key, Task]:
        """The tasks that have no result yet; those of an earlier run are read."""
        waiting = {}
        for key, task in tasks.items():
            known = None if key in self.results else read_result(task)
            if known is not None:
                self.results[key] = known
            elif key not in self.results:
                waiting[key] = task
        return waiting

    def run(self, tasks: Mapping[Key, Task], what: str) -> None:
        """Run tasks, or read what they gave before."""
        keys = {task.name: key for key, task in tasks.items()}
        left = self._waiting(tasks)
        workers = self.workers
        if workers > 1 and len(left) == 1 and self.cluster is None:  # with all threads, in this process
            workers = 1
            left = {key: replace(task, machine=self._threaded(task.machine)) for key, task in left.items()}
        elif workers > 1:  # the longest first, so that no worker is left with one at the end
            left = dict(sorted(left.items(), key=lambda item: -self._expected(item[0], item[1].machine)))
        waiting = {task.name: task for task in left.values()}
        bar = progress(
            run_tasks(run_task, waiting, workers=workers, cluster=self.cluster), what,
            shown=self.verbose, total=len(tasks), done=len(tasks) - len(waiting),
        )  # fmt: skip
        for name, result in bar:
            write_result(tasks[keys[name]], result)
            self.results[keys[name]] = result
            self.seconds += result.training.get("seconds") or 0.0

    def _threaded(self, machine):
        """The machine, to be trained with the threads of a training that has the computer to itself."""
        return clone(machine).set_params(n_jobs=self.jobs) if "n_jobs" in machine.get_params(deep=False) else machine

    def _took(self, name: str) -> float | None:
        """Mean seconds of the trainings of a machine on whole folds or everything; None before there are any."""
        took = [
            result.training.get("seconds") or 0.0
            for key, result in self.results.items()
            if key[0] in ("fold", "final") and key[1] == name
        ]
        return float(np.mean(took)) if took else None

    def _expected(self, key: Key, machine) -> float:
        """Seconds of a training, judged by others of the same machine; before there are any, an order of magnitude."""
        took = self._took(key[1])
        return usual_seconds(machine) if took is None else took

    def _fits(self, waiting: list[Key]) -> bool:
        """Whether so many trainings would end before the limit, judged by those of the same machines."""
        if self.minutes is None:
            return True
        expected = sum(self._took(name) or 0.0 for _, name, _, _ in waiting)
        passed = time.perf_counter() - self._began
        return passed + expected / max(self.workers, 1) <= 60 * self.minutes

    # -- what came out ------------------------------------------------------------------------------------------------

    @property
    def tested(self) -> np.ndarray:
        """Indices of the subjects that are tested, in the order of the data."""
        return np.flatnonzero(self.plan.folds.numbers[0] == 0) if self.plan.held_out else np.arange(len(self.plan.data))

    def finished(self, repeat: int = 0) -> list[str]:
        """Machines whose folds of a repeat are all there."""
        folds = [fold for number, fold, _, _ in self.plan if number == repeat]
        return [name for name in self.machines if all(("fold", name, repeat, fold) in self.results for fold in folds)]

    def n_repeats(self) -> int:
        """Repeats that are complete for every machine that has finished the first."""
        first = self.finished()
        done = 0
        while done < self.plan.folds.n_repeats and first and {*first} <= {*self.finished(done)}:
            done += 1
        return done

    def gathered(self, name: str, purpose: str = "fold", repeat: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of one repeat, each by the machine that had not seen the subject.

        Returns
        -------
        staged : float32 ndarray of shape (S, N, P, 2)
            In pixels of the photo, for the subjects of `tested`.
        scores : float32 ndarray of shape (S, N, P)
        """
        place = np.full(len(self.plan.data), -1)
        place[self.tested] = np.arange(len(self.tested))
        staged = scores = np.empty(0, np.float32)
        for number, fold, _, test in self.plan:
            if number != repeat:
                continue
            result = self.results[purpose, name, repeat, fold]
            if not staged.size:
                shape = (len(result.staged), len(self.tested), *result.staged.shape[2:])
                staged, scores = np.full(shape, np.nan, np.float32), np.full(shape[:-1], np.nan, np.float32)
            staged[:, place[test]], scores[:, place[test]] = result.staged, result.scores
        return staged, scores

    def boxed(self, name: str) -> np.ndarray | None:
        """Joints (N, P, 2) of the first repeat in crops around the labels; None where that was not measured."""
        if self.plan.rule.rule == "photo":
            folds = [fold for number, fold, _, _ in self.plan if number == 0]
            if not all(("boxes", name, 0, fold) in self.results for fold in folds):
                return None
            return self.gathered(name, "boxes")[0][-1]
        found = np.full((len(self.plan.data), self.plan.data.skeleton.n_parts, 2), np.nan, np.float32)
        for number, fold, _, test in self.plan:
            if number == 0:
                boxed = self.results["fold", name, 0, fold].boxed
                if boxed is None:
                    return None
                found[test] = boxed
        return found[self.tested]

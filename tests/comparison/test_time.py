"""How a comparison spends its time: folds, workers and the order of trainings."""

import numpy as np
import pytest

from baselines import MeanPose
from posemachines import ConvPoseMachine, PoseDataset, PoseMachine
from posemachines.comparison import experiment as experiments
from posemachines.comparison.experiment import Experiment
from posemachines.comparison.machines import usual_seconds
from posemachines.comparison.plan import make_plan
from posemachines.comparison.tasks import Result
from posemachines.testing import SKELETON, make_dots


def dots(n):
    images, joints = make_dots(n)
    return PoseDataset(list(images), joints, SKELETON)


@pytest.mark.parametrize(("n", "n_folds"), [(24, 5), (150, 5), (151, 3)])
def test_few_subjects_have_more_folds(n, n_folds):
    assert make_plan(dots(n), groups="none").folds.n_folds == n_folds


def test_folds_that_are_asked_for():
    assert make_plan(dots(160), groups="none", n_folds=4).folds.n_folds == 4


def test_nets_take_longer_than_forests_and_forests_longer_than_baselines():
    assert usual_seconds(ConvPoseMachine()) > usual_seconds(PoseMachine()) > usual_seconds(MeanPose())


class Recorded:
    """Stands for the trainings; records in which order and with how many threads and workers they would run."""

    def __init__(self, seconds=1.0):
        self.calls, self.seconds = [], seconds

    def __call__(self, function, tasks, *, workers, cluster):
        self.calls.append((workers, [(name, task.machine.get_params().get("n_jobs")) for name, task in tasks.items()]))
        for name in tasks:
            yield name, Result(np.empty(0), np.empty(0), training={"seconds": self.seconds})


@pytest.fixture
def recorded(monkeypatch):
    made = Recorded()
    monkeypatch.setattr(experiments, "run_tasks", made)
    return made


def make_experiment(workers):
    machines = {"mean": MeanPose(), "forest": PoseMachine(), "net": ConvPoseMachine()}
    plan = make_plan(dots(24), groups="none", n_folds=2, n_repeats=1)
    return Experiment(plan, machines, workers=workers, jobs=-1)


def test_with_workers_the_longest_trainings_begin(recorded):
    run = make_experiment(2)
    run.run(run.fold_tasks(0), "first repeat")
    ((workers, tasks),) = recorded.calls
    assert workers == 2
    assert [name.split("-")[0] for name, _ in tasks] == ["net"] * 2 + ["forest"] * 2 + ["mean"] * 2
    assert {jobs for name, jobs in tasks if not name.startswith("mean")} == {1}


def test_a_training_that_is_alone_has_all_threads(recorded):
    run = make_experiment(2)
    run.run(run.final_task("net"), "training on everything")
    assert recorded.calls == [(1, [("net-final-0-0", -1)])]


def test_one_worker_keeps_the_order_of_the_machines(recorded):
    run = make_experiment(1)
    run.run(run.fold_tasks(0), "first repeat")
    assert [name.split("-")[0] for name, _ in recorded.calls[0][1]] == ["mean"] * 2 + ["forest"] * 2 + ["net"] * 2


def test_known_times_decide_the_order(recorded):
    run = make_experiment(2)
    recorded.seconds = 500.0
    run.run(run.final_task("forest"), "training on everything")
    run.run(run.fold_tasks(0), "first repeat")
    assert recorded.calls[-1][1][0][0].startswith("forest")


def test_time_of_interrupted_runs_counts(recorded):
    first, again = (
        Experiment(make_experiment(1).plan, {"mean": MeanPose()}, minutes=10, spent=spent) for spent in (0.0, 601.0)
    )
    assert first.affordable(first.fold_tasks(0), "more")
    assert not again.affordable(again.fold_tasks(0), "more")
    assert again.notes == ["more was left out: the limit of 10 minutes"]


def test_trainings_on_a_cluster_keep_their_threads(recorded, monkeypatch):
    monkeypatch.setattr(experiments, "resolve_workers", lambda _: 8)
    made = Experiment(
        make_experiment(1).plan, {"net": ConvPoseMachine()}, workers="auto", cluster="tcp://host:1", jobs=4
    )
    made.run(made.fold_tasks(0), "first repeat")
    assert {jobs for _, tasks in recorded.calls for _, jobs in tasks} == {4}

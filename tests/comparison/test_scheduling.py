"""Tasks in order, in processes, and on a cluster; lost workers."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from posemachines.comparison.scheduling import LostWorkers, resolve_workers, run_tasks

TASKS = {f"task {number}": number for number in range(5)}
SQUARES = {name: number**2 for name, number in TASKS.items()}


def square(number):
    return number**2


def fail(number):
    raise ValueError(f"no square of {number}")


def die_once(folder, number):
    """Kill the worker of task 2 the first time."""
    mark = Path(folder) / "died"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_after_the_other():
    assert list(run_tasks(square, TASKS)) == list(SQUARES.items())


def test_in_processes():
    assert dict(run_tasks(square, TASKS, workers=2)) == SQUARES


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_is_raised(workers):
    with pytest.raises(ValueError, match="no square of"):
        list(run_tasks(fail, TASKS, workers=workers))


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")
def test_a_lost_process_is_replaced(tmp_path):
    assert dict(run_tasks(partial(die_once, tmp_path), TASKS, workers=2)) == SQUARES
    assert (tmp_path / "died").exists()


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")
def test_processes_that_keep_dying_end_the_run():
    with pytest.raises(LostWorkers, match="workers died 3 times with 2 tasks left"):
        list(run_tasks(die, {"a": 1, "b": 2}, workers=2))


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of their own, on a free port."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as made:
        yield made


def slow_square(number):
    time.sleep(0.4)
    return number**2


@pytest.mark.filterwarnings("ignore")  # Dask warns of the worker that the test kills
def test_a_worker_of_a_cluster_is_killed_in_the_middle(cluster):
    found = {}
    for name, result in run_tasks(slow_square, TASKS, cluster=cluster.scheduler_address):
        found[name] = result
        if len(found) == 1:
            worker = next(iter(cluster.workers.values()))
            os.kill(worker.pid if isinstance(worker.pid, int) else worker.process.pid, signal.SIGKILL)
    assert found == SQUARES


def test_an_error_of_a_task_on_a_cluster_is_raised(cluster):
    with pytest.raises(ValueError, match="no square of"):
        list(run_tasks(fail, {"a": 1}, cluster=cluster.scheduler_address))


@pytest.mark.parametrize(
    ("cores", "gib", "cuda", "n_train", "expected"),
    [(2, 24, False, 200, 2), (64, 256, False, 200, 16), (8, 7, False, 200, 3), (8, 1, False, 200, 1),
     (8, 64, True, 200, 1), (8, 64, False, 59, 1), (1, 64, False, 200, 1)],
)  # fmt: skip
def test_as_many_workers_as_cores_memory_and_subjects_allow(monkeypatch, cores, gib, cuda, n_train, expected):
    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=gib * 2**30))
    device = SimpleNamespace(type="cuda" if cuda else "cpu")
    monkeypatch.setattr("posemachines.comparison.scheduling.choose_device", lambda _: device)
    assert resolve_workers(n_train) == expected

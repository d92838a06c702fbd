"""Independent tasks: one after the other, in processes of this computer, or on a Dask cluster."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import joblib
import psutil

from ..conv.devices import choose_device

__all__ = ["LostWorkers", "resolve_workers", "run_tasks"]

FEWEST_SUBJECTS = 60
"""With fewer to train on, processes would take longer to start than they save."""
MEMORY_OF_A_WORKER = 2 * 2**30
MOST_WORKERS = 16

ATTEMPTS = 3
"""How often a task is started before the run gives up, when the workers that ran it died."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of a worker: as many workers as cores would otherwise wait for each other's threads."""
logger = logging.getLogger(__name__)


def resolve_workers(n_train: int) -> int:
    """How many trainings run at the same time, for so many subjects to train on.

    One for each core that this process may use, as far as memory allows; with few subjects, or a GPU, which trainings
    would fight for, one after the other.
    """
    if n_train < FEWEST_SUBJECTS or choose_device("auto").type == "cuda":
        return 1
    room = int(psutil.virtual_memory().available // MEMORY_OF_A_WORKER)
    return max(min(joblib.cpu_count(), room, MOST_WORKERS), 1)


class LostWorkers(RuntimeError):
    """Workers kept dying; the tasks that were finished are kept."""


def run_tasks(
    function: Callable[[Any], Any], tasks: Mapping[str, Any], *, workers: int = 1, cluster=None
) -> Iterator[tuple[str, Any]]:
    """Yield (name, result) of each task as it ends, in any order.

    Parameters
    ----------
    function : callable
        Called with one task; picklable if there are several workers.
    tasks : dict of str to task
    workers : int, default=1
        Processes on this computer; 1 runs the tasks here, in order.
    cluster : str or distributed.Client, optional
        Address of a Dask scheduler, or a client of it; its workers run the tasks (extra ``cluster``). They must see
        the photos under the same paths.

    Raises
    ------
    LostWorkers
        If workers die several times, for example because memory runs out.
    ImportError
        If `cluster` is given and Dask is not installed.

    Notes
    -----
    A task whose worker was lost is repeated. An error that a task raises itself is not retried: it is raised here.
    """
    if cluster is not None:
        yield from _on_cluster(function, tasks, cluster)
    elif workers == 1:
        for name, task in tasks.items():
            yield name, function(task)
    else:
        yield from _in_processes(function, dict(tasks), workers)


def _in_processes(function, tasks: dict[str, Any], workers: int) -> Iterator[tuple[str, Any]]:
    """Processes of joblib's pool, made anew when one of them dies."""
    from joblib.externals.loky import ProcessPoolExecutor, as_completed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    # loky replaces a worker whose memory has grown, and says so; nothing is lost by it
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    for attempt in range(1, ATTEMPTS + 1):
        pool = ProcessPoolExecutor(min(workers, len(tasks) or 1), env=ONE_THREAD)
        done = False
        try:
            futures = {pool.submit(function, task): name for name, task in tasks.items()}
            for future in as_completed(futures):
                result = future.result()
                del tasks[futures[future]]
                yield futures[future], result
            done = True
            return
        except BrokenProcessPool as error:
            logger.warning("a worker died (attempt %d of %d): %d tasks are left", attempt, ATTEMPTS, len(tasks))
            if attempt == ATTEMPTS:
                raise LostWorkers(
                    f"workers died {ATTEMPTS} times with {len(tasks)} tasks left, perhaps for lack of memory; repeat "
                    "the command with fewer workers: it resumes with what is left"
                ) from error
        finally:  # what still runs after an error is of no use
            pool.shutdown(wait=True, kill_workers=not done)


def _on_cluster(function, tasks: Mapping[str, Any], cluster) -> Iterator[tuple[str, Any]]:
    try:
        import distributed
    except ImportError as error:
        raise ImportError('a cluster needs Dask; pip install "posemachines[cluster]"') from error
    client = distributed.Client(cluster) if isinstance(cluster, str) else cluster
    try:
        futures = {
            client.submit(function, task, key=f"posemachines-{name}", pure=False): name for name, task in tasks.items()
        }
        try:
            for future in distributed.as_completed(futures):
                yield futures[future], _result(future, futures[future])
                future.release()
        finally:
            client.cancel(list(futures))
    finally:
        if isinstance(cluster, str):
            client.close()


def _result(future, name: str):
    """Result of a finished future; Dask itself restarts a task whose worker was lost, up to its own limit."""
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise LostWorkers(
            f"every worker that ran {name} died, perhaps for lack of memory; repeat the command: it resumes with what "
            "is left"
        ) from error

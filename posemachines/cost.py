"""What a machine costs in time and memory, measured the same way for every machine."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil

from ._checks import check_images

__all__ = ["Cost", "machine_description", "measured", "milliseconds_per_image", "versions"]


@dataclass
class Cost:
    """What a block of code took: wall-clock seconds, and the peak of resident memory above its start, in MiB."""

    seconds: float = float("nan")
    peak_mib: float = float("nan")


@contextmanager
def measured(*, every: float = 0.02) -> Iterator[Cost]:
    """Measure the seconds and the peak memory of a block.

    Parameters
    ----------
    every : float, default=0.02
        Seconds between two looks at the memory; shorter peaks can be missed.

    Yields
    ------
    Cost
        Filled in when the block ends, by an exception too.

    Notes
    -----
    Memory of this process and its children, on the host; memory of a GPU is not counted.
    """
    _give_back_memory()
    process, cost, stop = psutil.Process(), Cost(), threading.Event()
    start = peak = _resident(process)

    def watch() -> None:
        nonlocal peak
        while not stop.wait(every):
            peak = max(peak, _resident(process))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - began
        stop.set()
        watcher.join()
        cost.peak_mib = (max(peak, _resident(process)) - start) / 2**20


def _resident(process: psutil.Process) -> int:
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:  # it ended in between
            continue
    return total


def _give_back_memory() -> None:
    """Return freed memory to the system, where the C library can, so that it is not taken for memory in use."""
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            return


def milliseconds_per_image(machine, X, *, repetitions: int = 3, n_images: int = 30) -> dict[str, float]:
    """Time of a warm machine for one image at a time.

    Parameters
    ----------
    machine : SequentialMachine
    X : uint8 ndarray of shape (N, H, W, 3)
    repetitions : int, default=3
        Rounds over the images.
    n_images : int, default=30
        How many of the images are used.

    Returns
    -------
    dict
        ``median`` and ``p95`` over all images and rounds, in milliseconds.
    """
    images = check_images(X)[:n_images]
    machine.predict(images[:1])
    times = []
    for _ in range(repetitions):
        for index in range(len(images)):
            began = time.perf_counter()
            machine.predict(images[index : index + 1])
            times.append(1000 * (time.perf_counter() - began))
    return {"median": round(float(np.median(times)), 3), "p95": round(float(np.quantile(times, 0.95)), 3)}


def machine_description() -> dict[str, str | int | float]:
    """The computer in a few words, for a report: processor, cores, memory, system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages; those that are missing are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found

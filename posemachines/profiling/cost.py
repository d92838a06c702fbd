"""Time, memory and energy of machines, measured the same way for every machine."""

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
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil

from .._utils.checks import check_images
from .energy import EnergyMeter

__all__ = [
    "Cost",
    "machine_description",
    "measure_inference",
    "measured",
    "milliseconds_per_image",
    "versions",
]

_SAMPLE = 4  # images whose operations are counted


@dataclass
class Cost:
    """Cost of a block of code.

    Attributes
    ----------
    seconds : float
        Wall-clock time.
    cpu_seconds : float
        CPU time of all threads of this process and of its finished children. It is less sensitive than `seconds` to
        other load on the computer.
    peak_mib : float
        Peak increase of resident memory, in MiB.
    joules : dict
        Energy by source, "cpu" and "gpu", of everything that ran meanwhile; unreadable sources are missing.
    device_peak_mib : float or None
        Peak increase of torch's GPU memory, in MiB; None if torch has not used a GPU.
    """

    seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    peak_mib: float = float("nan")
    joules: dict[str, float] = field(default_factory=dict)
    device_peak_mib: float | None = None

    def to_dict(self) -> dict:
        """The attributes, rounded, ready for JSON; ``joules`` is None if no source could be read."""
        device = self.device_peak_mib
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_mib": round(self.peak_mib, 1),
            "device_peak_mib": None if device is None else round(device, 1),
            "joules": {source: round(value, 3) for source, value in self.joules.items()} or None,
        }


@contextmanager
def measured(*, every: float = 0.02) -> Iterator[Cost]:
    """Measure time, peak memory and energy of a block.

    Parameters
    ----------
    every : float, default=0.02
        Seconds between memory readings; shorter peaks can be missed.

    Yields
    ------
    Cost
        Filled in when the block ends, also by an exception.

    Notes
    -----
    ``peak_mib`` is host memory of this process and its children. The thread that reads it slows the block down a
    little: time single images with :func:`milliseconds_per_image`.
    """
    _give_back_memory()
    process, cost, stop = psutil.Process(), Cost(), threading.Event()
    start = peak = _resident(process)
    device = _device_memory()
    meter = EnergyMeter()

    def watch() -> None:
        nonlocal peak
        rounds = 0
        while not stop.wait(every):
            peak, rounds = max(peak, _resident(process)), rounds + 1
            if not rounds % 500:  # often enough for counters that wrap around
                meter.read()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - began
        cost.cpu_seconds = _cpu_seconds() - cpu_began
        stop.set()
        watcher.join()
        cost.joules = meter.read()
        cost.peak_mib = (max(peak, _resident(process)) - start) / 2**20
        cost.device_peak_mib = _device_peak(device)


def _cpu_seconds() -> float:
    """CPU time of this process and of its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _device_memory() -> int | None:
    """Bytes that torch holds on the GPU, after resetting its peak; None if it has not used a GPU."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_available() or not cuda.is_initialized():
        return None
    cuda.reset_peak_memory_stats()
    return int(cuda.memory_allocated())


def _device_peak(start: int | None) -> float | None:
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_available() or not cuda.is_initialized():
        return None
    return (int(cuda.max_memory_allocated()) - (start or 0)) / 2**20


def _resident(process: psutil.Process) -> int:
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:  # it has ended
            continue
    return total


def _give_back_memory() -> None:
    """Return freed memory to the system, if the C library can, so that it does not count as used."""
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            return


def milliseconds_per_image(machine, X, *, repetitions: int = 3, n_images: int = 30) -> dict[str, float]:
    """Prediction time of a warm machine at batch size 1.

    Parameters
    ----------
    machine : SequentialMachine
    X : uint8 ndarray of shape (N, H, W, 3)
    repetitions : int, default=3
        Passes over the images.
    n_images : int, default=30
        Number of images to use.

    Returns
    -------
    dict
        ``median`` and ``p95`` over all images and passes, in milliseconds.
    """
    images = check_images(X)[:n_images]
    machine.predict(images[:1])
    times = [
        _milliseconds(machine, images[index : index + 1]) for _ in range(repetitions) for index in range(len(images))
    ]
    return {"median": round(float(np.median(times)), 3), "p95": round(float(np.quantile(times, 0.95)), 3)}


def _milliseconds(machine, images: np.ndarray) -> float:
    began = time.perf_counter()
    machine.predict(images)
    return 1000 * (time.perf_counter() - began)


def measure_inference(machine, X, *, repetitions: int = 3, n_images: int = 30) -> dict:
    """Cost of predicting with a fitted machine, at batch size 1.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted; anything with ``predict``, and optionally ``size`` and ``count_operations``.
    X : uint8 ndarray of shape (N, H, W, 3)
    repetitions : int, default=3
        Passes over the images.
    n_images : int, default=30
        Number of images to use.

    Returns
    -------
    dict
        ``cold_ms``, the first call; ``ms_per_image``, ``median`` and ``p95`` of warm calls; ``peak_mib`` and
        ``device_peak_mib``, memory in addition to the loaded machine; ``complexity``, such as ``parameters`` and
        ``nodes``; ``operations`` for one image, such as ``multiply_adds`` and ``node_visits``; ``joules_per_image`` by
        source, or None; and ``n_images`` and ``repetitions``.

    Notes
    -----
    The first call is cold only if the process has not run the machine before. Time and memory are measured in separate
    passes, so that reading the memory does not slow down the timing. The energy includes that of the idle computer.
    """
    images = check_images(X)[:n_images]
    cold = _milliseconds(machine, images[:1])
    warm = milliseconds_per_image(machine, images, repetitions=repetitions, n_images=n_images)
    with measured(every=0.005) as cost:
        for _ in range(repetitions):
            for index in range(len(images)):
                machine.predict(images[index : index + 1])
    n_calls = repetitions * len(images)
    joules = {source: round(value / n_calls, 5) for source, value in cost.joules.items()}
    plain = cost.to_dict()
    return {
        "cold_ms": round(cold, 3),
        "ms_per_image": warm,
        "peak_mib": plain["peak_mib"],
        "device_peak_mib": plain["device_peak_mib"],
        "complexity": machine.size() if hasattr(machine, "size") else {},
        "operations": machine.count_operations(images[:_SAMPLE]) if hasattr(machine, "count_operations") else {},
        "joules_per_image": joules or None,
        "n_images": len(images),
        "repetitions": repetitions,
    }


def machine_description() -> dict[str, str | int | float]:
    """The computer: processor, cores, memory, system."""
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
    """Versions of the installed packages among `packages`."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found

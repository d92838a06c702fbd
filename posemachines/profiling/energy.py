"""Energy from the computer's own meters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

__all__ = ["EnergyMeter"]

POWERCAP = Path("/sys/class/powercap")
_Counter = tuple[str, Callable[[], int], int, float]  # source, reading, wrap-around (0: never), joules per unit


class EnergyMeter:
    """Joules since its creation, by source: "cpu" (packages and memory, by RAPL) and "gpu" (all GPUs, by NVML).

    Unreadable sources are missing. RAPL counters wrap around, some within an hour: call :meth:`read` more often.

    Notes
    -----
    The meters count everything that runs on the computer. RAPL needs Linux and read access to ``/sys/class/powercap``,
    which many systems restrict to root; NVML needs the package nvidia-ml-py.
    """

    def __init__(self) -> None:
        self._counters: list[_Counter] = []
        self._last: list[int] = []
        self._joules: dict[str, float] = {}
        for counter in [*_rapl(POWERCAP), *_nvml()]:
            source, reading, _, _ = counter
            try:
                self._last.append(reading())
            except Exception:  # drivers raise anything; there is no meter then
                continue
            self._counters.append(counter)
            self._joules[source] = 0.0

    def read(self) -> dict[str, float]:
        """Joules by source so far; empty if no source can be read."""
        for index, (source, reading, wrap, unit) in enumerate(self._counters):
            try:
                now = reading()
            except Exception:
                continue
            passed = now - self._last[index]
            self._joules[source] += unit * (passed + wrap if passed < 0 else passed)
            self._last[index] = now
        return dict(self._joules)


def _rapl(root: Path) -> list[_Counter]:
    """Packages and memory; "psys" and "core" would count the same energy twice."""
    found: list[_Counter] = []
    for zone in sorted(root.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
            wrap = int((zone / "max_energy_range_uj").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if name.startswith(("package", "dram")):
            found.append(("cpu", _reader(zone / "energy_uj"), wrap, 1e-6))
    return found


def _reader(file: Path) -> Callable[[], int]:
    return lambda: int(file.read_text(encoding="ascii"))


def _nvml() -> list[_Counter]:
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # no package, no driver, or an old one
        return []
    return [("gpu", partial(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle), 0, 1e-3) for handle in handles]

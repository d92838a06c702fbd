"""Works that are timed side by side, in alternating turns."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["PAUSE", "Work", "Works", "medians", "milliseconds", "parse_options", "take_turns"]

Work = Callable[[], object]
Works = Mapping[str, Work]
PAUSE = 0.05  # seconds before each turn, to let the threads of the previous one go to sleep


def parse_options(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, quick: Mapping[str, Any]
) -> argparse.Namespace:
    """The options, with at least three repetitions; ``--quick`` replaces sizes by those of `quick`."""
    options = parser.parse_args(arguments)
    if options.repetitions < 3:
        parser.error(f"--repetitions must be at least 3; got {options.repetitions}")
    vars(options).update(quick if options.quick else {})
    return options


def take_turns(works: Works, options: argparse.Namespace, *, warm_up: bool = False) -> dict[str, np.ndarray]:
    """Milliseconds per call of each work, in alternating turns: A B C A B C ...

    With `warm_up` every turn starts with a call that is not timed.
    """
    calls, times = {}, {name: np.zeros(options.repetitions) for name in works}
    for name, work in works.items():
        work()
        calls[name] = int(np.clip(1000 * options.seconds / milliseconds(work, 1), 1, 1000))
    for turn in range(options.repetitions):
        for name, work in works.items():
            time.sleep(PAUSE)
            if warm_up:
                work()
            times[name][turn] = milliseconds(work, calls[name])
    return times


def milliseconds(work: Work, calls: int) -> float:
    """Mean time of a call."""
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return 1000 * (time.perf_counter() - began) / calls


def medians(works: Works, options: argparse.Namespace, *, warm_up: bool = False) -> dict[str, float]:
    """Median milliseconds of each work."""
    return {name: float(np.median(times)) for name, times in take_turns(works, options, warm_up=warm_up).items()}

"""Time of the bootstrap over subjects: 1,000 resamples of 1,000 subjects x 14 parts x 21 thresholds.

    python benchmarks/speed/bootstrap_speed.py

One matrix product against a loop that draws the subjects of each resample and counts; their results are compared first.
The loop runs over fewer resamples, and its time is scaled up.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from posemachines.evaluation import interval, resampled_ratios
from posemachines.evaluation.uncertainty import draw_subjects
from posemachines.metrics.pck import within
from posemachines.profiling.cost import machine_description, versions

OUTPUT = Path(__file__).resolve().parents[1] / "results" / "bootstrap_speed.json"
GOAL = 2.0  # s
SIZES = {"resamples": 1000, "people": 1000, "parts": 14, "thresholds": 21, "loop": 50, "turns": 7}
QUICK = {"resamples": 20, "people": 30, "parts": 3, "thresholds": 5, "loop": 20, "turns": 2}


def by_product(distances: np.ndarray, thresholds: np.ndarray, n_resamples: int) -> np.ndarray:
    """PCK (R, P, T) of every resample."""
    correct = within(distances[..., None], thresholds)
    return resampled_ratios(correct, np.isfinite(distances)[..., None], n_resamples=n_resamples)


def by_loop(distances: np.ndarray, thresholds: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The same for subjects given as weights (R, N), one resample after the other."""
    found = []
    for weights in drawn:
        some = distances[np.repeat(np.arange(len(distances)), weights.astype(int))]
        scored = np.isfinite(some).sum(0)
        found.append(np.stack([within(some, limit).sum(0) / scored for limit in thresholds], -1))
    return np.stack(found)


def seconds_of(work: Callable[[], object]) -> float:
    """Time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(sizes: dict) -> dict:
    """Median times of both ways; the first includes drawing the subjects and computing the intervals."""
    rng = np.random.default_rng(0)
    distances = rng.exponential(0.2, (sizes["people"], sizes["parts"]))
    distances[rng.random(distances.shape) < 0.05] = np.nan
    thresholds = np.linspace(0, 0.5, sizes["thresholds"])
    n_resamples, n_loop = sizes["resamples"], sizes["loop"]
    drawn = draw_subjects(len(distances), n_resamples, 0, np.float32)[:n_loop]
    if not np.array_equal(
        by_product(distances, thresholds, n_resamples)[:n_loop], by_loop(distances, thresholds, drawn)
    ):
        raise RuntimeError("the two ways give different results, so their times are not comparable")

    def whole() -> None:
        draw_subjects.cache_clear()
        interval(by_product(distances, thresholds, n_resamples))

    ours, loop = [], []
    for _ in range(sizes["turns"]):  # alternating, so that other load affects both
        ours.append(seconds_of(whole))
        loop.append(seconds_of(lambda: by_loop(distances, thresholds, drawn)) * n_resamples / n_loop)
    seconds, slow = float(np.median(ours)), float(np.median(loop))
    return {"seconds": round(seconds, 4), "loop_seconds": round(slow, 3), "ratio": round(slow / seconds, 1)}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write the result; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that everything runs")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else SIZES
    times = measure(sizes)
    result = {
        "command": shlex.join(["python", "benchmarks/speed/bootstrap_speed.py", *(arguments or sys.argv[1:])]),
        "settings": sizes,
        "goal_seconds": GOAL,
        **times,
        "computer": machine_description(),
        "versions": versions(("posemachines", "numpy")),
    }
    write_json(result, options.output)
    print(f"{times['seconds']:.3f} s; one by one {times['loop_seconds']:.1f} s, {times['ratio']:.1f} times as long")
    return 0 if times["seconds"] < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())

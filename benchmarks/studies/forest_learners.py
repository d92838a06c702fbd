"""Learners for the forests: accuracy, training time and size of one stage, side by side.

    python benchmarks/studies/forest_learners.py --root DIR

Every learner trains the first stage of a Pose Machine with one level, on the same cells of the same subjects of LSPET,
and is evaluated on the same test subjects.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from benchmarks.training.shipped import TEST, TRAIN, load
from posemachines import CellSampling, ForestStage, PoseMachine
from posemachines.evaluation import bootstrap_difference, evaluate
from posemachines.profiling.cost import machine_description, milliseconds_per_image, versions
from posemachines.report import evaluation_to_json

PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba", "xgboost-cpu")
DEEP = {"boosting": False, "max_depth": 20, "min_samples_leaf": 8}
LEARNERS: dict[str, dict] = {
    "boosted, histogram": {},
    "boosted, scikit-learn": {"learner": "scikit-learn"},
    "boosted, xgboost": {"learner": "xgboost"},
    "plain forest, histogram": DEEP,
    "plain forest, scikit-learn": DEEP | {"learner": "scikit-learn"},
}


def run_learner(changes: dict, train, test, options: argparse.Namespace):
    """Results of a learner, and its distances."""
    sampling = CellSampling(max_cells=options.cells)
    stage = ForestStage(n_rounds=options.rounds, levels=1, sampling=sampling, **changes)
    machine = PoseMachine(1, stage=stage, n_jobs=options.jobs, skeleton="lsp", random_state=0)
    began = time.perf_counter()
    machine.fit(train)
    seconds = time.perf_counter() - began
    accuracy = evaluate(machine, test)
    stage = evaluation_to_json(accuracy)["stages"][0]
    file = options.output.with_suffix(".npz.tmp")
    machine.save(file)
    entry = {
        "changes": changes,
        "pck": stage["pck"],
        "interval": stage["interval"],
        "training_seconds": round(seconds, 1),
        "nodes": machine.size()["nodes"],
        "file_bytes": file.stat().st_size,
        "ms_per_image": milliseconds_per_image(machine, test.X, n_images=30),
    }
    file.unlink()
    return entry, accuracy.distances[0]


def main(arguments: list[str] | None = None) -> int:
    """Train with every learner, compare with the first, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=600)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cells", type=int, default=15_000)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/forest_learners.json"))
    options = parser.parse_args(arguments)
    train = load(options.root, TRAIN[: options.train], options.jobs)
    test = load(options.root, TEST[: options.test], options.jobs)
    warm = argparse.Namespace(**vars(options) | {"rounds": 1, "cells": 500})
    run_learner({}, train[:50], test, warm)  # compile the kernels
    entries, first = {}, None
    print(f"{'':28}{'PCK@0.1':>9}{'PCK@0.2':>9}{'training':>11}{'nodes':>10}{'file':>10}{'ms/image':>10}")
    for name, changes in LEARNERS.items():
        entry, distances = run_learner(changes, train, test, options)
        first = distances if first is None else first
        entry["against_default"] = {str(t): bootstrap_difference(distances, first, t) for t in (0.1, 0.2)}
        entries[name] = entry
        print(
            f"{name:28}{entry['pck']['0.1']:>9.1f}{entry['pck']['0.2']:>9.1f}{entry['training_seconds']:>9.1f} s"
            f"{entry['nodes']:>10,}{entry['file_bytes'] / 2**20:>6.2f} MiB{entry['ms_per_image']['median']:>10.2f}",
            flush=True,
        )
    result = {
        "command": shlex.join(["python", "benchmarks/studies/forest_learners.py", *(arguments or sys.argv[1:])]),
        "settings": {name: getattr(options, name) for name in ("train", "test", "rounds", "cells")},
        "learners": entries,
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

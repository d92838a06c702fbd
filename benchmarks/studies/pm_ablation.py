"""Ablation of the Pose Machine: the machine without each of its components, on the same subjects.

    python benchmarks/studies/pm_ablation.py --root DIR

Every variant is trained on the same subjects of LSPET and evaluated on the same test subjects; the table lists the
difference of each from the whole machine, with its paired bootstrap interval. An interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from benchmarks.training.shipped import TEST, TRAIN, load
from posemachines import CellSampling, ContextFeatures, ForestStage, PoseMachine, StackedTraining
from posemachines.evaluation import bootstrap_difference, evaluate
from posemachines.profiling.cost import machine_description, versions
from posemachines.report import evaluation_to_json

PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba")
VARIANTS: dict[str, dict[str, dict]] = {  # what differs from the whole machine, by the part that it is a setting of
    "whole": {},
    "parts only": {"stage": {"levels": 1}},
    "no context patches": {"context": {"patches": False}},
    "no context offsets": {"context": {"offsets": False}},
    "no context": {"context": {"patches": False, "offsets": False}},
    "no stacking": {"training": {"n_folds": 1}},
    "no boosting": {"stage": {"boosting": False, "max_depth": 20, "min_samples_leaf": 8}},
    "no refining": {"stage": {"residual": False}},
    "no mirrored people": {"training": {"n_augmented": 1}},
    "no hard negatives": {"sampling": {"hard_negatives": 0.0}},
}


def build(changes: dict[str, dict], options: argparse.Namespace) -> PoseMachine:
    """The untrained machine of a variant."""
    sampling = CellSampling(**{"max_cells": options.cells} | changes.get("sampling", {}))
    context = ContextFeatures(**changes.get("context", {}))
    stage = ForestStage(n_rounds=options.rounds, sampling=sampling, context=context, **changes.get("stage", {}))
    training = StackedTraining(**{"n_augmented": 2} | changes.get("training", {}))
    return PoseMachine(
        options.stages, stage=stage, training=training, n_jobs=options.jobs, skeleton="lsp", random_state=0
    )


def run_variant(name: str, train, test, options: argparse.Namespace) -> dict:
    """Accuracy of a variant, and its distances (subjects x parts) for the comparison with others."""
    machine = build(VARIANTS[name], options)
    began = time.perf_counter()
    machine.fit(train)
    seconds = time.perf_counter() - began
    accuracy = evaluate(machine, test)
    found = evaluation_to_json(accuracy)["stages"]
    stages = [{key: stage[key] for key in ("stage", "pck", "interval")} for stage in found]
    distances = [np.round(stage, 4).tolist() for stage in accuracy.distances]
    return {
        "changes": VARIANTS[name],
        "stages": stages,
        "training_seconds": round(seconds, 1),
        "nodes": machine.size()["nodes"],
        "distances": distances,
    }


def compare(variants: dict[str, dict]) -> None:
    """Add the differences of the last stage of each variant from the whole machine and from its first stage."""
    whole = np.array(variants["whole"]["distances"][-1], float)
    for name, variant in variants.items():
        first, last = (np.array(variant["distances"][stage], float) for stage in (0, -1))
        for threshold in (0.1, 0.2):
            if name != "whole":
                against = bootstrap_difference(last, whole, threshold)
                variant.setdefault("against_whole", {})[str(threshold)] = against
            variant.setdefault("against_first_stage", {})[str(threshold)] = bootstrap_difference(last, first, threshold)


def table(result: dict) -> str:
    """The results as lines of text."""
    lines = [f"{'':20} PCK@0.2 by stage    against the whole   PCK@0.1 by stage    against the whole"]
    for name, variant in result["variants"].items():
        cells = [f"{name:20}"]
        for threshold in ("0.2", "0.1"):
            cells.append(" ".join(f"{stage['pck'][threshold]:5.1f}" for stage in variant["stages"]))
            against = variant.get("against_whole", {}).get(threshold)
            low, high = against["interval"] if against else (0, 0)
            cells.append(f"{against['difference']:+5.1f} [{low:+.1f}, {high:+.1f}]" if against else " " * 19)
        lines.append("  ".join(cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the variants that are not finished yet, compare all and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=1500)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cells", type=int, default=60_000)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="comma-separated")
    parser.add_argument("--unfinished", type=Path, default=Path("runs/pm_ablation.json"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/pm_ablation.json"))
    options = parser.parse_args(arguments)
    names = [name.strip() for name in options.variants.split(",")]
    if unknown := sorted({*names} - {*VARIANTS}):
        parser.error(f"unknown variants {', '.join(unknown)}; known are {', '.join(VARIANTS)}")
    settings = {name: getattr(options, name) for name in ("train", "test", "rounds", "cells", "stages")}
    kept = json.loads(options.unfinished.read_text()) if options.unfinished.exists() else {}
    variants = kept["variants"] if kept.get("settings") == settings else {}
    train = load(options.root, TRAIN[: options.train], options.jobs)
    test = load(options.root, TEST[: options.test], options.jobs)
    for name in ["whole", *(name for name in names if name != "whole")]:
        if name not in variants:
            print(name, flush=True)
            variants[name] = run_variant(name, train, test, options)
            write_json({"settings": settings, "variants": variants}, options.unfinished)
    compare(variants)
    for variant in variants.values():
        del variant["distances"]
    result = {
        "command": shlex.join(["python", "benchmarks/studies/pm_ablation.py", *(arguments or sys.argv[1:])]),
        "settings": settings,
        "variants": variants,
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }
    write_json(result, options.output)
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

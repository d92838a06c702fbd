"""Train the Pose Machines that come with the library on the photos of LSPET, and evaluate them.

    python benchmarks/training/pm_lspet.py --root DIR
    python benchmarks/training/pm_lspet.py --root DIR --features efficientnet-lite0
    python benchmarks/training/pm_lspet.py --root DIR --validate --train 1000      # to choose settings

Trains on photos 1 to 7000 and evaluates on 8001 to 9000: accuracy stage by stage, with and without test-time
augmentation, calibration of the beliefs, and the cost of training. With ``--validate``, it evaluates on 7001 to 8000
instead, and keeps the shipped machine. An interrupted run, repeated, resumes where it was.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

import posemachines
from benchmarks.publishing.results_file import write_json
from benchmarks.training.shipped import TEST, TRAIN, VALIDATION, accuracies, calibration, default_files, load
from posemachines import CellSampling, ForestStage, PoseMachine
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions
from posemachines.report.schema import settings_to_json

RECIPE = {"n_rounds": 100, "n_trees": 2, "max_samples": 0.35}
NAMES = {"hand-made": "pm_lspet", "efficientnet-lite0": "pm_pretrained_lspet"}  # of the files, by the features
PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba")


def train_machine(options: argparse.Namespace, train: Crops) -> tuple[PoseMachine, dict]:
    """Train and save the machine; return it with the record of its training."""
    machine = PoseMachine(
        options.stages,
        stage=ForestStage(features=options.features, **RECIPE | {"n_rounds": options.rounds}),
        n_jobs=options.jobs,
        checkpoint=options.checkpoint,
        skeleton="lsp",
        flip=True,
        random_state=0,
        verbose=True,
    )
    with measured() as cost:
        machine.fit(train)
    machine.set_params(checkpoint=None, verbose=False)  # settings of this run, not of the machine
    options.model.parent.mkdir(parents=True, exist_ok=True)
    machine.save(options.model)
    return machine, {
        "train": len(train),
        "recipe": settings_to_json(machine.stages_[0]),
        "training_seconds": round(cost.seconds, 1),
        "peak_memory_mib": round(cost.peak_mib, 1),
        "complexity": machine.size(),
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train the machine, evaluate it and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--features", choices=NAMES, default="hand-made")
    parser.add_argument("--train", type=int, default=len(TRAIN), help="the first people of the training photos")
    parser.add_argument("--validate", action="store_true", help="evaluate on photos 7001 to 8000, to choose settings")
    parser.add_argument("--rounds", type=int, default=RECIPE["n_rounds"], help="boosting rounds of a level and stage")
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoint; default: in runs/")
    parser.add_argument("--measure", action="store_true", help="evaluate the existing model again, without training")
    parser.add_argument("--model", type=Path, help="default: the file in the package, or in runs/ with --validate")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results, or runs/ with --validate")
    options = parser.parse_args(arguments)
    name = NAMES[options.features]
    model, output = default_files(name, ".npz", validate=options.validate)
    options.model, options.output = options.model or model, options.output or output
    options.checkpoint = options.checkpoint or Path("runs") / name
    if options.measure:
        result = json.loads(options.output.read_text(encoding="utf-8"))
        machine = posemachines.load(options.model)
    else:
        machine, result = train_machine(options, load(options.root, TRAIN[: options.train], options.jobs))
        result["command"] = shlex.join(["python", "benchmarks/training/pm_lspet.py", *(arguments or sys.argv[1:])])
    test = load(options.root, VALIDATION if options.validate else TEST, options.jobs)
    machine.set_params(n_jobs=options.jobs, flip=True, tta_scales=(1.0,))
    result |= {
        "test": len(test),
        "file_bytes": options.model.stat().st_size,
        "calibration": calibration(machine, test, (machine.stages_[0].sampling or CellSampling()).positive_radius),
    }
    result |= accuracies(machine, test)
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Train the Pose Machine that comes with the library on the photographs of LSPET, and measure it.

    python benchmarks/training/pm_lspet.py --root DIR

Trains on photographs 1..8000 and measures on 8001..9000: accuracy stage by stage, alone and averaged with the mirror
image, calibration of the beliefs, and the cost of training. A run that was broken off and is repeated goes on where it
was.
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
from benchmarks.training.shipped import accuracies, calibration, load
from posemachines import ForestStage, PoseMachine, StackedTraining
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions

RECIPE = {"n_rounds": 100, "n_trees": 2, "max_samples": 0.35}
PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba")


def train_machine(options: argparse.Namespace, train: Crops) -> tuple[PoseMachine, dict]:
    """The trained machine, which is saved, too, and what there is to say of its training."""
    machine = PoseMachine(
        options.stages,
        stage=ForestStage(n_jobs=options.jobs, **RECIPE | {"n_rounds": options.rounds}),
        training=StackedTraining(views=2, checkpoint=options.checkpoint),
        skeleton="lsp",
        flip=True,
        random_state=0,
        verbose=True,
    )
    with measured() as cost:
        machine.fit(train.X, train.y)
    for stage in machine.stages_:
        stage.set_params(checkpoint=None, n_jobs=None, verbose=False)  # of this training, not of the machine
    machine.set_params(training=None, verbose=False)
    machine.save(options.model)
    return machine, {
        "train": len(train.X),
        "recipe": machine.stages_[0].get_params(deep=False),
        "training_seconds": round(cost.seconds, 1),
        "peak_memory_mib": round(cost.peak_mib, 1),
        "complexity": machine.size(),
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=8000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=RECIPE["n_rounds"], help="rounds of boosting a level and stage")
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 takes every core")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pm_lspet"), help="folder of unfinished trainings")
    parser.add_argument("--measure", action="store_true", help="measure the model that is there again, do not train")
    parser.add_argument("--model", type=Path, default=Path("posemachines/pretrained/pm_lspet.npz"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/pm_lspet.json"))
    options = parser.parse_args(arguments)
    train, test = load(options.root, 1 if options.measure else options.train, options.test, options.jobs)
    if options.measure:
        result = json.loads(options.output.read_text(encoding="utf-8"))
        machine = posemachines.load(options.model)
    else:
        machine, result = train_machine(options, train)
        result["command"] = shlex.join(["python", "benchmarks/training/pm_lspet.py", *(arguments or sys.argv[1:])])
    for stage in machine.stages_:
        stage.set_params(n_jobs=options.jobs)
    machine.set_params(flip=True, scales=(1.0,))
    result |= {
        "test": len(test.X),
        "file_bytes": options.model.stat().st_size,
        "calibration": calibration(machine, test, machine.stages_[0].positive_radius),
    }
    result |= accuracies(machine, test)
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Train the Convolutional Pose Machine that comes with the library on the photos of LSPET, and evaluate it.

    python benchmarks/training/cpm_lspet.py --root DIR --epochs 44 --model runs/a.safetensors --output runs/a.json
    python benchmarks/training/cpm_lspet.py --root DIR --epochs 26 --start runs/a.safetensors runs/a.json

Trains on photos 1 to 8000 and evaluates on 8001 to 9000: accuracy stage by stage, with and without test-time
augmentation, calibration of the beliefs, and the cost of training. An interrupted run, repeated, resumes where it was.
With ``--after 7000`` it trains on photos 1 to 7000 and evaluates on the next ones, to choose settings.

    torchrun --nproc-per-node 4 benchmarks/training/cpm_lspet.py --root DIR        # on several GPUs or machines
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

import posemachines
from benchmarks.publishing.results_file import write_json
from benchmarks.training.shipped import accuracies, calibration, load
from posemachines import Augmentation, ConvPoseMachine, ConvStage, JointTraining
from posemachines.conv import network_facts
from posemachines.conv.trainer.distributed import join_world
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions
from posemachines.report.schema import settings_to_json

CROP = 160  # px
STAGE = {
    "network": "cpm-lite",
    "stem_width": 64, "feature_width": 128, "coarse_width": 224, "n_blocks": 3, "n_coarse_blocks": 3,
    "stage_width": 128, "stage_coarse_width": 152, "n_stage_blocks": 1, "n_stage_coarse_blocks": 1,
}  # fmt: skip
RECIPE = JointTraining(
    batch_size=32, learning_rate=4e-3, weight_decay=0.03, warm_up=0.05, sigma=6.25,
    augmentation=Augmentation(rotation=45.0, scale_jitter=(0.7, 1.3), shift=0.08, colour=0.3),
)  # fmt: skip
AGAIN = replace(  # of a second training
    RECIPE,
    learning_rate=2.5e-3,
    augmentation=replace(RECIPE.augmentation, rotation=40.0, scale_jitter=(0.75, 1.25), colour=0.2),
)
PACKAGES = ("posemachines", "numpy", "torch")


def train_machine(options: argparse.Namespace, train: Crops) -> dict:
    """Train and save the machine; return the record of its training."""
    folder = options.checkpoint
    folder.mkdir(parents=True, exist_ok=True)
    warm_start, before = None, []
    if options.start is not None:
        warm_start = posemachines.load(options.start[0])
        before = json.loads(options.start[1].read_text(encoding="utf-8"))["trainings"]
    training = replace(RECIPE if warm_start is None else AGAIN, epochs=options.epochs)
    machine = ConvPoseMachine(
        options.stages, stage=ConvStage(**STAGE), training=training, n_jobs=options.jobs,
        checkpoint=folder / "training.pt", log_dir=folder, skeleton="lsp", flip=True, random_state=options.seed,
        verbose=True,
    )  # fmt: skip
    with measured() as cost:
        machine.fit(train, warm_start=warm_start)
    history = machine.stages_[0].history_
    machine.set_params(checkpoint=None, log_dir=None, verbose=False)  # settings of this run, not of the machine
    if join_world(cuda=False).leads:
        machine.save(options.model, half=True)
    given = options.arguments or sys.argv[1:]
    record = {
        "command": shlex.join(["python", "benchmarks/training/cpm_lspet.py", *given]),
        "recipe": settings_to_json(machine.stages_[0]) | recipe(training),
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "peak_memory_mib": round(cost.peak_mib, 1),
        "history": [{name: row[name] for name in ("epoch", "loss", "learning_rate")} for row in history],
    }
    return {
        "train": len(train),
        "crop": CROP,
        "trainings": [*before, record],
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }


def recipe(training: JointTraining) -> dict:
    """Settings of the training as one flat dict."""
    settings = training.that_matter()
    return settings | settings.pop("augmentation")


def describe(machine: ConvPoseMachine) -> dict:
    """Size and receptive fields of the machine."""
    facts = network_facts(machine.as_network(), (CROP, CROP))
    return {
        "parameters": facts.parameters,
        "multiply_adds": facts.multiply_adds,
        "receptive_fields": list(facts.receptive_fields),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train the machine, evaluate it and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=8000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--after", type=int, default=8000, help="last photo that may be trained on")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/cpm_lspet"), help="folder of checkpoint and log")
    parser.add_argument(
        "--start",
        type=Path,
        nargs=2,
        metavar=("MODEL", "RESULT"),
        help="train a machine of this script once more",
    )
    parser.add_argument("--measure", action="store_true", help="evaluate the existing model again, without training")
    parser.add_argument("--model", type=Path, default=Path("posemachines/pretrained/cpm_lspet.safetensors"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/cpm_lspet.json"))
    options = parser.parse_args(arguments)
    options.arguments = arguments
    n_train = 1 if options.measure else options.train
    train, test = load(options.root, n_train, options.test, options.jobs, size=CROP, after=options.after)
    if options.measure:
        result = json.loads(options.output.read_text(encoding="utf-8"))
    else:
        result = train_machine(options, train)
        if not join_world(cuda=False).leads:
            return 0
    machine = posemachines.load(options.model)  # as shipped, in half precision
    result |= {"test": len(test), "file_bytes": options.model.stat().st_size, **describe(machine)}
    result["calibration"] = calibration(machine, test, radius=RECIPE.sigma / machine.stride_)
    result |= accuracies(machine, test)
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

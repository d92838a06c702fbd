"""Train the Convolutional Pose Machine that comes with the library on the photos of LSPET, and evaluate it.

    python benchmarks/training/cpm_lspet.py --root DIR
    python benchmarks/training/cpm_lspet.py --root DIR --epochs 5 --validate       # to choose settings

Trains on photos 1 to 7000, logs after every pass the accuracy on photos 7001 to 8000, by which the settings were
chosen, and evaluates the trained net on 8001 to 9000: accuracy stage by stage, with and without test-time augmentation,
calibration of the beliefs, and the cost of training. With ``--validate``, it evaluates on 7001 to 8000 instead, and
keeps the shipped machine. An interrupted run, repeated, resumes where it was.

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
from benchmarks.training.shipped import TEST, TRAIN, VALIDATION, accuracies, calibration, default_files, load
from posemachines import Augmentation, ConvPoseMachine, ConvStage, JointTraining
from posemachines.conv import network_facts
from posemachines.conv.trainer.distributed import join_world
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions
from posemachines.report.schema import settings_to_json

CROP = 192  # px
STAGE = {
    "network": "cpm-pretrained", "backbone_stride": 32,
    "feature_width": 128, "coarse_width": 224, "n_blocks": 3, "n_coarse_blocks": 3,
    "stage_width": 128, "stage_coarse_width": 152, "n_stage_blocks": 1, "n_stage_coarse_blocks": 1,
}  # fmt: skip
RECIPE = JointTraining(
    batch_size=32, learning_rate=4e-3, weight_decay=0.03, warm_up=0.05, sigma=6.25, ema_decay=0.999,
    augmentation=Augmentation(rotation=45.0, scale_jitter=(0.7, 1.35), shift=0.08, colour=0.3),
)  # fmt: skip
PACKAGES = ("posemachines", "numpy", "torch")


def train_machine(options: argparse.Namespace, train: Crops, validation: Crops) -> dict:
    """Train and save the machine; return the record of its training."""
    folder = options.checkpoint
    folder.mkdir(parents=True, exist_ok=True)
    training = replace(RECIPE, epochs=options.epochs)
    machine = ConvPoseMachine(
        options.stages, stage=ConvStage(**STAGE), training=training, n_jobs=options.jobs,
        checkpoint=folder / "training.pt", log_dir=folder, skeleton="lsp", flip=True, random_state=options.seed,
        verbose=True,
    )  # fmt: skip
    with measured() as cost:
        machine.fit(train, validation=validation)
    history = machine.stages_[0].history_
    machine.set_params(checkpoint=None, log_dir=None, verbose=False)  # settings of this run, not of the machine
    if join_world(cuda=False).leads:
        options.model.parent.mkdir(parents=True, exist_ok=True)
        machine.save(options.model, half=True)
    given = options.arguments or sys.argv[1:]
    record = {
        "command": shlex.join(["python", "benchmarks/training/cpm_lspet.py", *given]),
        "recipe": settings_to_json(machine.stages_[0]) | recipe(training),
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "peak_memory_mib": round(cost.peak_mib, 1),
        "history": [{name: row[name] for name in row if name not in ("phase", "step", "peak")} for row in history],
    }
    return {
        "train": len(train),
        "crop": train.X.shape[1],
        "trainings": [record],
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }


def recipe(training: JointTraining) -> dict:
    """Settings of the training as one flat dict."""
    settings = training.that_matter()
    return settings | settings.pop("augmentation")


def describe(machine: ConvPoseMachine, size: int) -> dict:
    """Size and receptive fields of the machine, on crops with sides of `size` px."""
    facts = network_facts(machine.as_network(), (size, size))
    return {
        "parameters": facts.parameters,
        "multiply_adds": facts.multiply_adds,
        "receptive_fields": list(facts.receptive_fields),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train the machine, evaluate it and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=len(TRAIN), help="the first people of the training photos")
    parser.add_argument("--validate", action="store_true", help="evaluate on photos 7001 to 8000, to choose settings")
    parser.add_argument("--size", type=int, default=CROP, help="of the crops, in pixels")
    parser.add_argument("--epochs", type=int, default=36)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/cpm_lspet"), help="folder of checkpoint and log")
    parser.add_argument("--measure", action="store_true", help="evaluate the existing model again, without training")
    parser.add_argument("--model", type=Path, help="default: the file in the package, or in runs/ with --validate")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results, or runs/ with --validate")
    options = parser.parse_args(arguments)
    options.arguments = arguments
    model, output = default_files("cpm_lspet", ".safetensors", validate=options.validate)
    options.model, options.output = options.model or model, options.output or output
    if options.measure:
        result = json.loads(options.output.read_text(encoding="utf-8"))
    else:
        train = load(options.root, TRAIN[: options.train], options.jobs, size=options.size)
        validation = load(options.root, VALIDATION, options.jobs, size=options.size)
        result = train_machine(options, train, validation)
        if not join_world(cuda=False).leads:
            return 0
    machine = posemachines.load(options.model)  # as saved, in half precision
    judged = load(options.root, VALIDATION if options.validate else TEST, options.jobs, size=result["crop"])
    result |= {"test": len(judged), "file_bytes": options.model.stat().st_size, **describe(machine, result["crop"])}
    result["calibration"] = calibration(machine, judged, radius=RECIPE.sigma / machine.stride_)
    result |= accuracies(machine, judged)
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

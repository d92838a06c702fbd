"""Train the Convolutional Pose Machine that comes with the library on the photographs of LSPET, and measure it.

    python benchmarks/training/cpm_lspet.py --root DIR --epochs 44 --model runs/first.safetensors --output runs/first.json
    python benchmarks/training/cpm_lspet.py --root DIR --epochs 26 --start runs/first.safetensors runs/first.json

Trains on photographs 1..8000 and measures on 8001..9000: accuracy stage by stage, alone and averaged with the mirror
image, calibration of the beliefs, and the cost of training. A run that was broken off and is repeated goes on where it
was. With ``--after 7000`` it trains on 1..7000 and measures on the people after them, to choose settings by.

    torchrun --nproc-per-node 4 benchmarks/training/cpm_lspet.py --root DIR        # on several GPUs, or machines
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
from posemachines import ConvPoseMachine, ConvStage
from posemachines.conv import network_facts
from posemachines.conv.trainer.distributed import join_world
from posemachines.datasets import Crops
from posemachines.profiling.cost import machine_description, measured, versions

CROP = 160  # px
RECIPE = {
    "stem_width": 64, "feature_width": 128, "coarse_width": 224, "n_blocks": 3, "n_coarse_blocks": 3,
    "stage_width": 128, "stage_coarse_width": 152, "n_stage_blocks": 1, "n_stage_coarse_blocks": 1,
    "batch_size": 32, "learning_rate": 4e-3, "weight_decay": 0.03, "warm_up": 0.05, "sigma": 6.25,
    "rotation": 45.0, "scale": (0.7, 1.3), "shift": 0.08, "colour": 0.3,
}  # fmt: skip
AGAIN = {"learning_rate": 2.5e-3, "rotation": 40.0, "scale": (0.75, 1.25), "colour": 0.2}  # of a second training
PACKAGES = ("posemachines", "numpy", "torch")
OWN = ("checkpoint", "log", "n_jobs", "verbose", "device", "precision")  # settings of a training, not of the machine


def train_machine(options: argparse.Namespace, train: Crops) -> tuple[ConvPoseMachine, dict]:
    """The trained machine, which is saved, too, and what there is to say of its training."""
    folder = options.checkpoint
    stage = ConvStage(
        epochs=options.epochs, n_jobs=options.jobs, checkpoint=folder / "training.pt", log=folder, **RECIPE
    )
    machine = ConvPoseMachine(
        options.stages, stage=stage, skeleton="lsp", flip=True, random_state=options.seed, verbose=True
    )
    folder.mkdir(parents=True, exist_ok=True)
    start, before = None, []
    if options.start is not None:
        stage.set_params(**AGAIN)
        start = posemachines.load(options.start[0])
        before = json.loads(options.start[1].read_text(encoding="utf-8"))["trainings"]
    with measured() as cost:
        machine.fit(train.X, train.y, start=start)
    history = machine.stages_[0].history_
    plain = ConvStage().get_params(deep=False)
    for one in machine.stages_:
        one.set_params(**{name: plain[name] for name in OWN})
    machine.set_params(verbose=False)
    if join_world(cuda=False).leads:
        machine.save(options.model, half=True)
    return machine, {
        "train": len(train.X),
        "crop": CROP,
        "trainings": [
            *before,
            {
                "command": shlex.join(
                    ["python", "benchmarks/training/cpm_lspet.py", *(options.arguments or sys.argv[1:])]
                ),
                "recipe": machine.stages_[0].get_params(deep=False),
                "seconds": round(sum(row["seconds"] for row in history), 1),
                "peak_memory_mib": round(cost.peak_mib, 1),
                "history": [{name: row[name] for name in ("epoch", "loss", "learning_rate")} for row in history],
            },
        ],
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }


def describe(machine: ConvPoseMachine) -> dict:
    """Size and geometry of the machine."""
    facts = network_facts(machine.network(), (CROP, CROP))
    return {
        "parameters": facts.parameters,
        "multiply_adds": facts.multiply_adds,
        "receptive_fields": list(facts.receptive_fields),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of LSPET (joints.mat and images/)")
    parser.add_argument("--train", type=int, default=8000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--after", type=int, default=8000, help="last photograph that may be trained on")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 takes every core")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/cpm_lspet"), help="folder of the training")
    parser.add_argument(
        "--start", type=Path, nargs=2, metavar=("MODEL", "RESULT"), help="train a machine of this script a second time"
    )
    parser.add_argument("--measure", action="store_true", help="measure the model that is there again, do not train")
    parser.add_argument("--model", type=Path, default=Path("posemachines/pretrained/cpm_lspet.safetensors"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/cpm_lspet.json"))
    options = parser.parse_args(arguments)
    options.arguments = arguments
    n_train = 1 if options.measure else options.train
    train, test = load(options.root, n_train, options.test, options.jobs, size=CROP, after=options.after)
    if options.measure:
        result = json.loads(options.output.read_text(encoding="utf-8"))
    else:
        _, result = train_machine(options, train)
        if not join_world(cuda=False).leads:
            return 0
    machine = posemachines.load(options.model)  # what is measured is what is shipped, in half precision
    result |= {"test": len(test.X), "file_bytes": options.model.stat().st_size, **describe(machine)}
    result["calibration"] = calibration(machine, test, radius=RECIPE["sigma"] / machine.stride_)
    result |= accuracies(machine, test)
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Time what makes training fast on a CPU, against the same training without it, side by side.

    python benchmarks/speed/training_speed.py                 # some minutes, on an idle computer

* A tree of a boosted forest whose splits all try the same features, so that the histograms of the larger side of a
  split are a difference, against one whose splits try as many features of their own.
* A Pose Machine whose copies share the image features, against one that computes them for every copy.
* A training step of the pretrained net with our gradients of depthwise convolutions and a fused optimiser, against the
  same step of plain PyTorch.

Competitors take turns; medians over the turns are reported.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from benchmarks.speed.turns import Works, parse_options, take_turns
from posemachines import ConvStage, ForestStage, JointTraining, PoseMachine, Runtime
from posemachines.backbones.depthwise import DepthwiseConv2d
from posemachines.conv.networks.network import assemble
from posemachines.conv.trainer import optimisers
from posemachines.conv.trainer.batches import TrainingData
from posemachines.conv.trainer.loop import Phase, TrainingRun
from posemachines.datasets import make_synthetic
from posemachines.forest.features import N_CODES
from posemachines.forest.growing import grow_tree, lanes
from posemachines.profiling.cost import machine_description, versions

PACKAGES = ("posemachines", "numpy", "numba", "torch")
OUTPUT = Path(__file__).resolve().parents[1] / "results" / "training_speed.json"
N_CLASSES = 15
SIZES: dict[str, Any] = {"cells": (4_000, 16_000, 160_000), "features": 1600, "people": 20, "batch": 16, "crop": 128}
QUICK: dict[str, Any] = {"cells": (500,), "features": 40, "people": 8, "batch": 2, "crop": 64, "seconds": 0.001}


def entry(work: str, times: dict[str, np.ndarray]) -> dict:
    """One comparison of "ours" with its only competitor."""
    against = next(name for name in times if name != "ours")
    ours, theirs = (float(np.median(times[name])) for name in ("ours", against))
    ratios = (times[against] / times["ours"]).round(2)
    return {"work": work, "against": against, "ours_ms": ours, "theirs_ms": theirs, "ratio": theirs / ours,
            "ratio_by_turn": ratios.tolist()}  # fmt: skip


# -- forests --------------------------------------------------------------------------------------------------------


def compare_trees(options: argparse.Namespace) -> Iterator[dict]:
    """Trees of depth 6 that try 160 features, on random codes of which a few tell the class, one thread each."""
    random = np.random.RandomState(0)
    for n in options.cells:
        codes = random.randint(0, N_CODES, (options.features, n)).astype(np.uint8)
        classes = (codes[:8].astype(int) > N_CODES // 2).sum(0) * 2 % N_CLASSES
        values = lanes(np.eye(N_CLASSES)[classes] - 1 / N_CLASSES, np.ones(n))
        grow = partial(
            grow_tree, codes, None, np.arange(n, dtype=np.int32), values, 1, max_features=160, min_samples_leaf=20,
            max_depth=6, penalty=5.0,
        )  # fmt: skip
        works: Works = {"ours": partial(grow, share_features=True), "features of each split": grow}
        yield entry(f"growing a tree on {n:,} cells", take_turns(works, options, warm_up=True))


def compare_machines(options: argparse.Namespace) -> Iterator[dict]:
    """Whole machines, which must be the same."""
    crops = make_synthetic(options.people, random_state=0).crops(options.crop)
    for features in ("hand-made", "efficientnet-lite0"):
        stage = ForestStage(features=features, **({"n_rounds": 2} if options.quick else {}))

        def fit(share: bool, stage=stage) -> PoseMachine:
            with patch.object(ForestStage, "reads_fixed_features", share):
                return PoseMachine(stage=stage, n_jobs=-1, random_state=0).fit(crops)

        same = [fit(share).predict(crops.X[:4]) for share in (True, False)]
        assert np.array_equal(*same), "shared features give another machine"
        works: Works = {"ours": partial(fit, True), "features of every copy": partial(fit, False)}
        work = f"training a Pose Machine on {options.people} people, {features} features"
        yield entry(work, take_turns(works, options))


# -- the net --------------------------------------------------------------------------------------------------------


def plain(network: nn.Module) -> nn.Module:
    """The network with PyTorch's own depthwise convolutions, in place."""
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, DepthwiseConv2d):
                own = nn.Conv2d(
                    layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
                    groups=layer.groups,
                )  # fmt: skip
                own.load_state_dict(layer.state_dict())
                own.requires_grad_(layer.weight.requires_grad)
                setattr(module, name, own)
    return network


@contextmanager
def separate_steps() -> Iterator[None]:
    """Optimisers that update one weight after the other."""
    with patch.object(optimisers, "FUSED", ()):
        yield


def step_of(options: argparse.Namespace, *, ours: bool):
    """A function that takes a training step of the default net."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    n, side = options.batch, options.crop
    images = rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    joints = np.concatenate([rng.uniform(0, side, (n, N_CLASSES - 1, 2)), np.ones((n, N_CLASSES - 1, 1))], 2)
    network = assemble(ConvStage().design(), N_CLASSES, [False, True, True])
    network.initialise("he")
    if not ours:
        plain(network)
    run = TrainingRun(
        network, TrainingData(images, joints.astype(np.float32)), JointTraining(epochs=1, batch_size=n),
        [Phase("joint", 1, (0, 1, 2), (0, 1, 2))], runtime=Runtime(), flip_order=range(N_CLASSES - 1), mirrors=False,
        seed=0,
    )  # fmt: skip
    if ours:
        run._start(0, None)
    else:
        with separate_steps():
            run._start(0, None)
    subjects, parts = next(run.batches.epoch(0, 0))
    return partial(run._train_on, subjects, parts)


def compare_steps(options: argparse.Namespace) -> dict:
    """A step of the default net, without cutting and augmenting crops."""
    works: Works = {"ours": step_of(options, ours=True), "PyTorch": step_of(options, ours=False)}
    work = f"training step of cpm-pretrained, {options.batch} crops of {options.crop} px"
    return entry(work, take_turns(works, options, warm_up=True))


# -- the report -----------------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> list[dict]:
    """All comparisons."""
    return [*compare_trees(options), *compare_machines(options), compare_steps(options)]


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the result file and print its table."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=formatter)
    parser.add_argument("--repetitions", type=int, default=5, help="turns of every competitor, at least 3")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that everything runs")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="result file")
    parser.set_defaults(**SIZES, seconds=0.3)
    options = parse_options(parser, arguments, QUICK)
    given = sys.argv[1:] if arguments is None else arguments
    comparisons = measure(options)
    report = {
        "format": "posemachines training speed",
        "version": 1,
        "command": shlex.join(["python", "benchmarks/speed/training_speed.py", *given]),
        "settings": {name: value for name, value in vars(options).items() if name != "output"},
        "computer": machine_description() | {"instructions": torch.backends.cpu.get_cpu_capability()},
        "versions": versions(PACKAGES),
        "comparisons": comparisons,
    }
    write_json(report, options.output)
    for one in comparisons:
        print(
            f"{one['work']:70}{one['ours_ms']:>11,.1f} ms  {one['against']:24}{one['theirs_ms']:>11,.1f} ms"
            f"{one['ratio']:>7.2f} x"
        )
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())

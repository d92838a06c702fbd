"""Time the kernels of the Pose Machine against libraries that do the same work, side by side on the same input.

    pip install posemachines[bench]
    python benchmarks/speed/forest_speed.py                 # some minutes, on an idle computer

Competitors take turns, on two threads; medians over the turns are reported. Before the measurement, their results are
compared: the same trees must give the same beliefs.
"""

from __future__ import annotations

import argparse
import copy
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
import onnxruntime
from skimage.color import rgb2lab
from skimage.feature import hog
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from benchmarks.publishing.results_file import write_json
from benchmarks.speed.turns import Work, medians, parse_options, take_turns
from posemachines import ForestStage, PoseMachine, Runtime
from posemachines.beliefs import decode
from posemachines.datasets import make_synthetic
from posemachines.forest import features, psi, taps
from posemachines.forest._kernels import context_twins
from posemachines.forest.level import LevelTraining
from posemachines.forest.stage import kernel_threads
from posemachines.forest.trees import LEAF, Forest, flatten
from posemachines.profiling.cost import machine_description, versions

THREADS = 2
TOLERANCE = 1e-5  # largest difference between beliefs of the same trees
PACKAGES = ("posemachines", "numpy", "numba", "llvmlite", "scikit-learn", "scikit-image", "onnxruntime", "skl2onnx")
OUTPUT = Path(__file__).resolve().parents[1] / "results" / "forest_speed.json"
SIZES: dict[str, Any] = {
    "crop": 128,  # px
    "people": 2500,  # training subjects of the plain forest: about 100,000 cells
    "people_of_machines": 400,
    "trees": 40,
    "depth": 18,
    "batch": 64,
    "crops": (64, 128, 256),
    "seconds": 0.15,  # duration of a turn
}
QUICK = {"crop": 64, "people": 12, "people_of_machines": 12, "trees": 4, "depth": 5, "batch": 3, "seconds": 0.001}
GOALS = {  # work or competitor: required speed-up, target, what is compared
    "machine": (8, 20, "PoseMachine.predict of three stages of plain forests; the same trees on scikit-image's HOG and "
        "colour, repeated over the grid, numpy's context features, descriptors of all cells, and decoding"),
    "scikit-learn": (8, 15, "the trees of a RandomForestClassifier, walked on packed maps; predict_proba on float32 "
        "precomputed descriptors"),
    "ONNX Runtime": (1.5, 3, "the same walk; the same forest by skl2onnx, on precomputed float32 descriptors"),
    "psi": (20, 50, "peaks, offset codes and packed maps of the default machine's second stage; their numpy twins"),
    "features": (6, 10, "dense maps of histograms, magnitude and colour, as codes; the histograms alone, of cells side "
        "by side, at one cell size"),
}  # fmt: skip


class PlainStage(ForestStage):
    """A forest stage with the trees of scikit-learn on one level, which keeps the scikit-learn model."""

    def _fit(self, images, previous, joints) -> None:
        def grow(training, descriptors, targets, unknown, start, random) -> Forest:
            classes, n_classes = targets.argmax(1), targets.shape[1]
            weights = np.bincount(classes)[classes] ** -float(training.sampling.class_balance)
            shared = {name: getattr(self, name) for name in ("max_depth", "min_samples_leaf", "max_features")}
            shared |= {"max_samples": len(classes) // 2, "n_jobs": self.runtime.n_jobs}
            self.model = RandomForestClassifier(self.n_rounds * self.n_trees, random_state=random, **shared)
            return flatten(self.model.fit(descriptors, classes, sample_weight=weights), n_classes)

        with patch.object(LevelTraining, "_grow", grow):
            super()._fit(images, previous, joints)
        self.forests_ = [flatten(self.model, self.n_parts_ + 1)]  # exactly, not in half precision


# -- the clock ------------------------------------------------------------------------------------------------------


def entry(work: str, goal: str, times: dict[str, np.ndarray], *, against: str = "", difference: float | None = None):
    """One comparison of "ours" with the fastest competitor whose name begins with `against`."""
    rivals = {name: float(np.median(of)) for name, of in times.items() if name != "ours" and name.startswith(against)}
    best, ours = min(rivals, key=rivals.__getitem__), float(np.median(times["ours"]))
    turns = (times[best] / times["ours"]).round(2)
    at_least, aim_for, compared = GOALS[goal]
    found = {"work": work, "against": best, "ours_ms": ours, "theirs_ms": rivals[best], "ratio": rivals[best] / ours}
    goals = {"at_least": at_least, "aim_for": aim_for, "compared": compared}
    return {**found, **goals, "ratio_by_turn": turns, "rivals_ms": rivals, "difference": difference}


def difference(ours, theirs) -> float:
    """Largest difference between beliefs; AssertionError if it exceeds rounding errors."""
    largest = float(np.abs(np.asarray(ours) - theirs).max())
    assert largest <= TOLERANCE, f"beliefs of the same trees differ by {largest}"
    return largest


# -- the same work without the kernels ------------------------------------------------------------------------------


@contextmanager
def numpy_twins() -> Iterator[None]:
    """Use the numpy twins of the kernels for context features and smoothing."""
    with patch.object(psi, "context", context_twins), patch.object(taps, "context", context_twins):
        yield


def skimage_hog(image: np.ndarray, cell: int) -> np.ndarray:
    """Histograms (h, w, 3, 3, 9) of the blocks of one image (H, W, 3)."""
    return hog(image, 9, (cell, cell), (3, 3), feature_vector=False, channel_axis=-1)


def skimage_codes(image: np.ndarray, stride: int) -> np.ndarray:
    """Codes (1, 39, h, w) like those of the forest, from the HOG and colour of scikit-image, with adjacent cells."""
    lab, maps = rgb2lab(image), []
    for cell in features.CELLS:
        histograms = np.pad(skimage_hog(image, cell)[:, :, 1, 1], ((1, 1), (1, 1), (0, 0)), "edge")
        height, width, _ = histograms.shape
        colour = lab.reshape(height, cell, width, cell, 3).mean((1, 3)) / (100, 128, 128) + (0, 0.5, 0.5)
        gradients = np.sqrt(np.concatenate([histograms, histograms.mean(-1, keepdims=True)], -1) / 0.4)
        codes = np.concatenate([gradients, colour], -1) * features.N_CODES
        codes = codes.clip(0, features.N_CODES - 1).astype(np.uint8)
        maps.append(codes.repeat(cell // stride, 0).repeat(cell // stride, 1).transpose(2, 0, 1))
    return np.concatenate(maps)[None]


class Explicit:
    """Plain stages that run ``predict_proba`` on explicit descriptors, one image at a time."""

    def __init__(self, stages: list[PlainStage], shape: tuple[int, int]) -> None:
        self.stages, self.shape = stages, shape
        self.located = [stage._descriptor().locate(shape) for stage in stages]

    def descriptors(self, number: int, codes: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Descriptors (h w, F) of all cells of one image."""
        (base,), pitch, reach = self.located[number]
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]]
        maps = self.stages[number]._descriptor().pack(codes, previous, reach)[0]
        return maps[base + (rows * pitch + columns).reshape(-1, 1)]

    def beliefs(self, number: int, codes: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Beliefs (1, P+1, h, w) of one stage."""
        stage = self.stages[number]
        with numpy_twins():
            shares = stage.model.predict_proba(self.descriptors(number, codes, previous)).astype(np.float32)
            return psi.smooth(shares.T.reshape(1, -1, *self.shape), stage.smoothing)

    def predict(self, image: np.ndarray, jobs: int) -> np.ndarray:
        """Joints (1, P, 2)."""
        codes, beliefs = skimage_codes(image, self.stages[0].stride), None
        for number, stage in enumerate(self.stages):
            stage.model.n_jobs = jobs
            beliefs = self.beliefs(number, codes, beliefs)
        return decode(beliefs, stride=self.stages[0].stride)[0]


# -- comparisons ----------------------------------------------------------------------------------------------------


def compare_machine(machine: PoseMachine, image: np.ndarray, options: argparse.Namespace) -> dict:
    """The whole machine on one image, against the same trees without kernels."""
    codes, previous, largest = machine.stages_[0].compute_features(image), None, 0.0
    explicit = Explicit(machine.stages_, codes.shape[2:])
    for number, stage in enumerate(machine.stages_):
        beliefs = stage.predict(image, previous, features=codes)
        largest = max(largest, difference(beliefs, explicit.beliefs(number, codes, previous)))
        previous = beliefs
    works: dict[str, Work] = {"ours": partial(machine.predict, image)}
    for jobs in range(1, THREADS + 1):
        works[f"without kernels, n_jobs={jobs}"] = partial(explicit.predict, image[0], jobs)
    return entry("whole machine, one image", "machine", take_turns(works, options, warm_up=True), difference=largest)


def compare_forest(stage: PlainStage, image: np.ndarray, options: argparse.Namespace) -> list[dict]:
    """One stage on all cells, against scikit-learn and ONNX Runtime on precomputed descriptors."""
    codes, kinds = stage.compute_features(image), ("scikit-learn", "ONNX Runtime")
    ready = Explicit([stage], codes.shape[2:]).descriptors(0, codes, None).astype(np.float32)
    document = to_onnx(stage.model, ready[:1], options={"zipmap": False}).SerializeToString()
    (walk,) = walks(stage, codes, None, stage.forests_)
    works: dict[str, Work] = {"ours": walk}
    for jobs in range(1, THREADS + 1):
        model, settings = copy.copy(stage.model).set_params(n_jobs=jobs), onnxruntime.SessionOptions()
        settings.intra_op_num_threads = jobs
        session = onnxruntime.InferenceSession(document, settings, providers=["CPUExecutionProvider"])
        asked = [session.get_outputs()[1].name], {session.get_inputs()[0].name: ready}
        works[f"scikit-learn, n_jobs={jobs}"] = partial(model.predict_proba, ready)
        works[f"ONNX Runtime, threads={jobs}"] = partial(session.run, *asked)
    ours = walk()[0].reshape(len(stage.model.classes_), -1).T
    largest = {name: difference(ours, np.reshape(work(), ours.shape)) for name, work in works.items() if name != "ours"}
    times = take_turns(works, options, warm_up=True)
    worst = {kind: max(value for name, value in largest.items() if name.startswith(kind)) for kind in kinds}
    return [entry("forest alone", kind, times, against=kind, difference=worst[kind]) for kind in kinds]


def compare_context(machine: PoseMachine, image: np.ndarray, options: argparse.Namespace) -> dict:
    """Context features of the second stage for all cells of one image, packed for the trees."""
    first, second = machine.stages_[:2]
    descriptor = second._descriptor()
    pack = partial(
        descriptor.pack, first.compute_features(image), first.predict(image, composites=True), descriptor.reach()
    )
    works = {"ours": pack, "numpy twins": numpy_twins()(pack)}
    assert np.array_equal(*(work() for work in works.values())), "the kernels and their twins differ"
    return entry("psi", "psi", take_turns(works, options, warm_up=True), difference=0.0)


def compare_features(image: np.ndarray, options: argparse.Namespace) -> list[dict]:
    """All image features at one cell size, and at all three, against the histograms alone at one."""
    entries = []
    for cell in features.CELLS:
        for work, cells in ((f"features, {cell} px", (cell,)), ("features, all sizes", features.CELLS)):
            ours = partial(features.image_codes, image, stride=4, cells=cells)
            works = {"ours": ours, f"skimage.feature.hog, {cell} px": partial(skimage_hog, image[0], cell)}
            entries.append(entry(work, "features", take_turns(works, options, warm_up=True)))
    return entries


# -- profile and scaling ---------------------------------------------------------------------------


def walks(stage: ForestStage, codes: np.ndarray, previous: np.ndarray | None, forests: list[Forest]) -> list[Work]:
    """The tree walks of some forests; each reads the features of its level of the stage, or of the last level."""
    descriptor = stage._descriptor()
    bases, pitch, reach = descriptor.locate(codes.shape[2:])
    works: list[Work] = []
    maps = descriptor.pack(codes, previous, reach)
    for number, forest in enumerate(forests):
        level = min(number, len(bases) - 1)
        start, places = stage._start(level, previous, slice(None)), forest.bases(bases[level])
        works.append(partial(forest.beliefs, maps, places, codes.shape[2:], pitch, previous=start))
    return works


def measure_steps(machine: PoseMachine, images: np.ndarray, options: argparse.Namespace) -> dict:
    """Speed of a machine, and milliseconds of every step, summed over the stages; the rest is checks and calls."""
    stages, codes, spent = machine.stages_, machine.stages_[0].compute_features(images), Counter[str]()
    previous: Any = None
    spent.update(medians({"features": partial(stages[0]._features, images)}, options, warm_up=True))
    for stage in stages:
        levels = walks(stage, codes, previous, stage.forests_)
        beliefs = np.concatenate([walk() for walk in levels], 1)
        descriptor = stage._descriptor()
        works: dict[str, Work] = {"packing and psi": partial(descriptor.pack, codes, previous, descriptor.reach())}
        works |= {f"walking, level {level}": walk for level, walk in enumerate(levels, 1)}
        spent.update(
            medians(works | {"smoothing": partial(psi.smooth, beliefs, stage.smoothing)}, options, warm_up=True)
        )
        previous = psi.smooth(beliefs, stage.smoothing)
    parts = previous[:, : stages[-1].n_parts_ + 1]
    spent.update(medians({"decoding": partial(decode, parts, stride=machine.stride_)}, options, warm_up=True))
    whole = medians({"whole": partial(machine.predict, images)}, options, warm_up=True)["whole"]
    steps = {**spent, "rest": whole - spent.total(), "whole": whole}
    return {"images": len(images), "images_per_second": 1000 * len(images) / whole, "steps_ms": steps}


def cut_off(forest: Forest, depth: int) -> Forest:
    """The forest cut off at `depth`: each node there becomes the leaf that is reached by going left."""
    feature, child, at = forest.feature.copy(), forest.child.copy(), forest.roots
    for _ in range(depth):
        left = child[at[feature[at] != LEAF]]
        at = np.concatenate([left, left + 1])
    ends = at[feature[at] != LEAF]
    down = ends.copy()
    while (inner := feature[down] != LEAF).any():
        down[inner] = child[down[inner]]
    child[ends], feature[ends] = child[down], LEAF
    return replace(forest, feature=feature, child=child)


def measure_growth(stage: PlainStage, machine: PoseMachine, people, options: argparse.Namespace) -> dict[str, dict]:
    """Time of the default machine by crop size and stages, and of the plain tree walk by trees and depth, in ms."""
    crops = {side: people[:1].crops(side).X for side in (options.crop, *options.crops)}
    any_size = copy.copy(machine)
    any_size.crop_size_ = any_size.crop_shape_ = None  # it takes crops of any size
    shorter = [copy.copy(machine) for _ in machine.stages_]
    for number, short in enumerate(shorter, 1):
        short.stages_ = machine.stages_[:number]
    codes, (forest,) = stage.compute_features(crops[options.crop]), stage.forests_
    trees = [options.trees // 4, options.trees // 2, options.trees]
    fewer = walks(stage, codes, None, [replace(forest, roots=forest.roots[:number]) for number in trees])
    depths = [options.depth * quarter // 4 for quarter in (1, 2, 3, 4)]
    lower = walks(stage, codes, None, [cut_off(forest, depth) for depth in depths])
    tables = {
        "machine by crop, px": {side: partial(any_size.predict, crops[side]) for side in options.crops},
        "machine by stages": {n: partial(short.predict, crops[options.crop]) for n, short in enumerate(shorter, 1)},
        "walk by trees": dict(zip(trees, fewer, strict=True)),
        "walk by depth": dict(zip(depths, lower, strict=True)),
    }
    return {name: medians(works, options, warm_up=True) for name, works in tables.items()}


# -- the report -----------------------------------------------------------------------------------------------------


def tables(report: dict) -> str:
    """The report as lines of text."""
    lines = [f"{'':30}{'ms':>9}  {'against':32}{'ms':>9}{'ratio':>9}{'at least':>10}{'aim for':>9}"]
    for line in report["comparisons"]:
        lines.append(
            f"{line['work']:30}{line['ours_ms']:>9.3f}  {line['against']:32}{line['theirs_ms']:>9.3f}"
            f"{line['ratio']:>8.1f}x{line['at_least']:>9.1f}x{line['aim_for']:>8.1f}x"
        )
    kinds = [report["default_machine"][kind] for kind in ("one_image", "batch")]
    lines += ["", f"{'default machine':30}" + "".join(f"{kind['images']:>10} images, ms" for kind in kinds)]
    for step in kinds[0]["steps_ms"]:
        shares = [(kind["steps_ms"][step], kind["steps_ms"][step] / kind["steps_ms"]["whole"]) for kind in kinds]
        lines.append(f"{step:30}" + "".join(f"{value:>13.3f}{share:>8.1%}" for value, share in shares))
    lines.append(f"{'images per second':30}" + "".join(f"{kind['images_per_second']:>21.1f}" for kind in kinds))
    for name, times in report["growth"].items():
        lines += ["", f"{name:30}" + "".join(f"{key:>10}" for key in times)]
        lines.append(f"{'ms':30}" + "".join(f"{value:>10.3f}" for value in times.values()))
    return "\n".join(lines)


def measure(options: argparse.Namespace) -> dict:
    """Train the machines and time them."""
    people = make_synthetic(options.people + options.batch, random_state=0)
    train, test = people[: options.people].crops(options.crop), people[options.people :].crops(options.crop)
    forest = {"n_rounds": options.trees // 2, "n_trees": 2, "max_depth": options.depth, "min_samples_leaf": 4}
    stage = PlainStage(boosting=False, levels=1, max_features=0.04, random_state=0, **forest)
    stage.runtime = Runtime(n_jobs=THREADS)
    default = ForestStage(**({"n_rounds": 2} if options.quick else {}))
    few = train[: options.people_of_machines]
    plain, machine = (PoseMachine(stage=kind, n_jobs=THREADS, random_state=0).fit(few) for kind in (stage, default))
    stage.fit(train.X, None, train.y, skeleton="lsp")
    image = test.X[:1]
    with kernel_threads(THREADS):
        return {
            "comparisons": [
                compare_machine(plain, image, options),
                *compare_forest(stage, image, options),
                compare_context(machine, image, options),
                *compare_features(image, options),
            ],
            "default_machine": {
                "complexity": machine.size(),
                "one_image": measure_steps(machine, image, options),
                "batch": measure_steps(machine, test.X, options),
            },
            "growth": measure_growth(stage, machine, people[options.people :], options),
            "plain_forest": stage.size(),
        }


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the result file and print its tables."""
    plain = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=plain)
    parser.add_argument("--repetitions", type=int, default=7, help="turns of every competitor, at least 3")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that everything runs and agrees")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="result file")
    parser.set_defaults(**SIZES)
    options = parse_options(parser, arguments, QUICK)
    given = sys.argv[1:] if arguments is None else arguments
    head = {
        "format": "posemachines forest speed",
        "version": 1,
        "command": shlex.join(["python", "benchmarks/speed/forest_speed.py", *given]),
        "settings": {name: value for name, value in vars(options).items() if name != "output"},
        "threads": THREADS,
        "tolerance": TOLERANCE,
        "computer": machine_description(),
        "versions": versions(PACKAGES),
    }
    report = head | measure(options) | {"threading_layer": numba.threading_layer()}
    write_json(report, options.output)
    print(f"{tables(report)}\n\n{options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Data and evaluation shared by the scripts that train the shipped machines.

Machines are trained on photos 1 to 7000 of LSPET; settings are chosen on 7001 to 8000; 8001 to 9000 are looked at once,
at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posemachines import SequentialMachine
from posemachines.beliefs import pixels_to_cells
from posemachines.datasets import Crops, load_lspet
from posemachines.evaluation import evaluate
from posemachines.metrics import normalised_distances, reference_length, reliability
from posemachines.report import evaluation_to_json

CROP = 128  # px, for the forests
TRAIN, VALIDATION, TEST = range(1, 7001), range(7001, 8001), range(8001, 9001)  # numbers of photos
VARIANTS = {
    "flip": {"flip": True, "tta_scales": (1.0,)},
    "flip_scales": {"flip": True, "tta_scales": (0.9, 1.0, 1.1)},
    "plain": {"flip": False, "tta_scales": (1.0,)},
}


def default_files(name: str, suffix: str, *, validate: bool) -> tuple[Path, Path]:
    """Files of a machine and its result: the shipped ones, or in ``runs``, which keeps these, to choose settings."""
    model, output = (Path("runs"),) * 2 if validate else (Path("posemachines/pretrained"), Path("benchmarks/results"))
    return model / f"{name}{suffix}", output / f"{name}.json"


def load(root: Path, photos: range, jobs: int, *, size: int = CROP) -> Crops:
    """Crops, with sides of `size` px, of the subjects of these photos of LSPET, by their numbers."""
    data = load_lspet(root)
    numbers = np.array([int(photo.stem.removeprefix("im")) for photo in data.photos])
    return data[np.isin(numbers, photos)].crops(size, n_jobs=jobs, verbose=True)


def calibration(machine: SequentialMachine, test: Crops, radius: float) -> list[dict]:
    """Calibration of the beliefs of each stage.

    Of all cells: the belief against the share of cells within `radius` cells of the joint. Of the peaks: the belief
    against the share of peaks within 0.2 of the reference length.
    """
    labelled = test.y[..., 2] > 0
    scale = reference_length(test.y, machine.skeleton_)
    joints = pixels_to_cells(test.y[..., :2], machine.stride_)
    stages = []
    predicted = machine.staged_predict_scores(test.X)
    for number, (beliefs, (places, scores)) in enumerate(
        zip(machine.staged_beliefs(test.X), predicted, strict=True), 1
    ):
        rows, columns = np.mgrid[: beliefs.shape[2], : beliefs.shape[3]]
        way = np.hypot(rows - joints[..., 1, None, None], columns - joints[..., 0, None, None])
        cells = reliability(np.clip(beliefs[:, :-1][labelled], 0, 1), (way <= radius)[labelled])
        distances = normalised_distances(places, test.y[..., :2], scale, labelled=labelled)
        known = np.isfinite(distances)
        peaks = reliability(np.clip(scores[known], 0, 1), distances[known] <= 0.2)
        stages.append({"stage": number, "cells": asdict(cells), "peaks": asdict(peaks)})
    return stages


def accuracies(machine: SequentialMachine, test: Crops, names: Sequence[str] = tuple(VARIANTS)) -> dict[str, dict]:
    """Accuracy of every stage, with and without test-time augmentation; prints the results."""
    found = {}
    for name in names:
        machine.set_params(**VARIANTS[name])
        found[name] = evaluation_to_json(evaluate(machine, test))
        for stage in found[name]["stages"]:
            pck, interval = stage["pck"], stage["interval"]
            print(
                f"{name:12} stage {stage['stage']}  PCK@0.2 {pck['0.2']:.1f} {interval['0.2']}  @0.1 {pck['0.1']:.1f}"
            )
    machine.set_params(flip=True, tta_scales=(1.0,))
    return found

"""Tongue contours of a trained machine on unseen speakers, in millimetres, beside the published figures.

    python benchmarks/studies/ultrasound_contour.py LABELS --machine MACHINE

LABELS is the published folder ``labeled-data``; MACHINE was trained on its training folders only, such as ``cpm.npz``
of a comparison with ``--test-groups UTI_Test_Set``.

The files have no scale. The publication gives 80 mm as the depth of nearly all test recordings (90 mm of two speakers,
whose names it does not give), so the scale of each recording is 80 mm over the height of its fan in the middle column.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

import posemachines
from benchmarks.publishing.results_file import write_json
from posemachines.inference import predict_dataset
from posemachines.metrics import contour_distance
from posemachines.profiling.cost import machine_description

RESULTS = Path(__file__).resolve().parents[1] / "results" / "domains" / "ultrasound_contour.json"
DEPTH = 80.0  # mm, as published
DARK = 8  # level up to which a pixel is outside the fan
CONTOUR = ("vallecula", "tongueRoot1", "tongueRoot2", "tongueBody1", "tongueBody2", "tongueDorsum1", "tongueDorsum2",
           "tongueBlade1", "tongueBlade2", "tongueTip1", "tongueTip2")  # fmt: skip
PUBLISHED = {"mm": 0.93, "sd": 0.46, "labellers_mm": 0.96, "labellers_sd": 0.39}


def scales(data, recordings: np.ndarray) -> np.ndarray:
    """Millimetres per pixel of each photo, (N,), from the height of the fan in all frames of its recording."""
    found = np.empty(len(data))
    for name in np.unique(recordings):
        members = np.flatnonzero(recordings == name)
        brightest = np.max([data.photo(index)[..., 0] for index in members], axis=0)
        middle = brightest.shape[1] // 2
        lit = brightest[:, middle - 10 : middle + 11] > DARK
        heights = [np.ptp(np.flatnonzero(column)) for column in lit.T if column.any()]
        found[members] = DEPTH / float(np.median(heights))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("--machine", type=Path, required=True)
    parser.add_argument("--test-groups", default="UTI_Test_Set")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    data = posemachines.load_dataset(options.labels)
    data = data[np.array([options.test_groups in str(group) for group in data.groups])]
    parts = [data.skeleton.index(part) for part in CONTOUR]
    data = data[(data.joints[:, parts, 2] > 0).all(1)]
    machine = posemachines.load(options.machine)
    record = machine.crop_record_
    rule = "joints" if record.rule == "located" else record.rule
    joints, _ = predict_dataset(machine, data.with_crop_rule(rule, padding=record.padding))
    recordings = np.array([Path(photo).name.split("-img")[0] for photo in data.photos])
    spacing = scales(data, recordings)
    pixels = contour_distance(joints[:, parts], data.joints[:, parts, :2])
    millimetres = pixels * spacing
    given = sys.argv[1:] if arguments is None else arguments
    content = {
        "command": shlex.join(["python", "benchmarks/studies/ultrasound_contour.py", *given]),
        "machine": type(machine).__name__,
        "contours": len(data),
        "recordings": len(np.unique(recordings)),
        "contour_px": {"mean": pixels.mean(), "sd": pixels.std(ddof=1), "median": np.median(pixels)},
        "mm_per_px": {"lowest": spacing.min(), "mean": spacing.mean(), "highest": spacing.max()},
        "contour_mm": {"mean": millimetres.mean(), "sd": millimetres.std(ddof=1), "median": np.median(millimetres)},
        "published_mm": PUBLISHED["mm"], "published_sd": PUBLISHED["sd"],
        "labellers_mm": PUBLISHED["labellers_mm"], "labellers_sd": PUBLISHED["labellers_sd"],
        "note": f"the files have no scale: {DEPTH:g} mm, the published depth, over the height of the fan in pixels",
        "computer": machine_description(),
    }  # fmt: skip
    write_json(content, options.output)
    spread = millimetres.std(ddof=1)
    print(f"{len(data)} contours: {pixels.mean():.2f} px, {millimetres.mean():.2f} mm (s.d. {spread:.2f})")
    print(f"published: {PUBLISHED['mm']} mm; two labellers: {PUBLISHED['labellers_mm']} mm")
    return 0


if __name__ == "__main__":
    sys.exit(main())

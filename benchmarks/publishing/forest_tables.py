"""Tables of the forests' result files, for the docs: rows of text, so that no figure is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"
FILES = ("pm_lspet", "pm_ablation", "forest_learners", "forest_speed")
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]

_VARIANTS = {
    "whole": "complete machine",
    "parts only": "parts only, no composites",
    "no stacking": "no out-of-fold beliefs",
    "no boosting": "plain forests, no boosting",
    "no refining": "stages not residual",
    "no mirrored people": "no mirrored copies",
}


def read(name: str) -> dict:
    """A result file."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def accuracy(result: dict) -> Table:
    """A shipped machine, stage by stage, without and with test-time augmentation."""
    names = {
        "plain": "the crop",
        "flip": "the crop and its mirror image",
        "flip_scales": "both, at scales 0.9, 1 and 1.1",
    }
    rows = []
    for name, label in names.items():
        for stage in result[name]["stages"]:
            first = stage["stage"] == 1
            row = [label if first else "", str(stage["stage"])]
            for threshold in ("0.1", "0.2"):
                low, high = stage["interval"][threshold]
                row.append(f"{stage['pck'][threshold]:.1f} [{low:.1f}, {high:.1f}]")
            rows.append(tuple(row))
    return ("Input", "Stage", "PCK@0.1", "PCK@0.2"), rows


def calibration(result: dict) -> Table:
    """Belief at the peak against the share of correct joints, last stage."""
    peaks = result["calibration"][-1]["peaks"]
    rows = [
        (f"{score:.2f}", f"{100 * rate:.0f} %", f"{count:,}")
        for score, rate, count in zip(peaks["score"], peaks["rate"], peaks["count"], strict=True)
    ]
    return ("Belief at the peak", "Correct at 0.2", "Joints"), rows


def _points(against: dict | None, threshold: str) -> str:
    if not against:
        return ""
    low, high = against[threshold]["interval"]
    return f"{against[threshold]['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def ablation(result: dict) -> Table:
    """Every variant: PCK by stage, and the difference from the complete machine."""
    rows = []
    for name, variant in result["variants"].items():
        by_stage = " / ".join(f"{stage['pck']['0.2']:.1f}" for stage in variant["stages"])
        against = variant.get("against_whole")
        rows.append((_VARIANTS.get(name, name), by_stage, _points(against, "0.2"), _points(against, "0.1")))
    return ("Variant", "PCK@0.2 of stages 1 / 2 / 3", "Difference @0.2", "Difference @0.1"), rows


def learners(result: dict) -> Table:
    """Every learner: accuracy, training time, size."""
    rows = [
        (
            name,
            f"{entry['pck']['0.1']:.1f}",
            f"{entry['pck']['0.2']:.1f}",
            _points(entry["against_default"], "0.2") if index else "",
            f"{entry['training_seconds']:.0f} s",
            f"{entry['nodes']:,}",
            f"{entry['file_bytes'] / 2**20:.2f} MiB",
        )
        for index, (name, entry) in enumerate(result["learners"].items())
    ]
    return ("Learner", "PCK@0.1", "PCK@0.2", "Difference from the first @0.2", "Training", "Nodes", "File size"), rows


def speed(result: dict) -> Table:
    """Ours against the same computation without the kernels."""
    rows = [
        (
            entry["work"],
            entry["against"],
            f"{entry['ours_ms']:.2f} ms",
            f"{entry['theirs_ms']:.2f} ms",
            f"{entry['ratio']:.1f} x",
        )
        for entry in result["comparisons"]
    ]
    return ("Work", "Compared with", "Ours", "Theirs", "Speed-up"), rows


def size(result: dict) -> str:
    """The shipped machine in one sentence."""
    megabytes = result["file_bytes"] / 2**20
    return (
        f"Three stages of three levels, {result['complexity']['nodes']:,} nodes, {megabytes:.1f} MiB in the package. "
        f"Trained on {result['train']:,} people in {result['training_seconds'] / 60:.0f} minutes on "
        f"{result['computer']['cores']} cores, with a peak of {result['peak_memory_mib'] / 1024:.1f} GiB of memory."
    )

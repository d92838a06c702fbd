"""Answers of comparisons that the tests of the report share."""

import copy
import itertools

from posemachines.skeleton import Skeleton
from tests.report.made import made_examples, made_report

LABELS = {
    "mean": "Mean pose",
    "pm": "Pose Machine (forests)",
    "cpm": "Convolutional Pose Machine",
    "ridge": "Ridge regression",
    "dlib": "dlib's shape predictor",
    "cascade": "Cascade of regressions",
}
MEANS = {"cpm": 2.1, "pm": 3.6, "dlib": 4.9, "ridge": 6.5, "cascade": 8.1, "mean": 28.5}
LIMITS = (1.0, 2.0, 5.0, 10.0)
WINGS = ("costa at the base of the wing", "radius, first fork", "anal cell, distal corner", "tip")


def machine(key, parts, limits=LIMITS, saturated=()):
    """The entry of a machine whose errors are those of ``MEANS``."""
    mean = MEANS[key]
    success = [
        {
            "threshold": limit,
            "value": min(99.0, 100 * limit / (limit + mean)),
            "interval": [90 * limit / (limit + mean), min(99.5, 108 * limit / (limit + mean))],
            "saturated": limit in saturated,
        }
        for limit in limits
    ]
    return {
        "label": LABELS[key],
        "mean": {"value": mean, "interval": [0.86 * mean, 1.2 * mean]},
        "median": {"value": 0.78 * mean, "interval": [0.7 * mean, 0.85 * mean]},
        "p95": {"value": 2.9 * mean, "interval": [2.2 * mean, 3.4 * mean]},
        "success": success,
        "parts": [
            {"part": part, "mean": mean * (1 + 0.1 * number), "median": 0.8 * mean, "p95": 3 * mean}
            for number, part in enumerate(parts)
        ],
        "repeats": [0.98 * mean, 1.02 * mean],
        "stages": [1.6 * mean, 1.1 * mean, mean],
        "boxed": {"mean": 0.9 * mean, "median": 0.7 * mean},
        "missing": 0,
    }


def verdict(a, b, measure, difference, *, reach=0.4, kind="error", threshold=None, saturated=False):
    """A verdict; significant if the interval, `difference` plus and minus `reach` times it, leaves 0 out."""
    ends = sorted((difference * (1 - reach), difference * (1 + reach)))
    significant = not saturated and not ends[0] <= 0 <= ends[1]
    better = (b if (difference > 0) == (kind == "error") else a) if significant else None
    return {
        "a": a, "b": b, "measure": measure, "kind": kind, "threshold": threshold, "difference": difference,
        "interval": ends, "p": 0.001 if significant else 0.3,
        "p_holm": None if saturated else 0.004 if significant else 0.6, "family": None if saturated else 4,
        "significant": significant, "better": better, "saturated": saturated,
        "reason": "even the mean pose is above 95 % here" if saturated else "",
    }  # fmt: skip


def verdicts(keys, limits=LIMITS, saturated=()):
    """Verdicts on all pairs by all measures: better machines are better by each of them."""
    found = []
    for b, a in itertools.combinations(keys, 2):
        apart = MEANS[a] - MEANS[b]
        found += [verdict(a, b, name, apart) for name in ("mean error", "median error")]
        for limit in limits:
            found.append(verdict(a, b, f"within {limit:g} px", -3 * apart, kind="success", threshold=limit))
        for limit in (0.1, 0.2):
            marked = f"{limit:g}" in saturated
            found.append(verdict(a, b, f"PCK@{limit:g}", -apart, kind="pck", threshold=limit, saturated=marked))
    return found


def made_answer(keys=("mean", "pm", "cpm"), parts=WINGS, *, saturated=("0.2",), **changes):
    """An answer in which the net is best; `changes` replace its entries."""
    chosen, second = sorted((key for key in keys if key != "mean"), key=MEANS.get)[:2]
    answer = {
        "title": None,
        "units": {"name": "pixels of the photo", "short": "px", "decimals": 1},
        "chosen": chosen,
        "second": second,
        "machines": {key: machine(key, parts) for key in keys},
        "verdicts": verdicts(keys, saturated=saturated),
        "test": "t-test over 5 folds x 2 repeats, corrected for the training subjects that they share, with Holm's "
        "correction",
        "training_variance": True,
        "human": {"mean": 1.3, "median": 0.9, "p95": 3.2, "n_joints": 480},
        "curve": {
            "machine": chosen, "folds": 5, "sizes": [12, 23, 46, 93], "errors": [4.9, 3.6, 2.7, 2.1],
            "low": [4.2, 3.2, 2.4, 1.9], "high": [5.6, 4.0, 3.0, 2.4], "fit": [0.6, 17.0, 0.55],
            "predictions": [
                {"labels": 186, "error": 1.7, "interval": [1.3, 2.0]},
                {"labels": 372, "error": 1.4, "interval": [0.8, 1.8]},
            ],
            "gain": {"value": 0.2, "interval": [0.1, 0.3]}, "outcome": "helps",
        },
        "suspects": [
            {"photo": "day 2/wing_017.png", "subject": 16, "part": parts[0], "distance": 31.4},
            {"photo": "day 1/wing_003.png", "subject": 2, "part": parts[-1], "distance": 22.0},
        ],
        "label_check": {"errors": 0, "warnings": 1, "notes": 3},
        "speed": {key: {"ms": 2.0 * number + 1.5} for number, key in enumerate(keys)},
        "protocol": {
            "kind": "cross-validation", "groups": "folders of the photos", "groups_kind": "folder", "n_groups": 8,
            "one_recording": False, "gap": 0.0, "folds": 5, "repeats": 2, "repeats_done": 2, "n_train": 93,
            "n_test": 23, "crop_rule": "located",
            "crop_reason": "the subject's place varies, so a first machine finds it",
            "new_photos": "new photos have no labels: a first machine finds the subject on the whole photo",
            "padding": 1.43, "crop_shape": [128, 192], "shape_reason": "subjects are about 300 x 200 px",
            "photo_px_per_crop_px": 1.6, "units": "pixels of the photo",
        },
        "saturated": list(saturated),
        "notes": ["left-right pairs by name: none"],
        "next": [
            {
                "text": "Predict new photos.",
                "command": "python -m posemachines predict PHOTO --machine answer/machine.npz",
            },
            {"text": "Correct the 2 labels that all machines contradict, and compare again.", "command": None},
        ],
        "final": {"file": "answer/machine.npz", "machine": chosen, "seconds": 91.0},
    }  # fmt: skip
    return copy.deepcopy(answer | changes)


def answered(report, **changes):
    """A report of :func:`tests.report.made.made_report` with an answer of its machines."""
    parts = report["dataset"]["parts"]
    report = copy.deepcopy(report)
    for stage in report["machines"]["mean"]["accuracy"]["stages"]:
        stage["pck"]["0.2"], stage["interval"]["0.2"] = 99.1, [98.0, 100.0]
    return report | {"answer": made_answer(tuple(report["machines"]), tuple(parts), **changes)}


def crowded(keys=tuple(MEANS), n_parts=32):
    """A report with an answer on many machines and landmarks with long names, and its examples."""
    parts = tuple(f"landmark {number} of the left hind wing, outer margin" for number in range(n_parts))
    skeleton = Skeleton("wings", parts, tuple(itertools.pairwise(parts)))
    examples = made_examples(skeleton, n=2, rows=10, columns=12)
    report = made_report(examples)
    known = report["machines"]
    report["machines"] = {key: copy.deepcopy(known.get(key, known["mean"])) | {"label": LABELS[key]} for key in keys}
    report["protocol"]["reference"] = "longer side of the bounding box of the labelled joints"
    report["differences"] = []
    return answered(report), examples

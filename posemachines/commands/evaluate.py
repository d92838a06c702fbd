"""Score a file of predictions under the protocol of a published table, with 95 % intervals.

Files: .mat, .h5, .npz, .npy, .json (COCO) and .csv. Both files must count pixels from the same origin; if one counts
from 0 and the other from 1, pass --predictions-origin and --truth-origin.

Examples:
  python -m posemachines evaluate --predictions cpm.mat --truth joints-PC.mat --protocol lsp-pc
  python -m posemachines evaluate --predictions results.json --truth annotations.json --protocol coco --output ap.json
  python -m posemachines evaluate --predictions all.npz --variable stage3 --truth valid.h5 --protocol mpii
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .files import check_outputs, note, write_text

NAME = "evaluate"
SUMMARY = "score a file of predictions under a published protocol"
_PROTOCOLS = ("lsp-pc", "lsp-oc", "flic", "mpii", "coco")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="predicted joints")
    parser.add_argument("--truth", type=Path, required=True, metavar="FILE", help="ground truth")
    parser.add_argument("--protocol", required=True, choices=_PROTOCOLS, help="metric, reference and parts")
    parser.add_argument("--variable", metavar="NAME", help="name of the array of predictions (default: detected)")
    parser.add_argument("--truth-variable", metavar="NAME", help="the same for the ground truth")
    parser.add_argument(
        "--axes",
        metavar="A,B,C",
        help="axes of the predictions, such as xy,parts,people (default: detected)",
    )
    parser.add_argument("--truth-axes", metavar="A,B,C", help="the same for the ground truth")
    parser.add_argument(
        "--side-convention",
        "--view",
        choices=("person", "observer"),
        help="whose left is left in the ground truth; an error if it is not that of the protocol",
    )
    for what in ("predictions", "truth"):
        parser.add_argument(
            f"--{what}-origin",
            type=int,
            choices=(0, 1),
            help=f"index of the first pixel in the {what} (default: the same in both)",
        )
    parser.add_argument(
        "--resamples", type=int, default=1000, metavar="R", help="bootstrap resamples (default: 1000; 0: no intervals)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write scores, curve and protocol as JSON")


def run(options: argparse.Namespace) -> None:
    """Read both files, print the scores and write the JSON file."""
    from dataclasses import replace

    from ..evaluation.predictions import evaluate_predictions
    from ..evaluation.protocols import get_protocol
    from ..io.predictions import aligned, read_predictions, read_truth
    from ..metrics import Detections, LabelledPeople
    from ..report.schema import scores_to_json

    check_outputs((options.output,), (options.predictions, options.truth))
    protocol = get_protocol(options.protocol)
    shift = _shift(options)
    truth = read_truth(options.truth, protocol, variable=options.truth_variable, axes=options.truth_axes)
    if isinstance(truth, LabelledPeople):
        predictions = read_predictions(options.predictions, protocol)
        assert isinstance(predictions, Detections)
        predictions = replace(predictions, joints=predictions.joints + shift)
        scores = evaluate_predictions(predictions, truth, protocol, n_resamples=options.resamples)
    else:
        truth = replace(truth, side_convention=options.side_convention)
        counts = {
            len(truth.joints),
            *(() if protocol.test is None else (protocol.test[2], protocol.test[1] - protocol.test[0])),
        }
        read = read_predictions(
            options.predictions, protocol, variable=options.variable, axes=options.axes, n_people=counts
        )
        assert not isinstance(read, Detections)
        read = aligned(read, truth)
        scores = evaluate_predictions(read.joints + shift, truth, protocol, n_resamples=options.resamples)
        scores = replace(scores, notes=read.notes + scores.notes)
    if shift:
        scores = replace(scores, notes=(*scores.notes, f"predictions were shifted by {shift:+d} px in x and y"))
    print(scores)
    if options.output is not None:
        content = {"predictions": str(options.predictions), "truth": str(options.truth), **scores_to_json(scores)}
        write_text(options.output, json.dumps(content, indent=1) + "\n")
        note(f"wrote {options.output}")


def _shift(options: argparse.Namespace) -> int:
    """Shift from the origin of the predictions to that of the ground truth, in pixels."""
    origins = (options.truth_origin, options.predictions_origin)
    if origins.count(None) == 1:
        raise ValueError("give both --predictions-origin and --truth-origin, or neither")
    return 0 if origins[0] is None else origins[0] - origins[1]

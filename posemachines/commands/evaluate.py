"""Score a file of predictions as a published table scores it, with 95 % intervals.

Files: .mat, .h5, .npz, .npy, .json (COCO) and .csv. Both files must count pixels from the same origin; where one counts
from 0 and the other from 1, say so with --predictions-origin and --truth-origin.

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
SUMMARY = "score a file of predictions as a published table scores it"
_PROTOCOLS = ("lsp-pc", "lsp-oc", "flic", "mpii", "coco")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this subcommand."""
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="what is scored")
    parser.add_argument("--truth", type=Path, required=True, metavar="FILE", help="what it is scored on")
    parser.add_argument("--protocol", required=True, choices=_PROTOCOLS, help="measure, length, joints and mean")
    parser.add_argument("--variable", metavar="NAME", help="name of the predictions' array (default: recognised)")
    parser.add_argument("--truth-variable", metavar="NAME", help="name of the truth's array (default: recognised)")
    parser.add_argument(
        "--axes", metavar="A,B,C", help="order of the predictions' axes, such as xy,parts,people (default: recognised)"
    )
    parser.add_argument("--truth-axes", metavar="A,B,C", help="order of the truth's axes (default: recognised)")
    parser.add_argument(
        "--side-convention",
        choices=("person", "observer"),
        help="whose left is left in the truth; refused if not the protocol's",
    )
    for what in ("predictions", "truth"):
        parser.add_argument(
            f"--{what}-origin",
            type=int,
            choices=(0, 1),
            help=f"what the first pixel is called in the {what} (default: the same in both)",
        )
    parser.add_argument(
        "--resamples", type=int, default=1000, metavar="R", help="of the bootstrap (default: 1000; 0: no intervals)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all figures, curve and protocol as JSON")


def run(options: argparse.Namespace) -> None:
    """Read both files, print the table, write the JSON."""
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
        scores = replace(scores, notes=(*scores.notes, f"predictions were moved by {shift:+d} px in x and y"))
    print(scores)
    if options.output is not None:
        content = {"predictions": str(options.predictions), "truth": str(options.truth), **scores_to_json(scores)}
        write_text(options.output, json.dumps(content, indent=1) + "\n")
        note(f"wrote {options.output}")


def _shift(options: argparse.Namespace) -> int:
    """What takes predictions to the origin of the truth, in pixels."""
    origins = (options.truth_origin, options.predictions_origin)
    if origins.count(None) == 1:
        raise ValueError("give both --predictions-origin and --truth-origin, or neither")
    return 0 if origins[0] is None else origins[0] - origins[1]

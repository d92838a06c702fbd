"""The options of a comparison on one's own labels: which labels, how they are tested, in which units."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_label_options", "crop_size_of", "load_options", "numbers", "pairs_of"]


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for labels of any format."""
    group = parser.add_argument_group("your own labels")
    group.add_argument(
        "labels", nargs="?", type=Path, help="file or folder of the labels, in any known format; tested by "
        "cross-validation",
    )  # fmt: skip
    group.add_argument("--format", default="auto", help="format of the labels, if it is not recognised")
    group.add_argument("--test-labels", type=Path, help="labels of a test set of its own, instead of cross-validation")
    group.add_argument(
        "--test-groups", metavar="PATTERN", help="regular expression: groups of this name are the test set"
    )
    group.add_argument("--second-labels", type=Path, help="another person's labels of the same photos")
    group.add_argument(
        "--groups", default="auto",
        help='what stays together in the split: "auto", "folder", "video", "name", "time", "none", a column, or a '
        "regular expression on the path of the photo",
    )  # fmt: skip
    group.add_argument(
        "--folds", type=auto_or_int, default="auto",
        help="folds of the cross-validation: 5, or 3 for more than 150 subjects",
    )  # fmt: skip
    group.add_argument(
        "--repeats", type=int, help="repeats of the cross-validation (2), or trainings for one test set (3)"
    )
    group.add_argument("--crop-size", default="auto", metavar="N|HxW|auto", help="size of the crops, in pixels")
    group.add_argument(
        "--units", default="auto",
        help='of errors: "px", "mm", "box", "constant 120", or two landmarks "A:B", whose distance is 100 percent',
    )  # fmt: skip
    group.add_argument("--mm-per-px", type=float, help="size of a pixel of the photos")
    group.add_argument("--thresholds", type=numbers, help="distances that count as success, such as 2,2.5,3,4")
    group.add_argument(
        "--pairs", type=pairs_of, metavar="R:L,...", help='left-right pairs, "none", or found in the names by default'
    )
    group.add_argument("--animal", help="individual to read, where the labels have several")
    group.add_argument(
        "--max-missing", type=float, default=0.1, help="share of photos that may be missing before it is an error"
    )
    group.add_argument("--rescale", action="store_true", help="labels belong to another resolution of the photos")
    group.add_argument(
        "--minutes", type=float, default=10.0,
        help='leave out what is not needed if it would take longer in all; "inf" for no limit',
    )  # fmt: skip
    group.add_argument(
        "--workers", type=auto_or_int, default="auto",
        help="trainings at the same time, in processes; one for each core by default",
    )  # fmt: skip
    group.add_argument("--cluster", metavar="ADDRESS", help="Dask scheduler whose workers train (extra cluster)")
    group.add_argument("--no-curve", action="store_true", help="leave out the learning curve")
    group.add_argument("--no-check", action="store_true", help="leave out the check of the labels")
    group.add_argument("--title", help="title of the report")


def load_options(options: argparse.Namespace) -> dict[str, Any]:
    """Keywords of :func:`posemachines.load_dataset`."""
    given = {
        "format": options.format, "category": options.category, "side_convention": options.side_convention,
        "pairs": options.pairs, "animal": options.animal, "max_missing": options.max_missing,
        "rescale": options.rescale, "mm_per_pixel": options.mm_per_px,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def auto_or_int(text: str) -> str | int:
    """Type of an option: a whole number, or "auto"."""
    return text if text == "auto" else int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Type of an option: positive numbers, separated by commas."""
    try:
        found = tuple(float(each) for each in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < each < float("inf") for each in found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of positive numbers, such as 2,2.5,3,4")
    return found


def pairs_of(text: str) -> tuple[tuple[str, str], ...]:
    """Type of an option: pairs of landmarks, "right:left,...", or "none"."""
    if text == "none":
        return ()
    pairs = [tuple(name.strip() for name in each.split(":")) for each in text.split(",")]
    if not all(len(each) == 2 and all(each) for each in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of pairs, such as right_ear:left_ear, or none")
    return tuple((first, second) for first, second in pairs)


def crop_size_of(text: str) -> str | int | tuple[int, int]:
    """Size of the crops: "auto", a side, or height and width "64x256"."""
    if text == "auto":
        return text
    try:
        sides = [int(each) for each in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 16:
        raise ValueError(f"--crop-size {text}: give auto, a side in pixels such as 128, or HEIGHTxWIDTH such as 64x256")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])

"""Rewrite labels in the format of another labelling tool or program.

The format of B follows from its name: .json is COCO, .tps TPS, .xml dlib's imglab, .csv a table of landmarks, or
DeepLabCut's where the name begins with CollectedData; folders need --to. What B cannot hold is said.

Examples:
  python -m posemachines convert dlc_project labels.json
  python -m posemachines convert wings.tps wings.csv --images photos --unit mm
  python -m posemachines convert annotations.json corrected --to labelme
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .files import note

NAME = "convert"
SUMMARY = "rewrite labels in another format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument("source", type=Path, metavar="A", help="file or folder of the labels; it is not changed")
    parser.add_argument("target", type=Path, metavar="B", help="file or folder to write")
    parser.add_argument("--from", dest="source_format", default="auto", metavar="FORMAT", help="of A (recognised)")
    parser.add_argument("--to", dest="target_format", default="auto", metavar="FORMAT", help="of B (by its name)")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the photos (default: by format)")
    parser.add_argument("--category", help="kind of subject, where A has several")
    parser.add_argument("--split", help="published split to take, where A has some")
    parser.add_argument("--animal", help="individual to take, where A has several")
    parser.add_argument("--unit", help="unit of SCALE in TPS files (mm)")
    parser.add_argument("--mm-per-px", type=float, metavar="MM", help="size of a pixel of the photos")
    parser.add_argument(
        "--max-missing", type=float, default=0.1, metavar="SHARE", help="share of the photos that may be missing (0.1)"
    )
    parser.add_argument("--rescale", action="store_true", help="labels belong to another resolution of the photos")
    parser.add_argument("--overwrite", action="store_true", help="replace labels that B has already")


def run(options: argparse.Namespace) -> None:
    """Read A, write B, and say what was read, written and lost."""
    from ..datasets import load_dataset
    from ..datasets.writing import write_dataset

    _check_target(options.source, options.target)
    data = load_dataset(
        options.source, options.images, format=options.source_format, category=options.category, split=options.split,
        animal=options.animal, unit=options.unit, mm_per_pixel=options.mm_per_px, max_missing=options.max_missing,
        rescale=options.rescale,
    )  # fmt: skip
    _check_inside(options.source, options.target, data)
    print(_summary(data))
    for sentence in data.notes:
        note(f"note: {sentence}")
    lost = write_dataset(data, options.target, options.target_format, overwrite=options.overwrite)
    print(f"wrote {options.target}")
    for sentence in lost:
        note(f"note: {sentence}")


def _check_target(source: Path, target: Path) -> None:
    """Refuse to write over the labels that are read, even where overwriting is wanted."""
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"{target} is what is read and would be overwritten; give another name")
    if target.is_file() and source.is_dir() and source.resolve() in target.resolve().parents:
        raise ValueError(f"{target} is in the labels that are read and would be overwritten; give another name")


def _check_inside(source: Path, target: Path, data) -> None:
    """Refuse a folder in which a file that is read has the name of one that would be written."""
    if not target.is_dir() or target.resolve() not in source.resolve().parents:
        return
    stems = {Path(str(photo)).stem for photo in data.photos if isinstance(photo, str | Path)}
    same = source.is_file() and (source.stem in stems or source.suffix.lower() in (".yaml", ".yml"))
    if same or source.name in ("labels", "labeled-data"):
        raise ValueError(f"{source}, which is read, is in {target} and would be overwritten; give another folder")


def _summary(data) -> str:
    """What was read, in a few lines."""
    skeleton = data.skeleton
    n_photos = len(set(data.photo_numbers().tolist()))
    lines = [
        f"read {len(data)} subjects in {n_photos} photos, {int(data.joints[..., 2].sum())} labelled joints",
        f"parts ({skeleton.n_parts}): {', '.join(skeleton.parts)}",
    ]
    pairs = ", ".join(f"{skeleton.parts[right]}/{skeleton.parts[left]}" for right, left in skeleton.pairs)
    lines.append(f"left-right pairs: {pairs or 'none'}")
    if data.groups is not None:
        lines.append(f"groups: {len(set(data.groups.tolist()))} ({data.groups_source or 'as the labels say'})")
    return "\n".join(lines)

"""Find labels that are probably wrong, before training on them.

Exit code 0: no errors, but possibly warnings and notes; 1: certain errors; 2: the data cannot be read.

Examples:
  python -m posemachines validate labels.json --images photos --page labels.html
  python -m posemachines validate dlc_project
  python -m posemachines validate --dataset lspet --root path/to/lspet --page labels.html
  python -m posemachines validate --dataset coco --annotations animals.json --images photos --json labels.json
  python -m posemachines validate --dataset csv --annotations CollectedData.csv --images .
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from .files import check_outputs, note, write_text

NAME = "validate"
SUMMARY = "find labels of a dataset that are probably wrong"
FORMATS = ("lspet", "lsp", "flic", "mpii", "coco", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument("labels", nargs="?", type=Path, help="file or folder of the labels, in any known format")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the photos (default: by format)")
    parser.add_argument("--format", default="auto", help="format of the labels (default: recognised)")
    parser.add_argument("--dataset", choices=FORMATS, help="format of the labels, with --root or --annotations")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the dataset (lspet, lsp, flic)")
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="labels (mpii, coco, csv)")
    parser.add_argument("--category", help="category in a COCO file in which several have keypoints")
    parser.add_argument("--crop-rule", "--frame", help="what sets each subject's centre and size (default: by format)")
    parser.add_argument(
        "--side-convention", "--view", choices=("person", "observer"), help="whose left is left (lsp, flic)"
    )
    parser.add_argument(
        "--show", type=int, default=10, metavar="N", help="findings of each kind to print (default: 10)"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write an HTML page with pictures of the subjects")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Read the labels, validate them, and print and write the findings."""
    from ..datasets import load_dataset
    from ..labels import validate

    if options.show < 0:
        raise ValueError(f"--show must be 0 or more; got {options.show}")
    given = [path for path in (options.labels, options.annotations, options.root) if path is not None]
    check_outputs((options.page, options.json), given)
    data = load_dataset(
        _labels(options), options.images, format=options.dataset or options.format, category=options.category,
        crop_rule=options.crop_rule, side_convention=options.side_convention,
    )  # fmt: skip
    for sentence in getattr(data, "notes", ()):
        note(f"note: {sentence}")
    found = validate(data, verbose=sys.stderr.isatty())
    print(found.summary())
    for kind in found.counts() if options.show else ():
        of_kind = [each for each in found.findings if each.kind == kind]
        shown = f", the {options.show} most certain of {len(of_kind)}" if len(of_kind) > options.show else ""
        print(f"\n{kind}{shown}")
        for finding in of_kind[: options.show]:
            print("  " + _line(data, finding))
    if options.json is not None:
        content = {"command": _command(options), **found.to_dict()}
        write_text(options.json, json.dumps(content, indent=1) + "\n")
        note(f"wrote {options.json}")
    if options.page is not None:
        from ..labels.page import write_label_page

        note(f"wrote {write_label_page(found, options.page)}")
    return int(any(finding.level == "error" for finding in found.findings))


def _labels(options: argparse.Namespace) -> Path:
    """Folder or file of the labels, however it is given."""
    if options.dataset is None:
        if options.labels is None:
            raise ValueError("give the file or folder of the labels, or --dataset with --root or --annotations")
        return options.labels
    if options.labels is not None:
        raise ValueError(
            f"--dataset {options.dataset} takes --root or --annotations; with {options.labels} use --format"
        )
    name = "root" if options.dataset in ("lspet", "lsp", "flic") else "annotations"
    path = getattr(options, name)
    if path is None:
        raise ValueError(f"--dataset {options.dataset} needs --{name}")
    return path


def _line(data, finding) -> str:
    if finding.person is None:
        return finding.message
    photo = data.photos[finding.person]
    name = f" ({Path(photo).name})" if isinstance(photo, str | Path) else ""
    return f"{finding.person}{name}: {finding.message}"


def _command(options: argparse.Namespace) -> str:
    """The command line that selects the data."""
    names = ("dataset", "root", "annotations", "images", "category", "crop_rule", "side_convention")
    given = [(name, getattr(options, name)) for name in names if getattr(options, name) is not None]
    if options.format != "auto":
        given.insert(0, ("format", options.format))
    words = [shlex.quote(str(options.labels))] if options.labels is not None else []
    words += [f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given]
    return " ".join(["python -m posemachines validate", *words])

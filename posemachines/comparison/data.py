"""The data of the comparison's command line: synthetic people, published datasets, or your own landmarks."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from posemachines import PoseDataset
from posemachines.datasets import load_dataset, make_synthetic
from posemachines.datasets.loading import FORMATS_OF_FILES as OF_FILES
from posemachines.datasets.loading import FORMATS_OF_FOLDERS as OF_FOLDERS

__all__ = ["add_arguments", "check", "load"]

DATASETS: dict[str, dict[str, int]] = {  # default numbers of subjects, and the last training photo of a published split
    "synthetic": {"train": 1000, "test": 300},
    "lspet": {"train": 8000, "test": 1000, "test_from": 8000},
    "lsp": {"train": 1000, "test": 1000, "test_from": 1000},
    "flic": {},
    "mpii": {},
    "coco": {},
    "csv": {},
}
OLD_NAMES = {"figures": "synthetic"}
TEST_SHARE = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the data."""
    parser.add_argument(
        "--dataset", type=lambda name: OLD_NAMES.get(name, name), choices=DATASETS, default="synthetic",
        help="the data; synthetic people are drawn on the spot",
    )  # fmt: skip
    parser.add_argument("--root", type=Path, help=f"folder of the dataset ({', '.join(OF_FOLDERS)})")
    parser.add_argument("--annotations", type=Path, help=f"file of the labels ({', '.join(OF_FILES)})")
    parser.add_argument("--images", type=Path, help=f"folder of the photos ({', '.join(OF_FILES)})")
    parser.add_argument("--test-annotations", type=Path, help="labels of the test subjects, if in another file")
    parser.add_argument("--test-images", type=Path, help="folder of their photos (default: --images)")
    parser.add_argument("--category", help="category in a COCO file in which several have keypoints")
    parser.add_argument(
        "--crop-rule", "--frame",
        help="what sets each subject's centre and size, such as joints, box, photo or cpm (default: by dataset)",
    )  # fmt: skip
    parser.add_argument(
        "--side-convention", "--view", choices=("person", "observer"), help="whose left is left (lsp, flic)"
    )
    parser.add_argument("--train", type=int, help="number of training subjects (default: by dataset, or four fifths)")
    parser.add_argument("--test", type=int, help="number of test subjects (default: by dataset, or the rest)")


def check(options: argparse.Namespace, parser: argparse.ArgumentParser, quick: dict[str, int] | None = None) -> None:
    """Fill in the defaults of the dataset; exits with an error if an option is missing."""
    name = options.dataset
    if name in OF_FOLDERS and options.root is None:
        parser.error(f"--dataset {name} needs --root, the folder with its labels and images/")
    if name in OF_FILES and (options.annotations is None or options.images is None):
        parser.error(
            f"--dataset {name} needs --annotations (the file of the labels) and --images (the folder of the photos)"
        )
    for key in ("train", "test"):
        default = DATASETS[name].get(key) if quick is None else quick[key]
        setattr(options, key, default if getattr(options, key) is None else getattr(options, key))
        if getattr(options, key) is not None and getattr(options, key) < 2:
            parser.error(f"--{key} must be at least 2")


def load(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """Training and test data.

    The published split if there is one, each part from its beginning; the subjects of ``--test-annotations``;
    otherwise a random split by photo, so that no photo is in both.

    Raises
    ------
    ValueError
        If there are fewer subjects than requested, or training and test subjects have different parts.
    FileNotFoundError
        If a file is missing.
    """
    if options.dataset == "synthetic":
        data = make_synthetic(options.train + options.test, random_state=options.seed)
        return data[: options.train], data[options.train :]
    if options.dataset in ("lspet", "lsp"):
        first, last = _numbered(options)
    elif options.dataset == "flic":
        loader = _loader(options)
        first, last = loader(split="train"), loader(split="test")
    else:
        first, last = _of_files(options)
    if first.skeleton.parts != last.skeleton.parts:
        raise ValueError(
            f"training subjects have the parts {', '.join(first.skeleton.parts)} but test subjects "
            f"{', '.join(last.skeleton.parts)}; give files of the same landmarks"
        )
    first, last = _first(first, options.train, "train", options), _first(last, options.test, "test", options)
    known = np.flatnonzero(first.joints[..., 2].any(0))
    if not len(known):
        raise ValueError("no training subject has a labelled part; label some")
    if len(known) < first.skeleton.n_parts:
        parts = [part for index, part in enumerate(first.skeleton.parts) if index not in known]
        warnings.warn(f"left out because no training subject has them labelled: {', '.join(parts)}", stacklevel=2)
        first, last = first.select_parts(known), last.select_parts(known)
    return first, last


def _loader(options: argparse.Namespace, annotations: Path | None = None, images: Path | None = None) -> Callable:
    """Function that loads the dataset; it takes ``split`` if the dataset has one."""
    path = (
        options.root if options.dataset in OF_FOLDERS else options.annotations if annotations is None else annotations
    )
    return partial(
        load_dataset,
        path,
        options.images if images is None else images,
        format=options.dataset,
        category=options.category,
        crop_rule=options.crop_rule,
        side_convention=options.side_convention,
    )


def _numbered(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """LSP and LSPET, which are split by the numbers of the photos."""
    data = _loader(options)()
    first_test = DATASETS[options.dataset]["test_from"]
    numbers = np.array([int(Path(photo).stem.removeprefix("im")) for photo in data.photos])  # some may be missing
    for name, available in (("train", (numbers <= first_test).sum()), ("test", (numbers > first_test).sum())):
        if getattr(options, name) > available:
            raise ValueError(
                f"--{name} {getattr(options, name)}: {options.root} has {available} such photos "
                f"(numbers up to {first_test} train, those above test)"
            )
    return data[numbers <= first_test], data[numbers > first_test]


def _of_files(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """Landmarks in files."""
    if options.test_annotations is not None:
        images = options.images if options.test_images is None else options.test_images
        return _loader(options)(), _loader(options, options.test_annotations, images)()
    if options.dataset == "mpii":
        try:
            return _loader(options)(split="train"), _loader(options)(split="validation")
        except ValueError as error:
            if "for validation" not in str(error):
                raise
    data = _loader(options)()
    return data[data.labelled].split(test=TEST_SHARE, random_state=options.seed)


def _first(data: PoseDataset, number: int | None, name: str, options: argparse.Namespace) -> PoseDataset:
    if number is not None and options.quick and options.dataset in (*OF_FILES, "flic"):
        number = min(number, len(data))
    if number is not None and number > len(data):
        raise ValueError(f"--{name} {number}: the {options.dataset} data have {len(data)} subjects for it")
    return data if number is None else data[:number]

"""The people of a comparison: drawn figures, published data sets, or somebody's own landmarks."""

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

DATASETS: dict[str, dict[str, int]] = {  # default people to train and to test on, and where test people begin
    "figures": {"train": 1000, "test": 300},
    "lspet": {"train": 8000, "test": 1000, "test_from": 8000},
    "lsp": {"train": 1000, "test": 1000, "test_from": 1000},
    "flic": {},
    "mpii": {},
    "coco": {},
    "csv": {},
}
TRAIN_SHARE = 0.8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that choose the data."""
    parser.add_argument("--dataset", choices=DATASETS, default="figures", help="data; figures are drawn on the spot")
    parser.add_argument("--root", type=Path, help=f"folder of the data set ({', '.join(OF_FOLDERS)})")
    parser.add_argument("--annotations", type=Path, help=f"file of the labels ({', '.join(OF_FILES)})")
    parser.add_argument("--images", type=Path, help=f"folder of the photos ({', '.join(OF_FILES)})")
    parser.add_argument("--test-annotations", type=Path, help="labels of the test people, where they have a file")
    parser.add_argument("--test-images", type=Path, help="folder of their photos (default: --images)")
    parser.add_argument("--category", help="category in a COCO file, where several have keypoints")
    parser.add_argument(
        "--frame", help="what sets a person's centre and scale, such as joints, box, photo, cpm (default: by data set)"
    )
    parser.add_argument("--train", type=int, help="people to train on (default: by data set, or four fifths)")
    parser.add_argument("--test", type=int, help="people to test on (default: by data set, or the rest)")


def check(options: argparse.Namespace, parser: argparse.ArgumentParser, quick: dict[str, int] | None = None) -> None:
    """Fill in the defaults of the data set; ends the program where an option is missing."""
    name = options.dataset
    if name in OF_FOLDERS and options.root is None:
        parser.error(f"--dataset {name} needs --root, the folder with its labels and images/")
    if name in OF_FILES and (options.annotations is None or options.images is None):
        parser.error(f"--dataset {name} needs --annotations, the file of the labels, and --images, the photos' folder")
    for key in ("train", "test"):
        default = DATASETS[name].get(key) if quick is None else quick[key]
        setattr(options, key, default if getattr(options, key) is None else getattr(options, key))
        if getattr(options, key) is not None and getattr(options, key) < 2:
            parser.error(f"--{key} must be at least 2 people")


def load(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """Training and test people.

    The published split where there is one, from its beginning; the people of ``--test-annotations``; else a split by
    photos, drawn with the seed, so that nobody's photo is on both sides.

    Raises
    ------
    ValueError
        If there are fewer people than asked for, or training and test people have different parts.
    FileNotFoundError
        If a file is missing.
    """
    if options.dataset == "figures":
        people = make_synthetic(options.train + options.test, random_state=options.seed)
        return people[: options.train], people[options.train :]
    if options.dataset in ("lspet", "lsp"):
        first, last = _numbered(options)
    elif options.dataset == "flic":
        loader = _loader(options)
        first, last = loader(split="train"), loader(split="test")
    else:
        first, last = _of_files(options)
    if first.skeleton.parts != last.skeleton.parts:
        raise ValueError(
            f"training people have the parts {', '.join(first.skeleton.parts)} but test people "
            f"{', '.join(last.skeleton.parts)}; give files of the same landmarks"
        )
    first, last = _first(first, options.train, "train", options), _first(last, options.test, "test", options)
    known = np.flatnonzero(first.joints[..., 2].any(0))
    if not len(known):
        raise ValueError("nobody among the training people has a labelled part; label some")
    if len(known) < first.skeleton.n_parts:
        parts = [part for index, part in enumerate(first.skeleton.parts) if index not in known]
        warnings.warn(f"left out, since no training person has them labelled: {', '.join(parts)}", stacklevel=2)
        first, last = first.select_parts(known), last.select_parts(known)
    return first, last


def _loader(options: argparse.Namespace, annotations: Path | None = None, images: Path | None = None) -> Callable:
    """Function that loads the data set; takes ``split`` where the data set has one."""
    path = options.root if options.dataset in OF_FOLDERS else options.annotations if annotations is None else annotations
    return partial(
        load_dataset,
        path,
        options.images if images is None else images,
        format=options.dataset,
        category=options.category,
        crop_rule=options.frame,
    )


def _numbered(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """LSP and LSPET, whose photos' numbers make the split."""
    people = _loader(options)()
    first_test = DATASETS[options.dataset]["test_from"]
    numbers = np.array([int(Path(photo).stem.removeprefix("im")) for photo in people.photos])  # some may be missing
    for name, available in (("train", (numbers <= first_test).sum()), ("test", (numbers > first_test).sum())):
        if getattr(options, name) > available:
            raise ValueError(
                f"--{name} {getattr(options, name)}: {options.root} has {available} such photos "
                f"(numbers up to {first_test} train, those above test)"
            )
    return people[numbers <= first_test], people[numbers > first_test]


def _of_files(options: argparse.Namespace) -> tuple[PoseDataset, PoseDataset]:
    """Landmarks in files of their own."""
    if options.test_annotations is not None:
        images = options.images if options.test_images is None else options.test_images
        return _loader(options)(), _loader(options, options.test_annotations, images)()
    if options.dataset == "mpii":
        try:
            return _loader(options)(split="train"), _loader(options)(split="validation")
        except ValueError as error:
            if "does not say who" not in str(error):
                raise
    people = _loader(options)()
    return people[people.labelled].split(test=1 - TRAIN_SHARE, random_state=options.seed)


def _first(people: PoseDataset, number: int | None, name: str, options: argparse.Namespace) -> PoseDataset:
    if number is not None and options.quick and options.dataset in (*OF_FILES, "flic"):
        number = min(number, len(people))
    if number is not None and number > len(people):
        raise ValueError(f"--{name} {number}: the {options.dataset} data have {len(people)} people for that")
    return people if number is None else people[:number]

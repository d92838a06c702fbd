"""The options of the comparison's command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from .cache import FOLDER
from .data import add_arguments, check
from .label_options import add_label_options, crop_size_of
from .machines import LABELS, PEERS, full_name, has_baselines, installed

__all__ = ["QUICK", "parse"]

QUICK = {"train": 60, "test": 20, "rounds": 4, "epochs": 2}
_SELECTABLE = [name for name in LABELS if name != "mean"]


def parse(arguments: list[str] | None = None, *, description: str | None = None) -> argparse.Namespace:
    """Parse the options, and fill in the defaults of the chosen data."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_label_options(parser)
    add_arguments(parser)
    parser.add_argument("--machines", default="pm,pm-pretrained,cpm", help=f"comma-separated: {', '.join(_SELECTABLE)}")
    parser.add_argument("--stages", type=int, default=3, help="stages of every machine")
    parser.add_argument("--rounds", type=int, help="rounds of boosting of a forest stage (default: the library's)")
    parser.add_argument("--epochs", type=int, help="epochs of a net (default: depends on the number of subjects)")
    parser.add_argument("--flip", action="store_true", help="test-time augmentation: average over the mirrored crop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="device of the nets: auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--parts", action="store_true", help="also print the accuracy of every part")
    parser.add_argument("--cache", type=Path, help="folder that keeps the crops between runs")
    parser.add_argument("--trained", type=Path, default=FOLDER, help="folder that keeps trained machines between runs")
    parser.add_argument("--fresh", action="store_true", help="train the machines even if they are in that folder")
    parser.add_argument("--output", type=Path, default=Path("runs/compare"), help="folder of the report")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that everything runs")
    options = parser.parse_args(arguments)
    _check_machines(options, parser)
    if options.labels is None:
        check(options, parser, QUICK if options.quick else None)
    else:
        _check_labels(options, parser)
    if options.stages < 1:
        parser.error("--stages must be at least 1")
    if options.quick:
        options.rounds, options.epochs = options.rounds or QUICK["rounds"], options.epochs or QUICK["epochs"]
    return options


def _check_labels(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise for options that belong to the published datasets, or contradict each other."""
    for name in ("root", "annotations", "test_annotations", "test_images", "train", "test"):
        if getattr(options, name) is not None:
            parser.error(
                f"--{name.replace('_', '-')} belongs to --dataset; labels given as {options.labels} do not take it"
            )
    if options.test_labels is not None and options.test_groups is not None:
        parser.error("--test-labels and --test-groups both name the test set; give one of them")
    for name, least in (("folds", 2), ("workers", 1)):
        value = getattr(options, name)
        if value != "auto" and value < least:
            parser.error(f"--{name} must be at least {least}")
    if not options.minutes > 0:
        parser.error("--minutes must be positive")
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats must be at least 1")
    try:
        options.crop_size = crop_size_of(options.crop_size)
    except ValueError as error:
        parser.error(str(error))


def _check_machines(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    given = [name.strip() for name in options.machines.split(",") if name.strip()]
    options.machines, unknown = [], []
    for name in given:
        try:
            options.machines.append(full_name(name))
        except ValueError:
            unknown.append(name)
    if unknown or not given:
        listed = ", ".join(_SELECTABLE)
        parser.error(f"--machines takes {listed}, comma-separated; got {', '.join(unknown) or 'nothing'}")
    for name in {*options.machines} - {*installed()}:
        if name == "dlib" and has_baselines():
            parser.error('dlib is not installed; pip install "posemachines[dlib]"')
        if name in PEERS and has_baselines():
            parser.error(f'{name} is not installed; in a separate environment, run: pip install "posemachines[{name}]"')
        parser.error(f"{name} needs the package baselines, which is part of the repository; run from a checkout")

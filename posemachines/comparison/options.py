"""The options of the comparison's command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from .cache import FOLDER
from .data import add_arguments, check
from .machines import LABELS, PEERS, full_name, has_baselines, installed

__all__ = ["QUICK", "parse"]

QUICK = {"train": 60, "test": 20, "rounds": 4, "epochs": 2}
_SELECTABLE = [name for name in LABELS if name != "mean"]


def parse(arguments: list[str] | None = None, *, description: str | None = None) -> argparse.Namespace:
    """Parse the options, and fill in the defaults of the chosen data."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--machines", default="pm,cpm", help=f"comma-separated: {', '.join(_SELECTABLE)}")
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
    check(options, parser, QUICK if options.quick else None)
    if options.stages < 1:
        parser.error("--stages must be at least 1")
    if options.quick:
        options.rounds, options.epochs = options.rounds or QUICK["rounds"], options.epochs or QUICK["epochs"]
    return options


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
        if name in PEERS and has_baselines():
            parser.error(f'{name} is not installed; in a separate environment, run: pip install "posemachines[{name}]"')
        parser.error(f"{name} needs the package baselines, which is part of the repository; run from a checkout")

"""Find out which machine to use on your own landmarks: train and test machines on labelled photos.

Examples:
  python -m posemachines compare labels.json
  python -m posemachines compare project/ --machines pm,cpm --folds 5 --repeats 2 --minutes 30
  python -m posemachines compare wings.tps --units mm --thresholds 0.05,0.1,0.2 --workers 2
  python -m posemachines compare --help
"""

from __future__ import annotations

import argparse

NAME = "compare"
SUMMARY = "find out which machine to use on your own landmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take all options as they are: the comparison has a parser of its own, whose imports take seconds."""
    parser.add_argument("options", nargs=argparse.REMAINDER, help="labels and options; see compare --help")


def run(options: argparse.Namespace) -> int:
    """Run the comparison."""
    return run_with(options.options)


def run_with(arguments: list[str]) -> int:
    """Run the comparison with these arguments."""
    from ..comparison.command import run_command

    return run_command("python -m posemachines compare", arguments, description=__doc__.split("\n")[0])

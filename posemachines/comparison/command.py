"""The comparison as a command line: read the options, run, print the table."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time

from ..conv import describe_device
from .data import load
from .machines import LABELS, build, has_baselines
from .options import parse
from .run import Comparison
from .table import table

__all__ = ["machines_of", "prepare", "run_command"]

CROP = 128  # px


def run_command(program: str, arguments: list[str] | None = None, *, description: str | None = None) -> int:
    """Run the comparison.

    Parameters
    ----------
    program : str
        Path of the script, for the command in the report.
    arguments : list of str, optional
        By default those of the process.
    description : str, optional
        Shown by ``--help``.

    Returns
    -------
    int
        Exit code: 0 when finished, 130 when interrupted, 2 for invalid input.
    """
    began = time.perf_counter()
    options = parse(arguments, description=description)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        comparison = prepare(options, shlex.join(["python", program, *given]), began)
        try:
            comparison.run(machines_of(options), verbose=True)
        finally:
            if comparison.content["machines"]:
                print(f"\n{table(comparison.content, parts=options.parts)}\n\nreport: {options.output / 'report.html'}")
    except KeyboardInterrupt:
        print("\ninterrupted: the report holds the machines that are finished", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def prepare(options: argparse.Namespace, command: str, began: float) -> Comparison:
    """Load the data; the comparison that the options describe, and has not begun.

    Raises
    ------
    ValueError, OSError
        If the data are invalid or missing.
    """
    train, test = load(options)
    options.skeleton, options.train, options.test = train.skeleton, len(train), len(test)
    settings = {name: getattr(options, name) for name in ("train", "test", "stages", "machines", "seed")}
    settings["device"] = describe_device(options.device) if {*options.machines} - {"pm"} else "cpu"
    settings |= {name: getattr(options, name) for name in ("jobs", "flip")}
    settings |= {"crop_size": CROP, "quick": options.quick}
    return Comparison(
        train, test, settings=settings, command=command, name=train.name, labels=LABELS, output=options.output,
        cache=options.trained, n_timed=5 if options.quick else 30, fresh=options.fresh, n_jobs=options.jobs,
        crops_cache=options.cache, began=began,
    )  # fmt: skip


def machines_of(options: argparse.Namespace) -> dict:
    """The untrained machines, by name; the mean pose first if the package ``baselines`` is installed."""
    names = ["mean", *options.machines] if has_baselines() else options.machines
    keys = ("stages", "rounds", "epochs", "seed", "device", "jobs", "flip")
    settings = {key: getattr(options, key) for key in keys}
    return {name: build(name, options.skeleton, options.train, **settings) for name in names}

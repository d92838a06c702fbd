"""The comparison as a command line: read the options, run, print the table."""

from __future__ import annotations

import argparse
import logging
import re
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from ..conv import describe_device
from ..datasets import PoseDataset, load_dataset
from ..datasets.grouping import find_groups
from ..labels import validate
from .comparing import plan_comparison
from .data import load
from .label_options import load_options
from .machines import FORESTS, LABELS, build, has_baselines
from .options import QUICK, parse
from .run import Comparison
from .table import answer_text, table
from .validated import ValidatedComparison

__all__ = ["machines_of", "prepare", "run_command"]

CROP = 128  # px


def run_command(program: str, arguments: list[str] | None = None, *, description: str | None = None) -> int:
    """Run the comparison.

    Parameters
    ----------
    program : str
        What comes before the options, for the command in the report.
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
        command = shlex.join([*program.split(), *given])
        if options.labels is not None:
            _run_on_labels(options, command)
        else:
            _run_on_datasets(options, command, began)
    except KeyboardInterrupt:
        print("\ninterrupted: the report holds the machines that are finished", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run_on_datasets(options: argparse.Namespace, command: str, began: float) -> None:
    comparison = prepare(options, command, began)
    try:
        comparison.run(machines_of(options), verbose=True)
    finally:
        _print(comparison.content, options)


def _run_on_labels(options: argparse.Namespace, command: str) -> None:
    comparison = _prepare_labels(options, command)
    try:
        comparison.run()
    except BaseException:
        comparison.interrupted()
        raise
    finally:
        _print(comparison.content, options)


def _print(report: dict, options: argparse.Namespace) -> None:
    """The tables, and the answer last."""
    if report["machines"]:
        print(f"\n{table(report, parts=options.parts)}\n\nreport: {options.output / 'report.html'}\n")
        print(answer_text(report))


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
    settings["device"] = describe_device(options.device) if {*options.machines} - {*FORESTS} else "cpu"
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


# -- one's own labels -------------------------------------------------------------------------------------------------


def _prepare_labels(options: argparse.Namespace, command: str) -> ValidatedComparison:
    """Load and check the labels; the comparison that the options describe, and has not begun."""
    data = _loaded(options.labels, options)
    test = None
    if options.test_labels is not None:
        test = _loaded(options.test_labels, options)
    elif options.test_groups is not None:
        data, test = _divided(data, options.groups, options.test_groups)
    second = None
    if options.second_labels is not None:
        second = _loaded(options.second_labels, options)
    checked, pairs = (None, None) if options.no_check else _check(data, options)
    if options.quick:
        data, test = data[: QUICK["train"]], test if test is None else test[: QUICK["test"]]
        pairs = None
    keys = ("stages", "rounds", "epochs", "device", "flip")
    building = {key: getattr(options, key) for key in keys} | {"jobs": options.jobs, "seed": options.seed}
    nets = {*options.machines} - {*FORESTS}
    return plan_comparison(
        options.machines, data, test, folds=options.folds, repeats=options.repeats, groups=options.groups,
        near_duplicates=pairs if test is None else None, crop_rule=options.crop_rule or "auto",
        crop_size=options.crop_size, units=options.units, second_labels=second, random_state=options.seed,
        settings={"device": describe_device(options.device) if nets else "cpu", "quick": options.quick},
        building=building, output=options.output, folder=options.output / "trained", thresholds=options.thresholds,
        title=options.title, label_check=checked, curve=not options.no_curve, n_timed=5 if options.quick else 30,
        workers=options.workers, cluster=options.cluster, jobs=options.jobs, minutes=options.minutes,
        name=data.name, command=command, verbose=True,
    )  # fmt: skip


def _loaded(path: Path, options: argparse.Namespace) -> PoseDataset:
    """The data set of a file or folder, after saying what was found in it."""
    log = logging.getLogger("posemachines.datasets")
    level = log.level
    log.setLevel(logging.ERROR)  # the notes are printed here
    try:
        data = load_dataset(path, options.images, **load_options(options))
    finally:
        log.setLevel(level)
    print(f"{data.name}: {len(data)} subjects, {data.skeleton.n_parts} landmarks")
    for note in data.notes:
        print(f"  {note}")
    return data


def _divided(data: PoseDataset, groups: str, pattern: str) -> tuple[PoseDataset, PoseDataset]:
    """The subjects of all other groups, and those of the groups that a pattern names."""
    found = find_groups(data, groups)
    tested = np.array([re.search(pattern, value) is not None for value in found.values])
    if tested.all() or not tested.any():
        some = ", ".join(sorted({*found.values})[:8])
        raise ValueError(
            f"--test-groups {pattern!r} names {'all' if tested.all() else 'none'} of the {found.n_groups} groups "
            f"({found.source}), such as {some}"
        )
    return data[~tested], data[tested]


def _check(data: PoseDataset, options: argparse.Namespace):
    """Numbers of findings in the labels, and pairs of subjects whose photos show nearly the same."""
    found = validate(data, n_jobs=options.jobs, verbose=True)
    levels = [finding.level for finding in found.findings]
    numbers = {f"{level}s": levels.count(level) for level in ("error", "warning", "note")}
    if numbers["errors"] or numbers["warnings"]:
        print(f"  the labels have {numbers['errors']} errors and {numbers['warnings']} warnings")
    return numbers, found.near_duplicates()

"""One call that compares machines: on labelled subjects alone, or on training and test subjects."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets import Crops, PoseDataset
from ..report import Report
from .machines import LABELS, build, full_name, has_baselines
from .plan import make_plan
from .run import Comparison, check_data
from .second_labels import match_labels
from .validated import ValidatedComparison, plan_machines

__all__ = ["compare", "plan_comparison"]

logger = logging.getLogger(__name__)


def compare(
    machines: Mapping[str, Any] | Sequence[str],
    train: PoseDataset | Crops,
    test: PoseDataset | Crops | None = None,
    *,
    folds: int | str = "auto",
    repeats: int | None = None,
    groups: str | Sequence = "auto",
    crop_rule: str = "auto",
    crop_size: str | int | tuple[int, int] = "auto",
    units: str = "auto",
    thresholds: Sequence[float] | None = None,
    second_labels: PoseDataset | None = None,
    minutes: float | None = 10.0,
    workers: int | str = "auto",
    cluster=None,
    output: str | Path | None = None,
    cache: str | Path | None = None,
    name: str | None = None,
    title: str | None = None,
    labels: Mapping[str, str] | None = None,
    n_examples: int = 40,
    n_timed: int = 30,
    fresh: bool = False,
    random_state: int = 0,
    verbose: bool = False,
) -> Report:
    """Train machines on labelled subjects, and find out which to use on new photos.

    Without `test`, machines are cross-validated: every subject is tested by machines that saw neither it nor its group.
    With `test`, machines are trained `repeats` times with different seeds, or once if `repeats` is 1. If `test` or
    `train` are crops, or a machine is fitted already, each machine is trained once at most, and the report names no
    winner: one training does not tell the luck of training from the merit of a machine.

    Parameters
    ----------
    machines : dict of str to machine, or list of str
        Machines by name, untrained or fitted, or names of known ones: "forest" (or "pm"), "net" ("cpm"), "hybrid",
        "reverse", "one-stage", and the baselines if the package ``baselines`` is installed, in which case the mean pose
        is always compared too.
    train : PoseDataset or Crops
        Labelled subjects.
    test : PoseDataset or Crops, optional
        A test set of its own.
    folds : int or "auto", default="auto"
        Folds of the cross-validation: 5, or 3 for more than 150 subjects, whose trainings take longer.
    repeats : int, optional
        Repeats of the cross-validation, 2 by default; trainings for one test set, 1 by default.
    groups : str or sequence, default="auto"
        What must stay together; see :func:`posemachines.datasets.grouping.find_groups`. A set of one recording is
        divided into blocks of time.
    crop_rule : str, default="auto"
        How the subject is found in new photos: "photo", "located", "box", "joints", or chosen by the data; see
        :func:`posemachines.datasets.crop_choice.choose_crop_rule`.
    crop_size : int, (height, width) or "auto"
        In pixels, or chosen by the data.
    units : str, default="auto"
        Of errors; see :func:`posemachines.evaluation.units.parse_units`. "auto" is millimetres where the data have a
        scale, otherwise pixels of the photo.
    thresholds : sequence of float, optional
        Distances, in these units, that count as success; chosen by the data by default.
    second_labels : PoseDataset, optional
        Another person's labels of the same photos.
    minutes : float or None, default=10
        Limit of time: further repeats and the learning curve are left out if they would exceed it. What an answer needs
        is always trained. None sets no limit.
    workers : int or "auto", default="auto"
        Trainings at the same time, each in a process with one thread. "auto" is one for each core, as far as memory
        allows; with few subjects or a GPU, one after the other.
    cluster : str or distributed.Client, optional
        Dask scheduler whose workers train.
    output : path, optional
        Folder for the report (``report.html``, ``.md``, ``.json`` and plots), the machines of the first fold, and
        ``machine.npz``: the chosen machine, trained on everything. It is written as soon as a machine is finished.
    cache : path, optional
        Folder that keeps what was trained between calls: nothing is trained twice, and interrupted training resumes.
    name, title : str, optional
        Name of the data, and title of the report.
    labels : dict of str to str, optional
        Display names of the machines.
    n_examples : int, default=40
        Test subjects in the viewer of the report.
    n_timed : int, default=30
        Test crops on which time and memory are measured.
    fresh : bool, default=False
        Train machines anew that are in the cache; for one training each.
    random_state : int, default=0
        Seed of the folds and of the first training.
    verbose : bool, default=False
        Show progress.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there is no machine, a name is unknown, or the data are invalid.
    ImportError
        If a named machine needs a package that is not installed.

    Examples
    --------
    >>> from posemachines import ConvPoseMachine, PoseMachine, compare, load_dataset
    >>> data = load_dataset("labels.json", images="photos")  # doctest: +SKIP
    >>> report = compare({"forest": PoseMachine(), "net": ConvPoseMachine()}, data)  # doctest: +SKIP
    >>> report.to_html("report.html")  # doctest: +SKIP
    """
    check_data(train, train if test is None else test)
    several = test is None or (repeats or 1) > 1
    if not several:
        planned, known = _plan_once(machines, train, verbose)
        settings = {"machines": [key for key in planned if key != "mean"], "train": len(train), "test": len(test)}  # type: ignore[arg-type]
        once = Comparison(
            train, test, settings=settings, name=name, labels=known | dict(labels or {}), output=output,  # type: ignore[arg-type]
            cache=cache, n_examples=n_examples, n_timed=n_timed, fresh=fresh,
        )  # fmt: skip
        once.run(planned, verbose=verbose)
        return once.report()
    if isinstance(train, Crops) or isinstance(test, Crops):
        raise ValueError(
            "several trainings are planned on photos; pass PoseDatasets, or crops with a test set and repeats=1"
        )
    with tempfile.TemporaryDirectory() as temporary:
        comparison = plan_comparison(
            machines, train, test, folds=folds, repeats=repeats, groups=groups, crop_rule=crop_rule,
            crop_size=crop_size, units=units, second_labels=second_labels, random_state=random_state,
            settings={}, labels=labels, output=output,
            folder=cache or (temporary if output is None else None), thresholds=thresholds, name=name, title=title,
            n_examples=n_examples, n_timed=n_timed, workers=workers, cluster=cluster, minutes=minutes, verbose=verbose,
        )  # fmt: skip
        comparison.run()
        return comparison.report()


def plan_comparison(
    machines,
    train: PoseDataset,
    test: PoseDataset | None,
    *,
    folds: int | str = "auto",
    repeats: int | None = None,
    groups: str | Sequence = "auto",
    near_duplicates=None,
    crop_rule: str = "auto",
    crop_size: str | int | tuple[int, int] = "auto",
    units: str = "auto",
    second_labels: PoseDataset | None = None,
    random_state: int = 0,
    settings: Mapping[str, Any] | None = None,
    building: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    **options,
) -> ValidatedComparison:
    """A comparison with several trainings of each machine, which has not begun.

    Parameters
    ----------
    machines, train, test, folds, repeats, groups, crop_rule, crop_size, units, second_labels, random_state, labels
        See :func:`compare`.
    near_duplicates : iterable of (int, int), optional
        Pairs of subjects whose photos show the same.
    settings : dict, optional
        What the report lists about the run.
    building : dict, optional
        Settings of machines that are given by name; see :func:`posemachines.comparison.machines.build`.
    **options
        Of :class:`.ValidatedComparison`.
    """
    plan = make_plan(
        train, test, n_folds=folds, n_repeats=repeats, groups=groups, near_duplicates=near_duplicates,
        crop_rule=crop_rule, crop_size=crop_size, units=units, random_state=random_state,
    )  # fmt: skip
    for note in plan.notes:
        logger.info(note)
    planned, known = plan_machines(machines, plan, **dict(building or {}))
    second = None if second_labels is None else match_labels(plan.data, second_labels)
    given = {"folds": plan.folds.n_folds, "repeats": plan.folds.n_repeats, "seed": random_state}
    return ValidatedComparison(
        plan, planned, known | dict(labels or {}), settings=given | dict(settings or {}), second_joints=second,
        random_state=random_state, **options,
    )  # fmt: skip


def _plan_once(machines, data: PoseDataset | Crops, verbose: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The machines by name, the mean pose first, and the labels of known ones; each is trained once at most."""
    if isinstance(machines, str):
        machines = [machines]
    if not len(machines):
        raise ValueError('machines is empty; pass a dict of machines by name, or names such as ["forest", "net"]')
    labels = {}
    if isinstance(machines, Mapping):
        planned = dict(machines)
    else:
        labels = {key: LABELS[full_name(key)] for key in machines}
        planned = {key: build(key, data.skeleton, len(data)) for key in machines}
        for machine in planned.values():
            if "verbose" in machine.get_params(deep=False):
                machine.set_params(verbose=verbose)
    if "mean" not in planned and has_baselines():
        planned = {"mean": build("mean", data.skeleton, len(data)), **planned}
        labels["mean"] = LABELS["mean"]
    return planned, labels

"""How machines are tested on labelled data: what is split, how subjects are cropped, the units of errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..datasets import PoseDataset
from ..datasets.crop_choice import CropChoice, CropShape, choose_crop_rule, choose_crop_shape
from ..datasets.grouping import Folds, Groups, find_groups, folds, time_blocks
from ..evaluation.units import Units, parse_units
from ..geometry import crop_shape

__all__ = ["Plan", "join", "make_plan"]

FEW_LABELS = 1000  # subjects below which machines are cross-validated
N_FOLDS, N_FOLDS_OF_MANY, MANY = 5, 3, 150
N_REPEATS, N_SEEDS = 2, 3
BLOCKS_PER_FOLD = 2  # of time, in a set of one recording
_CUT_BY = {
    "photo": "new photos are cropped in the same way: the whole photo",
    "located": "new photos have no labels: a first machine finds the subject on the whole photo",
    "box": "new photos need a bounding box of each subject",
    "joints": "new photos need a box around the landmarks of each subject",
}


@dataclass(frozen=True)
class Plan:
    """A protocol, decided before anything is trained.

    Attributes
    ----------
    data : PoseDataset
        All subjects that take part, with the crop rule.
    groups : Groups
    folds : Folds
        Cross-validation; or one fold, the test set, repeated with several seeds.
    held_out : bool
        Whether the test set is given, not cross-validated.
    rule : CropChoice
    shape : CropShape
    units : Units
        Of the subjects in `data`.
    notes : tuple of str
        Sentences for the user.
    """

    data: PoseDataset
    groups: Groups
    folds: Folds
    held_out: bool
    rule: CropChoice
    shape: CropShape
    units: Units
    notes: tuple[str, ...] = ()

    @property
    def located(self) -> bool:
        """Whether subjects are found without their labels."""
        return self.rule.rule == "located"

    def __iter__(self) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """Repeat, fold, and the indices to train on and to test."""
        for repeat in range(self.folds.n_repeats):
            for fold in [0] if self.held_out else range(self.folds.n_folds):
                yield repeat, fold, self.folds.train(repeat, fold), self.folds.test(repeat, fold)

    def describe(self) -> dict:
        """For the report."""
        sizes = [(len(train), len(test)) for _, _, train, test in self]
        return {
            "kind": "held-out test set" if self.held_out else "cross-validation",
            "groups": self.groups.source,
            "groups_kind": self.groups.kind,
            "n_groups": self.groups.n_groups,
            "one_recording": self.groups.kind == "one recording",
            "gap": self.groups.gap,
            "folds": 1 if self.held_out else self.folds.n_folds,
            "repeats": self.folds.n_repeats,
            "n_train": int(np.median([train for train, _ in sizes])),
            "n_test": int(np.median([test for _, test in sizes])),
            "crop_rule": self.rule.rule,
            "crop_reason": self.rule.reason,
            "new_photos": _CUT_BY.get(self.rule.rule, f"new photos need the {self.rule.rule!r} frame of each subject"),
            "padding": self.data.padding,
            "crop_shape": list(self.shape.shape),
            "shape_reason": self.shape.reason,
            "photo_px_per_crop_px": self.shape.photo_px,
            "units": self.units.name,
        }


def make_plan(
    data: PoseDataset,
    test: PoseDataset | None = None,
    *,
    n_folds: int | str = "auto",
    n_repeats: int | None = None,
    groups: str | Sequence = "auto",
    near_duplicates=None,
    crop_rule: str = "auto",
    crop_size: str | int | tuple[int, int] = "auto",
    units: str | Units = "auto",
    random_state: int = 0,
) -> Plan:
    """Decide how to test machines on labelled subjects.

    Parameters
    ----------
    data : PoseDataset
        Labelled subjects; the training subjects if there is a test set.
    test : PoseDataset, optional
        A test set of its own. Without one, machines are cross-validated.
    n_folds : int or "auto", default="auto"
        "auto" is 5, or 3 for more than 150 subjects, whose trainings take longer.
    n_repeats : int, optional
        Repeats of the cross-validation (2 by default), or trainings with different seeds for one test set (3).
    groups, near_duplicates
        See :func:`posemachines.datasets.grouping.find_groups`. A set of one group is divided into blocks of time.
    crop_rule : str, default="auto"
        See :func:`posemachines.datasets.crop_choice.choose_crop_rule`; any rule of PoseDataset, or "located".
    crop_size : int, (height, width) or "auto"
        See :func:`posemachines.datasets.crop_choice.choose_crop_shape`.
    units : str or Units, default="auto"
        See :func:`posemachines.evaluation.units.parse_units`; "auto" is millimetres where all photos have a scale,
        otherwise pixels of the photo.
    random_state : int, default=0

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If the data cannot be split, or do not have what a rule or unit needs.
    """
    notes = [*data.notes, *(() if test is None else test.notes)]
    train, lost = _labelled(data)
    whole = train if test is None else join(train, test)
    lost += 0 if test is None else len(test) - int(test.labelled.sum())
    if test is not None:
        whole = whole[whole.labelled]
    if lost:
        notes.append(f"{lost} subjects without a labelled landmark are left out")
    found = find_groups(whole, groups, near_duplicates=near_duplicates)
    if test is None:
        if n_folds == "auto":
            n_folds = N_FOLDS_OF_MANY if len(whole) > MANY else N_FOLDS
        divided, found = _cross_validation(whole, found, int(n_folds), n_repeats or N_REPEATS, random_state)
    else:
        found = _within_the_test(whole, found, len(train))
        divided = _held_out(found, len(train), n_repeats or N_SEEDS)
        shared = {*found.values[: len(train)]} & {*found.values[len(train) :]}
        if shared and found.kind not in ("none", "one recording"):
            notes.append(
                f"{len(shared)} groups ({found.source}) are in both training and test data, {min(shared)!r} first: the "
                "figures flatter; leave groups whole"
            )
    notes += [note for note in (*found.notes, *divided.notes) if note not in notes]
    rule = choose_crop_rule(whole) if crop_rule == "auto" else CropChoice(crop_rule, "as asked for", None)
    frame = "joints" if rule.rule == "located" else rule.rule
    if frame != whole.crop_rule or rule.padding is not None:
        whole = whole.with_crop_rule(frame, padding=rule.padding)
    shape = choose_crop_shape(whole, rule.rule)
    if crop_size != "auto":
        height, width = crop_shape(crop_size)
        zoomed = shape.photo_px * max(shape.shape) / max(height, width)
        shape = replace(shape, shape=(int(height), int(width)), reason="as asked for", photo_px=round(zoomed, 2))
    chosen = units if isinstance(units, Units) else parse_units(units, whole)
    notes += [chosen.note] if chosen.note else []
    return Plan(whole, found, divided, test is not None, rule, shape, chosen, tuple(dict.fromkeys(notes)))


def join(first: PoseDataset, second: PoseDataset) -> PoseDataset:
    """Two data sets of the same parts and crop rule as one; what only one of them knows is left out.

    Raises
    ------
    ValueError
        If the parts or crop rules differ.
    """
    if first.skeleton.parts != second.skeleton.parts:
        raise ValueError(
            f"training subjects have the parts {', '.join(first.skeleton.parts)} but test subjects "
            f"{', '.join(second.skeleton.parts)}; give data of the same landmarks"
        )
    if first.crop_rule != second.crop_rule or first.padding != second.padding:
        raise ValueError(
            f"training subjects are cropped by {first.crop_rule!r} (padding {first.padding:.3g}) but test subjects by "
            f"{second.crop_rule!r} ({second.padding:.3g}); give both the same crop rule"
        )
    per_subject = {
        name: [*getattr(first, name), *getattr(second, name)]
        for name in ("photos", "joints", "centre", "person_size", "occluded", "reference_length", "photo_ids", "boxes",
                     "groups", "mm_per_pixel", "extent")
        if getattr(first, name, None) is not None and getattr(second, name, None) is not None
    }  # fmt: skip
    joined = first[:]
    for name in ("occluded", "reference_length", "photo_ids", "boxes", "groups", "mm_per_pixel"):
        setattr(joined, name, None)
    for name, values in per_subject.items():
        setattr(joined, name, values if name == "photos" else np.array(values))
    return joined


def _labelled(data: PoseDataset) -> tuple[PoseDataset, int]:
    kept = data.labelled
    if not kept.any():
        raise ValueError(f"no subject of {data.name!r} has a labelled landmark; label some")
    return data[kept], int((~kept).sum())


def _cross_validation(
    data: PoseDataset, groups: Groups, n_folds: int, n_repeats: int, random_state: int
) -> tuple[Folds, Groups]:
    if groups.is_single:
        n_photos = int(data.photo_numbers().max()) + 1
        groups = time_blocks(data, min(BLOCKS_PER_FOLD * n_folds, n_photos))
    return folds(groups, n_folds, n_repeats, random_state=random_state), groups


def _within_the_test(data: PoseDataset, groups: Groups, n_train: int) -> Groups:
    """Where the test set is one group, such as its folder: what belongs together within it, for the intervals."""
    tested = groups.values[n_train:]
    if len({*tested}) > 1:
        return groups
    alone = data[n_train:].with_groups(None)
    finer = find_groups(alone)
    if finer.is_single:
        finer = find_groups(alone, "none")
    values = np.concatenate([groups.values[:n_train], np.char.add(f"{tested[0]}: ", finer.values)])
    return replace(groups, values=values, source=f"{groups.source}; within the test set, {finer.source}")


def _held_out(groups: Groups, n_train: int, n_seeds: int) -> Folds:
    """One fold, which tests the subjects after the first `n_train`, once per seed."""
    numbers = (np.arange(len(groups)) < n_train).astype(int)
    return Folds(np.tile(numbers, (n_seeds, 1)), replace(groups, order=None, gap=0.0))

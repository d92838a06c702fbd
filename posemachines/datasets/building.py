"""From the records of a reader to a data set."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..io.annotations import Annotations
from ..sides import find_pairs
from ..skeleton import COCO, CPM, FLIC, LSP, MPII, Skeleton
from .matched_photos import match_photos
from .pose_dataset import PoseDataset

__all__ = ["CROP_RULES", "check_crop_rule", "check_split", "dataset_by_rule", "dataset_of", "of_split", "tell"]

CROP_RULES = ("joints", "box", "photo")
"""Rules of the formats that have no rules of their own."""

_PUBLISHED = (COCO, CPM, FLIC, LSP, MPII)
logger = logging.getLogger(__name__)


def check_crop_rule(crop_rule: str, known: tuple[str, ...]) -> None:
    """ValueError for a rule that a data set does not have."""
    if crop_rule not in known:
        raise ValueError(f"crop_rule must be one of {', '.join(map(repr, known))}; got {crop_rule!r}")


def check_split(split: str | None, known: tuple[str, ...]) -> None:
    """ValueError for a split that a data set does not have."""
    if split is not None and split not in known:
        raise ValueError(f"split must be one of {', '.join(known)}; got {split!r}")


def of_split(found: Annotations, split: str | None, path: Path) -> Annotations:
    """The subjects of a published split; all of them for None."""
    if split is None:
        return found
    if found.splits is None:
        raise ValueError(f"{path} does not say who is for validation; divide it: dataset.split(test=0.1)")
    kept = [index for index, value in enumerate(found.splits) if value == split]
    if not kept:
        raise ValueError(f"{path} has no subject in the split {split!r}")
    return found.take(kept)


def tell(name: str, notes: Iterable[str]) -> None:
    """Show the notes about a data set as warnings of the log."""
    for note in notes:
        logger.warning("%s: %s", name, note)


def dataset_by_rule(
    found: Annotations, images: str | Path, source: str | Path, *, crop_rule: str | None, default: str, **options
) -> PoseDataset:
    """The data set of annotations under one of :data:`CROP_RULES`; `options` are those of :func:`dataset_of`.

    The default "box" needs the box of every subject, otherwise the rule is "joints", with a note.
    """
    if crop_rule is not None:
        check_crop_rule(crop_rule, CROP_RULES)
    boxes = found.boxes
    lacking = len(found) if boxes is None else int((~np.isfinite(boxes).all(1) | (boxes[:, 2:] <= 0).any(1)).sum())
    if crop_rule == "box" and lacking:
        raise ValueError(
            f"{source}: {lacking} of {len(found)} subjects have no bounding box, or one without a size; "
            "use crop_rule='joints'"
        )
    rule = crop_rule or default
    if rule == "box" and lacking:
        rule = "joints"
        if lacking < len(found):
            note = f"{lacking} of {len(found)} subjects have no bounding box: crops are cut around the labelled joints"
            found = replace(found, notes=(*found.notes, note))
    return dataset_of(found, images, source, crop_rule=rule, **options)


def dataset_of(
    found: Annotations,
    images: str | Path,
    source: str | Path,
    *,
    crop_rule: str,
    padding: float | None = None,
    centre=None,
    person_size=None,
    side_convention: str = "person",
    limbs=None,
    pairs=None,
    max_missing: float = 0.1,
    rescale: bool = False,
    other_types: bool = False,
) -> PoseDataset:
    """The data set of annotations, with their photos below `images`.

    Parameters
    ----------
    found : Annotations
    images : path
        Folder of the photos.
    source : path
        File of the annotations, for messages.
    crop_rule, padding, centre, person_size, side_convention
        Of :class:`PoseDataset`.
    limbs, pairs : sequence of (part, part), optional
        By default those of the skeleton; left-right pairs that only the names suggest are left out if a sided name has
        no counterpart.
    max_missing : float, default=0.1
        Share of photos that may be missing; their subjects are left out, with a note.
    rescale : bool, default=False
        Scale labels of photos of another resolution to the photos that are there.
    other_types : bool, default=False
        Accept photos of the same name and another type than the labels say.

    Returns
    -------
    PoseDataset
        Its notes are shown as warnings of the log, too.
    """
    skeleton, pairing = _skeleton(found.skeleton, limbs, pairs)
    matched = match_photos(
        found, images, source, centre=centre, person_size=person_size, max_missing=max_missing, rescale=rescale,
        other_types=other_types,
    )  # fmt: skip
    found = matched.found
    notes = [*found.notes, *pairing]
    tell(found.name, notes)
    return PoseDataset(
        matched.photos,
        found.joints,
        skeleton,
        crop_rule=crop_rule,
        padding=padding,
        boxes=found.boxes,
        centre=matched.centre,
        person_size=matched.person_size,
        side_convention=side_convention,
        occluded=found.occluded,
        reference_length=found.reference_length,
        photo_ids=found.photos if found.photo_ids is None else found.photo_ids,
        groups=found.groups,
        groups_source="" if found.groups is None else "the file of the labels",
        mm_per_pixel=found.mm_per_pixel,
        subjects=found.subjects,
        notes=notes,
        name=found.name,
    )


def _skeleton(skeleton: Skeleton, limbs, pairs) -> tuple[Skeleton, list[str]]:
    """The skeleton with the limbs and pairs that were given, or pairs that can be relied on; and notes about pairs."""
    notes: list[str] = []
    if limbs is not None:
        skeleton = replace(skeleton, limbs=tuple(map(tuple, limbs)))
    if pairs is not None:
        skeleton = replace(skeleton, pairs=tuple(map(tuple, pairs)))
        return skeleton, [f"left-right pairs as given: {_listed(skeleton)}"]
    if any(skeleton.parts == one.parts and skeleton.pairs == one.pairs for one in _PUBLISHED):
        return skeleton, notes
    pairing = find_pairs(skeleton.parts)
    by_name = {frozenset(map(skeleton.index, pair)) for pair in pairing.pairs}
    if {frozenset(pair) for pair in skeleton.pairs} <= by_name:
        skeleton = replace(skeleton, pairs=pairing.usable)
        return skeleton, [pairing.note()] if pairing.note() else []
    return skeleton, [f"left-right pairs of the file: {_listed(skeleton)}"]


def _listed(skeleton: Skeleton) -> str:
    return ", ".join(f"{skeleton.parts[a]}/{skeleton.parts[b]}" for a, b in skeleton.pairs) or "none"

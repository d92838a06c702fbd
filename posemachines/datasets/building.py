"""From the records of a reader to a data set."""

from __future__ import annotations

from pathlib import Path

from ..io.annotations import Annotations
from ..io.photo_files import find_photos
from .pose_dataset import PoseDataset

__all__ = ["check_crop_rule", "check_split", "dataset_of", "of_split"]


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


def dataset_of(
    found: Annotations,
    images: str | Path,
    source: str | Path,
    *,
    crop_rule: str,
    padding: float | None = None,
    boxes=None,
    centre=None,
    person_size=None,
    side_convention: str = "person",
) -> PoseDataset:
    """The data set of annotations, with their photos below `images`; `source` is their file, for messages."""
    return PoseDataset(
        find_photos(images, found.photos, Path(source)),
        found.joints,
        found.skeleton,
        crop_rule=crop_rule,
        padding=padding,
        boxes=boxes,
        centre=centre,
        person_size=person_size,
        side_convention=side_convention,
        occluded=found.occluded,
        reference_length=found.reference_length,
        photo_ids=found.photos if found.photo_ids is None else found.photo_ids,
        name=found.name,
    )

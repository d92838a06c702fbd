"""From single points with a part's name, as drawing tools save them, to annotations of whole subjects.

Traps of all such tools: a label is typed twice for one subject, or in two spellings; a part is forgotten in some
photos; several subjects of one photo are told apart by a group number only, which is forgotten, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..sides import find_pairs
from ..skeleton import Skeleton
from .annotations import Annotations

__all__ = ["GROUP_KEYS", "LabelledPoint", "LabelledSubject", "assemble", "is_true", "natural_key"]

GROUP_KEYS = ("group", "video", "animal", "patient", "session", "recording")
"""Names under which files say what belongs together."""
_NAN = float("nan")
_CROWDED = 0.1  # share of subjects that may be left out because they are several in one
_LISTED = 5  # parts and photos that a note lists


@dataclass(frozen=True)
class LabelledPoint:
    """One point: its part, x and y in pixels of the photo (0-based, centres at integers), and whether it is hidden."""

    part: str
    x: float
    y: float
    occluded: bool = False


@dataclass
class LabelledSubject:
    """The points of one subject, and what the file says about it.

    Attributes
    ----------
    photo : str
        As the file names it.
    points : list of LabelledPoint
    box : (x, y, width, height), optional
        x, y of the first pixel.
    size : (width, height)
        Of the photo; NaN where the file does not say.
    group, name, split : str
        Empty where the file does not say.
    """

    photo: str
    points: list[LabelledPoint] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    size: tuple[float, float] = (_NAN, _NAN)
    group: str = ""
    name: str = ""
    split: str = ""


def natural_key(name: str) -> list:
    """Sorts names by their numbers: img2 before img10."""
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in re.split(r"(\d+)", name)]


def is_true(value) -> bool:
    """Whether an attribute says yes: True, 1, "true", "yes", "on"; or a mapping in which something does."""
    if isinstance(value, dict):
        return any(is_true(each) for each in value.values())
    return str(value).strip().lower() in ("true", "1", "yes", "on", "y", "t")


def assemble(
    name: str,
    subjects: Sequence[LabelledSubject],
    source: Path,
    *,
    parts: Sequence[str] = (),
    limbs: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    several: str,
) -> Annotations:
    """Annotations of subjects that are given point by point.

    Parameters
    ----------
    name : str
        Of the data set.
    subjects : sequence of LabelledSubject
        In the order of the file. Those without a point are left out.
    source : path
        For messages.
    parts : sequence of str
        Order of the parts, as far as the file gives one; others follow in the order in which they appear, or of their
        numbers.
    limbs : sequence of (part, part)
    notes : sequence of str
        What the reader has to say; comes first.
    several : str
        How the tool keeps subjects of one photo apart, for messages.

    Returns
    -------
    Annotations
        Of a part that occurs twice in a subject, the first point counts.

    Raises
    ------
    ValueError
        If there is no point, a coordinate is not finite, or many subjects have most of their parts several times.
    """
    said = list(notes)
    labelled = [subject for subject in subjects if subject.points]
    if not labelled:
        raise ValueError(f"{source} has no labelled point")
    labelled = _without_crowds(labelled, source, several, said)
    if empty := _without_empty_boxes(labelled):
        said.append(f"bounding boxes without a size are left out: {empty}")
    order = _order(labelled, parts)
    joints = np.zeros((len(labelled), len(order), 3), np.float32)
    occluded = np.zeros(joints.shape[:2], bool)
    for index, subject in enumerate(labelled):
        for point in reversed(subject.points):  # the first of several wins
            if not (np.isfinite(point.x) and np.isfinite(point.y)):
                raise ValueError(f"{source}: {point.part!r} of {subject.photo} is at ({point.x}, {point.y}), nowhere")
            place = index, order.index(point.part)
            joints[place] = point.x, point.y, 1
            occluded[place] = point.occluded
    said += _spellings(labelled, order)
    said += _omissions(joints[..., 2] > 0, labelled, order)
    known = tuple((first, second) for first, second in limbs if first in order and second in order and first != second)
    return Annotations(
        name,
        [subject.photo for subject in labelled],
        joints,
        Skeleton(name, tuple(order), limbs=known, pairs=find_pairs(order).usable),
        occluded=occluded if occluded.any() else None,
        boxes=_boxes(labelled),
        sizes=_sizes(labelled),
        groups=_texts([subject.group for subject in labelled]),
        subjects=_texts([subject.name for subject in labelled]),
        splits=_texts([subject.split for subject in labelled]),
        notes=tuple(dict.fromkeys(said)),
    )


def _order(subjects: list[LabelledSubject], wanted: Sequence[str]) -> list[str]:
    """The parts that occur: those of a given order, then numbered names by their numbers, or as they appear."""
    there = dict.fromkeys(point.part for subject in subjects for point in subject.points)
    first = [part for part in dict.fromkeys(wanted) if part in there]
    rest = [part for part in there if part not in first]
    if all(re.search(r"\d$", part) for part in rest):
        stems = list(dict.fromkeys(part.rstrip("0123456789") for part in rest))
        rest.sort(key=lambda part: (stems.index(part.rstrip("0123456789")), int(re.findall(r"\d+", part)[-1])))
    return first + rest


def _repeated(subject: LabelledSubject) -> list[str]:
    return [part for part, times in Counter(point.part for point in subject.points).items() if times > 1]


def _without_crowds(
    subjects: list[LabelledSubject], source: Path, several: str, said: list[str]
) -> list[LabelledSubject]:
    """Those that are one subject; the others have more than half of their parts several times."""
    crowds = [each for each in subjects if 2 * len(_repeated(each)) > len({point.part for point in each.points})]
    if len(crowds) > _CROWDED * len(subjects):
        raise ValueError(
            f"{source}: {len(crowds)} of {len(subjects)} subjects have most parts several times, such as "
            f"{_repeated(crowds[0])[0]!r} in {crowds[0].photo}; name each part of a subject differently, and "
            f"{several}"
        )
    if crowds:
        said.append(
            f"left out: {_some(crowds)}, where most parts occur several times; if these are several subjects, {several}"
        )
    kept = [each for each in subjects if not any(each is crowd for crowd in crowds)]
    twice = [(each, part) for each in kept for part in _repeated(each)]
    if twice:
        listing = ", ".join(f"{part!r} in {each.photo}" for each, part in twice[:_LISTED])
        said.append(f"labels that occur twice in a subject, where the first is taken: {listing}{_more(twice)}")
    return kept


def _spellings(subjects: list[LabelledSubject], parts: list[str]) -> list[str]:
    """A note for parts whose names differ in capitals and separators only."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        alike.setdefault(re.sub(r"[\W_]+", "", part).casefold() or part, []).append(part)
    counts = Counter(point.part for subject in subjects for point in subject.points)
    return [
        f"{' and '.join(f'{part!r} ({_times(counts[part])})' for part in names)} differ in spelling only and are "
        "read as different parts; rename one in the files"
        for names in alike.values()
        if len(names) > 1
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _omissions(labelled: np.ndarray, subjects: list[LabelledSubject], parts: list[str]) -> list[str]:
    """A note on the parts that some subjects lack, the rarest first."""
    missing = (~labelled).sum(0)
    rare = [index for index in np.argsort(-missing, kind="stable") if missing[index]]
    if not rare:
        return []
    listing = ", ".join(
        f"{parts[index]!r} of {missing[index]} (first {subjects[int(np.argmin(labelled[:, index]))].photo})"
        for index in rare[:_LISTED]
    )
    return [f"parts that are not labelled in all {len(labelled)} subjects: {listing}{_more(rare)}"]


def _some(subjects: Sequence[LabelledSubject]) -> str:
    return ", ".join(each.photo for each in subjects[:_LISTED]) + _more(subjects)


def _more(values: Sequence) -> str:
    return f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""


def _without_empty_boxes(subjects: list[LabelledSubject]) -> int:
    """Take away boxes that are not finite or have no size; how many there were."""
    empty = [each for each in subjects if each.box is not None and not (np.isfinite(each.box).all() and _area(each))]
    for subject in empty:
        subject.box = None
    return len(empty)


def _area(subject: LabelledSubject) -> bool:
    return subject.box is not None and min(subject.box[2:]) > 0


def _boxes(subjects: list[LabelledSubject]) -> np.ndarray | None:
    if all(subject.box is None for subject in subjects):
        return None
    return np.array([(_NAN,) * 4 if subject.box is None else subject.box for subject in subjects], float)


def _sizes(subjects: list[LabelledSubject]) -> np.ndarray | None:
    sizes = np.array([subject.size for subject in subjects], float)
    return None if np.isnan(sizes).all() else sizes


def _texts(values: list[str]) -> list[str] | None:
    return values if any(values) else None

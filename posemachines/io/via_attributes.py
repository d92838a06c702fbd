"""Which attribute of VIA's regions names the part, and which the subject: the user chose their names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Region", "name_points", "subject_attribute", "value_of"]

_SUBJECTS = ("animal", "individual", "subject", "instance", "object", "specimen", "person", "animal_id", "subject_id")
_GIVEN = 0.9  # share of the points that must have a value
_ONCE = 0.9  # share of the points whose value no other point of their subject has


@dataclass(frozen=True)
class Region:
    """A region of a photo: where it is, and the values of its attributes."""

    photo: str
    x: float
    y: float
    attributes: dict[str, Any]


def subject_attribute(regions: Sequence[Region], wanted: str | None, path: Path) -> str | None:
    """The attribute that tells subjects of one photo apart; None if there is none.

    Raises
    ------
    ValueError
        If no region has the one that is wanted.
    """
    there = _attributes(regions)
    if wanted is not None:
        if wanted not in there:
            raise ValueError(f"{path}: no point has the attribute {wanted!r}; there are {', '.join(there) or 'none'}")
        return wanted
    return next((name for name in there if name.strip().casefold() in _SUBJECTS and _repeats(regions, name)), None)


def name_points(
    regions: Sequence[Region], wanted: str | None, subject: str | None, path: Path, notes: list[str]
) -> tuple[list[str], str]:
    """The part of each point, and the attribute that names it.

    Parameters
    ----------
    regions : sequence of Region
        Points.
    wanted : str or None
        Attribute that names the part, if the user says so.
    subject : str or None
        Attribute that tells subjects apart.
    path : path
        For messages.
    notes : list of str
        Grows by what was recognised.

    Raises
    ------
    ValueError
        If no attribute, or several, may name the part; if a point lacks it.
    """
    there = _attributes(regions)
    if wanted is None and not there:
        return _numbered(regions, path, notes), ""
    if wanted is not None:
        chosen = [wanted] if wanted in there else []
    else:
        chosen = [name for name in there if name != subject and _names_parts(regions, name, subject)]
    if len(chosen) != 1:
        listing = ", ".join(f"{name} ({_examples(regions, name)})" for name in (chosen or there)) or "none"
        why = "several attributes may name the part" if chosen else "no attribute names the part of each point once"
        given = f" {wanted!r}" if wanted else ""
        raise ValueError(f"{path}: {why}{given}; pass attribute=..., one of {listing}")
    if wanted is None:
        notes.append(f"parts are named by the attribute {chosen[0]!r} ({_examples(regions, chosen[0])})")
    names = [value_of(region, chosen[0]) for region in regions]
    lacking = [region.photo for region, name in zip(regions, names, strict=True) if not name]
    if lacking:
        raise ValueError(f"{path}: {len(lacking)} points have no {chosen[0]!r}, the first in {lacking[0]}")
    return names, chosen[0]


def _attributes(regions: Sequence[Region]) -> list[str]:
    """Attributes with a value somewhere."""
    return list(dict.fromkeys(name for region in regions for name in region.attributes if value_of(region, name)))


def value_of(region: Region, name: str) -> str:
    """A value as text; of checkboxes, the only one that is ticked."""
    value = region.attributes.get(name)
    if isinstance(value, dict):
        ticked = [option for option, chosen in value.items() if chosen]
        return ticked[0] if len(ticked) == 1 else ""
    return "" if value is None else str(value).strip()


def _names_parts(regions: Sequence[Region], name: str, subject: str | None) -> bool:
    """Whether nearly all points have a value, and it is that of one point of each subject only."""
    values = [value_of(region, name) for region in regions]
    keys = Counter(
        (region.photo, value_of(region, subject) if subject else "", value)
        for region, value in zip(regions, values, strict=True)
    )
    once = sum(times for (*_, value), times in keys.items() if value and times == 1)
    given = sum(map(bool, values))
    several = len({*filter(None, values)}) > 1 or max(Counter(region.photo for region in regions).values()) == 1
    return given >= _GIVEN * len(regions) and once >= _ONCE * given and several and not _all_differ(regions, values)


def _all_differ(regions: Sequence[Region], values: Sequence[str]) -> bool:
    """Whether no value occurs in two photos: a number of the point, or a comment."""
    photos = defaultdict(set)
    for region, value in zip(regions, values, strict=True):
        photos[value].add(region.photo)
    return len({region.photo for region in regions}) > 1 and all(len(found) == 1 for found in photos.values())


def _repeats(regions: Sequence[Region], name: str) -> bool:
    """Whether points of one photo share a value."""
    values = Counter((region.photo, value_of(region, name)) for region in regions)
    return any(value and times > 1 for (_, value), times in values.items())


def _examples(regions: Sequence[Region], name: str) -> str:
    values = list(dict.fromkeys(filter(None, (value_of(region, name) for region in regions))))
    return ", ".join(values[:4]) + (", ..." if len(values) > 4 else "")


def _numbered(regions: Sequence[Region], path: Path, notes: list[str]) -> list[str]:
    """Points without any attribute: 1, 2, ... in the order in which they were drawn."""
    counts = Counter(region.photo for region in regions)
    numbers = Counter(counts.values())
    if len(numbers) > 1:
        usual = numbers.most_common(1)[0][0]
        odd = next(photo for photo, count in counts.items() if count != usual)
        raise ValueError(
            f"{path}: points have no attribute that names their part, and not all photos have the same number: most "
            f"have {usual}, {odd} has {counts[odd]}; give regions an attribute such as part"
        )
    notes.append("points have no attribute that names their part: they are numbered in the order of drawing")
    seen: Counter[str] = Counter()
    names = []
    for region in regions:
        seen[region.photo] += 1
        names.append(str(seen[region.photo]))
    return names

"""What the columns of a table of landmarks are, by their heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .labelled_points import GROUP_KEYS

__all__ = ["LandmarkColumns", "find_columns"]

_IMAGES = (
    "image", "photo", "picture", "img", "image_path", "image_name", "image_file", "img_path", "img_name", "filename",
    "file_name", "file", "path", "filepath", "file_path", "imagepath", "imagename", "photo_path", "photo_name", "frame",
)  # fmt: skip
_PARTS = ("part", "landmark", "bodypart", "body_part", "keypoint", "joint", "label", "point", "landmark_name", "name")
_SUBJECTS = ("subject", "individual", "specimen", "instance", "person", "id", "subject_id", "specimen_id")
_SPACING = ("mm_per_pixel", "mm_per_px", "pixel_spacing", "spacing_mm")
_SPLITS = ("split", "set", "subset", "partition")
_BOX = r"(?:b?box|bounding_box)[_ .]?"
_BOXES = (rf"{_BOX}(x|left)", rf"{_BOX}(y|top)", rf"{_BOX}(w|width)", rf"{_BOX}(h|height)")
_SIZES = (r"(image|photo|img)[_ .]?width", r"(image|photo|img)[_ .]?height")
_SEEN = ("visible", "visibility", "v")
_HIDDEN = ("occluded", "hidden")
_SCORES = ("likelihood", "score", "confidence", "conf", "probability")
_THIRD = "|".join((*_SEEN, *_HIDDEN, *_SCORES))
_SCHEMES = (  # part and coordinate of a head, in the order of preference
    re.compile(rf"(?P<part>.+?)[ _.\-:/]+(?P<kind>x|y|{_THIRD})", re.I),
    re.compile(r"(?P<kind>x|y)[ _.\-:/]+(?P<part>.+)", re.I),
    re.compile(rf"(?P<kind>x|y|{_THIRD})(?P<part>\d+)", re.I),
    re.compile(r"(?P<part>.*[a-z0-9])(?P<kind>X|Y)"),
)
HELP = (
    "name the columns image, part, x, y with one landmark per row, or image, ear_x, ear_y, nose_x, nose_y, ... with "
    "one subject per row"
)


@dataclass
class LandmarkColumns:
    """Indices of the columns; None, or empty, where there are none of a kind.

    Attributes
    ----------
    image, part, subject, group, spacing, split, video : int, optional
        `part` is set where each row is one landmark.
    points : dict of part: {"x": column, "y": column, "visible", "occluded"}
        Of a table with one landmark per row, one entry without a name.
    box, size : list of int
        x, y, width, height; width, height.
    scores, rest : list of str
        Heads of predicted confidences, and of what is nothing of this.
    """

    image: int | None = None
    part: int | None = None
    subject: int | None = None
    group: int | None = None
    spacing: int | None = None
    split: int | None = None
    video: int | None = None
    points: dict[str, dict[str, int]] = field(default_factory=dict)
    box: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    scores: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def find_columns(heads: Sequence[str], path: Path, group: str | None = None) -> LandmarkColumns:
    """The columns of a table of landmarks.

    Parameters
    ----------
    heads : sequence of C str
    path : Path
        For messages.
    group : str, optional
        Head of the column that says what belongs together; by default one of :data:`.GROUP_KEYS`.

    Raises
    ------
    ValueError
        If there is no column of photos, no landmark, two columns of one name, or a landmark lacks x or y.
    """
    names = [re.sub(r"[ .\-]+", "_", head.strip()).casefold() for head in heads]
    seen = f"{path} has the columns {', '.join(heads)}"
    twice = sorted({head for head in heads if head and list(heads).count(head) > 1})
    if twice:
        raise ValueError(f"{seen}: {', '.join(twice)} occurs twice; rename or remove one")
    found = LandmarkColumns(
        image=_first(names, _IMAGES),
        subject=_first(names, _SUBJECTS),
        group=_first(names, GROUP_KEYS) if group is None else _chosen(heads, group, seen),
        spacing=_first(names, _SPACING),
        split=_first(names, _SPLITS),
        video=_first(names, ("video", "video_path", "video_name")),
        box=_all(names, _BOXES),
        size=_all(names, _SIZES),
    )
    if found.image is None and not {"x", "y"} <= {*names}:
        found.image = _first(names, ("name",))  # with one landmark per row, it is the landmark's
    if found.image is None:
        raise ValueError(f"{seen}, none of them with the names of the photos; {HELP}")
    taken = {found.image, found.subject, found.group, found.spacing, found.split, found.video, *found.box, *found.size}
    free = [index for index, head in enumerate(heads) if index not in taken and head]
    if {"x", "y"} <= {names[index] for index in free}:
        _one_per_row(found, names, free, seen)
    else:
        _many_per_row(found, heads, free, seen)
    if found.subject is None and found.part is not None and "animal" in names:
        found.subject = names.index("animal")
    return found


def _first(names: list[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _all(names: list[str], patterns: Sequence[str]) -> list[int]:
    places = [[index for index, name in enumerate(names) if re.fullmatch(pattern, name)] for pattern in patterns]
    return [each[0] for each in places] if all(places) else []


def _chosen(heads: Sequence[str], wanted: str, seen: str) -> int:
    if wanted not in heads:
        raise ValueError(f"{seen}; got {wanted!r} for the groups, which is none of them")
    return list(heads).index(wanted)


def _one_per_row(found: LandmarkColumns, names: list[str], free: list[int], seen: str) -> None:
    places = {names[index]: index for index in free}
    part = next((places[name] for name in _PARTS if name in places), None)
    if part is None:
        raise ValueError(f"{seen}: x and y, but no column with the names of the landmarks; {HELP}")
    found.part = part
    point = {"x": places["x"], "y": places["y"]}
    for name in (*_SEEN, *_HIDDEN):
        if name in places:
            point.setdefault("visible" if name in _SEEN else "occluded", places[name])
    found.points[""] = point
    found.scores = [name for name in _SCORES if name in places]
    known = {part, *point.values(), *(places[name] for name in found.scores)}
    found.rest = [names[index] for index in free if index not in known]


def _many_per_row(found: LandmarkColumns, heads: Sequence[str], free: list[int], seen: str) -> None:
    read = [_read(heads, free, scheme) for scheme in _SCHEMES]
    sizes = [sum({"x", "y"} <= {*kinds} for kinds in points.values()) for points in read]
    best = max(sizes)
    if not best:
        raise ValueError(f"{seen}, but no x and y of landmarks; {HELP}")
    choices = [points for points, size in zip(read, sizes, strict=True) if size == best]
    if any(_roles(choice) != _roles(choices[0]) for choice in choices[1:]):
        raise ValueError(f"{seen}, which can be read in two ways; {HELP}")
    half = [part for part, kinds in choices[0].items() if len({"x", "y"} & {*kinds}) == 1]
    if half:
        raise ValueError(f"{seen}: of {', '.join(map(repr, half))} there is x or y, but not both; {HELP}")
    known = set()
    for part, kinds in choices[0].items():
        if "x" not in kinds:
            continue
        found.points[part] = {kind: column for kind, column in kinds.items() if kind != "score"}
        known |= {*kinds.values()}
        found.scores += [heads[kinds["score"]]] if "score" in kinds else []
    found.rest = [heads[index] for index in free if index not in known]


def _read(heads: Sequence[str], free: list[int], scheme: re.Pattern) -> dict[str, dict[str, int]]:
    points: dict[str, dict[str, int]] = {}
    for index in free:
        match = scheme.fullmatch(heads[index].strip())
        if match:
            kind = match["kind"].casefold()
            kind = "visible" if kind in _SEEN else "occluded" if kind in _HIDDEN else kind
            points.setdefault(match["part"].strip(), {})["score" if kind in _SCORES else kind] = index
    return points


def _roles(points: dict[str, dict[str, int]]) -> dict[int, tuple[str, str]]:
    return {column: (part, kind) for part, kinds in points.items() for kind, column in kinds.items() if kind in "xy"}

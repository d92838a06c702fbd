"""CVAT's XML, "CVAT for images 1.1" and "CVAT for video 1.1": skeletons, or points with the names of parts.

Traps:

- coordinates count from the photo's top left *corner* (0 to the width): half a pixel is subtracted;
- a part of a skeleton that is ``outside`` is not labelled, whatever its coordinates; ``occluded`` is labelled, hidden;
- a ``<points>`` is a part if it has one point; with several they are numbered in the order in which they were clicked;
- separate points of several subjects are told apart by ``group_id`` only;
- tracks of a video name frames by number, not by file, and repeat every frame between key frames, interpolated: only
  key frames were labelled by a person;
- tasks of a video call their photos ``frame_000012``, without an ending: frame 12 of the video that ``<source>`` names;
- an export of a job or task without labels looks like any other;
- since version 2.1, CVAT turns photos by their EXIF orientation, and the sizes in the file are those of turned photos;
- a document type (DTD) is refused: it may define entities that never stop growing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from .annotations import Annotations
from .cvat_meta import CvatMeta, read_meta
from .files import begins_with
from .labelled_points import LabelledPoint, LabelledSubject, assemble
from .xml_files import read_xml

__all__ = ["read_cvat", "recognise_cvat"]

_FILE = "annotations.xml"  # of an unpacked export
_SHAPES = ("points", "skeleton", "box", "polygon", "polyline", "ellipse", "cuboid", "mask")
_SEVERAL = "group the points of each subject of a photo (Group shapes, G), or label with skeletons"


def recognise_cvat(path: Path) -> str | None:
    """What makes an XML file, or the folder of an unpacked export, CVAT's, in words; None where nothing does."""
    path = Path(path)
    file = path / _FILE if path.is_dir() else path
    if file.suffix.lower() != ".xml" or not re.search(r"<annotations[\s>]", begins_with(file)):
        return None
    return "read as CVAT: the root of the XML is <annotations>"


@dataclass
class _Shape:
    """A point, skeleton or box of one photo."""

    kind: str  # "points", "skeleton" or "box"
    label: str
    owner: str  # group, or track
    points: list[LabelledPoint] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None


@dataclass
class _Photo:
    name: str
    size: tuple[float, float]
    shapes: list[_Shape] = field(default_factory=list)
    split: str = ""
    group: str = ""


def read_cvat(
    path: str | Path,
    *,
    category: str | None = None,
    interpolated: bool = False,
    first_pixel: float = 0.5,
) -> Annotations:
    """Labelled points of an export of a task, a job or a project.

    Parameters
    ----------
    path : path
        XML file, or the folder of an unpacked export.
    category : str, optional
        Label of the skeletons, or of points with several points each; needed where there are several labels.
    interpolated : bool, default=False
        Take the frames between key frames, too.
    first_pixel : float, default=0.5
        Coordinate of the middle of the first pixel: 0.5 as CVAT draws, 0 for files that hold pixel numbers.

    Returns
    -------
    Annotations
        Skeletons if there are any, else points. Limbs are the edges of the skeleton. `splits` are the subsets of a
        project, `groups` its tasks or the video, `subjects` the tracks. A frame of a video is named
        ``video.mp4#frame=12`` unless the export has it as a photo.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not of this format, is damaged, has a document type, or has no labelled points.
    """
    path = Path(path)
    file = path / _FILE if path.is_dir() else path
    root = read_xml(file, "give CVAT's XML file, or the folder of the unpacked export")
    if root.tag != "annotations":
        raise ValueError(f"{file} is not CVAT's: its root is <{root.tag}>, not <annotations>")
    meta = read_meta(root, file)
    counts: Counter[str] = Counter()
    photos = _of_images(root, meta, file, counts)
    notes = _of_tracks(root, meta, file, photos, counts, interpolated)
    _check_points(photos, counts, file)
    subjects, parts, limbs = _subjects(list(photos.values()), meta, category, file, notes)
    if len({subject.name for subject in subjects}) == len(subjects):  # shapes that are no tracks, in a video's export
        for subject in subjects:
            subject.name = ""
    for subject in subjects:
        subject.points = [
            LabelledPoint(point.part, point.x - first_pixel, point.y - first_pixel, point.occluded)
            for point in subject.points
        ]
    other = ", ".join(f"{times} {kind}" for kind, times in counts.items() if kind not in ("points", "skeleton", "box"))
    if other:
        notes.append(f"shapes that are no points are left out: {other}")
    name = meta.name or path.stem
    return assemble(name, subjects, file, parts=parts, limbs=limbs, notes=notes, several=_SEVERAL)


def _of_images(root: Element, meta: CvatMeta, file: Path, counts: Counter[str]) -> dict[str, _Photo]:
    photos = {}
    for image in root.iter("image"):
        name = _text(image, "name", file)
        frame = re.fullmatch(r"(?:.*/)?frame_(\d+)", name)
        size = (_number(image.get("width")), _number(image.get("height")))
        photo = _Photo(meta.frame_name(int(frame[1]), image.get("task_id")) if frame else name, size)
        photo.split = (image.get("subset") or "").lower()
        photo.group = meta.group(image.get("task_id"))
        for shape in image:
            if shape.tag in _SHAPES:
                counts[shape.tag] += 1
                photo.shapes += _read_shape(shape, _text(shape, "label", file), shape.get("group_id") or "", file, name)
        photos[f"{image.get('task_id')} {image.get('id')} {name}"] = photo
    return photos


def _of_tracks(
    root: Element,
    meta: CvatMeta,
    file: Path,
    photos: dict[str, _Photo],
    counts: Counter[str],
    interpolated: bool,
) -> list[str]:
    """Add the frames of tracks to the photos; notes."""
    between = 0
    for track in root.iter("track"):
        label, number = _text(track, "label", file), track.get("id") or "?"
        task = track.get("task_id")
        for shape in track:
            if shape.tag not in _SHAPES:
                continue
            where = f"frame {shape.get('frame')} of track {number}"
            counts[shape.tag] += 1
            if not interpolated and not any(each.get("keyframe", "1") == "1" for each in (shape, *shape)):
                between += 1
                continue
            if shape.get("outside") == "1":
                continue
            frame = _frame_number(shape, file, where)
            key = f"{task} track {frame}"
            if key not in photos:
                photos[key] = _Photo(meta.frame_name(frame, task), meta.size)
                photos[key].group = meta.group(task) or meta.source(task)
                photos[key].split = (track.get("subset") or "").lower()
            # separate points belong together by their group; a skeleton is a subject of its own
            owner = track.get("group_id") or ("" if shape.tag != "skeleton" else f"track {number}")
            photos[key].shapes += _read_shape(shape, label, owner, file, where)
    if between:
        return [f"{between} shapes between key frames, which CVAT interpolated, are left out"]
    return []


def _frame_number(shape: Element, file: Path, where: str) -> int:
    text = _text(shape, "frame", file)
    if not text.isdigit():
        raise ValueError(f"{file}: {where} has the frame {text!r}, which is not a number")
    return int(text)


def _read_shape(shape: Element, label: str, owner: str, file: Path, where: str) -> list[_Shape]:
    """The points of a shape, still counted from the corner; nothing for shapes of other kinds."""
    if shape.tag == "skeleton":
        points = [
            LabelledPoint(_text(each, "label", file), *_coordinates(each, file, where)[0], each.get("occluded") == "1")
            for each in shape.iter("points")
            if each.get("outside") != "1"
        ]
        return [_Shape("skeleton", label, owner, points)]
    if shape.tag == "points":
        hidden = shape.get("occluded") == "1"
        found = _coordinates(shape, file, where)
        return [_Shape("points", label, owner, [LabelledPoint(label, x, y, hidden) for x, y in found])]
    if shape.tag == "box" and not float(shape.get("rotation") or 0) % 360:  # a turned box is no bounding box
        left, top, right, bottom = (_number(shape.get(side)) for side in ("xtl", "ytl", "xbr", "ybr"))
        return [_Shape("box", label, owner, box=(left, top, right - left, bottom - top))]
    return []


def _coordinates(shape: Element, file: Path, where: str) -> list[tuple[float, float]]:
    text = shape.get("points") or ""
    try:
        return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split(";"))]
    except ValueError:
        raise ValueError(
            f"{file}: {shape.get('label')!r} in {where} has the points {text!r}, not x,y;x,y;..."
        ) from None


def _check_points(photos: dict[str, _Photo], counts: Counter[str], file: Path) -> None:
    if counts["points"] or counts["skeleton"]:
        return
    if counts:
        there = ", ".join(f"{times} {kind}" for kind, times in counts.items())
        raise ValueError(f"{file} has no points and no skeletons, only {there}; label the parts with points")
    raise ValueError(
        f"{file} is an empty export: {len(photos)} photos, no annotation; save the labels in CVAT, and export the task "
        "or job that has them"
    )


def _subjects(
    photos: list[_Photo], meta: CvatMeta, category: str | None, file: Path, notes: list[str]
) -> tuple[list[LabelledSubject], list[str], list[tuple[str, str]]]:
    """The subjects of all photos, the order of their parts, and limbs."""
    shapes = [shape for photo in photos for shape in photo.shapes]
    skeletons = [shape for shape in shapes if shape.kind == "skeleton"]
    points = [shape for shape in shapes if shape.kind == "points"]
    if skeletons:
        label = _only_label(skeletons, category, "skeletons", file)
        if points:
            notes.append(f"points beside the skeletons are left out: {len(points)}")
        chosen = [(photo, shape) for photo in photos for shape in photo.shapes if shape.kind == "skeleton"]
        found = [_subject(photo, [shape], shape.owner) for photo, shape in chosen if shape.label == label]
        return found, meta.parts(label), meta.limbs(label)
    if all(len(shape.points) == 1 for shape in points):
        found = [
            _subject(photo, [shape for shape in photo.shapes if shape.kind == "points" and shape.owner == owner], owner)
            for photo in photos
            for owner in dict.fromkeys(shape.owner for shape in photo.shapes if shape.kind == "points")
        ]
        return found, meta.labels, []
    label = _only_label(points, category, "points", file)
    chosen = [(photo, shape) for photo in photos for shape in photo.shapes if shape.kind == "points"]
    found = [_subject(photo, [_numbered(shape)], shape.owner) for photo, shape in chosen if shape.label == label]
    _check_numbers(found, label, file)
    notes.append(f"the points of {label!r} have no names: they are numbered in the order in which they were clicked")
    return found, [], []


def _only_label(shapes: list[_Shape], category: str | None, what: str, file: Path) -> str:
    labels = list(dict.fromkeys(shape.label for shape in shapes))
    chosen = labels if category is None else [label for label in labels if label == category]
    if len(chosen) != 1:
        given = "" if category is None else f"; got {category!r}"
        raise ValueError(f"{file}: give category=..., a label of its {what}: {', '.join(map(repr, labels))}{given}")
    return chosen[0]


def _numbered(shape: _Shape) -> _Shape:
    points = [LabelledPoint(str(n), point.x, point.y, point.occluded) for n, point in enumerate(shape.points, 1)]
    return _Shape(shape.kind, shape.label, shape.owner, points)


def _check_numbers(subjects: list[LabelledSubject], label: str, file: Path) -> None:
    counts = Counter(len(subject.points) for subject in subjects)
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        odd = next(subject for subject in subjects if len(subject.points) != usual)
        raise ValueError(
            f"{file}: most {label!r} have {usual} points, but one of {odd.photo} has {len(odd.points)}: points without "
            "names must all be there, in the same order; label the parts with skeletons, or mend this one"
        )


def _subject(photo: _Photo, shapes: list[_Shape], owner: str) -> LabelledSubject:
    """A subject with its box: the one of its group, or the only one of a photo with one subject."""
    boxes = [shape for shape in photo.shapes if shape.kind == "box"]
    own = [shape for shape in boxes if owner and shape.owner == owner]
    others = {shape.owner if shape.kind == "points" else id(shape) for shape in photo.shapes if shape.kind != "box"}
    chosen = own or (boxes if len(others) == 1 else [])
    return LabelledSubject(
        photo.name,
        [point for shape in shapes for point in shape.points],
        box=chosen[0].box if len(chosen) == 1 else None,
        size=photo.size,
        group=photo.group,
        name=owner if owner.startswith("track") else "",
        split=photo.split,
    )


def _text(element: Element, name: str, file: Path) -> str:
    text = element.get(name)
    if not text:
        raise ValueError(f"{file}: a <{element.tag}> has no {name}; the file is damaged, or of another format")
    return text


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")

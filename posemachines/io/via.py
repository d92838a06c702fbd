"""The VGG Image Annotator's files, version 1 and 2: a project, or annotations as JSON or CSV.

Traps:

- the part is in an attribute of the region, whose name the user chose; there may be others, such as visibility;
- points are rounded to whole numbers by the browser; at natural size they are the numbers of the pixels, from 0, so
  nothing is subtracted (other browser tools count from the corner);
- photos are listed under their name and size in bytes, without their folder: two of one name cannot be told apart;
- regions are a list, or in version 1 a mapping; points may be mixed with polygons and rectangles;
- the CSV file holds JSON in its cells, and a photo without regions has a row, too;
- several subjects of one photo are told apart by an attribute at best;
- version 3 writes another format;
- the browser turns photos by their EXIF orientation, so labels fit photos that are turned upright.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from .annotations import Annotations
from .files import begins_with, read_json
from .labelled_points import GROUP_KEYS, LabelledPoint, LabelledSubject, assemble, is_true
from .via_attributes import Region, name_points, subject_attribute, value_of
from .via_files import is_version_3, photos_of_csv, photos_of_json

__all__ = ["read_via", "recognise_via"]

_JSON = re.compile(r'"(_via_img_metadata|shape_attributes|regions)"\s*:')
_HIDDEN = ("occluded", "hidden", "invisible")
_SEVERAL = "give regions an attribute such as animal, whose value tells the subjects apart"


def recognise_via(path: Path) -> str | None:
    """What makes a JSON or CSV file VIA's, in words; None where nothing does."""
    path = Path(path)
    start = begins_with(path)
    if path.suffix.lower() == ".csv":
        heads = start.splitlines()[:1]
        return "read as VIA: the column region_shape_attributes" if heads and "region_shape_attr" in heads[0] else None
    if path.suffix.lower() != ".json":
        return None
    try:
        if _JSON.search(start) and photos_of_json(read_json(path)) is not None:
            return "read as VIA: photos with regions"
        if '"project"' in start and is_version_3(read_json(path)):
            return "read as VIA: a project of version 3"
    except (OSError, ValueError):
        pass
    return None


def read_via(
    path: str | Path, *, attribute: str | None = None, subject: str | None = None, first_pixel: float = 0
) -> Annotations:
    """Labelled points of a project or an export.

    Parameters
    ----------
    path : path
        JSON or CSV.
    attribute : str, optional
        Attribute of the regions that names the part; by default the one whose values differ within each subject.
    subject : str, optional
        Attribute of the regions that tells subjects of one photo apart; by default one called animal, individual,
        subject, instance, object, specimen or person.
    first_pixel : float, default=0
        Coordinate of the middle of the first pixel.

    Returns
    -------
    Annotations
        One subject per photo and value of `subject`. Without attributes, points are numbered in the order in which
        they were drawn, if all subjects have the same number. A rectangle is the box of the subject with its value,
        or of the only one of its photo. A point is occluded if an attribute of this name says so. `groups` are the
        photos' attributes video, animal, patient, ...

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not of this format, is of version 3, or has no points; if no attribute, or several, may name
        the part; if two photos have the same name.
    """
    path = Path(path)
    photos, default_folder, parts = _read(path)
    _check_names(photos, path)
    notes: list[str] = []
    left_out: Counter[str] = Counter()
    regions, boxes = _regions(photos, path, left_out)
    if not regions:
        drawn = ", ".join(left_out) or "no regions"
        raise ValueError(f"{path} has {len(photos)} photos and no point ({drawn}); label the parts with points")
    subject = subject_attribute(regions, subject, path)
    names, attribute = name_points(regions, attribute, subject, path, notes)
    subjects: dict[tuple[str, str], LabelledSubject] = {}
    for region, name in zip(regions, names, strict=True):
        owner = value_of(region, subject) if subject else ""
        hidden = any(is_true(region.attributes.get(flag, False)) for flag in _HIDDEN)
        found = subjects.setdefault((region.photo, owner), LabelledSubject(region.photo))
        found.points.append(LabelledPoint(name, region.x - first_pixel, region.y - first_pixel, hidden))
    _give_boxes(subjects, boxes, subject, left_out)
    groups = {photo["filename"]: _group(photo) for photo in photos}
    for one in subjects.values():
        one.group = groups[one.photo]
        if not one.photo.startswith(("/", "http:", "https:")):
            one.photo = f"{default_folder}{one.photo}"
    notes += [f"{what}: {times}" for what, times in left_out.items()]
    order = parts.get(attribute, [])
    return assemble(path.stem, list(subjects.values()), path, parts=order, notes=notes, several=_SEVERAL)


def _read(path: Path) -> tuple[list[dict[str, Any]], str, dict[str, list[str]]]:
    """The photos, the folder that their names are relative to, and the values of each attribute in order."""
    if path.suffix.lower() == ".csv":
        return photos_of_csv(path), "", {}
    content = read_json(path)
    if is_version_3(content):
        raise ValueError(
            f"{path} is a project of VIA 3, which is not read; label points with VIA 2, or export to a format such as "
            "COCO"
        )
    photos = photos_of_json(content)
    if photos is None:
        raise ValueError(f"{path} is not VIA's: it has no photos with filename and regions")
    core = (content.get("_via_settings") or {}).get("core") or {}
    folder = str(core.get("default_filepath") or "").replace("\\", "/")
    kinds = (content.get("_via_attributes") or {}).get("region") or {}
    options = {name: list(kind.get("options") or {}) for name, kind in kinds.items() if isinstance(kind, dict)}
    return photos, folder if not folder or folder.endswith("/") else f"{folder}/", options


def _check_names(photos: list[dict[str, Any]], path: Path) -> None:
    names = Counter(photo["filename"] for photo in photos)
    twice = [photo for photo in photos if names[photo["filename"]] > 1]
    if twice:
        sizes = " and ".join(str(photo.get("size")) for photo in twice if photo["filename"] == twice[0]["filename"])
        raise ValueError(
            f"{path} has two photos called {twice[0]['filename']}, of {sizes} bytes: VIA forgets their folders, so "
            "they cannot be told apart; rename the photos, or label each folder in a project of its own"
        )


def _regions(
    photos: list[dict[str, Any]], path: Path, left_out: Counter[str]
) -> tuple[list[Region], list[tuple[Region, tuple[float, float, float, float]]]]:
    """Points, and rectangles with x, y, width and height."""
    points, boxes = [], []
    for photo in photos:
        for shape, attributes in photo["regions"]:
            name = photo["filename"]
            kind = shape.get("name")
            if kind == "point":
                x, y = _numbers(shape, ("cx", "cy"), name, path)
                points.append(Region(name, x, y, attributes))
            elif kind == "rect":
                x, y, width, height = _numbers(shape, ("x", "y", "width", "height"), name, path)
                boxes.append((Region(name, x, y, attributes), (x, y, width, height)))
            elif kind:
                left_out[f"regions that are no points are left out ({kind})"] += 1
    return points, boxes


def _numbers(shape: dict[str, Any], names: tuple[str, ...], photo: str, path: Path) -> list[float]:
    try:
        return [float(shape[name]) for name in names]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: a {shape.get('name')} of {photo} lacks one of {', '.join(names)}: {shape}") from None


def _give_boxes(subjects: dict, boxes: list, subject: str | None, left_out: Counter[str]) -> None:
    for region, box in boxes:
        of_photo = [each for (photo, _), each in subjects.items() if photo == region.photo]
        owner = subjects.get((region.photo, value_of(region, subject) if subject else ""))
        owner = owner or (of_photo[0] if len(of_photo) == 1 else None)
        if owner is None or owner.box is not None:
            left_out["rectangles that are no subject's are left out"] += 1
        else:
            owner.box = box


def _group(photo: dict[str, Any]) -> str:
    attributes = photo.get("file_attributes") or {}
    return next((str(attributes[key]) for key in GROUP_KEYS if attributes.get(key) not in (None, "")), "")

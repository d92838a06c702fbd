"""dlib's XML of image data sets, as its tool imglab writes it.

Traps: a part's name is text, and ``0`` and ``00`` are two parts; parts may be missing, and their order in the file says
nothing; a box with ``ignore="1"`` is no subject; the header may say ISO-8859-1; dlib and imglab show photos as they are
stored, whatever their EXIF orientation says; dlib reads whole pixels only, and refuses a file with decimals. Pixels
count from 0, at their centres.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from .._utils.replacing import replacing
from ..photos import photo_size
from .annotations import Annotations
from .files import begins_with
from .labelled_points import LabelledPoint, LabelledSubject, assemble, natural_key
from .written import enclosing_boxes, lost, photo_files, relative_names
from .xml_files import read_xml

__all__ = ["read_imglab", "recognise_imglab", "write_imglab"]


def recognise_imglab(path: Path) -> str | None:
    """What makes a file dlib's, in words; None where nothing does."""
    if path.suffix.lower() != ".xml" or not path.is_file():
        return None
    start = begins_with(path)
    return "read as dlib's XML: dataset and images" if "<dataset" in start and "<images" in start else None


def read_imglab(path: str | Path, *, category: str | None = None) -> Annotations:
    """Boxes with labelled parts, in the order of the file.

    Parameters
    ----------
    path : path
    category : str, optional
        Label of the boxes to read; by default all.

    Returns
    -------
    Annotations
        Parts are sorted by name, with numbers in their order. Boxes that are to be ignored, or have no part, are left
        out.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format, has a document type, no part, no box of the category, or a value that is not
        a number.
    """
    path = Path(path)
    root = read_xml(path)
    images = root.find("images")
    if root.tag != "dataset" or images is None:
        raise ValueError(f"{path} is not dlib's XML: it has <{root.tag}>, expected <dataset> with <images>")
    subjects = []
    labels: Counter[str] = Counter()
    ignored = without = 0
    for image in images.iter("image"):
        for box in image.iter("box"):
            label = (box.findtext("label") or "").strip()
            ignored += (is_ignored := box.get("ignore") == "1")
            if is_ignored or (category is not None and label != category):
                labels[label] += not is_ignored
                continue
            subject = _subject(image, box, path)
            without += not subject.points
            labels[label] += bool(subject.points)
            subjects.append(subject)
    named = [name for name in labels if name]
    if category is not None and category not in named:
        raise ValueError(f"{path} has no box with the label {category!r}; it has {', '.join(named) or 'no labels'}")
    notes = [f"boxes that dlib ignores are left out: {ignored}"] if ignored else []
    notes += [f"boxes without parts are left out: {without}"] if without else []
    if category is None and len(named) > 1:
        listing = ", ".join(f"{name!r} ({labels[name]})" for name in named)
        notes.append(f"boxes of several labels are read as one kind of subject: {listing}; category chooses one")
    parts = sorted(
        {point.part for each in subjects for point in each.points}, key=lambda part: (natural_key(part), part)
    )
    found = assemble(path.stem, subjects, path, parts=parts, notes=notes, several="give each subject a box of its own")
    return replace(found, stored=True)


def _subject(image: ElementTree.Element, box: ElementTree.Element, path: Path) -> LabelledSubject:
    photo = image.get("file")
    if not photo:
        raise ValueError(f"{path}: an image has no attribute 'file'")
    where = f"{path}: box of {photo}"
    left, top, width, height = (_number(box, name, where) for name in ("left", "top", "width", "height"))
    size = tuple(_number(image, name, where) if image.get(name) else float("nan") for name in ("width", "height"))
    points = []
    for part in box.iter("part"):
        name = part.get("name")
        if not name:
            raise ValueError(f"{where}: a part has no name")
        x, y = (_number(part, axis, f"{where}, part {name!r}") for axis in "xy")
        points.append(LabelledPoint(name, x, y))
    return LabelledSubject(photo, points, box=(left, top, width, height), size=(size[0], size[1]))


def _number(element: ElementTree.Element, name: str, where: str) -> float:
    value = element.get(name)
    if value is None:
        raise ValueError(f"{where} has no attribute {name!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{where}: {name} is not a number: {value!r}") from None


def write_imglab(path: str | Path, dataset, *, decimals: bool = False) -> list[str]:
    """Write labels as dlib reads them.

    Parameters
    ----------
    path : path
        Of the XML file. Photos are named relative to its folder.
    dataset : PoseDataset
        With photos in files, as they are stored (``#stored`` where they have an EXIF orientation).
    decimals : bool, default=False
        Keep the decimals of coordinates, which dlib and imglab do not read.

    Returns
    -------
    list of str
        What the file does not hold, and how far labels were moved to whole pixels.

    Raises
    ------
    ValueError
        If a photo is an array.
    """
    photos, names = photo_files(dataset), relative_names(dataset, Path(path).parent)
    root = ElementTree.Element("dataset")
    ElementTree.SubElement(root, "name").text = dataset.name
    images = ElementTree.SubElement(root, "images")
    entries: dict[str, ElementTree.Element] = {}
    moved = 0.0
    boxes = enclosing_boxes(dataset)
    for index, photo in enumerate(photos):
        if photo not in entries:
            width, height = photo_size(photo)
            name = names[index].removesuffix("#stored")
            entries[photo] = ElementTree.SubElement(
                images, "image", file=name, width=str(width), height=str(height)
            )  # fmt: skip
        joints = np.asarray(dataset.joints[index], float)
        moved = max(moved, _add_box(entries[photo], dataset.skeleton.parts, joints, boxes[index], decimals))
    ElementTree.indent(root, " ")
    with replacing(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    notes = lost(dataset, "dlib's XML", held=("boxes",))
    if dataset.boxes is None:
        notes.append("the boxes in the file are those of the labelled joints: the data set has none")
    if moved > 0:
        notes.append(f"labels were moved to whole pixels, by up to {moved:.2f} px: dlib reads no others")
    return notes


def _add_box(
    image: ElementTree.Element, parts: tuple[str, ...], joints: np.ndarray, box: np.ndarray, decimals: bool
) -> float:
    """Add a subject; how far its joints were moved, in pixels along an axis."""
    written = joints[:, :2] if decimals else np.rint(joints[:, :2])
    if not decimals:
        low, high = np.floor(box[:2]), np.ceil(box[:2] + box[2:])
        box = np.concatenate([low, high - low])
    left, top, width, height = map(_text, box)
    element = ElementTree.SubElement(image, "box", top=top, left=left, width=width, height=height)
    for part, (x, y), seen in zip(parts, written, joints[:, 2], strict=True):
        if seen:
            ElementTree.SubElement(element, "part", name=part, x=_text(x), y=_text(y))
    return float(np.abs(written - joints[:, :2])[joints[:, 2] > 0].max(initial=0))


def _text(value: float) -> str:
    return f"{float(value):.9g}"

"""labelme's JSON files, written: one per photo, with the list of labels beside them.

Traps: labelme counts from the photo's corner, half a pixel away from the centre of the first pixel; it turns photos by
their EXIF orientation; it opens neither pages of a file nor frames of a video, so that such pictures are embedded.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.json_files import write_json
from .._utils.replacing import replacing
from .photo_files import photo_size

__all__ = ["LABELS", "file_stems", "write_labelme"]

LABELS = "labels.txt"
"""File beside the JSON files in which labelme keeps the list of labels; it sets the order of the parts."""
_HALF = 0.5  # the middle of the first pixel
_VERSION = "5.4.0"  # of labelme, whose files these resemble


def write_labelme(path: str | Path, dataset) -> list[str]:
    """Write labels as labelme does, to be corrected there: ``labelme FOLDER --labels FOLDER/labels.txt``.

    Parameters
    ----------
    path : path
        Folder; one JSON file per photo, named like the photo, and ``labels.txt``. Files of the same names are replaced.
    dataset : PoseDataset
        Subjects of one photo get numbers as their ``group_id``. Photos in files are named relative to the folder;
        arrays, pages, frames and photos without their EXIF orientation are embedded.

    Returns
    -------
    list of str
        What the files do not hold.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder = Path(path)
    parts = dataset.skeleton.parts
    photos: dict[Any, list[int]] = {}
    for index, photo in enumerate(dataset.photos):
        photos.setdefault(str(photo) if isinstance(photo, str | Path) else id(photo), []).append(index)
    stems = file_stems([dataset.photos[indices[0]] for indices in photos.values()])
    for stem, indices in zip(stems, photos.values(), strict=True):
        shapes = [
            shape
            for number, index in enumerate(indices, 1)
            for shape in _shapes(dataset, index, number if len(indices) > 1 else None)
        ]
        content = {"version": _VERSION, "flags": {}, "shapes": shapes, **_picture(dataset, indices[0], folder, stem)}
        write_json(content, folder / f"{stem}.json")
    with replacing(folder / LABELS) as temporary:
        temporary.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return _lost(dataset)


def file_stems(photos: list) -> list[str]:
    """A file name per photo: that of the photo, with its folder or a number where names repeat."""
    names = [Path(_plain(photo) or f"photo{number:04d}").stem for number, photo in enumerate(photos)]
    taken: dict[str, int] = {}
    stems = []
    for name, photo in zip(names, photos, strict=True):
        stem = name
        if names.count(name) > 1 and _plain(photo):
            stem = f"{Path(_plain(photo)).parent.name}_{name}"
        taken[stem] = taken.get(stem, 0) + 1
        stems.append(stem if taken[stem] == 1 else f"{stem}_{taken[stem]}")
    return stems


def _plain(photo) -> str:
    """The path of a photo's file, without options; empty for an array."""
    if not isinstance(photo, str | Path):
        return ""
    return str(photo) if Path(photo).is_file() else str(photo).rpartition("#")[0] or str(photo)


def _shapes(dataset, index: int, group: int | None) -> list[dict[str, Any]]:
    shapes = []
    for part, (x, y, seen) in zip(dataset.skeleton.parts, dataset.joints[index].tolist(), strict=True):
        if seen:
            shapes.append(_shape(part, [[x + _HALF, y + _HALF]], "point", group))
            if dataset.occluded is not None and dataset.occluded[index][dataset.skeleton.index(part)]:
                shapes[-1]["flags"] = {"occluded": True}
    boxes = getattr(dataset, "boxes", None)
    if boxes is not None and np.isfinite(boxes[index]).all():
        x, y, width, height = np.asarray(boxes[index], float).tolist()
        shapes.append(_shape(dataset.skeleton.name, [[x, y], [x + width, y + height]], "rectangle", group))
    return shapes


def _shape(label: str, points: list[list[float]], kind: str, group: int | None) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "description": "", "shape_type": kind, "flags": {}}


def _picture(dataset, index: int, folder: Path, stem: str) -> dict[str, Any]:
    """How the file names its photo, or holds it."""
    photo = dataset.photos[index]
    if isinstance(photo, str | Path) and Path(photo).is_file():
        width, height = photo_size(photo)
        return {"imagePath": _relative(Path(photo), folder), "imageData": None, "imageHeight": height,
                "imageWidth": width}  # fmt: skip
    import cv2

    pixels = dataset.photo(index)
    data = base64.b64encode(cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes()).decode()
    return {"imagePath": f"{stem}.png", "imageData": data, "imageHeight": pixels.shape[0],
            "imageWidth": pixels.shape[1]}  # fmt: skip


def _relative(photo: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(photo.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return photo.resolve().as_posix()


def _lost(dataset) -> list[str]:
    lacking = {
        "groups": "which video, animal or patient a photo belongs to",
        "mm_per_pixel": "the spacing of the pixels",
        "reference_length": "reference lengths",
    }
    kept = [text for name, text in lacking.items() if getattr(dataset, name, None) is not None]
    return [f"labelme's files do not hold {', '.join(kept)}"] if kept else []

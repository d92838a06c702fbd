"""YOLO-pose, written: a text file per photo, and ``data.yaml``.

Traps: every subject needs a box and a class; YOLO looks for photos under ``images``, beside ``labels``, and takes one
file per photo; labels outside the photo make YOLO leave the photo out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..photos import photo_size
from .written import bare_names, common_folder, enclosing_boxes, lost, photo_files, split_option

__all__ = ["write_yolo"]

_HALF = 0.5  # the centre of the first pixel


def write_yolo(path: str | Path, dataset) -> list[str]:
    """Write labels as YOLO-pose reads them.

    Parameters
    ----------
    path : path
        Folder, in which ``labels`` and ``data.yaml`` are written. Photos in its folder ``images`` stay where they are;
        others are not copied.
    dataset : PoseDataset
        With photos in files, of different names.

    Returns
    -------
    list of str
        What the files do not hold.

    Raises
    ------
    ValueError
        If a photo is an array, a page or a frame, or two differ in their suffix only.
    """
    folder = Path(path)
    photos = photo_files(dataset)
    for photo in photos:
        if split_option(photo)[1]:
            raise ValueError(f"{photo} is part of a file; YOLO-pose takes one file per photo: save it as one first")
    inside = all((folder / "images").resolve() in Path(photo).resolve().parents for photo in photos)
    names = bare_names(dataset, folder / "images" if inside else common_folder(dataset))
    stems = {Path(name).with_suffix("").as_posix(): name for name in names}
    if len(stems) < len(set(names)):
        raise ValueError(f"photos of {dataset.name!r} differ in their suffix only; YOLO-pose names labels without it")
    lines: dict[str, list[str]] = {}
    outside = 0
    boxes = enclosing_boxes(dataset)
    for index, name in enumerate(names):
        size = np.array(photo_size(photos[index]), float)
        shares = (np.asarray(dataset.joints[index, :, :2], float) + _HALF) / size
        box = np.concatenate([(boxes[index, :2] + boxes[index, 2:] / 2) / size, boxes[index, 2:] / size])
        seen = dataset.joints[index, :, 2] > 0
        outside += int((seen & ((shares < 0) | (shares > 1)).any(-1)).sum())
        codes = np.where(seen, 2, 0)
        if dataset.occluded is not None:
            codes[seen & dataset.occluded[index]] = 1
        lines.setdefault(name, []).append(_line(box, shares, codes))
    for name, of_photo in lines.items():
        with replacing(folder / "labels" / Path(name).with_suffix(".txt")) as temporary:
            temporary.write_text("\n".join(of_photo) + "\n", encoding="utf-8")
    with replacing(folder / "data.yaml") as temporary:
        temporary.write_text(_settings(dataset.skeleton), encoding="utf-8")
    return _notes(dataset, folder, inside, outside)


def _line(box: np.ndarray, shares: np.ndarray, codes: np.ndarray) -> str:
    points = [f"{x:.9g} {y:.9g} {code}" if code else "0 0 0" for (x, y), code in zip(shares, codes, strict=True)]
    return " ".join(["0", *(f"{value:.9g}" for value in box), *points])


def _settings(skeleton) -> str:
    import yaml

    content = {
        "train": "images",
        "val": "images",
        "names": {0: skeleton.name},
        "kpt_shape": [skeleton.n_parts, 3],
        "flip_idx": list(skeleton.flip_order),
        "kpt_names": {0: list(skeleton.parts)},
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _notes(dataset, folder: Path, inside: bool, outside: int) -> list[str]:
    held = ("occluded", "boxes", "pairs") if dataset.skeleton.pairs else ("occluded", "boxes")
    notes = lost(dataset, "YOLO-pose", held=held)
    if dataset.boxes is None:
        notes.append("the boxes in the files are those of the labelled joints: the data set has none")
    if not inside:
        notes.append(f"photos are not copied; to train YOLO, put them into {folder / 'images'}")
    if outside:
        notes.append(f"{outside} labelled joints lie outside their photos, which YOLO will leave out")
    notes.append("data.yaml names the same photos for training and validation; divide them before training YOLO")
    return notes

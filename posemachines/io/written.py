"""What all writers of labels need: names of photos, boxes, and what a format cannot hold."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..photos import split_reference
from ..sides import find_pairs

__all__ = ["bare_names", "common_folder", "enclosing_boxes", "lost", "photo_files", "relative_names", "split_option"]

_HELD = {
    "occluded": "which joints are hidden",
    "boxes": "bounding boxes",
    "groups": "which video, animal or patient a photo belongs to",
    "mm_per_pixel": "the spacing of the pixels",
    "reference_length": "reference lengths",
}


def photo_files(dataset, what: str = "labels") -> list[str]:
    """The photos as they are referred to, with their options; ValueError where one is an array."""
    if not all(isinstance(photo, str | Path) for photo in dataset.photos):
        raise ValueError(f"the photos of {dataset.name!r} are arrays; {what} need files: save them first")
    return [str(photo) for photo in dataset.photos]


def split_option(photo: str) -> tuple[Path, str]:
    """The file of a photo, and its options with "#", such as ``#page=2``."""
    path, _ = split_reference(photo)
    return path, photo[len(str(path)) :] if photo.startswith(str(path)) else ""


def relative_names(dataset, folder: str | Path) -> list[str]:
    """Each photo relative to the folder of the labels, with "/" between folders, and its options.

    Raises
    ------
    ValueError
        If a photo is an array.
    """
    names: dict[str, str] = {}
    for photo in dict.fromkeys(photo_files(dataset)):
        path, option = split_option(photo)
        names[photo] = _relative(path, Path(folder)) + option
    return [names[photo] for photo in photo_files(dataset)]


def _relative(photo: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(photo.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return photo.resolve().as_posix()


def bare_names(dataset, images: str | Path | None = None) -> list[str]:
    """Each photo relative to `images`; by default its file name, with the folders that make it unique.

    Raises
    ------
    ValueError
        If a photo is an array, or is not below `images`.
    """
    files = [split_option(photo) for photo in photo_files(dataset)]
    if images is not None:
        return [path.resolve().relative_to(Path(images).resolve()).as_posix() + option for path, option in files]
    paths = list(dict.fromkeys(path.resolve() for path, _ in files))
    if len({path.name for path in paths}) == len(paths):
        return [path.name + option for path, option in files]
    root = common_folder(dataset)
    return [path.resolve().relative_to(root).as_posix() + option for path, option in files]


def common_folder(dataset) -> Path:
    """The folder that all photos in files are in, or below."""
    files = [str(photo) for photo in dataset.photos if isinstance(photo, str | Path)]
    return Path(os.path.commonpath({split_option(photo)[0].resolve().parent for photo in files}))


def enclosing_boxes(dataset) -> np.ndarray:
    """A box per subject, float64 (N, 4): its own, or that of its labelled joints; zeros where there is neither."""
    boxes = np.zeros((len(dataset), 4)) if dataset.boxes is None else np.array(dataset.boxes, float)
    for index, joints in enumerate(np.asarray(dataset.joints, float)):
        if dataset.boxes is None or not np.isfinite(boxes[index]).all():
            labelled = joints[joints[:, 2] > 0, :2]
            low, high = (labelled.min(0), labelled.max(0)) if len(labelled) else (np.zeros(2), np.full(2, -1.0))
            boxes[index] = *low, *(high - low + 1)
    return boxes


def lost(dataset, label: str, held: Collection[str] = ()) -> list[str]:
    """Sentences about what a format cannot hold.

    Parameters
    ----------
    dataset : PoseDataset
    label : str
        The format, with its article.
    held : collection of str
        Names of the attributes that it does hold, among occluded, boxes, groups, mm_per_pixel, reference_length,
        limbs, pairs.
    """
    missing = []
    for name, text in _HELD.items():
        values = getattr(dataset, name, None)
        if name not in held and values is not None and not (name == "occluded" and not np.any(values)):
            missing.append(text)
    skeleton = dataset.skeleton
    if "limbs" not in held and skeleton.limbs:
        missing.append("limbs")
    by_name = {frozenset(map(skeleton.index, pair)) for pair in find_pairs(skeleton.parts).usable}
    if "pairs" not in held and {frozenset(pair) for pair in skeleton.pairs} != by_name:
        missing.append("left-right pairs, which the names of the parts do not tell")
    return [f"{label} does not hold {', '.join(missing)}"] if missing else []

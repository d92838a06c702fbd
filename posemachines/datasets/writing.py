"""Data sets and predictions, written in the formats of labelling tools."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..io.labelme_writer import file_stems
from ..io.stored_frame import orientation_of, turned_boxes, turned_points
from ..io.written import common_folder, lost, split_option
from ..photos import photo_size, reference, split_reference
from .formats import FORMATS, get_format
from .pose_dataset import PoseDataset

__all__ = ["WRITTEN_FORMATS", "dataset_of_poses", "write_dataset"]

_WRITERS = {
    "coco": "coco_writer:write_coco",
    "deeplabcut": "deeplabcut:write_deeplabcut",
    "labelme": "labelme_writer:write_labelme",
    "imglab": "imglab:write_imglab",
    "yolo": "yolo:write_yolo",
    "tps": "tps:write_tps",
    "landmark_csv": "landmark_csv:write_landmark_csv",
}
WRITTEN_FORMATS = (*_WRITERS, "csv_long")
"""Formats that :func:`write_dataset` knows."""
_SUFFIXES = {".json": "coco", ".csv": "landmark_csv", ".xml": "imglab", ".tps": "tps"}
_FOLDERS = ("labelme", "yolo")
_STORED = ("imglab", "tps")  # whose tools show photos as they are stored
_WITH_PAGES = ("landmark_csv", "csv_long", "labelme")  # that refer to arrays, pages or frames, or embed them


def write_dataset(
    dataset: PoseDataset, path: str | Path, format: str = "auto", *, overwrite: bool = False
) -> list[str]:
    """Write labels in the format of a labelling tool, or of another program.

    Parameters
    ----------
    dataset : PoseDataset
        Labels, or predictions as :func:`dataset_of_poses` returns them.
    path : path
        File; folder for labelme and YOLO-pose; for DeepLabCut either, a CSV file or a project folder.
    format : str, default="auto"
        By default by the name: .json is COCO, .tps TPS, .xml dlib's imglab, .csv a table of landmarks, one subject per
        row, or DeepLabCut's if the name begins with CollectedData. "coco", "deeplabcut", "labelme", "imglab", "yolo",
        "tps", "landmark_csv", or "csv_long", one landmark per row.
    overwrite : bool, default=False
        Replace labels that are there already.

    Returns
    -------
    list of str
        What the format does not hold, and what was changed for it.

    Raises
    ------
    FileExistsError
        If there are labels already and `overwrite` is False.
    ValueError
        If the format is not known or not written, `path` is a photo of the data set, or the format cannot hold the
        subjects.

    Notes
    -----
    Pictures that are arrays, pages or frames are saved as PNG in a folder ``images`` beside the labels, where the
    format needs files. Labels of photos with an EXIF orientation are turned where the tool shows these as they are
    stored.
    """
    path = Path(path)
    name = _format_of(path) if format == "auto" else _named(format, path)
    _check_target(dataset, path, name, overwrite)
    notes: list[str] = []
    folder = path if _is_folder(name, path) else path.parent
    if name not in _WITH_PAGES:
        dataset = _in_files(dataset, folder / "images", overwrite, notes)
    dataset = _as_shown(dataset, name in _STORED, notes)
    said = _writer(name)(path, dataset)
    notes += _lost_by_deeplabcut(dataset) if said is None else said
    return notes + _elsewhere(dataset, folder)


def _elsewhere(dataset: PoseDataset, folder: Path) -> list[str]:
    """Where the photos are, unless they are beside the labels or below."""
    files = [split_reference(photo)[0].resolve() for photo in dataset.photos if isinstance(photo, str | Path)]
    if all(folder.resolve() in file.parents for file in files):
        return []
    return [f"the photos are in {common_folder(dataset)}: pass it as images when these labels are read"]


def _is_folder(name: str, path: Path) -> bool:
    """Whether a format is written as a folder."""
    return name in _FOLDERS or (name == "deeplabcut" and path.suffix.lower() != ".csv")


def _lost_by_deeplabcut(dataset: PoseDataset) -> list[str]:
    folders = [Path(str(photo)).parent.name for photo in dataset.photos]
    kept = dataset.groups is not None and folders == [str(group) for group in dataset.groups]
    return lost(dataset, "DeepLabCut's table", held=("groups",) if kept else ())


def _format_of(path: Path) -> str:
    """The format by the name of the file."""
    if path.suffix.lower() == ".csv" and path.name.lower().startswith("collecteddata"):
        return "deeplabcut"
    if path.suffix.lower() in _SUFFIXES and not path.is_dir():
        return _SUFFIXES[path.suffix.lower()]
    if path.is_dir():
        there = [each for each in (*_FOLDERS, "deeplabcut") if FORMATS[each].recognise(path)]
        if len(there) == 1:
            return there[0]
    raise ValueError(
        f"the name {path.name!r} does not tell the format; end it in {', '.join(_SUFFIXES)}, or pass format=..., one "
        f"of {', '.join(WRITTEN_FORMATS)}"
    )


def _named(format: str, path: Path) -> str:
    if format.lower().replace("-", "_") == "csv_long":
        return "csv_long"
    if format.lower() == "csv":
        return "deeplabcut" if path.name.lower().startswith("collecteddata") else "landmark_csv"
    name = get_format(format).name
    if name not in _WRITERS:
        raise ValueError(f"labels are not written as {FORMATS[name].label}; use one of {', '.join(WRITTEN_FORMATS)}")
    return name


def _writer(name: str) -> Callable[..., list[str] | None]:
    module, function = _WRITERS["landmark_csv" if name == "csv_long" else name].split(":")
    write = getattr(importlib.import_module(f"posemachines.io.{module}"), function)
    return (lambda path, dataset: write(path, dataset, layout="long")) if name == "csv_long" else write


def _check_target(dataset: PoseDataset, path: Path, name: str, overwrite: bool) -> None:
    """Refuse to replace photos, and labels without `overwrite`."""
    photos = {split_reference(photo)[0].resolve() for photo in dataset.photos if isinstance(photo, str | Path)}
    if path.resolve() in photos:
        raise ValueError(f"{path} is a photo of {dataset.name!r} and would be overwritten; give another name")
    if _is_folder(name, path):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; {FORMATS[name].label} needs a folder")
        seen = _seen_in(dataset, path, name)
    else:
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give the name of a file in it")
        seen = "it exists" if path.exists() else None
    if seen and not overwrite:
        raise FileExistsError(f"{path} has labels already ({seen}); give another name, or pass overwrite=True")


def _seen_in(dataset: PoseDataset, folder: Path, name: str) -> str | None:
    """Which labels a folder has that would be replaced."""
    if name != "labelme":
        return FORMATS[name].recognise(folder) if folder.is_dir() else None
    photos = {str(photo) if isinstance(photo, str | Path) else id(photo): photo for photo in dataset.photos}
    files = [folder / f"{stem}.json" for stem in file_stems([*photos.values()])]
    return next((f"{file.name} exists" for file in files if file.exists()), None)


def _in_files(dataset: PoseDataset, folder: Path, overwrite: bool, notes: list[str]) -> PoseDataset:
    """The data set with pictures that are arrays, pages or frames saved as files."""
    saved: dict[int | str, Path] = {}
    photos: list[str | Path | np.ndarray] = []
    for index, photo in enumerate(dataset.photos):
        name = _file_name(photo, len(saved))
        if not name:
            photos.append(photo)
            continue
        key = str(photo) if isinstance(photo, str | Path) else id(photo)
        if key not in saved:
            saved[key] = folder / name
            _save(dataset.photo(index), saved[key], overwrite)
        photos.append(saved[key])
    if not saved:
        return dataset
    notes.append(f"{len(saved)} pictures that were no files of their own were saved in {folder}")
    other = dataset[:]
    other.photos = photos
    return other


def _file_name(photo, number: int) -> str:
    """Name for a picture that is no file of its own; empty for one that is."""
    if not isinstance(photo, str | Path):
        return f"photo{number:04d}.png"
    path, options = split_reference(photo)
    words = [f"{key}{'' if value is True else value}" for key, value in options.items() if key != "stored"]
    return f"{path.stem}_{'_'.join(words)}.png" if words else ""


def _save(picture: np.ndarray, path: Path, overwrite: bool) -> None:
    import cv2

    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; move it, or pass overwrite=True")
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes())


def _as_shown(dataset: PoseDataset, stored: bool, notes: list[str]) -> PoseDataset:
    """Labels in the frame in which a tool shows the photos: as they are stored, or upright."""
    other = dataset[:]
    other.joints = np.array(dataset.joints)
    other.boxes = None if dataset.boxes is None else np.array(dataset.boxes)
    orientations = {
        str(photo): orientation_of(photo)
        for photo in dataset.photos
        if isinstance(photo, str | Path) and split_option(str(photo))[0].is_file()
    }
    n_turned = 0
    for index, photo in enumerate(dataset.photos):
        number = orientations.get(str(photo), 1) if isinstance(photo, str | Path) else 1
        if not isinstance(photo, str | Path):
            continue
        file, options = split_reference(photo)
        was_stored = options.pop("stored", False)
        wanted = reference(file, **options, stored=stored and number != 1)
        other.photos[index] = Path(wanted) if isinstance(photo, Path) else wanted
        if number != 1 and was_stored != stored:
            n_turned += 1
            size = photo_size(photo)
            seen = other.joints[index, :, 2] > 0
            other.joints[index, seen, :2] = turned_points(other.joints[index, seen, :2], size, number, back=stored)
            if other.boxes is not None:
                other.boxes[index] = turned_boxes(other.boxes[index], size, number, back=stored)
    if n_turned:
        how = "as they are stored, not upright by their EXIF orientation" if stored else "upright"
        notes.append(f"the labels of {n_turned} subjects were turned: this format's tools show photos {how}")
    return other


def dataset_of_poses(photos: Sequence, poses: Sequence, like: PoseDataset | None = None) -> PoseDataset:
    """Predictions as a data set, to be written with :func:`write_dataset` and corrected in a labelling tool.

    Parameters
    ----------
    photos : sequence of M (path or ndarray)
    poses : sequence of M (Pose or ndarray of shape (n, P, 2))
        The subjects of each photo: a :class:`~posemachines.inference.Pose`, or joints in pixels of the photo; NaN
        stands for a joint that was not found.
    like : PoseDataset, optional
        Data set whose skeleton is taken; needed for the names of parts where `poses` are arrays.

    Returns
    -------
    PoseDataset
        One entry per subject that has a joint; its notes say what was left out.

    Raises
    ------
    ValueError
        If the numbers of photos and poses differ, poses have different skeletons, or no joint was found.
    """
    if len(photos) != len(poses):
        raise ValueError(f"{len(photos)} photos but {len(poses)} poses; give one pose per photo")
    skeleton = None if like is None else like.skeleton
    rows: list = []
    joints: list[np.ndarray] = []
    left_out = 0
    for photo, pose in zip(photos, poses, strict=True):
        own = getattr(pose, "skeleton", None)
        if own is not None and skeleton is not None and own.parts != skeleton.parts:
            raise ValueError(f"poses have the skeletons {skeleton.name!r} and {own.name!r}; give poses of one machine")
        skeleton = skeleton or own
        points = np.asarray(getattr(pose, "joints", pose), np.float32)
        if points.ndim != 3 or points.shape[2] != 2:
            raise ValueError(f"the poses of a photo must be (n, P, 2); got shape {points.shape}")
        found = np.isfinite(points).all(-1, keepdims=True)
        for subject in np.concatenate([np.where(found, points, 0), found], -1):
            if subject[:, 2].any():
                rows.append(photo)
                joints.append(subject)
            else:
                left_out += 1
    if not rows:
        raise ValueError(f"no joint was found in {len(photos)} photos; lower the threshold")
    notes = [f"subjects without a joint are left out: {left_out}"] if left_out else []
    return PoseDataset(rows, np.stack(joints), skeleton, notes=notes, name="predictions" if like is None else like.name)

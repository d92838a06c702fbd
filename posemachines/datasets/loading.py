"""Any labelled data set by its path: the format is recognised by what the files contain."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..io.annotations import Annotations
from ..io.deeplabcut_projects import find_project
from ..io.files import folder_above
from ..io.landmark_csv import group_columns
from .building import dataset_by_rule, of_split, tell
from .formats import Format, find_labels, get_format
from .pose_dataset import PoseDataset

__all__ = ["FORMATS_OF_FILES", "FORMATS_OF_FOLDERS", "load_dataset", "load_people"]

FORMATS_OF_FOLDERS = ("lspet", "lsp", "flic")
FORMATS_OF_FILES = ("mpii", "coco", "csv")
_COMMON = ("limbs", "pairs", "max_missing", "rescale", "predictions")  # options that are no format's own


def load_dataset(
    path: str | Path,
    images: str | Path | None = None,
    *,
    format: str = "auto",
    crop_rule: str | None = None,
    category: str | int | None = None,
    split: str | None = None,
    side_convention: str | None = None,
    limbs=None,
    pairs=None,
    groups=None,
    mm_per_pixel: float | None = None,
    max_missing: float = 0.1,
    rescale: bool = False,
    animal: str | list[str] | None = None,
    **options: Any,
) -> PoseDataset:
    """Labelled subjects from any known format.

    Parameters
    ----------
    path : path
        File of the labels, the folder of a format that has one (a DeepLabCut project, labelme's JSON files, .pts files,
        YOLO-pose, LSP, LSPET, FLIC), or a folder in which there is exactly one of these. The user guide lists the
        formats.
    images : path, optional
        Folder of the photos; by default ``images`` next to the labels, or the folder of the labels itself.
    format : str, default="auto"
        By default recognised by the contents. "lspet", "lsp", "flic", "mpii", "coco", "deeplabcut" (or "csv"), "sleap",
        "labelme", "cvat", "imglab", "label_studio", "via", "yolo", "tps", "pts" or "landmark_csv".
    crop_rule : str, optional
        What sets each subject's centre and size, such as "joints", "box", "photo" or "cpm"; the default depends on the
        format.
    category : str or int, optional
        Kind of subject, where several have keypoints (COCO, YOLO-pose).
    split : str, optional
        Published split, where the format has one (MPII, FLIC, YOLO-pose).
    side_convention : {"person", "observer"}, optional
        Of LSP and FLIC.
    limbs : sequence of (part, part), optional
        Lines of drawings; by default those of the file.
    pairs : sequence of (right, left), optional
        Parts that change places when a photo is mirrored; by default those of the file, or found in the names of the
        parts (:func:`posemachines.sides.find_pairs`). An empty sequence means that there are none.
    groups : sequence of N values, or str, optional
        Subjects that belong together, a column of a table, or how to find them
        (:func:`~posemachines.datasets.find_groups`); by default what the file says.
    mm_per_pixel : float, optional
        Spacing of the pixels of all photos, in mm.
    max_missing : float, default=0.1
        Share of the photos that may be missing: their subjects are left out, with a note.
    rescale : bool, default=False
        If photos have another size than the file says, scale the labels to them.
    animal : str or list of str, optional
        Individuals to read (DeepLabCut, SLEAP); by default all of them.
    **options
        Further options of one format's reader, such as ``scorer`` of DeepLabCut, ``annotator`` of Label Studio or
        ``attribute`` of the VGG Image Annotator; :doc:`/datasets` lists them.

    Returns
    -------
    PoseDataset
        Its ``notes`` say what was recognised, guessed and left out; each is a warning of the log, too.

    Raises
    ------
    ValueError
        If the format is not recognised, does not have an option that was given, or the file is damaged.
    FileNotFoundError
        If a file, or more than `max_missing` of the photos, is missing.

    Examples
    --------
    >>> data = load_dataset("CollectedData_me.csv")  # doctest: +SKIP
    >>> train, test = data.split(test=0.2, random_state=0)  # doctest: +SKIP
    """
    path = Path(path)
    if format == "auto":
        kind, path, seen = find_labels(path)
    else:
        kind, seen = _forced(format, path), ""
    of_format = {
        "crop_rule": crop_rule, "category": category, "split": split, "side_convention": side_convention,
        "animal": animal, **options,
    }  # fmt: skip
    given = {option: value for option, value in of_format.items() if value is not None}
    known = kind.options
    if unknown := [option for option in given if option not in known and (option != "split" or kind.loader)]:
        raise ValueError(f"{_no_option(kind, unknown)}{_note(seen)}")
    if isinstance(groups, str) and "group_column" in known and groups in group_columns(path):
        given["group_column"], groups = groups, None
    common = {"limbs": limbs, "pairs": pairs, "max_missing": max_missing, "rescale": rescale}
    try:
        if kind.load is not None:
            dataset = _with_loader(kind, path, images, given, common)
        else:
            if "predictions" in known and not seen:
                given["predictions"] = True
            dataset = _with_reader(kind, path, images, given, common)
    except ValueError as error:
        if not seen:
            raise
        raise ValueError(f"{error}{_note(seen)}") from error
    return _completed(dataset, groups, mm_per_pixel)


def _note(seen: str) -> str:
    return f" ({seen}; if that is wrong, pass format=...)" if seen else ""


def _no_option(kind: Format, unknown: list[str]) -> str:
    there = ", ".join(option for option in kind.options if option not in _COMMON)
    return f"format {kind.name!r} has no option {', '.join(unknown)}; it has {there}"


def _forced(format: str, path: Path) -> Format:
    """The format that was asked for; "csv" is DeepLabCut's, or any other table of landmarks."""
    kind = get_format(format)
    if format == "csv" and path.is_file() and not kind.recognise(path):
        return get_format("landmark_csv")
    return kind


def _with_loader(kind: Format, path: Path, images, given: dict[str, Any], common: dict[str, Any]) -> PoseDataset:
    """From a format with rules of its own."""
    loader = kind.load
    assert loader is not None
    accepted = inspect.signature(loader).parameters
    options = given | {name: value for name, value in common.items() if name in accepted}
    if kind.name in FORMATS_OF_FOLDERS:
        dataset = loader(path.parent if path.is_file() else path, **options)
    else:
        dataset = _first_found(lambda folder: loader(path, folder, **options), _photo_folders(kind, path, images))
    for name in ("limbs", "pairs"):
        if common[name] is not None and name not in accepted:
            dataset.skeleton = replace(dataset.skeleton, **{name: tuple(map(tuple, common[name]))})
    return dataset


def _with_reader(kind: Format, path: Path, images, given: dict[str, Any], common: dict[str, Any]) -> PoseDataset:
    """From what the reader returns."""
    accepted = inspect.signature(kind.read).parameters
    options = {name: value for name, value in given.items() if name in accepted}
    if "max_missing" in accepted:
        options["max_missing"] = common["max_missing"]
    folders = _photo_folders(kind, path, images)
    folders = folders[::-1] if "images" in accepted else folders

    def load(folder: Path) -> PoseDataset:
        if "images" in accepted:  # the reader knows where its photos usually are
            options["images"] = None if images is None and folder in (path, path.parent) else folder
        found: Annotations = kind.read(path, **options)
        if "split" in given and "split" not in accepted:
            if found.splits is None:
                raise ValueError(_no_option(kind, ["split"]))
            found = of_split(found, given["split"], path)
        rule = given.get("crop_rule")
        above = folder_above(path, found.photos)
        folder = above if images is None and above != (path if path.is_dir() else path.parent) else folder
        return dataset_by_rule(found, folder, path, crop_rule=rule, default=kind.default_crop_rule, **common)

    return _first_found(load, folders)


def _photo_folders(kind: Format, path: Path, images: str | Path | None) -> list[Path]:
    """Where the photos may be, likeliest first."""
    if images is not None:
        return [Path(images)]
    project = find_project(path) if kind.name == "deeplabcut" else None
    if project is not None and project.root != path.parent:
        return [project.root]
    folder = path if path.is_dir() else path.parent
    return [each for each in (folder / "images", folder) if each.is_dir()]


def _first_found(load: Callable[[Path], PoseDataset], folders: list[Path]) -> PoseDataset:
    """What loads with the first folder that has the photos; the first folder's error if none has."""
    errors = []
    for folder in folders:
        try:
            return load(folder)
        except FileNotFoundError as error:
            errors.append(error)
    raise errors[0]


def _completed(dataset: PoseDataset, groups, mm_per_pixel: float | None) -> PoseDataset:
    """With the groups and the spacing that were given."""
    if mm_per_pixel is not None:
        if not 0 < mm_per_pixel < np.inf:
            raise ValueError(f"mm_per_pixel must be a positive number of mm; got {mm_per_pixel}")
        dataset.mm_per_pixel = np.full(len(dataset), mm_per_pixel, np.float32)
    if groups is None:
        return dataset
    from .grouping import find_groups

    found = find_groups(dataset, groups)
    tell(dataset.name, found.notes)
    dataset = dataset.with_groups(found.values, found.source)
    dataset.notes = (*dataset.notes, *found.notes)
    return dataset


def load_people(
    name: str,
    *,
    root: str | Path | None = None,
    annotations: str | Path | None = None,
    images: str | Path | None = None,
    category: str | int | None = None,
    frame: str | None = None,
    split: str | None = None,
) -> PoseDataset:
    """Deprecated: ``load_dataset(root or annotations, images, format=name, crop_rule=frame)``."""
    warnings.warn("load_people is deprecated; use load_dataset(path, images)", DeprecationWarning, stacklevel=2)
    known = (*FORMATS_OF_FOLDERS, *FORMATS_OF_FILES)
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}; got {name!r}")
    if name in FORMATS_OF_FOLDERS and root is None:
        raise ValueError(f"{name} needs root, the folder with its labels and images/")
    if name in FORMATS_OF_FILES and (annotations is None or images is None):
        raise ValueError(f"{name} needs annotations, the file of the labels, and images, the photos' folder")
    options: dict[str, Any] = {"crop_rule": frame}
    if name == "coco":
        options["category"] = category
    if name in ("flic", "mpii"):
        options["split"] = split
    path = root if name in FORMATS_OF_FOLDERS else annotations
    assert path is not None
    return load_dataset(path, images, format=name, **options)

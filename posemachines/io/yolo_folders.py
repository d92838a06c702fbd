"""Label files of YOLO, and the photos that they belong to."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .files import begins_with
from .same_stems import photos_of_stems
from .yolo_settings import YoloSettings

__all__ = ["LabelFile", "find_label_files", "find_photos_of_labels", "split_of"]

_NO_LABELS = ("classes", "train", "val", "valid", "test", "labels", "readme", "requirements", "notes", "names")
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class LabelFile:
    """A label file and its photo.

    Attributes
    ----------
    path : Path
    place : str
        Where its photo is expected, relative to the data set, without suffix: ``images/train/a``.
    tail : str
        The same without the folder ``images``: ``train/a``.
    photo : str
        Name of the photo; empty as long as it is not known.
    found : Path
        The photo.
    """

    path: Path
    place: str
    tail: str
    photo: str = ""
    found: Path = Path()


def find_label_files(root: Path, *, certain: bool = False) -> list[LabelFile]:
    """The label files of a data set, sorted: in folders ``labels``, or else beside their photos.

    Parameters
    ----------
    root : Path
    certain : bool, default=False
        Leave out files that no photo of their name lies beside, unless they are in a folder ``labels``.
    """
    if root.name == "labels":
        return _below(root, root.parent)
    folders = [folder for pattern in ("labels", "*/labels", "*/*/labels") for folder in sorted(root.glob(pattern))]
    files = [file for folder in folders if folder.is_dir() for file in _below(folder, root)]
    if files:
        return files
    flat = [file for file in sorted(root.glob("*.txt")) if file.stem.lower() not in _NO_LABELS]
    if certain:
        photos = photos_of_stems(root, [file.stem for file in flat]) if flat else {}
        flat = [file for file in flat if file.stem in photos]
    return [LabelFile(file, file.stem, file.stem) for file in flat]


def _below(folder: Path, root: Path) -> list[LabelFile]:
    files = []
    for file in sorted(folder.rglob("*.txt")):
        tail = file.relative_to(folder).with_suffix("").as_posix()
        before = folder.relative_to(root).parent.as_posix()
        place = posixpath.normpath(posixpath.join(before, "images", tail))
        files.append(LabelFile(file, place, tail if before == "." else posixpath.join(before, tail)))
    return files


def find_photos_of_labels(
    files: Sequence[LabelFile], root: Path, images: str | Path | None
) -> dict[LabelFile, LabelFile]:
    """The label files with the names of their photos; those without a photo are left out.

    Parameters
    ----------
    files : sequence of LabelFile
    root : Path
        Folder of the data set.
    images : path, optional
        Folder of the photos, to which names are relative; by default the data set's.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a label file has several photos, or a photo several label files.
    """
    folder = Path(images) if images is not None else root.parent if root.name == "labels" else root
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds the photos")
    layouts = [
        [each.place for each in files],
        [each.tail for each in files],
        [each.place.rpartition("/")[2] for each in files],
    ]
    if images is None:
        layouts[2] = [posixpath.splitext(each.path.relative_to(folder).as_posix())[0] for each in files]
    best: dict[str, str] = {}
    stems = layouts[0]
    for layout in layouts:
        photos = photos_of_stems(folder, layout)
        if len(photos) > len(best):
            best, stems = photos, layout
    _check_distinct(files, stems, folder)
    return {
        file: replace(file, photo=best[stem], found=folder / best[stem])
        for file, stem in zip(files, stems, strict=True)
        if stem in best
    }


def _check_distinct(files: Sequence[LabelFile], stems: Sequence[str], folder: Path) -> None:
    by_stem: dict[str, LabelFile] = {}
    for file, stem in zip(files, stems, strict=True):
        other = by_stem.setdefault(stem, file)
        if other is not file:
            raise ValueError(
                f"{other.path} and {file.path} would have the same photo {stem} in {folder}; give the folder in which "
                "photos lie as their labels do"
            )


def split_of(file: LabelFile, settings: YoloSettings) -> str:
    """The split of a photo by ``data.yaml``, or by the names of its folders; empty where neither says."""
    entries = settings.splits
    if len({tuple(each) for each in entries.values()}) == len(entries) > 1:
        for split, names in entries.items():
            if any(_holds(name, file, settings.root) for name in names):
                return split
    folders = file.place.split("/")[:-1]
    return next((_SPLITS[each.lower()] for each in folders if each.lower() in _SPLITS), "")


def _holds(entry: str, file: LabelFile, root: Path) -> bool:
    """Whether an entry of ``data.yaml``, a folder or a list of photos, has a photo."""
    entry = entry.replace("\\", "/")
    if entry.endswith(".txt"):
        lines = begins_with(root / entry, 10_000_000).splitlines()
        return any(posixpath.splitext(line.strip().replace("\\", "/"))[0].endswith(file.place) for line in lines)
    folder = "/".join(part for part in posixpath.normpath(entry).split("/") if part not in ("..", "."))
    return file.place.startswith(f"{folder}/") or f"/{folder}/".endswith(f"/{posixpath.dirname(file.place)}/")

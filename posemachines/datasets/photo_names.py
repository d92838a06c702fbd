"""What the names of photos say: their folder or video, the time of recording, the frame number."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path, PurePosixPath

import numpy as np

__all__ = ["frame_numbers", "names_without_numbers", "photo_folders", "photo_paths", "photo_times", "photo_videos"]

_PARTS_OF_SPLITS = re.compile(r"(train|test|val|valid|validation|training|testing|dev|eval)(\d{4})?(_?set)?", re.I)
_OF_ANY_SET = {"images", "image", "imgs", "img", "photos", "frames", "data", "jpegimages", "pictures", "labels"}
_FRAME = re.compile(r"#(?:.*&)?(?:frame|page)=(\d+)")
_OPTIONS = re.compile(r"#[a-z_]+(?:=[^/&#]*)?(?:&[a-z_]+(?:=[^/&#]*)?)*$")
_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"(?:[-_ T.]{0,2}([01]\d|2[0-3])[-_.:hH]?([0-5]\d)[-_.:mM]?([0-5]\d)(?:\d{3})?)?(?!\d)"
)


def photo_paths(dataset) -> list[str] | None:
    """Path of each subject's photo with "/" between folders; None if a photo is an array without a name."""
    paths = []
    for number, photo in enumerate(dataset.photos):
        if isinstance(photo, str | Path):
            paths.append(str(photo).replace("\\", "/"))
        elif dataset.photo_ids is not None and isinstance(dataset.photo_ids[number], str):
            paths.append(str(dataset.photo_ids[number]).replace("\\", "/"))
        else:
            return None
    return paths


def _file(path: str) -> PurePosixPath:
    return PurePosixPath(_OPTIONS.sub("", path))


def photo_videos(paths: list[str]) -> list[str] | None:
    """The video, or file of several pages, of each photo; None unless all are frames of such files."""
    return [str(_file(path)) for path in paths] if all(_FRAME.search(path) for path in paths) else None


def photo_folders(paths: list[str]) -> list[str]:
    """Folder of each photo below the folder that all have in common.

    Folders of a published split ("train", "val2017") and "images" are left out, since they hold any kind of photo.
    """
    parents = [_file(path).parent.parts for path in paths]
    shortest = min(map(len, parents))
    common = next((level for level in range(shortest) if len({each[level] for each in parents}) > 1), shortest)
    return [
        "/".join(part for part in each[common:] if part.lower() not in _OF_ANY_SET and not _splits(part))
        for each in parents
    ]


def _splits(folder: str) -> bool:
    return _PARTS_OF_SPLITS.fullmatch(folder) is not None


def names_without_numbers(paths: list[str]) -> list[str]:
    """Folder and name of each photo without the suffix and the last number: ``a/mouse1_`` of ``a/mouse1_004.png``."""
    return [
        "/".join(part for part in (folder, re.sub(r"\d+(?=\D*$)", "", _file(path).stem)) if part)
        for folder, path in zip(photo_folders(paths), paths, strict=True)
    ]


def frame_numbers(paths: list[str]) -> np.ndarray | None:
    """Frame of a video, or the last number in the name of each photo, float64 (N,); None if a name has none."""
    numbers = []
    for path in paths:
        found = _FRAME.search(path) or re.search(r"(\d+)\D*$", _file(path).stem)
        if found is None:
            return None
        numbers.append(float(found[1]))
    return np.array(numbers)


def photo_times(paths: list[str]) -> tuple[np.ndarray, bool] | None:
    """Time in the name of each photo, in seconds (N,), and whether names have the time of day besides the date.

    Dates are year, month, day; two digits each for month, day, hour, minute and second, with or without separators.
    A time has its seconds. None unless all names have a date; the time of day counts where all names have it.
    """
    found = [_TIME.search(_file(path).name) for path in paths]
    fields = [each.groups() for each in found if each is not None]
    if len(fields) < len(paths):
        return None
    with_time = all(each[3] is not None for each in fields)
    try:
        text = ["-".join(each[: 6 if with_time else 3]) for each in fields]
        times = [datetime.strptime(each, "%Y-%m-%d-%H-%M-%S" if with_time else "%Y-%m-%d") for each in text]
    except ValueError:  # the 31st of February
        return None
    return np.array([(each - datetime(1900, 1, 1)).total_seconds() for each in times]), with_time

"""Groups of subjects that belong together, found in the labels, the names of the photos and the photos themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from .cross_validation import Folds, folds
from .groups import Groups, join_groups
from .photo_names import (
    frame_numbers,
    names_without_numbers,
    photo_folders,
    photo_paths,
    photo_times,
    photo_videos,
)
from .recordings import looks_like_one_recording, time_blocks

__all__ = ["Folds", "Groups", "find_groups", "folds", "time_blocks"]

SECONDS = 60.0  # photos less far apart belong together
FEW = 5  # groups; fewer are pointed out
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".mpg", ".mpeg", ".wmv", ".m4v", ".webm", ".h264")
_NAMED = ("folder", "name", "video", "time", "file")


def find_groups(
    dataset,
    groups: str | Sequence | np.ndarray = "auto",
    *,
    near_duplicates: Iterable[tuple[int, int]] | np.ndarray | None = None,
) -> Groups:
    """Which subjects belong together: frames of one video, photos of one animal, annotators of one picture.

    Subjects of one photo always stay together.

    Parameters
    ----------
    dataset : PoseDataset
    groups : str or sequence of N values, default="auto"
        "auto" takes the first that gives at least two groups: what the file of the labels says (``dataset.groups``),
        the video of the frame, the folder of the photo, the date or time in its name (photos within a minute belong
        together), its name without the last number. "file", "video", "folder", "time" and "name" choose one of them;
        "none" makes each photo a group. Any other string is an attribute of the data set with one value per subject,
        such as "subjects", or a regular expression that is searched in the path of each photo: its first group, or
        the whole match, is the name of the group. A sequence gives the groups themselves.
    near_duplicates : iterable of (int, int), optional
        Indices of subjects whose photos show the same, from :func:`posemachines.labels.near_duplicates`: their groups
        are joined.

    Returns
    -------
    Groups
        ``groups.is_single`` if there is one group only: divide it with :func:`time_blocks`.

    Raises
    ------
    ValueError
        If the data set lacks what `groups` asks for.

    Examples
    --------
    >>> groups = find_groups(data)  # doctest: +SKIP
    >>> for repeat, fold, train, test in folds(groups, 5, 2):  # doctest: +SKIP
    ...     machine.fit(data[train])
    """
    if isinstance(groups, str):
        found = _automatic(dataset) if groups == "auto" else _named(dataset, groups)
    else:
        values = _texts(groups, len(dataset))
        found = Groups(values, "as given", "given")
    pairs = np.array([*near_duplicates], int).reshape(-1, 2) if near_duplicates is not None else np.zeros((0, 2), int)
    return _joined(dataset, found, pairs)


def _texts(values, n: int) -> np.ndarray:
    given = np.asarray(values)
    if given.shape != (n,):
        raise ValueError(f"groups must have {n} values, one per subject; got an array of shape {given.shape}")
    if any(value is None or value != value for value in given.tolist()):  # NaN differs from itself
        raise ValueError("groups has missing values; give every subject a group, its own if it belongs to no other")
    return given.astype(str)


def _joined(dataset, found: Groups, pairs: np.ndarray) -> Groups:
    """Groups that share a photo, or whose photos show the same, joined."""
    photos = dataset.photo_numbers()
    values = join_groups(found.values, photos)
    linked = join_groups(values, photos, pairs)
    kind, source, notes = found.kind, found.source, [*found.notes]
    before, after = len(np.unique(values)), len(np.unique(linked))
    if after < before:
        source += ", joined where photos are nearly the same"
        kind = "duplicates" if kind == "none" else kind
        notes.append(f"nearly identical photos join {before} groups to {after}")
    if after == 1 and kind not in ("given", "none"):
        kind = "one recording"
        notes.append("all photos belong to one group: the figures hold for this recording, not for new ones")
    elif after < FEW and kind != "none":
        notes.append(f"there are only {after} groups ({source}): accuracy on new ones is uncertain")
    return Groups(linked, source, kind, tuple(notes), found.order, found.gap)


def _automatic(dataset) -> Groups:
    ways = [_of_file, _of_videos, _of_folders, _of_times, _of_names]
    tried = [way(dataset) for way in ways]
    for found in tried:
        if found is not None and found.n_groups >= 2:
            return found
    given, videos = tried[:2]
    if videos is not None or (given is not None and _is_video(dataset, given.values[0])):
        one = given if videos is None else videos
        assert one is not None
        return one
    found = _numbered(dataset)
    if given is not None and not found.is_single:
        note = f"the labels name one group for all photos, {given.values[0]}, which is not taken for a recording"
        found = replace(found, notes=(*found.notes, note))
    return found


def _is_video(dataset, name: str) -> bool:
    """Whether a group is named like a video, or like the folder of the photos."""
    paths = photo_paths(dataset) or []
    video = name.lower().endswith(_VIDEOS)
    return video or (bool(paths) and all(f"/{name}/" in f"/{path}" for path in paths))


def _numbered(dataset) -> Groups:
    """Photos of one folder, whose names differ by a number at most."""
    alone = dataset.photo_numbers().astype(str)
    paths = photo_paths(dataset)
    order = None if paths is None else frame_numbers(paths)
    same = paths is not None and len(set(names_without_numbers(paths))) == 1
    if order is None or not same:
        return Groups(alone, "none found: each photo is a group", "none")
    why = looks_like_one_recording(dataset, order)
    if why:
        note = f'taken as one recording, since {why}; if the photos are independent, choose groups="none"'
        return Groups(np.full(len(dataset), "recording"), f"one recording: {why}", "one recording", (note,))
    note = (
        "the names of the photos do not tell which belong together, and the photos look independent; "
        "if some are of one subject, give groups"
    )
    return Groups(alone, "none found: each photo is a group", "none", (note,))


def _named(dataset, groups: str) -> Groups:
    if groups == "none":
        return Groups(dataset.photo_numbers().astype(str), "none: each photo is a group", "none")
    if groups in _NAMED:
        way = {"file": _of_file, "video": _of_videos, "folder": _of_folders, "time": _of_times, "name": _of_names}
        found = way[groups](dataset, chosen=True)
        if found is None:
            raise ValueError(f"groups={groups!r}: {_MISSING[groups]}; give other groups, such as a regular expression")
        return found
    column = getattr(dataset, groups, None) if groups.isidentifier() else None
    if isinstance(column, list | tuple | np.ndarray) and np.shape(column) == (len(dataset),):
        return Groups(_texts(column, len(dataset)), f"column {groups!r} of the data set", "given")
    return _of_pattern(dataset, groups)


_MISSING = {
    "file": "the labels of this data set have no groups",
    "video": "the photos are not frames of videos",
    "folder": "the photos are arrays without a path",
    "time": "not every photo has a date in its name, such as 2022-04-11-00-01-10",
    "name": "the photos are arrays without a path",
}


def _of_pattern(dataset, pattern: str) -> Groups:
    paths = photo_paths(dataset)
    if paths is None:
        raise ValueError(f"groups={pattern!r} is searched in the paths of the photos, but they are arrays")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        known = ", ".join(("auto", "none", *_NAMED))
        raise ValueError(f"groups={pattern!r} is none of {known}, nor a regular expression: {error}") from error
    found = [compiled.search(path) for path in paths]
    missing = [path for path, each in zip(paths, found, strict=True) if each is None]
    if missing:
        shown = ", ".join(dict.fromkeys(missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise ValueError(
            f"groups={pattern!r} is neither a column of the data set nor a regular expression found in every path; "
            f"without a match: {shown}"
        )
    values = [next((group for group in each.groups() if group is not None), each[0]) for each in found if each]
    return Groups(np.array(values), f"{pattern!r} in the path of the photo", "pattern")


def _of_file(dataset, chosen: bool = False) -> Groups | None:
    if dataset.groups is None:
        return None
    source = getattr(dataset, "groups_source", "") or "as the labels say"
    return Groups(_texts(dataset.groups, len(dataset)), source, "file")


def _of_videos(dataset, chosen: bool = False) -> Groups | None:
    paths = photo_paths(dataset)
    videos = None if paths is None else photo_videos(paths)
    return None if videos is None else Groups(np.array(videos), "video of the frame", "video")


def _of_folders(dataset, chosen: bool = False) -> Groups | None:
    paths = photo_paths(dataset)
    return None if paths is None else Groups(np.array(photo_folders(paths)), "folder of the photo", "folder")


def _of_times(dataset, chosen: bool = False) -> Groups | None:
    paths = photo_paths(dataset)
    found = None if paths is None else photo_times(paths)
    if found is None:
        return None
    times, with_time = found
    if not with_time:
        days = [name.split("T")[0] for name in _dates(times)]
        return Groups(np.array(days), "date in the name of the photo", "time")
    order = np.argsort(times, kind="stable")
    began = np.concatenate([[True], np.diff(times[order]) > SECONDS])
    starts = times[order][began][np.cumsum(began) - 1]
    values = np.empty(len(times), object)
    values[order] = _dates(starts)
    return Groups(values.astype(str), f"time in the name of the photo, less than {SECONDS:.0f} s apart", "time")


def _dates(seconds: np.ndarray) -> list[str]:
    return [str(np.datetime64("1900-01-01T00:00:00") + np.timedelta64(int(each), "s")) for each in seconds]


def _of_names(dataset, chosen: bool = False) -> Groups | None:
    paths = photo_paths(dataset)
    if paths is None:
        return None
    names = names_without_numbers(paths)
    n_names, n_photos = len(set(names)), int(dataset.photo_numbers().max()) + 1
    if not chosen and n_names > 0.9 * n_photos:
        return None  # other words in the names than frame numbers
    return Groups(np.array(names), "name of the photo without its last number", "name")

"""Files of points, .pts, as the faces of 300-W have them: one file per subject, beside the photo of the same name.

Traps: pixels count from 1; points have no names, only an order; the photo's type is not said; files of different
markups (68 points, 51, 5) look alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from ..skeleton import Skeleton
from .annotations import Annotations
from .files import begins_with, existing_file
from .labelled_points import natural_key
from .same_stems import photos_of_stems
from .text_tables import decoded, to_number

__all__ = ["read_pts", "recognise_pts"]

_LEVELS = ("*.pts", "*/*.pts", "*/*/*.pts")
_HEAD = re.compile(r"^\s*(version|n_points)\s*:\s*(\S+)\s*$", re.I | re.M)


def recognise_pts(path: Path) -> str | None:
    """What makes a file or folder one of .pts files, in words; None where nothing does."""
    if path.is_file():
        known = path.suffix.lower() == ".pts" and _HEAD.search(begins_with(path, 200))
        return "read as .pts: version and n_points" if known else None
    first = next((file for file in sorted(_files(path)) if _HEAD.search(begins_with(file, 200))), None)
    return f"read as .pts files, such as {first.name}" if first else None


def read_pts(path: str | Path, images: str | Path | None = None) -> Annotations:
    """Points of one file, or of all files of a folder, sorted by name.

    Parameters
    ----------
    path : path
        File, or folder with .pts files in it or in two levels of folders below.
    images : path, optional
        Folder of the photos, in which they lie as the .pts files do in theirs; by default the same folder.

    Returns
    -------
    Annotations
        Parts are called 1, 2, ...

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If a file is not of this format, files have different numbers of points, or several photos have the name of one.
    """
    path = Path(path)
    root = path if path.is_dir() else path.parent
    files = sorted(_files(path), key=lambda file: natural_key(str(file))) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no .pts file in {path}")
    points = {file: _read(file) for file in files}
    counts = defaultdict(list)
    for file, each in points.items():
        counts[len(each)].append(file.name)
    if len(counts) > 1:
        listing = "; ".join(
            f"{n} points in {len(names)} files, {names[0]} first" for n, names in sorted(counts.items())
        )
        raise ValueError(f"{path} mixes markups: {listing}; give folders of one markup")
    labelled = {file: each for file, each in points.items() if each[:, 2].any()}
    if not labelled:
        raise ValueError(f"{path} has no labelled point")
    empty = len(files) - len(labelled)
    notes = [f"files without a labelled point are left out: {empty}"] if empty else []
    stems = [file.relative_to(root).with_suffix("").as_posix() for file in labelled]
    found = photos_of_stems(root if images is None else Path(images), stems)
    n_parts = next(iter(counts))
    return Annotations(
        path.stem,
        [found.get(stem, stem) for stem in stems],
        np.stack([*labelled.values()]).astype(np.float32),
        Skeleton(path.stem, tuple(str(number) for number in range(1, n_parts + 1))),
        notes=tuple(notes),
    )


def _files(folder: Path) -> list[Path]:
    return [file for pattern in _LEVELS for file in folder.glob(pattern)] if folder.is_dir() else []


def _read(path: Path) -> np.ndarray:
    """Points (P, 3) of one file, counted from 0."""
    text = decoded(existing_file(path, "give a .pts file, or a folder of them").read_bytes())
    heads = {key.lower(): value for key, value in _HEAD.findall(text)}
    body = re.search(r"\{(.*)\}", text, re.S)
    if "n_points" not in heads or body is None:
        raise ValueError(f"{path} is no file of points: expected 'version: 1', 'n_points: 68' and points in {{ }}")
    rows = [line.split() for line in body[1].splitlines() if line.strip()]
    if not heads["n_points"].isdigit() or int(heads["n_points"]) != len(rows):
        raise ValueError(
            f"{path} announces n_points {heads['n_points']}, but has {len(rows)} points; it may be cut off"
        )
    joints = np.zeros((len(rows), 3))
    for number, row in enumerate(rows, 1):
        try:
            x, y = map(to_number, row)
        except ValueError:
            raise ValueError(f"{path}: point {number} is not x and y: {' '.join(row)!r}") from None
        if np.isfinite(x) and np.isfinite(y) and (x, y) != (-1, -1):
            joints[number - 1] = x - 1, y - 1, 1
    return joints

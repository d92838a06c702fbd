"""YOLO-pose: a text file per photo, one subject per line, and ``data.yaml``.

Traps: coordinates are shares of the photo's width and height, so photos are needed; keypoints have no names, unless
``data.yaml`` has ``kpt_names``; ``flip_idx`` says what changes places in a mirrored photo, but not which is left;
``kpt_shape`` says whether a visibility follows x and y (0 not labelled, 1 hidden, 2 visible; many exporters write 1 for
all); without visibilities, a keypoint at (0, 0) is not labelled; an empty file is a photo without a subject; a photo's
labels are found by ``images`` in its path becoming ``labels``; ``path`` in ``data.yaml`` is often another computer's.

Shares are taken of the photo from edge to edge, as labelling tools write them: the centre of the first pixel is at
0.5 / width, so ``x = x_share * width - 0.5`` with pixels counted from 0, at their centres. Boxes have no such shift.
Converters that divide numbers of pixels by the width are half a pixel off unless ``first_pixel=0`` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..photos import photo_size
from ..sides import find_pairs
from ..skeleton import Skeleton
from .annotations import Annotations
from .yolo_folders import LabelFile, find_label_files, find_photos_of_labels, split_of
from .yolo_settings import YoloSettings, find_settings, read_settings
from .yolo_writer import write_yolo

__all__ = ["read_yolo", "recognise_yolo", "write_yolo"]

_BOX = 5  # class, centre x and y, width, height
_TOO_FAR = 2.0  # shares beyond this are no shares


@dataclass(frozen=True)
class _Line:
    """A subject as the file has it: numbers are shares."""

    file: LabelFile
    number: int
    category: int
    box: tuple[float, ...]
    keypoints: tuple[float, ...]

    @property
    def where(self) -> str:
        return f"{self.file.path}, line {self.number}"


def recognise_yolo(path: Path) -> str | None:
    """What makes a file or folder YOLO-pose, in words; None where nothing does."""
    settings = find_settings(path)
    if settings is not None:
        return f"read as YOLO-pose: kpt_shape in {settings.name}"
    if not path.is_dir():
        return None
    for file in find_label_files(path, certain=True):
        try:
            lines = _lines(file)
        except (ValueError, OSError):
            return None
        if lines:
            fits = len(lines[0].keypoints) >= 2 and all(0 <= value <= 1 for value in lines[0].box)
            return f"read as YOLO-pose: keypoints in {file.path.name}" if fits else None
    return None


def read_yolo(
    path: str | Path,
    images: str | Path | None = None,
    *,
    category: str | int | None = None,
    first_pixel: float = 0.5,
    max_missing: float = 0.1,
) -> Annotations:
    """Labelled subjects of one class, sorted by file.

    Parameters
    ----------
    path : path
        ``data.yaml``, or a folder with it or with a folder ``labels``.
    images : path, optional
        Folder of the photos; by default they are looked for where YOLO expects them, under ``images``.
    category : str or int, optional
        Name or number of the class; needed where several have subjects.
    first_pixel : float, default=0.5
        Where the centre of the first pixel is, in pixels.
    max_missing : float, default=0.1
        Share of the label files whose photo may be missing: they are left out, with a note.

    Returns
    -------
    Annotations
        Photos are named relative to `images`, or to the folder. `splits` are "train", "val" and "test", pairs come
        from ``flip_idx``.

    Raises
    ------
    FileNotFoundError
        If there is no label file, or too many photos are missing.
    ValueError
        If lines do not agree with ``kpt_shape``, are boxes without keypoints, or hold no shares; or a class must be
        chosen.
    """
    path = Path(path)
    settings = read_settings(path)
    root = settings.root
    files = find_label_files(root)
    if not files:
        raise FileNotFoundError(f"no labels of YOLO in {root}: expected text files in a folder 'labels'")
    notes = [*settings.notes]
    lines = _of_category([line for file in files for line in _lines(file)], settings, category, root, notes)
    lines = _with_photos(lines, root, images, path, max_missing, notes)
    joints, occluded = _joints(lines, _dimensions(lines, settings), notes)
    kept = np.flatnonzero(joints[..., 2].any(1)).tolist()
    if not kept:
        raise ValueError(f"{root}: none of {len(lines)} subjects has a labelled keypoint")
    if len(kept) < len(lines):
        notes.append(f"subjects without a labelled keypoint are left out: {len(lines) - len(kept)}")
    sizes = _sizes(lines)
    points = np.where(joints[..., 2:] > 0, joints[..., :2] * sizes[:, None] - first_pixel, 0)
    found = Annotations(
        settings.name,
        [line.file.photo for line in lines],
        np.dstack([points, joints[..., 2]]).astype(np.float32),
        _skeleton(settings, joints.shape[1], lines[0].category, notes),
        occluded=occluded,
        boxes=_boxes(lines, sizes),
        splits=_splits(lines, settings),
        sizes=sizes,
        notes=tuple(notes),
    )
    return found.take(kept)


def _lines(file: LabelFile) -> list[_Line]:
    """The subjects of a label file."""
    lines = []
    for number, text in enumerate(file.path.read_text(encoding="utf-8-sig").splitlines(), 1):
        cells = text.split()
        if not cells:
            continue
        try:
            values = tuple(map(float, cells))
        except ValueError:
            raise ValueError(f"{file.path}, line {number}: expected numbers, got {text[:40]!r}") from None
        if len(values) < _BOX or values[0] != int(values[0]) or values[0] < 0:
            raise ValueError(f"{file.path}, line {number}: expected class, box and keypoints, got {text[:40]!r}")
        lines.append(_Line(file, number, int(values[0]), values[1:_BOX], values[_BOX:]))
    return lines


def _of_category(
    lines: list[_Line], settings: YoloSettings, wanted: str | int | None, root: Path, notes: list[str]
) -> list[_Line]:
    counts = Counter(line.category for line in lines if line.keypoints)
    if not counts:
        what = f"its {len(lines)} lines are boxes without keypoints" if lines else "its label files are empty"
        raise ValueError(f"{root}: {what}; give labels of YOLO-pose")
    named = {number: settings.classes.get(number, str(number)) for number in counts}
    listing = ", ".join(f"{named[number]!r} ({counts[number]})" for number in sorted(counts))
    chosen = [number for number in counts if wanted is None or str(wanted) in (named[number], str(number))]
    if len(chosen) != 1:
        given = "" if wanted is None else f"; got {wanted!r}"
        raise ValueError(f"{root}: give category=..., one of the classes with subjects: {listing}{given}")
    boxes_only = sum(line.category == chosen[0] and not line.keypoints for line in lines)
    if boxes_only:
        notes.append(f"boxes without keypoints are left out: {boxes_only}")
    return [line for line in lines if line.category == chosen[0] and line.keypoints]


def _with_photos(
    lines: list[_Line], root: Path, images: str | Path | None, source: Path, max_missing: float, notes: list[str]
) -> list[_Line]:
    """The lines whose photo is there, with its name."""
    files = list(dict.fromkeys(line.file for line in lines))
    photos = find_photos_of_labels(files, root, images)
    missing = [file for file in files if file not in photos]
    if len(missing) > max_missing * len(files):
        where = images if images is not None else root
        raise FileNotFoundError(
            f"{len(missing)} of {len(files)} label files of {source} have no photo in {where}, "
            f"{missing[0].path.name} first; give the folder of the photos"
        )
    if missing:
        notes.append(
            f"{len(missing)} of {len(files)} label files have no photo and are left out, {missing[0].path.name} first"
        )
    return [replace(line, file=photos[line.file]) for line in lines if line.file in photos]


def _dimensions(lines: Sequence[_Line], settings: YoloSettings) -> tuple[int, int]:
    """Number of keypoints, and of numbers for each: 2, or 3 with visibility."""
    counts = Counter(len(line.keypoints) for line in lines)
    odd = next((line for line in lines if len(line.keypoints) != counts.most_common(1)[0][0]), None)
    if settings.kpt_shape is not None:
        n_parts, width = settings.kpt_shape
        wrong = next((line for line in lines if len(line.keypoints) != n_parts * width), None)
        if wrong is not None:
            raise ValueError(
                f"{wrong.where}: {len(wrong.keypoints)} numbers follow the box, but kpt_shape [{n_parts}, {width}] "
                f"means {n_parts * width}"
            )
        return n_parts, width
    if odd is not None:
        listing = " or ".join(map(str, sorted(counts)))
        raise ValueError(f"{odd.where}: lines have {listing} numbers after the box; give data.yaml with kpt_shape")
    length = next(iter(counts))
    values = np.array([line.keypoints for line in lines])
    if length % 3 == 0 and np.isin(values[:, 2::3], (0, 1, 2)).all():
        return length // 3, 3
    if length % 2:
        raise ValueError(f"{lines[0].where}: {length} numbers after the box are no keypoints of x, y or x, y, visible")
    return length // 2, 2


def _joints(lines: Sequence[_Line], shape: tuple[int, int], notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Shares and labelled (N, P, 3), and which are hidden (N, P)."""
    values = np.array([line.keypoints for line in lines]).reshape(len(lines), *shape)
    points = values[..., :2]
    if shape[1] == 3:
        codes = values[..., 2]
        if not np.isin(codes, (0, 1, 2)).all():
            at = int(np.flatnonzero(~np.isin(codes, (0, 1, 2)).all(1))[0])
            raise ValueError(f"{lines[at].where}: visibility must be 0, 1 or 2; got {codes[at].tolist()}")
        seen, hidden = codes > 0, codes == 1
        if (hidden == seen).all():
            notes.append("every labelled keypoint has visibility 1: hidden ones are not told from visible ones")
            hidden = np.zeros_like(seen)
    else:
        seen = np.asarray((points > 0).any(-1) & (points >= 0).all(-1))
        hidden = np.zeros_like(seen)
    far = seen & (np.abs(points) > _TOO_FAR).any(-1)
    if far.any() or not np.isfinite(points[seen]).all():
        line = lines[int(np.flatnonzero(far.any(1))[0])] if far.any() else lines[0]
        raise ValueError(f"{line.where}: keypoints must be shares of the photo, from 0 to 1; are these pixels?")
    joints = np.dstack([np.where(seen[..., None], points, 0), seen])
    return joints, hidden if hidden.any() else None


def _sizes(lines: Sequence[_Line]) -> np.ndarray:
    sizes = {file: photo_size(file.found) for file in dict.fromkeys(line.file for line in lines)}
    return np.array([sizes[line.file] for line in lines], float)


def _boxes(lines: Sequence[_Line], sizes: np.ndarray) -> np.ndarray | None:
    shares = np.array([line.box for line in lines])
    boxes = np.concatenate([(shares[:, :2] - shares[:, 2:] / 2) * sizes, shares[:, 2:] * sizes], 1)
    boxes[~np.isfinite(boxes).all(1) | (boxes[:, 2:] <= 0).any(1)] = np.nan
    return boxes if np.isfinite(boxes).any() else None


def _splits(lines: Sequence[_Line], settings: YoloSettings) -> list[str] | None:
    splits = [split_of(line.file, settings) for line in lines]
    return splits if any(splits) else None


def _skeleton(settings: YoloSettings, n_parts: int, category: int, notes: list[str]) -> Skeleton:
    parts = settings.parts(n_parts, category, notes)
    by_name = find_pairs(parts).pairs
    sides = {frozenset((right, left)): (right, left) for right, left in by_name}
    pairs = [(parts[first], parts[second]) for first, second in settings.pairs(n_parts, notes)]
    ordered = tuple(sides.get(frozenset(pair), pair) for pair in pairs)
    return Skeleton(settings.name, parts, pairs=ordered or find_pairs(parts).usable)

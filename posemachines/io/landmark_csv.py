"""Plain tables of landmarks, CSV or TSV: one landmark per row (long), or one subject per row (wide).

Traps: there is no standard. The photo's column has many names; coordinates are called ``ear_x``, ``x_ear``, ``x1`` or
``earX``; cells are separated by commas, semicolons or tabs, with decimal points or commas; a missing landmark is an
empty cell, NA, or the point (0, 0) with visibility 0; visibility is a truth value, or a code (0 not labelled, 1 hidden,
2 visible). Pixels are taken as they are: counted from 0, at their centres.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..sides import find_pairs
from ..skeleton import Skeleton
from .annotations import Annotations
from .labelled_points import LabelledPoint, LabelledSubject, assemble, is_true
from .landmark_columns import LandmarkColumns, find_columns
from .text_tables import TextTable, read_text_table, table_heads
from .written import lost, relative_names

__all__ = ["group_columns", "read_landmark_csv", "recognise_landmark_csv", "write_landmark_csv"]

_ADVICE = "give a table with the columns image, ear_x, ear_y, ... or image, part, x, y"


def recognise_landmark_csv(path: Path) -> str | None:
    """What makes a file a table of landmarks, in words; None where nothing does."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return None
    try:
        heads = table_heads(path)
        columns = find_columns(heads, path)
    except (ValueError, csv.Error):
        return None
    kind = f"{len(columns.points)} landmarks per row" if columns.part is None else "one landmark per row"
    assert columns.image is not None
    return f"read as a table of landmarks: photos in column {heads[columns.image]!r}, {kind}"


def group_columns(path: str | Path) -> list[str]:
    """The heads of a table, one of which may say what belongs together."""
    return table_heads(Path(path))


def read_landmark_csv(path: str | Path, *, group_column: str | None = None) -> Annotations:
    """Labels of a table of landmarks.

    Parameters
    ----------
    path : path
    group_column : str, optional
        Head of the column that says what belongs together; by default group, video, animal, patient, session or
        recording, where there is one.

    Returns
    -------
    Annotations
        Subjects in the order of the table; those without a landmark are left out. `boxes`, `sizes`, `mm_per_pixel`,
        `splits`, `subjects` and `groups` from columns of such names.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the table has no photos or landmarks, or a cell is not a number.
    """
    table = read_text_table(path, _ADVICE)
    columns = find_columns(table.heads, table.path, group_column)
    notes = []
    if columns.rest:
        notes.append(f"columns that are not read: {', '.join(columns.rest)}")
    if columns.scores:
        notes.append(f"the table has {', '.join(columns.scores[:3])}, as predictions have: are these labels?")
    return (_wide if columns.part is None else _long)(table, columns, notes)


def _photos(table: TextTable, columns: LandmarkColumns) -> list[str]:
    """Name of the photo of each row; of a video's frame, where frames are numbers."""
    assert columns.image is not None
    names = [row[columns.image] for row in table.rows]
    if not all(names):
        raise ValueError(f"{table.path}: row {table.numbers[names.index('')]} names no photo")
    if columns.video is not None and all(name.isdigit() for name in names):
        names = [f"{row[columns.video]}#frame={int(row[columns.image])}" for row in table.rows]
    return names


def _texts(table: TextTable, column: int | None) -> list[str] | None:
    if column is None or not any(row[column] for row in table.rows):
        return None
    return [row[column] for row in table.rows]


def _numbers(table: TextTable, columns: Sequence[int]) -> np.ndarray:
    return np.array([[table.number(row, column) for column in columns] for row in range(len(table.rows))])


def _codes(table: TextTable, columns: Sequence[int]) -> np.ndarray | None:
    """Codes of visibility (R, C): 0 not labelled, 1 hidden, 2 visible; None where truth values are meant."""
    cells = [[row[column].casefold() for column in columns] for row in table.rows]
    if not any("2" in {cell.removesuffix(".0") for cell in row} for row in cells):
        return None
    values = _numbers(table, columns)
    return np.where(np.isfinite(values), values, 2)


def _points(table: TextTable, columns: LandmarkColumns) -> tuple[np.ndarray, np.ndarray]:
    """Joints (R, P, 3), and which of them are hidden (R, P)."""
    kinds = [*columns.points.values()]
    x, y = (_numbers(table, [kind[axis] for kind in kinds]) for axis in "xy")
    seen = np.isfinite(x) & np.isfinite(y)
    hidden = np.zeros(seen.shape, bool)
    for part, kind in enumerate(kinds):
        if "occluded" in kind:
            hidden[:, part] |= [is_true(row[kind["occluded"]]) for row in table.rows]
    with_codes = [part for part, kind in enumerate(kinds) if "visible" in kind]
    places = [kinds[part]["visible"] for part in with_codes]
    codes = _codes(table, places)
    if codes is not None:
        seen[:, with_codes] &= codes > 0
        hidden[:, with_codes] |= codes == 1
    elif places:
        away = np.array([[row[column] != "" and not is_true(row[column]) for column in places] for row in table.rows])
        nowhere = (x[:, with_codes] == 0) & (y[:, with_codes] == 0)
        seen[:, with_codes] &= ~(away & nowhere)
        hidden[:, with_codes] |= away
    joints = np.where(seen[..., None], np.dstack([x, y, seen]), 0)
    return joints, hidden & seen


def _spacing(table: TextTable, columns: LandmarkColumns) -> np.ndarray | None:
    if columns.spacing is None:
        return None
    values = _numbers(table, [columns.spacing])[:, 0]
    return np.where(values > 0, values, np.nan)


def _wide(table: TextTable, columns: LandmarkColumns, notes: list[str]) -> Annotations:
    """One subject per row."""
    joints, hidden = _points(table, columns)
    kept = np.flatnonzero(joints[..., 2].any(1))
    if not len(kept):
        raise ValueError(f"{table.path} has no landmark in its {len(joints)} rows")
    if len(kept) < len(joints):
        notes.append(f"{len(joints) - len(kept)} of {len(joints)} rows have no landmark and are left out")
    parts = tuple(columns.points)
    name = table.path.stem
    found = Annotations(
        name,
        _photos(table, columns),
        joints.astype(np.float32),
        Skeleton(name, parts, pairs=find_pairs(parts).usable),
        occluded=hidden if hidden.any() else None,
        boxes=_numbers(table, columns.box) if columns.box else None,
        sizes=_numbers(table, columns.size) if columns.size else None,
        groups=_texts(table, columns.group),
        subjects=_texts(table, columns.subject),
        splits=_texts(table, columns.split),
        mm_per_pixel=_spacing(table, columns),
        notes=tuple(notes),
    )
    return found.take(kept.tolist())


def _long(table: TextTable, columns: LandmarkColumns, notes: list[str]) -> Annotations:
    """One landmark per row; a subject's other cells are those of its first row."""
    joints, hidden = _points(table, columns)
    spacings = _spacing(table, columns)
    boxes = _numbers(table, columns.box) if columns.box else None
    sizes = _numbers(table, columns.size) if columns.size else None
    names, groups, splits = (_texts(table, each) for each in (columns.subject, columns.group, columns.split))
    subjects: dict[tuple[str, str], LabelledSubject] = {}
    spacing: dict[tuple[str, str], float] = {}
    order: dict[str, None] = {}
    for row, photo in enumerate(_photos(table, columns)):
        key = photo, names[row] if names else ""
        if key not in subjects:
            subjects[key] = LabelledSubject(
                photo,
                name=key[1],
                group=groups[row] if groups else "",
                split=splits[row] if splits else "",
                box=None if boxes is None else tuple(boxes[row].tolist()),
                size=(np.nan, np.nan) if sizes is None else tuple(sizes[row].tolist()),
            )
            spacing[key] = np.nan if spacings is None else float(spacings[row])
        assert columns.part is not None
        part = table.rows[row][columns.part]
        if not part:
            raise ValueError(f"{table.path}: row {table.numbers[row]} names no landmark")
        order.setdefault(part)
        x, y, seen = joints[row, 0].tolist()
        if seen:
            subjects[key].points.append(LabelledPoint(part, x, y, bool(hidden[row, 0])))
    found = assemble(
        table.path.stem, list(subjects.values()), table.path, parts=_in_order(order), notes=notes,
        several="tell the subjects of a photo apart in a column 'subject'",
    )  # fmt: skip
    if spacings is None:
        return found
    keys = zip(found.photos, found.subjects or [""] * len(found), strict=True)
    return replace(found, mm_per_pixel=np.array([spacing[key] for key in keys]))


def _in_order(parts: dict[str, None]) -> list[str]:
    """As they appear; nothing, for the order of their numbers, where all of them are numbers."""
    return [] if all(part.isdigit() for part in parts) else [*parts]


def write_landmark_csv(path: str | Path, dataset, *, layout: str = "wide") -> list[str]:
    """Write labels as a table.

    Parameters
    ----------
    path : path
        Of the CSV file. Photos are named relative to its folder.
    dataset : PoseDataset
        With photos in files.
    layout : {"wide", "long"}, default="wide"
        One subject, or one landmark, per row.

    Returns
    -------
    list of str
        What the table does not hold.

    Raises
    ------
    ValueError
        If a photo is an array, or the layout is neither.
    """
    if layout not in ("wide", "long"):
        raise ValueError(f"layout must be 'wide' or 'long'; got {layout!r}")
    photos = relative_names(dataset, Path(path).parent)
    parts = dataset.skeleton.parts
    heads, cells = _of_subjects(dataset, photos)
    occluded = dataset.occluded
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        kinds = ("x", "y") if occluded is None else ("x", "y", "occluded")
        columns = [f"{part}_{kind}" for part in parts for kind in kinds] if layout == "wide" else ["part", *kinds]
        writer.writerow(["image", *heads, *columns])
        for index, photo in enumerate(photos):
            points = [_cells(dataset, index, part) for part in range(len(parts))]
            if layout == "wide":
                writer.writerow([photo, *cells[index], *(cell for point in points for cell in point)])
            else:
                for part, point in zip(parts, points, strict=True):
                    writer.writerow([photo, *cells[index], part, *point])
    return lost(dataset, "a table of landmarks", held=("occluded", "boxes", "groups", "mm_per_pixel"))


def _of_subjects(dataset, photos: list[str]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of what is said once per subject."""
    columns: dict[str, list[str]] = {}
    if len(set(photos)) < len(photos):
        columns["subject"] = [str(photos[:index].count(photo) + 1) for index, photo in enumerate(photos)]
    if dataset.groups is not None:
        columns["group"] = [str(group) for group in dataset.groups]
    if dataset.mm_per_pixel is not None:
        columns["mm_per_pixel"] = [_text(value) for value in dataset.mm_per_pixel]
    if dataset.boxes is not None:
        for place, name in enumerate(("box_x", "box_y", "box_w", "box_h")):
            columns[name] = [_text(value) for value in dataset.boxes[:, place]]
    return [*columns], [list(row) for row in zip(*columns.values(), strict=True)] or [[] for _ in photos]


def _cells(dataset, index: int, part: int) -> list[str]:
    x, y, seen = dataset.joints[index, part].tolist()
    cells = [_text(x), _text(y)] if seen else ["", ""]
    return cells if dataset.occluded is None else [*cells, str(int(dataset.occluded[index, part]))]


def _text(value: float) -> str:
    """Nine digits tell every number of single precision apart."""
    return "" if np.isnan(value) else f"{float(value):.9g}"

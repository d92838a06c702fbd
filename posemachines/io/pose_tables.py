"""Poses in CSV files: one subject per row, plain or in DeepLabCut's layout."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from ..evaluation.protocols import Protocol
from .deeplabcut import read_landmark_table
from .part_names import part_order

__all__ = ["read_table"]

_THIRD = ("score", "likelihood", "confidence", "conf", "visible", "v")
_NAMES = ("image", "image_id", "filename", "file", "photo", "name", "id", "frame", "person")


def read_table(path: Path, protocol: Protocol) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Poses (N, P, 2 or 3) in the protocol's order, and a name for each subject where the file has them.

    Plain tables have columns ``<part>_x``, ``<part>_y`` and perhaps ``<part>_score`` (or likelihood, confidence,
    visible); DeepLabCut's have three rows of heads: scorer, bodyparts, coords. An empty cell is missing.

    Raises
    ------
    ValueError
        If the heads are neither, a part is missing, or a cell is not a number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if not rows:
        raise ValueError(f"{path} is empty")
    if rows[0] and rows[0][0].strip().lower() == "scorer":
        return _deeplabcut(path, protocol)
    heads = [_split(cell.strip()) for cell in rows[0]]
    names = next((index for index, cell in enumerate(rows[0]) if cell.strip().lower() in _NAMES), None)
    columns = {(part, kind): index for index, head in enumerate(heads) if head for part, kind in (head,)}
    parts = list(dict.fromkeys(part for part, kind in columns if kind == "x" and (part, "y") in columns))
    if not parts:
        raise ValueError(
            f"{path} has no columns <part>_x and <part>_y, such as right_ankle_x; it has {', '.join(rows[0])}"
        )
    order = part_order(parts, protocol, str(path))
    third = [kind for kind in _THIRD if all((part, kind) in columns for part in parts)]
    kinds = ["x", "y", *third[:1]]
    places = [[columns[parts[index], kind] for kind in kinds] for index in order]
    subjects = None if names is None else tuple(row[names].strip() for row in rows[1:])
    return _numbers(rows[1:], places, path), subjects


def _deeplabcut(path: Path, protocol: Protocol) -> tuple[np.ndarray, tuple[str, ...] | None]:
    table = read_landmark_table(path)
    if len(table.individuals) > 1:
        raise ValueError(f"{path} has several individuals per photo; give one subject per row")
    order = part_order(list(table.parts), protocol, str(path))
    return table.values[:, 0, order], tuple(table.photos) if all(table.photos) else None


def _split(head: str) -> tuple[str, str] | None:
    """(part, coordinate) of a head such as right_ankle_x."""
    match = re.fullmatch(rf"(.+?)[ _.\-:]({'|'.join(('x', 'y', *_THIRD))})", head, re.IGNORECASE)
    return (match[1], match[2].lower()) if match else None


def _numbers(rows: list[list[str]], places: list[list[int]], path: Path) -> np.ndarray:
    poses = np.full((len(rows), len(places), len(places[0]) if places else 2), np.nan)
    for subject, row in enumerate(rows):
        for index in np.ndindex(poses.shape[1:]):
            column = places[index[0]][index[1]]
            cell = row[column].strip() if column < len(row) else ""
            try:
                poses[(subject, *index)] = float(cell) if cell else np.nan
            except ValueError:
                raise ValueError(
                    f"{path}: subject {subject + 1}, column {column + 1} is not a number: {cell!r}"
                ) from None
    return poses

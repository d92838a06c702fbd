"""Poses in CSV files: a row a person, plain or in DeepLabCut's layout."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from .protocols import Protocol

__all__ = ["part_order", "read_table"]

_THIRD = ("score", "likelihood", "confidence", "conf", "visible", "v")
_NAMES = ("image", "image_id", "filename", "file", "photo", "name", "id", "frame", "person")
_SIDES = {"r": "right", "l": "left"}


def read_table(path: Path, protocol: Protocol) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Poses (N, P, 2 or 3) in the protocol's order, and a name for each person where a column has them.

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
    first = [row[0].strip().lower() if row else "" for row in rows[:4]]
    if first[:1] == ["scorer"]:
        if "individuals" in first:
            raise ValueError(f"{path} has several individuals a photo; give one person a row")
        if first[1:3] != ["bodyparts", "coords"]:
            raise ValueError(f"{path} begins with 'scorer' but not with DeepLabCut's rows scorer, bodyparts, coords")
        heads = [
            (part.strip(), coordinate.strip().lower()) if coordinate.strip() else None
            for part, coordinate in zip(rows[1], rows[2], strict=True)
        ]
        heads[0], rows = None, rows[3:]
        names = [index for index, head in enumerate(heads) if head is None]
    else:
        heads = [_split(cell.strip()) for cell in rows[0]]
        names = [index for index, cell in enumerate(rows[0]) if cell.strip().lower() in _NAMES][:1]
        rows = rows[1:]
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
    people = tuple("/".join(row[index].strip() for index in names) for row in rows) if names else None
    return _numbers(rows, places, path), people


def _split(head: str) -> tuple[str, str] | None:
    """(part, coordinate) of a head such as right_ankle_x."""
    match = re.fullmatch(rf"(.+?)[ _.\-:]({'|'.join(('x', 'y', *_THIRD))})", head, re.IGNORECASE)
    return (match[1], match[2].lower()) if match else None


def _numbers(rows: list[list[str]], places: list[list[int]], path: Path) -> np.ndarray:
    poses = np.full((len(rows), len(places), len(places[0]) if places else 2), np.nan)
    for person, row in enumerate(rows):
        for index in np.ndindex(poses.shape[1:]):
            column = places[index[0]][index[1]]
            cell = row[column].strip() if column < len(row) else ""
            try:
                poses[(person, *index)] = float(cell) if cell else np.nan
            except ValueError:
                raise ValueError(
                    f"{path}: person {person + 1}, column {column + 1} is not a number: {cell!r}"
                ) from None
    return poses


def part_order(parts: list[str], protocol: Protocol, what: str) -> list[int]:
    """Indices that put named parts into the protocol's order.

    Names are compared without case, separators and order of their words; ``r`` and ``l`` are right and left. Parts
    that are numbers (``0``, ``part 0``) are in order already. Parts that the protocol does not know are left out.
    """
    keys = [_key(part) for part in parts]
    best: list[str] = list(protocol.parts)
    for layout in (protocol.parts, *protocol.layouts):
        missing = [part for part in layout if _key(part) not in keys]
        if not missing:
            return [keys.index(_key(part)) for part in layout]
        best = min(best, missing, key=len)
    if all(re.fullmatch(r"(part|joint|keypoint|bodypart)?[ _]?\d+", part, re.IGNORECASE) for part in parts):
        protocol.layout(len(parts))
        return list(range(len(parts)))
    raise ValueError(
        f"{what} lacks the parts {', '.join(best)} of protocol {protocol.name!r}; it has {', '.join(parts)}; "
        "rename its columns"
    )


def _key(part: str) -> frozenset[str]:
    words = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", part).lower())
    return frozenset(_SIDES.get(word, word) for word in words)

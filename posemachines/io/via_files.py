"""VIA's layouts, brought to one: a list of photos, each with its regions."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from .files import existing_file

__all__ = ["is_version_3", "photos_of_csv", "photos_of_json"]

_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")


def is_version_3(content) -> bool:
    """Whether this is a project of VIA 3."""
    return isinstance(content, dict) and {"project", "metadata", "attribute"} <= {*content}


def photos_of_json(content) -> list[dict[str, Any]] | None:
    """The photos of a project or of annotations; None if it is neither.

    Returns
    -------
    list of dict
        ``filename``, ``size``, ``file_attributes``, and ``regions``, a list of (shape, attributes).
    """
    if not isinstance(content, dict):
        return None
    photos = content.get("_via_img_metadata", content)
    if not isinstance(photos, dict) or not photos:
        return None
    if not all(isinstance(photo, dict) and {"filename", "regions"} <= {*photo} for photo in photos.values()):
        return None
    return [{**photo, "filename": str(photo["filename"]), "regions": _regions(photo)} for photo in photos.values()]


def _regions(photo: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    regions = photo["regions"] or []
    if isinstance(regions, dict):  # version 1
        regions = list(regions.values())
    return [
        (region.get("shape_attributes") or {}, region.get("region_attributes") or {})
        for region in regions
        if isinstance(region, dict)
    ]


def photos_of_csv(path: Path) -> list[dict[str, Any]]:
    """The photos of a CSV file, as :func:`photos_of_json` returns them.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If a column is missing, or a cell is not JSON.
    """
    existing_file(path, "give VIA's CSV file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a readable CSV file ({error})") from error
    heads = [head.strip().lstrip("#") for head in rows[0]] if rows else []  # version 1 writes #filename
    if lacking := [name for name in _COLUMNS if name not in heads]:
        raise ValueError(f"{path} is not VIA's: it has no column {', '.join(lacking)}")
    places = {head: place for place, head in enumerate(heads)}
    photos: dict[tuple[str, str], dict[str, Any]] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) != len(heads):
            raise ValueError(f"{path}: row {number} has {len(row)} columns; its head has {len(heads)}")
        cells = {head: row[place] for head, place in places.items()}
        shape, attributes, of_file = (
            _parsed(cells.get(name, ""), path, number, name) for name in (*_COLUMNS[1:], "file_attributes")
        )
        size = cells.get("file_size", "")
        photo = photos.setdefault(
            (cells["filename"], size),
            {"filename": cells["filename"], "size": size, "file_attributes": of_file, "regions": []},
        )
        if shape:
            photo["regions"].append((shape, attributes))
    return list(photos.values())


def _parsed(cell: str, path: Path, number: int, column: str) -> dict[str, Any]:
    try:
        value = json.loads(cell) if cell.strip() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: row {number}, {column} is not JSON ({error}): {cell[:60]!r}") from error
    return value if isinstance(value, dict) else {}

"""Photos that annotations name, found in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

__all__ = ["check_folder", "find_photo", "find_photos", "read_json"]


def check_folder(folder: str | Path) -> Path:
    """The folder of the photos; FileNotFoundError where there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds the photos")
    return folder


def find_photo(folder: Path, name: str) -> Path | None:
    """The photo that annotations call `name`: below `folder`, with as much of the path as is there."""
    parts = Path(name.replace("\\", "/")).parts
    paths = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in paths if path.is_file()), None)


def find_photos(folder: str | Path, names: Sequence[str], source: Path) -> list[Path]:
    """The photos of all names.

    Raises
    ------
    FileNotFoundError
        If the folder, or a photo, is missing.
    """
    folder = check_folder(folder)
    found = {name: find_photo(folder, name) for name in dict.fromkeys(names)}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(found)} photos that {source} names are not in {folder}, {missing[0]} first; "
            "give the folder that its names begin in"
        )
    return [path for name in names if (path := found[name]) is not None]


def read_json(path: str | Path):
    """What a JSON file holds; FileNotFoundError or ValueError where it cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give the file of the annotations")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON ({error})") from error

"""Label and prediction files: missing files and unreadable JSON are named in the same way everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

__all__ = ["begins_with", "existing_file", "folder_above", "read_json"]


def existing_file(path: str | Path, advice: str) -> Path:
    """`path`; FileNotFoundError with `advice` where there is no such file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; {advice}")
    return path


def begins_with(path: str | Path, size: int = 65536) -> str:
    """The first `size` bytes of a file as text, to recognise its format by; empty where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(size).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def folder_above(path: str | Path, names: Iterable) -> Path:
    """Folder of the labels at `path`, or as far above it as names such as ``../img/a.png`` lead."""
    parts = [Path(name).parts for name in names if isinstance(name, str)]  # not photos that came with the labels
    levels = max((next((n for n, part in enumerate(each) if part != ".."), 0) for each in parts), default=0)
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    return [folder, *folder.resolve().parents][: levels + 1][-1] if levels else folder


def read_json(path: str | Path):
    """What a JSON file holds; FileNotFoundError or ValueError where it cannot be read."""
    path = existing_file(path, "give the file of the annotations")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not readable JSON ({error})") from error

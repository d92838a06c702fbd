"""Label and prediction files: missing files and unreadable JSON are named in the same way everywhere."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["existing_file", "read_json"]


def existing_file(path: str | Path, advice: str) -> Path:
    """`path`; FileNotFoundError with `advice` where there is no such file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; {advice}")
    return path


def read_json(path: str | Path):
    """What a JSON file holds; FileNotFoundError or ValueError where it cannot be read."""
    path = existing_file(path, "give the file of the annotations")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON ({error})") from error

"""JSON files that are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .replacing import replacing

__all__ = ["plain", "write_json"]


def write_json(content, path: str | Path) -> None:
    """Write under a temporary name and rename; NaN and infinity become null."""
    text = json.dumps(plain(content), indent=1, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def plain(value):
    """`value` as JSON types: keys and paths as text, arrays as lists, non-finite numbers as None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value

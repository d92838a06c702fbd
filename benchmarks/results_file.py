"""Result files: JSON that is written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from posemachines._replacing import replacing

__all__ = ["write_json"]


def write_json(result: dict, path: str | Path) -> None:
    """Write `result` under a temporary name and rename it; NaN becomes null."""
    text = json.dumps(_plain(result), indent=1, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value

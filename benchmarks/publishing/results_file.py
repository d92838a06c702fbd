"""Result files in JSON, written completely or not at all."""

import json
from pathlib import Path

from posemachines._utils.json_files import write_json

__all__ = ["read", "write_json"]

FOLDER = Path(__file__).resolve().parents[1] / "results"


def read(name: str) -> dict:
    """Read the result file of this name."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

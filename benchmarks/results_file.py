"""Result files: JSON that is written whole or not at all."""

from posemachines._json import write_json

__all__ = ["write_json"]

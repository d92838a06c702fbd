"""YOLO's ``data.yaml``: classes, keypoints, and where the photos of each split are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import begins_with

__all__ = ["YoloSettings", "find_settings", "read_settings"]

_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class YoloSettings:
    """What ``data.yaml`` says; nothing where there is none.

    Attributes
    ----------
    root : Path
        Folder of the data set.
    name : str
    classes : dict of int: str
    kpt_shape : (int, int), optional
        Number of keypoints, and 2 or 3 numbers for each.
    flip_idx : list, optional
    kpt_names : dict or list, optional
    splits : dict of str: list of str
        Entries of train, val and test: folders or lists of photos.
    notes : tuple of str
    """

    root: Path
    name: str
    classes: dict[int, str] = field(default_factory=dict)
    kpt_shape: tuple[int, int] | None = None
    flip_idx: Any = None
    kpt_names: Any = None
    splits: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def parts(self, n_parts: int, category: int, notes: list[str]) -> tuple[str, ...]:
        """Names of the keypoints of a class: 1, 2, ... where the file has none."""
        names = self.kpt_names
        if isinstance(names, dict):
            names = names.get(category, names.get(str(category)))
        if isinstance(names, list) and len(names) == n_parts and len({*map(str, names)}) == n_parts:
            return tuple(map(str, names))
        if names:
            notes.append(f"kpt_names has not {n_parts} different names, as there are keypoints: they are numbered")
        else:
            notes.append(
                f"the keypoints have no names: they are called 1 to {n_parts}; to name them, add "
                "kpt_names: {0: [...]} to data.yaml"
            )
        return tuple(str(number) for number in range(1, n_parts + 1))

    def pairs(self, n_parts: int, notes: list[str]) -> list[tuple[int, int]]:
        """Keypoints that change places in a mirrored photo."""
        flips = self.flip_idx
        if not isinstance(flips, list) or not flips:
            return []
        if sorted(flips, key=str) != sorted(range(n_parts), key=str) or any(flips[flips[i]] != i for i in flips):
            notes.append(f"flip_idx {flips} does not exchange pairs of {n_parts} keypoints and is left out")
            return []
        return [(first, second) for first, second in enumerate(flips) if first < second]


def find_settings(path: Path) -> Path | None:
    """The ``data.yaml`` with keypoints at a path or in a folder; None where there is none."""
    if path.is_file():
        return path if path.suffix.lower() in (".yaml", ".yml") and "kpt_shape" in begins_with(path) else None
    if not path.is_dir():
        return None
    usual = [path / name for name in _FILES]
    others = sorted(file for file in path.glob("*.y*ml") if file not in usual)
    return next((file for file in (*usual, *others) if "kpt_shape" in begins_with(file)), None)


def read_settings(path: str | Path) -> YoloSettings:
    """The settings of a data set by its ``data.yaml`` or its folder.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If the file is not YAML, or its kpt_shape or names are none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}; give data.yaml, or the folder with images and labels")
    file = path if path.is_file() else find_settings(path)
    if file is None:
        name = path.parent.name if path.name == "labels" else path.name
        return YoloSettings(path, name or "yolo", notes=("there is no data.yaml with kpt_shape",))
    content = _yaml(file)
    shape = content.get("kpt_shape")
    if shape is not None and not _is_shape(shape):
        raise ValueError(f"{file}: kpt_shape must be [number of keypoints, 2 or 3]; got {shape!r}")
    root = _root(file, content.get("path"))
    entries = {split: content.get(split) for split in _SPLITS}
    return YoloSettings(
        root,
        root.name or "yolo",
        _classes(content.get("names"), file),
        None if shape is None else (int(shape[0]), int(shape[1])),
        content.get("flip_idx"),
        content.get("kpt_names"),
        {split: [str(each) for each in _listed(entry)] for split, entry in entries.items() if entry},
    )


def _yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{file} is not readable YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} has no entries such as kpt_shape; give YOLO's data.yaml")
    return content


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and len(shape) == 2 and type(shape[0]) is int and shape[0] > 0 and shape[1] in (2, 3)


def _root(file: Path, said: Any) -> Path:
    """The folder that the file names, if it is there; otherwise that of the file."""
    folder = file.parent / str(said) if said else file.parent
    return folder if folder.is_dir() else file.parent


def _classes(names: Any, file: Path) -> dict[int, str]:
    if names is None:
        return {}
    entries = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else None
    try:
        return {int(number): str(name) for number, name in entries or ()}
    except ValueError:
        raise ValueError(f"{file}: names must be a list, or numbers with names; got {names!r}") from None


def _listed(entry: Any) -> list:
    return entry if isinstance(entry, list) else [entry]

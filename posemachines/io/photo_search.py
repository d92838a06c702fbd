"""The search for photos by the names that annotations use: which file agrees with a name well enough."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..photos.references import split_name
from .folders import Folder, folded

__all__ = ["Name", "Search", "take_apart"]

NEUTRAL = frozenset(
    ["data", "frames", "image", "images", "img", "imgs", "jpegimages", "labeled-data", "photo", "photos", "pictures",
     "upload", "uploads"]
)  # fmt: skip
"""Folders whose names do not say which photos they hold."""

_NUMBERED = re.compile(r"(img|image|im|frame|f|photo|pic|picture)?[-_ ]?\d+", re.I)  # names that any folder may have
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Name:
    """A name taken apart.

    Attributes
    ----------
    text : str
        As the annotations have it.
    parts : tuple of str
        Folders and file. Only the first may be "..".
    full : bool
        Whether it was a full path, perhaps of another computer, or the address of a server.
    options : dict
        Of a reference.
    """

    text: str
    parts: tuple[str, ...]
    full: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def take_apart(text: str, folder: Path) -> Name:
    """A name with folders divided by slashes or backslashes, with or without a drive, or a URL.

    Raises
    ------
    ValueError
        If it names no file.
    """
    name, options = split_name(text)
    if (options or "\\" in text) and Path(folder, text).is_file():
        return Name(text, (text,))
    path = name.strip().replace("\\", "/")
    full = path.startswith("/") or bool(_DRIVE.match(path))
    if "://" in path:
        path, full = unquote(urlsplit(path).path), True
    parts: list[str] = []
    for part in _DRIVE.sub("", path, count=1).split("/") if full else path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".", "..") or (part == ".." and not full):
            parts.append(part)
    if not parts or parts[-1] == "..":
        raise ValueError(f"the labels name a photo {text!r}, which is no file; correct or remove it")
    return Name(text, tuple(parts), full, options)


class Search:
    """Files that names stand for.

    Parameters
    ----------
    folder : path
        Of the photos.
    names : list of N Name
    beside : path, optional
        Folder of the annotations.
    other_types : bool, default=False
        Accept files of the same name and another type.

    Attributes
    ----------
    places : list of N (Path or None)
    refused : list of N (Path or None)
        A file of the same name in a folder that contradicts the name.
    several : dict of int to list of Path
        Names that fit several files.
    deeper : bool
        Whether photos were found by searching all folders below.
    """

    def __init__(
        self, folder: str | Path, names: list[Name], beside: str | Path | None = None, *, other_types: bool = False
    ) -> None:
        self.folder = Folder(folder)
        self.names = names
        self.beside = None if beside is None else Path(os.path.abspath(beside))
        self.other_types = other_types
        self.refused: list[Path | None] = [None] * len(names)
        self.several: dict[int, list[Path]] = {}
        self.deeper = False
        self.places = self._best_level()
        if not any(self.places) and not self.several:
            self.places = self._each(lambda name: self.folder.anywhere(name.parts[-1], other_types=other_types))
            self.deeper = any(self.places)
        for index, name in enumerate(names):
            if self.places[index] is None and index not in self.several:
                self.places[index] = self._as_written(name)

    def is_respelt(self, index: int) -> bool:
        """Whether the file's path differs from the name in case or composed letters."""
        return self._differs(index) and not self.is_of_other_type(index)

    def is_of_other_type(self, index: int) -> bool:
        """Whether the file is of another type than the name says."""
        place, name = self.places[index], self.names[index]
        return place is not None and folded(place.name) != folded(name.parts[-1])

    def _differs(self, index: int) -> bool:
        place, name = self.places[index], self.names[index]
        if place is None:
            return False
        pairs = zip(reversed(place.parts), reversed(name.parts), strict=False)
        return any(one != other and folded(one) == folded(other) for one, other in pairs)

    def _best_level(self) -> list[Path | None]:
        """Places of the smallest number of dropped folders that finds most; full paths are matched one by one."""
        deepest = max((len(name.parts) for name in self.names if not name.full), default=1)
        best: tuple[list[Path | None], dict[int, list[Path]]] | None = None
        for level in range(deepest):
            self.several = {}
            places = self._each(lambda name, level=level: self._below(name, level))  # type: ignore[misc]
            n_known = len([place for place in places if place]) + len(self.several)
            if best is None or n_known > len([place for place in best[0] if place]) + len(best[1]):
                best = places, self.several
            if n_known == len(self.names):
                break
        assert best is not None
        places, self.several = best
        return places

    def _below(self, name: Name, level: int) -> list[tuple[str, ...]]:
        """Files where a name says, without its first `level` folders; of a full path the longest end that exists."""
        for dropped in range(len(name.parts)) if name.full else [level]:
            tail = name.parts[dropped:]
            found = self.folder.files(tail) if tail and ".." not in tail else []
            if not found and self.other_types and tail and ".." not in tail:
                found = self.folder.other_types(tail)
            if found:
                return found
        return []

    def _each(self, candidates: Callable[[Name], list[tuple[str, ...]]]) -> list[Path | None]:
        places: list[Path | None] = []
        for index, name in enumerate(self.names):
            written = self._as_written(name, inside=True) if name.parts[0] == ".." else None
            found = [] if written else candidates(name)
            fitting = self._closest(name, [place for place in found if self._fits(name, place)])
            paths = [self.folder.path.joinpath(*place) for place in fitting]
            if len(paths) > 1:
                self.several[index] = paths
            if found and not fitting and self.refused[index] is None:
                self.refused[index] = self.folder.path.joinpath(*found[0])
            places.append(written or (paths[0] if len(paths) == 1 else None))
        return places

    def _closest(self, name: Name, places: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        agreed = [_common_end(name.parts[:-1], (*self.folder.path.parts, *place[:-1])) for place in places]
        return [place for place, number in zip(places, agreed, strict=True) if number == max(agreed)]

    def _fits(self, name: Name, place: tuple[str, ...]) -> bool:
        """Whether the folders that a name mentions agree with those of a file.

        All of them must, or those from the folder of the photos downwards. Full paths, and folders of the photos whose
        names say nothing, need no folder in common, unless something contradicts them.
        """
        actual = (*self.folder.path.parts, *place)
        said, there = (_telling(parts[:-1]) for parts in (name.parts, actual))
        agreed = _common_end(said, there)
        below = len(_telling(place[:-1]))
        if agreed == len(said) or agreed > below:
            return True
        says_nothing = folded(self.folder.path.name) in NEUTRAL
        if agreed < below or said[-agreed - 1] == ".." or not (name.full or says_nothing):
            return False
        alike = actual[-2:-1] == name.parts[-2:-1]  # two folders "images" of which one may be of other photos
        if agreed == 0 and _NUMBERED.fullmatch(Path(actual[-1]).stem) and (alike or not says_nothing):
            return False
        return not self._is_sister(said[: len(said) - agreed], there[: len(there) - agreed])

    def _is_sister(self, said: list[str], there: list[str]) -> bool:
        """Whether the last folder that is said is known to be another one than that which is there."""
        if len(said) > 1 and len(there) > 1 and folded(said[-2]) == folded(there[-2]):
            return True
        above = next((up for up in self.folder.path.parents if there and _telling(up.parts) == there[:-1]), None)
        return above is not None and (above / said[-1]).is_dir()

    def _as_written(self, name: Name, *, inside: bool = False) -> Path | None:
        """The file of a name with ".." or a full path, if it is in the folder, or next to or below the labels.

        Raises
        ------
        ValueError
            If such a file of a relative name is elsewhere.
        """
        if self.beside is None or not (name.full or name.parts[0] == ".."):
            return None
        start = Path("/") if name.full else self.beside
        path = Path(os.path.normpath(start.joinpath(*name.parts)))
        if not path.is_file():
            return None
        if path.is_relative_to(self.folder.path) or (not inside and path.is_relative_to(self.beside)):
            return path
        if name.full or inside:
            return None
        raise ValueError(
            f"the labels name {name.text}, which leads out of {self.folder.path}; give a folder that holds {path}"
        )


def _telling(parts: tuple[str, ...]) -> list[str]:
    """The folders whose names say which photos they hold."""
    return [part for part in parts if folded(part) not in NEUTRAL]


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts at the end agree."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if folded(a) != folded(b)), min(len(one), len(other)))

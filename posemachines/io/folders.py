"""Contents of a folder, read once, with names compared as people write them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

__all__ = ["PHOTO_TYPES", "Folder", "folded"]

PHOTO_TYPES = frozenset(
    [".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2", ".dcm", ".pgm", ".ppm"]
)
MOST_FILES = 500_000


def folded(name: str) -> str:
    """A name without differences of case and of composed letters, which disks treat differently."""
    return unicodedata.normalize("NFC", name).casefold()


class Folder:
    """A folder and what is below it.

    Parameters
    ----------
    path : path
        Need not exist: then it is empty.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.abspath(path))
        self._listings: dict[tuple[str, ...], tuple[dict[str, list[str]], dict[str, list[str]]]] = {}
        self._below: dict[str, list[tuple[str, ...]]] | None = None

    def contents(self, parts: tuple[str, ...] = ()) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Files and folders of a folder below, by folded name."""
        if parts not in self._listings:
            files: dict[str, list[str]] = {}
            folders: dict[str, list[str]] = {}
            try:
                with os.scandir(self.path.joinpath(*parts)) as entries:
                    for entry in entries:
                        kind = folders if entry.is_dir() else files
                        kind.setdefault(folded(entry.name), []).append(entry.name)
            except OSError:  # no such folder, or one that may not be read
                pass
            self._listings[parts] = files, folders
        return self._listings[parts]

    def files(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The file at `parts`; else all files that differ from it in case or composed letters only."""
        folders = self._folders(parts[:-1])
        return [(*folder, file) for folder in folders for file in _like(self.contents(folder)[0], parts[-1])]

    def other_types(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Photos whose names differ from `parts` in their type only."""
        stem = folded(Path(parts[-1]).stem)
        return [
            (*folder, file)
            for folder in self._folders(parts[:-1])
            for name, files in self.contents(folder)[0].items()
            if Path(name).stem == stem and Path(name).suffix in PHOTO_TYPES
            for file in files
        ]

    def anywhere(self, name: str, *, other_types: bool = False) -> list[tuple[str, ...]]:
        """All files of a name in the folder and below it, except in hidden folders.

        Raises
        ------
        ValueError
            If there are too many files to search.
        """
        if self._below is None:
            self._below = self._walk()
        found = self._below.get(folded(name), [])
        if found or not other_types:
            return found
        stem = folded(Path(name).stem)
        return [place for type_ in sorted(PHOTO_TYPES) for place in self._below.get(stem + type_, [])]

    def _walk(self) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        n_files = 0
        for folder, folders, files in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            parts = Path(folder).relative_to(self.path).parts
            n_files += len(files)
            if n_files > MOST_FILES:
                raise ValueError(f"{self.path} holds too many files to search; give the folder of the photos")
            for file in files:
                found.setdefault(folded(file), []).append((*parts, file))
        return found

    def _folders(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = [()]
        for part in parts:
            found = [(*folder, name) for folder in found for name in _like(self.contents(folder)[1], part)]
        return found


def _like(names: dict[str, list[str]], wanted: str) -> list[str]:
    alike = names.get(folded(wanted), [])
    return [wanted] if wanted in alike else alike

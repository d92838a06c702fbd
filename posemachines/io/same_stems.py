"""Photos of label files that have the same name but for the suffix."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

__all__ = ["PHOTO_TYPES", "photos_of_stems"]

PHOTO_TYPES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm", ".jp2")
"""Suffixes by which photos are told from other files of the same name."""


def photos_of_stems(folder: str | Path, stems: Collection[str]) -> dict[str, str]:
    """The photo of each name without a suffix.

    Parameters
    ----------
    folder : path
    stems : collection of str
        Paths relative to the folder, without suffix, with "/" between folders.

    Returns
    -------
    dict
        Of each stem whose photo is there: its path relative to the folder.

    Raises
    ------
    ValueError
        If several photos have the same name but for the suffix.
    """
    root = Path(folder)
    listed: dict[str, dict[str, list[str]]] = {}
    found = {}
    for stem in stems:
        parent, _, name = stem.rpartition("/")
        if parent not in listed:
            listed[parent] = _listing(root / parent)
        names = listed[parent].get(name, [])
        if len(names) > 1:
            raise ValueError(f"{root / parent} has several photos of the name {name}: {', '.join(sorted(names))}")
        if names:
            found[stem] = f"{parent}/{names[0]}" if parent else names[0]
    return found


def _listing(folder: Path) -> dict[str, list[str]]:
    """Photos of a folder by their names without suffix."""
    photos: dict[str, list[str]] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.suffix.lower() in PHOTO_TYPES:
            photos.setdefault(file.stem, []).append(file.name)
    return photos

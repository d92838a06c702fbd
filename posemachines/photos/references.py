"""References to photos: a path, with options after ``#`` that say which picture of the file is meant.

========================  ============================================================================
``stack.tif#page=3``      page 3, counted from 0, of a TIFF, DICOM or GIF file
``film.mp4#frame=12``     frame 12, counted from 0
``labels.json#picture``   the picture that labelme embedded in its JSON
``scan.jpg#stored``       as it is stored, not turned upright by its EXIF orientation
========================  ============================================================================

Several options are joined by ``&``. A string that is the name of an existing file is a plain path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["reference", "split_name", "split_reference"]

NUMBERS, FLAGS = ("page", "frame"), ("picture", "stored")
_OPTION = re.compile(rf"(?P<number>{'|'.join(NUMBERS)})=(?P<value>\d+)|(?P<flag>{'|'.join(FLAGS)})")


def reference(path: str | Path, *, page=None, frame=None, picture=False, stored=False) -> str:
    """Reference to one picture of a file.

    Parameters
    ----------
    path : path or reference
        Options of a reference are kept.
    page, frame : int, optional
        Counted from 0.
    picture, stored : bool, default=False

    Returns
    -------
    str
        The path alone where there are no options.

    Raises
    ------
    ValueError
        If a number is not a whole number from 0.
    """
    file, options = split_reference(path)
    for name, value in (("page", page), ("frame", frame)):
        if value is None:
            continue
        if isinstance(value, bool) or int(value) != value or value < 0:
            raise ValueError(f"{name} is a whole number, counted from 0; got {value!r}")
        options[name] = int(value)
    options.update({name: True for name, given in (("picture", picture), ("stored", stored)) if given})
    words = [name if value is True else f"{name}={value}" for name, value in options.items()]
    return f"{file}#{'&'.join(words)}" if words else str(file)


def split_name(name: str) -> tuple[str, dict[str, Any]]:
    """A name and its options; the whole name and no options where what follows ``#`` are none."""
    head, mark, tail = name.rpartition("#")
    words = [_OPTION.fullmatch(word) for word in tail.split("&")] if mark and head else []
    options: dict[str, Any] = {}
    for word in words:
        if word is None:
            return name, {}
        options[word["flag"] or word["number"]] = True if word["flag"] else int(word["value"])
    return (head, options) if options else (name, {})


def split_reference(photo: str | Path) -> tuple[Path, dict[str, Any]]:
    """The file and the options of a reference.

    Parameters
    ----------
    photo : path or str
        Such as ``stack.tif#page=3``.

    Returns
    -------
    path : Path
    options : dict
        Some of ``page`` and ``frame`` (int), ``picture`` and ``stored`` (True).

    Raises
    ------
    ValueError
        If the part before ``#`` is a file and the part after it is no known option.
    """
    text = str(photo)
    path = Path(text)
    if "#" not in text or path.is_file():
        return path, {}
    name, options = split_name(text)
    if options:
        return Path(name), options
    head, _, tail = text.rpartition("#")
    if Path(head).is_file():
        raise ValueError(
            f"{text}: unknown option {tail!r}; known are #page=N, #frame=N (counted from 0), #picture and #stored, "
            "joined by &"
        )
    return path, {}

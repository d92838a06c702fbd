"""The text of TPS files, cut into specimens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .text_tables import to_number

__all__ = ["Specimen", "read_specimens"]

_ENTRY = re.compile(r"\s*([A-Za-z]\w*)\s*=(.*)")
_NAN = float("nan")
Points = list[tuple[float, float]]


@dataclass
class Specimen:
    """One specimen: its landmarks, with y from the bottom, and what is said about it.

    Attributes
    ----------
    number : int
        In the file, counted from 1.
    landmarks : list of (x, y)
        NaN where NA is written.
    curves : list of lists of (x, y)
    image, id : str
        Empty where the file has none.
    scale : float
        NaN where the file has none.
    others : set of str
        Other entries.
    """

    number: int
    landmarks: Points = field(default_factory=list)
    curves: list[Points] = field(default_factory=list)
    image: str = ""
    id: str = ""
    scale: float = _NAN
    others: set[str] = field(default_factory=set)

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"specimen {self.number}" + (f" ({self.image or self.id})" if self.image or self.id else "")

    @property
    def n_labelled(self) -> int:
        """Number of points that are not missing."""
        points = [*self.landmarks, *(point for curve in self.curves for point in curve)]
        return sum(x == x and y == y and (x, y) != (-1, -1) for x, y in points)


def read_specimens(text: str, path: Path) -> list[Specimen]:
    """The specimens of a file.

    Raises
    ------
    ValueError
        If the file does not begin with LM=, is three-dimensional, a count does not agree with the lines that follow, or
        a coordinate is not a number.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    specimens: list[Specimen] = []
    in_outlines = False
    place = 0
    while place < len(lines):
        number, line = lines[place]
        place += 1
        entry = _ENTRY.fullmatch(line)
        key, value = (entry[1].upper(), entry[2].strip()) if entry else ("", "")
        if key == "LM3":
            raise ValueError(f"{path}: line {number}: LM3= are landmarks in three dimensions; photos have two")
        if not entry or (not specimens and key != "LM"):
            raise ValueError(f"{path}: line {number}: expected an entry such as LM=12, got {line.strip()[:40]!r}")
        if key == "LM":
            specimens.append(Specimen(len(specimens) + 1))
            specimens[-1].landmarks = _points(lines, place, value, path, number)
            place += len(specimens[-1].landmarks)
            in_outlines = False
        elif key in ("CURVES", "OUTLINES"):
            in_outlines = key == "OUTLINES"
            specimens[-1].others |= {key} if in_outlines else set()
        elif key == "POINTS":
            points = _points(lines, place, value, path, number)
            place += len(points)
            if not in_outlines:
                specimens[-1].curves.append(points)
        else:
            place += _describe(specimens[-1], key, value, lines, place, path, number)
    if not specimens:
        raise ValueError(f"{path} has no specimen: expected LM= and the number of landmarks")
    return specimens


def _describe(
    specimen: Specimen, key: str, value: str, lines: list[tuple[int, str]], place: int, path: Path, number: int
) -> int:
    """Store what an entry says about a specimen; the number of lines of numbers that follow it."""
    if key == "IMAGE":
        specimen.image = value
    elif key == "ID":
        specimen.id = value
    elif key == "SCALE":
        try:
            specimen.scale = to_number(value)
        except ValueError:
            raise ValueError(f"{path}: line {number}: SCALE is not a number: {value!r}") from None
        if specimen.scale <= 0:
            raise ValueError(f"{path}: line {number}: SCALE must be positive; got {value!r}")
    else:
        specimen.others.add(key)
        following = 0
        while place + following < len(lines) and not _ENTRY.fullmatch(lines[place + following][1]):
            following += 1
        return following
    return 0


def _points(lines: list[tuple[int, str]], place: int, count: str, path: Path, number: int) -> Points:
    """As many points as an entry announces."""
    if not count.isdigit():
        raise ValueError(f"{path}: line {number}: {count!r} is no number of points")
    points = []
    for line_number, line in lines[place : place + int(count)]:
        cells = line.split()
        try:
            x, y = map(to_number, cells)
        except ValueError:
            raise ValueError(
                f"{path}: line {line_number}: expected x and y, got {line.strip()[:40]!r}; line {number} announces "
                f"{count} points"
            ) from None
        points.append((x, y))
    if len(points) < int(count):
        raise ValueError(f"{path}: line {number} announces {count} points, but the file ends after {len(points)}")
    return points

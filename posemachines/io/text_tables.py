"""Tables in text files, however a spreadsheet saved them: rows of cells, and the numbers in them.

Traps: commas, semicolons, tabs or bars between the cells; a comma as the decimal point; a byte order mark, UTF-16 or
Windows' own encoding; empty rows, and empty columns at the end.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from .files import existing_file

__all__ = ["TextTable", "decoded", "read_text_table", "table_heads", "to_number"]

_SEPARATORS = ",;\t|"
_MISSING = ("", "nan", "na", "n/a", "none", "null", "-", "?")
_START = 20000  # characters of a file from which its heads are taken
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


@dataclass(frozen=True)
class TextTable:
    """A table with one row of heads.

    Attributes
    ----------
    path : Path
    heads : list of C str
    rows : list of R lists of C str
    numbers : list of R int
        Row of each row in the file, counted from 1, for messages.
    """

    path: Path
    heads: list[str]
    rows: list[list[str]]
    numbers: list[int]

    def number(self, row: int, column: int) -> float:
        """The number in a cell, NaN for one that is empty; ValueError with its place where it is none."""
        try:
            return to_number(self.rows[row][column])
        except ValueError:
            where = f"row {self.numbers[row]}, column {self.heads[column]!r}"
            raise ValueError(f"{self.path}: {where} is not a number: {self.rows[row][column]!r}") from None


def to_number(cell: str) -> float:
    """The number in a cell, with a decimal point or comma; NaN where it is empty or says that it is missing."""
    cell = cell.strip()
    if cell.casefold() in _MISSING:
        return float("nan")
    return float(cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell)


def decoded(data: bytes) -> str:
    """The text of a file; empty where it is none."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return "" if "\0" in text else text
    return ""


def table_heads(path: Path) -> list[str]:
    """The first row of a table, to recognise it by; empty where it cannot be read."""
    try:
        with path.open("rb") as stream:
            text = decoded(stream.read(_START))
    except OSError:
        return []
    line = next((line for line in text.splitlines() if line.strip()), "")
    return _split([line], _separator(line))[0] if line else []


def read_text_table(path: str | Path, advice: str) -> TextTable:
    """All of a table.

    Raises
    ------
    FileNotFoundError
        If there is no file; the message ends with `advice`.
    ValueError
        If the file is not text or has no rows, or a row is longer than the heads.
    """
    path = existing_file(path, advice)
    text = decoded(path.read_bytes())
    if not text.strip():
        raise ValueError(f"{path} is empty, or not a text file; {advice}")
    lines = text.splitlines()
    separator = _separator(next(line for line in lines if line.strip()))
    try:
        cells = _split(lines, separator)
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable table ({error}); {advice}") from error
    filled = [(number, row) for number, row in enumerate(cells, 1) if any(row)]
    heads = filled[0][1]
    while heads and not heads[-1]:
        heads = heads[:-1]
    rows, numbers = [], []
    for number, row in filled[1:]:
        if any(row[len(heads) :]):
            comma = "; are there decimal commas between cells that are separated by commas?" if separator == "," else ""
            raise ValueError(f"{path}: row {number} has {len(row)} cells, and the heads {len(heads)}{comma}")
        rows.append((row + [""] * len(heads))[: len(heads)])
        numbers.append(number)
    if not rows:
        raise ValueError(f"{path} has heads, {', '.join(heads)}, but no rows")
    return TextTable(path, heads, rows, numbers)


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=line.count)


def _split(lines: list[str], separator: str) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]

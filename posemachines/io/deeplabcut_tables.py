"""The tables of DeepLabCut, CSV or H5: rows are photos or frames, columns are coordinates of parts of animals.

Traps: three rows of heads, or four with individuals; the photo is named in one column or in three (``labeled-data``,
video, image); spreadsheets save semicolons, decimal commas and a byte order mark; H5 files are written by pandas in
one of two layouts; labels and predictions look alike but for the scorer and the likelihoods.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .files import existing_file

__all__ = ["HEADS", "UNIQUE", "LandmarkTable", "begins_with_heads", "read_landmark_table"]

HEADS = ("scorer", "individuals", "bodyparts", "coords")
UNIQUE = "single"  # what DeepLabCut calls the owner of landmarks that belong to no animal
_THIRD = ("likelihood", "score", "confidence")
_NETWORK = re.compile(r"^DLC_|^DeepCut_|shuffle\d|^heatmap\w*_tracker|^machine", re.IGNORECASE)
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class LandmarkTable:
    """What a file of DeepLabCut holds.

    Attributes
    ----------
    photos : list of R str
        Names of the photos, one per row.
    individuals : list of A str
        Animals; one, unnamed, where the file does not name them.
    parts : tuple of P str
    values : ndarray of shape (R, A, P, 2 or 3)
        x, y, and the likelihood where every landmark has one; NaN for an empty cell.
    scorer : str
        Who labelled, or the network that predicted.
    unique : tuple of str
        Landmarks of the scene, of the individual "single", that were left out.
    """

    photos: list[str]
    individuals: list[str]
    parts: tuple[str, ...]
    values: np.ndarray
    scorer: str = ""
    unique: tuple[str, ...] = field(default=())

    @property
    def is_prediction(self) -> bool:
        """Whether a network found these landmarks: its scorer says so, or there are likelihoods of numbered frames."""
        numbered = all(photo.isdigit() for photo in self.photos)
        return bool(_NETWORK.search(self.scorer)) or (self.values.shape[-1] == 3 and numbered)


def begins_with_heads(path: Path) -> str:
    """The first cell of a CSV file if it is one of DeepLabCut's heads, otherwise nothing."""
    with path.open("rb") as stream:
        start = stream.read(200)
    first = re.split(f"[{_SEPARATORS}]", _decoded(start, path, strict=False).lstrip())[0].strip().strip('"')
    return first if first.lower() in HEADS else ""


def read_landmark_table(
    path: str | Path, *, scorer: str | None = None, animal: str | list[str] | None = None
) -> LandmarkTable:
    """Labels (``CollectedData``) or predictions of DeepLabCut.

    Parameters
    ----------
    path : path
        CSV, or H5 as pandas writes it (needs ``pip install "posemachines[evaluate]"``).
    scorer : str, optional
        Needed where one file has the labels of several people.
    animal : str or list of str, optional
        Individuals to read; by default all animals, without the landmarks of "single" if there are animals.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format, or has no such scorer or animal.
    """
    path = existing_file(path, "give DeepLabCut's CSV file")
    if path.suffix.lower() in (".h5", ".hdf5"):
        from .deeplabcut_h5 import read_h5

        heads, photos, cells = read_h5(path)
    else:
        heads, photos, cells = _read_csv(path)
    scorers = list(dict.fromkeys(heads.get("scorer", [""])))
    if len(scorers) > 1 if scorer is None else scorer not in scorers:
        given = "" if scorer is None else f"; got {scorer!r}"
        raise ValueError(f"{path} has the scorers {', '.join(scorers)}: pass scorer=..., one of them{given}")
    columns = _columns(heads, scorer, path)
    individuals, unique = _individuals(columns, animal, path)
    parts = tuple(dict.fromkeys(part for who, part, _ in columns if who in individuals))
    third = [kind for kind in _THIRD if all((who, part, kind) in columns for who in individuals for part in parts)]
    kinds = ("x", "y", *third[:1])
    values = np.full((len(photos), len(individuals), len(parts), len(kinds)), np.nan)
    for place in np.ndindex(values.shape[1:]):
        column = columns.get((individuals[place[0]], parts[place[1]], kinds[place[2]]))
        if column is not None:
            values[(slice(None), *place)] = cells[:, column]
    return LandmarkTable(photos, individuals, parts, values, scorers[0] if scorer is None else scorer, unique)


def _columns(heads: dict[str, list[str]], scorer: str | None, path: Path) -> dict[tuple[str, str, str], int]:
    """Where each (individual, part, coordinate) is."""
    columns: dict[tuple[str, str, str], int] = {}
    for index, kind in enumerate(heads["coords"]):
        if scorer is not None and heads["scorer"][index] != scorer:
            continue
        key = (heads["individuals"][index] if "individuals" in heads else "", heads["bodyparts"][index], kind.lower())
        if key in columns:
            raise ValueError(f"{path} has two columns {' '.join(key).strip()!r}; rename or remove one")
        columns[key] = index
    return columns


def _individuals(columns: dict, animal: str | list[str] | None, path: Path) -> tuple[list[str], tuple[str, ...]]:
    """The individuals to read, and the unique landmarks that are left out."""
    there = list(dict.fromkeys(who for who, _, _ in columns))
    unique = tuple(dict.fromkeys(part for who, part, _ in columns if who == UNIQUE))
    if animal is not None:
        wanted = [animal] if isinstance(animal, str) else [*animal]
        if lacking := [name for name in wanted if name not in there]:
            raise ValueError(
                f"{path} has no animal {', '.join(map(repr, lacking))}; it has {', '.join(map(repr, there))}"
            )
        return wanted, () if UNIQUE in wanted else unique
    animals = [who for who in there if who != UNIQUE]
    return (animals, unique) if animals else (there, ())


def _read_csv(path: Path) -> tuple[dict[str, list[str]], list[str], np.ndarray]:
    """The heads of the columns, the names of the photos, and the numbers."""
    text = _decoded(path.read_bytes(), path)
    first_line = text.lstrip().split("\n", 1)[0]
    begins = re.split(f"[{_SEPARATORS}]", first_line)[0].strip().strip('"')
    if begins.lower() not in HEADS:
        raise ValueError(
            f"{path} begins with {begins[:40]!r}, not with DeepLabCut's rows of heads: scorer, bodyparts, coords, with "
            "individuals before bodyparts where there are several"
        )
    separator = max(_SEPARATORS, key=first_line.count)
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable CSV file ({error})") from error
    numbered = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    heads: dict[str, list[str]] = {}
    for _, row in numbered:
        name = row[0].strip().lower()
        if name not in HEADS or name in heads:
            break
        heads[name] = [cell.strip() for cell in row]
    if not {"bodyparts", "coords"} <= {*heads}:
        raise ValueError(f"{path} lacks DeepLabCut's rows of heads bodyparts and coords; it has {', '.join(heads)}")
    first, width = _extent(heads, path)
    body = numbered[len(heads) :]
    for number, row in body:
        if len(row) < width or any(cell.strip() for cell in row[width:]):
            raise ValueError(f"{path}: row {number} has {len(row)} columns; its heads have {width}")
    cells = np.array([[_number(row[i], path, number, i + 1) for i in range(first, width)] for number, row in body])
    photos = ["/".join(cell.strip() for cell in row[:first] if cell.strip()) for _, row in body]
    columns = {name: row[first:width] for name, row in heads.items()}
    return columns, photos, cells.reshape(len(photos), width - first)


def _extent(heads: dict[str, list[str]], path: Path) -> tuple[int, int]:
    """The first column that is a coordinate, those before it name the photo; and the number of columns."""
    kinds = [cell.lower() for cell in heads["coords"]]
    first = next((index for index, kind in enumerate(kinds) if kind in ("x", "y")), None)
    if first is None:
        raise ValueError(f"{path}: its row coords has neither x nor y; it has {', '.join(sorted({*kinds[1:]}))}")
    width = len(kinds)
    while not kinds[width - 1]:  # spreadsheets append empty columns
        width -= 1
    for name, row in heads.items():
        if len(row) < width or any(row[width:]):
            raise ValueError(f"{path}: its row {name} has {len(row)} columns, and its row coords {width}")
    return first, width


def _decoded(content: bytes, path: Path, *, strict: bool = True) -> str:
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    if strict:
        raise ValueError(f"{path} is not a text file; give DeepLabCut's CSV")
    return ""


def _number(cell: str, path: Path, row: int, column: int) -> float:
    cell = cell.strip()
    try:
        if re.fullmatch(r"[-+]?\d+,\d+([eE][-+]?\d+)?", cell):
            cell = cell.replace(",", ".")
        return float(cell) if cell else float("nan")
    except ValueError:
        raise ValueError(f"{path}: row {row}, column {column} is not a number: {cell!r}") from None

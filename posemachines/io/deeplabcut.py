"""DeepLabCut's CSV files: any landmarks of one animal per photo, or of several.

Traps: three rows of heads, or four with individuals; the photo is named in one column or in three (``labeled-data``,
video, image); the columns of "single", landmarks of the scene, are no animal's; an empty cell is not labelled.
"""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..sides import mirror_pairs
from ..skeleton import Skeleton
from .annotations import Annotations
from .files import existing_file

__all__ = ["LandmarkTable", "read_deeplabcut", "read_landmark_table", "write_deeplabcut"]

HEADS = ("scorer", "individuals", "bodyparts", "coords")
THIRD = ("likelihood", "score", "confidence")
logger = logging.getLogger(__name__)


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
    """

    photos: list[str]
    individuals: list[str]
    parts: tuple[str, ...]
    values: np.ndarray


def read_landmark_table(path: str | Path) -> LandmarkTable:
    """Labels (``CollectedData``) or predictions of DeepLabCut.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format.
    """
    path = existing_file(path, "give DeepLabCut's CSV file")
    heads, rows = _heads_and_rows(path)
    first = _first_column(heads, path)
    columns = _columns(heads, first, path)
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns))
    parts = _parts(columns, individuals, path)
    third = [kind for kind in THIRD if all((who, part, kind) in columns for who in individuals for part in parts)]
    kinds = ("x", "y", *third[:1])
    values = np.full((len(rows), len(individuals), len(parts), len(kinds)), np.nan)
    for number, row in enumerate(rows):
        for place in np.ndindex(values.shape[1:]):
            column = columns.get((individuals[place[0]], parts[place[1]], kinds[place[2]]))
            if column is not None:
                values[(number, *place)] = _number(row[column], path, number + len(heads) + 1, column + 1)
    photos = ["/".join(cell.strip() for cell in row[:first] if cell.strip()) for row in rows]
    return LandmarkTable(photos, individuals, parts, values)


def read_deeplabcut(path: str | Path, *, limbs=(), pairs=None) -> Annotations:
    """Labels of a ``CollectedData`` file: one animal after the other, photo by photo, those without a label left out.

    Parameters
    ----------
    path : path
    limbs : sequence of (part, part), optional
        The file has none.
    pairs : sequence of (right, left), optional
        By default found in the names (:func:`posemachines.sides.mirror_pairs`).

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_landmark_table`; ValueError also if nothing is labelled.
    """
    path = Path(path)
    table = read_landmark_table(path)
    labelled = np.isfinite(table.values[..., :2]).all(-1, keepdims=True)
    joints = np.concatenate([np.where(labelled, table.values[..., :2], 0), labelled], -1).astype(np.float32)
    rows, animals = np.nonzero(labelled[..., 0].any(-1))
    if not len(rows):
        raise ValueError(f"{path} has no labelled landmark")
    pairs = mirror_pairs(table.parts) if pairs is None else tuple(pairs)
    skeleton = Skeleton(path.stem, table.parts, limbs=tuple(limbs), pairs=pairs)
    return Annotations(path.stem, [table.photos[row] for row in rows], joints[rows, animals], skeleton)


def _heads_and_rows(path: Path) -> tuple[dict[str, list[str]], list[list[str]]]:
    """The rows of heads by their names, and the rows of the photos."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    heads: dict[str, list[str]] = {}
    for row in rows:
        name = row[0].strip().lower()
        if name not in HEADS or name in heads:
            break
        heads[name] = [cell.strip() for cell in row]
    if not {"bodyparts", "coords"} <= {*heads}:
        begins = rows[0][0] if rows else "nothing"
        raise ValueError(
            f"{path} begins with {begins!r}, not with DeepLabCut's rows of heads: scorer, bodyparts, coords, with "
            "individuals before bodyparts where there are several"
        )
    width = len(heads["coords"])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ValueError(f"{path}: row {number} has {len(row)} columns; its heads have {width}")
    return heads, rows[len(heads) :]


def _first_column(heads: dict[str, list[str]], path: Path) -> int:
    """The first column that is a coordinate; those before it name the photo."""
    kinds = [cell.lower() for cell in heads["coords"]]
    first = next((index for index, kind in enumerate(kinds) if kind in ("x", "y")), None)
    if first is None:
        raise ValueError(f"{path}: its row coords has neither x nor y; it has {', '.join(sorted({*kinds[1:]}))}")
    return first


def _columns(heads: dict[str, list[str]], first: int, path: Path) -> dict[tuple[str, str, str], int]:
    """Where each (individual, part, coordinate) is."""
    columns: dict[tuple[str, str, str], int] = {}
    for index in range(first, len(heads["coords"])):
        individual = heads["individuals"][index] if "individuals" in heads else ""
        key = (individual, heads["bodyparts"][index], heads["coords"][index].lower())
        if key in columns:
            raise ValueError(f"{path}: columns {columns[key] + 1} and {index + 1} are both {' '.join(key).strip()}")
        columns[key] = index
    return columns


def _parts(columns: dict, individuals: list[str], path: Path) -> tuple[str, ...]:
    """Landmarks of the animals; unique ones of the scene ("single") are left out where there are animals."""
    if len(individuals) > 1 and "single" in individuals:
        individuals.remove("single")
        unique = sorted({part for individual, part, _ in columns if individual == "single"})
        logger.info("%s: the unique landmarks %s are left out", path, ", ".join(unique))
    return tuple(dict.fromkeys(part for individual, part, _ in columns if individual in individuals))


def _number(cell: str, path: Path, row: int, column: int) -> float:
    cell = cell.strip()
    try:
        return float(cell) if cell else float("nan")
    except ValueError:
        raise ValueError(f"{path}: row {row}, column {column} is not a number: {cell!r}") from None


def write_deeplabcut(path: str | Path, dataset, *, scorer: str = "posemachines") -> None:
    """Write labels in DeepLabCut's layout, one subject per photo.

    Parameters
    ----------
    path : path
        Of the CSV file.
    dataset : PoseDataset
        With photos in files; no photo twice.
    scorer : str

    Raises
    ------
    ValueError
        If a photo is an array, or shows several subjects.
    """
    names = [Path(photo).name if isinstance(photo, str | Path) else "" for photo in dataset.photos]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"{dataset.name!r} must have one subject per photo, each in a file of another name")
    parts = dataset.skeleton.parts
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["scorer", *[scorer] * (2 * len(parts))])
        writer.writerow(["bodyparts", *[part for part in parts for _ in "xy"]])
        writer.writerow(["coords", *["x", "y"] * len(parts)])
        for name, joints in zip(names, dataset.joints, strict=True):
            cells = [f"{value:.3f}" if seen else "" for *point, seen in joints.tolist() for value in point]
            writer.writerow([name, *cells])

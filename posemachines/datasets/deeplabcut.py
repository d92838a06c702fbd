"""Labels in DeepLabCut's CSV files: any landmarks of one animal, or several, a photo."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np

from .._replacing import replacing
from ..sides import mirror_pairs
from ..skeleton import Skeleton
from ._frames import check_frame
from ._photos import find_photos
from .people import PeopleDataset

__all__ = ["load_deeplabcut", "write_deeplabcut"]

FRAMES = ("joints", "photo")
HEADS = ("scorer", "individuals", "bodyparts", "coords")
logger = logging.getLogger(__name__)


def load_deeplabcut(
    csv_file: str | Path, images: str | Path, *, limbs=(), pairs=None, frame: str = "joints"
) -> PeopleDataset:
    """Labels of a ``CollectedData`` file.

    Parameters
    ----------
    csv_file : path
        Three rows of heads (scorer, bodyparts, coords), or four with individuals; then a row a photo, named in one
        column or in three (``labeled-data``, video, image). An empty cell is not labelled; columns of ``likelihood``
        are not read.
    images : path
        Folder of the photos: the project, or the folder of the video itself.
    limbs : sequence of (part, part), optional
        For drawings; the file has none.
    pairs : sequence of (right, left), optional
        By default told from the names (:func:`posemachines.sides.mirror_pairs`).
    frame : {"joints", "photo"}, default="joints"
        What sets centre and scale: the box of the labelled landmarks, or the whole photo.

    Returns
    -------
    PeopleDataset
        An animal a row, photo after photo; animals without a label are left out.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or a photo is missing.
    ValueError
        If the file is not of this format.

    References
    ----------
    .. [1] Mathis et al., "DeepLabCut: markerless pose estimation of user-defined body parts with deep learning",
       Nature Neuroscience 2018.
    """
    check_frame(frame, FRAMES)
    path = Path(csv_file)
    heads, rows = _read(path)
    first = _first_column(heads, path)
    columns = _columns(heads, first, path)
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns))
    parts = _parts(columns, individuals, path)
    names, joints = [], []
    for number, row in enumerate(rows, len(heads) + 1):
        name = "/".join(cell.strip() for cell in row[:first] if cell.strip())
        for individual in individuals:
            pose = np.zeros((len(parts), 3), np.float32)
            for index, part in enumerate(parts):
                places = [columns.get((individual, part, axis)) for axis in ("x", "y")]
                values = [_number(row, place, path, number) for place in places if place is not None]
                if len(values) == 2 and np.isfinite(values).all():
                    pose[index] = *values, 1
            if pose[:, 2].any():
                names.append(name)
                joints.append(pose)
    if not joints:
        raise ValueError(f"{path} has no labelled landmark")
    pairs = mirror_pairs(parts) if pairs is None else tuple(pairs)
    skeleton = Skeleton(path.stem, parts, limbs=tuple(limbs), pairs=pairs)
    photos = find_photos(images, names, path)
    return PeopleDataset(photos, np.stack(joints), skeleton, rule=frame, photo_ids=names, name=path.stem)


def _read(path: Path) -> tuple[dict[str, list[str]], list[list[str]]]:
    """The rows of heads by their names, and the rows of the photos."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give DeepLabCut's CSV file")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    heads = {}
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


def _number(row: list[str], place: int, path: Path, number: int) -> float:
    cell = row[place].strip()
    try:
        return float(cell) if cell else float("nan")
    except ValueError:
        raise ValueError(f"{path}: row {number}, column {place + 1} is not a number: {cell!r}") from None


def write_deeplabcut(path: str | Path, people: PeopleDataset, *, scorer: str = "posemachines") -> None:
    """Write labels of one animal, or person, a photo in DeepLabCut's layout.

    Parameters
    ----------
    path : path
        Of the CSV file.
    people : PeopleDataset
        Of photos in files; no photo twice.
    scorer : str

    Raises
    ------
    ValueError
        If a photo is no file, or has several people.
    """
    names = [Path(photo).name if isinstance(photo, str | Path) else "" for photo in people.photos]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"{people.name!r} must have one person a photo, each in a file of another name")
    parts = people.skeleton.parts
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["scorer", *[scorer] * (2 * len(parts))])
        writer.writerow(["bodyparts", *[part for part in parts for _ in "xy"]])
        writer.writerow(["coords", *["x", "y"] * len(parts)])
        for name, joints in zip(names, people.joints, strict=True):
            cells = [f"{value:.3f}" if seen else "" for *point, seen in joints.tolist() for value in point]
            writer.writerow([name, *cells])

"""DeepLabCut's labels: a whole project, a folder of videos' folders, or one table; any landmarks of any animals.

Traps: the tables' own (:mod:`.deeplabcut_tables`); a project has one ``CollectedData`` file per video, beside other
tables that are no labels (``machinelabels``, predictions, copies); its config lists videos by the paths of another
computer, so the folders of ``labeled-data`` count; paths in the tables may have backslashes, or an old folder's name;
the columns of "single", landmarks of the scene, are no animal's; an empty cell is not labelled; pixels count from 0,
at their centres, as matplotlib shows them.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..sides import mirror_pairs
from ..skeleton import Skeleton
from .annotations import Annotations
from .deeplabcut_projects import LABELLED_DATA, Project, find_project, video_of
from .deeplabcut_tables import HEADS, UNIQUE, LandmarkTable, begins_with_heads, read_landmark_table

__all__ = [
    "HEADS",
    "LandmarkTable",
    "read_deeplabcut",
    "read_landmark_table",
    "recognise_deeplabcut",
    "write_deeplabcut",
]


def recognise_deeplabcut(path: Path) -> str | None:
    """What makes a file or folder DeepLabCut's, in words; None where nothing does."""
    if path.is_file() and path.suffix.lower() == ".csv":
        first = begins_with_heads(path)
        return f"read as DeepLabCut: the first row is {first!r}" if first else None
    if path.is_file() and path.suffix.lower() == ".h5":
        own = path.name.lower().startswith(("collecteddata", "machinelabels"))
        return f"read as DeepLabCut: the name {path.name}" if own else None
    project = find_project(path)
    return f"read as DeepLabCut: {project.seen}" if project else None


def read_deeplabcut(
    path: str | Path,
    *,
    limbs=None,
    pairs=None,
    animal: str | list[str] | None = None,
    scorer: str | None = None,
    predictions: bool = False,
) -> Annotations:
    """Labels of a project or a table: one animal after the other, photo by photo, those without a label left out.

    Parameters
    ----------
    path : path
        Project folder, its ``config.yaml`` or ``labeled-data``, a folder of one video, or one ``CollectedData`` file.
    limbs : sequence of (part, part), optional
        By default the skeleton of ``config.yaml``; a table alone has none.
    pairs : sequence of (right, left), optional
        By default found in the names (:func:`posemachines.sides.mirror_pairs`).
    animal : str or list of str, optional
        Individuals to read; by default all animals. "single" reads the unique landmarks of the scene.
    scorer : str, optional
        Whose labels, where several people labelled; by default the scorer of ``config.yaml``.
    predictions : bool, default=False
        Read a network's predictions as if they were labels.

    Returns
    -------
    Annotations
        `groups` are the videos and `subjects` the animals, where the files name them.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If a file is not of this format, or holds predictions; if a folder has no table of labels, or nothing is
        labelled; if several people labelled the same video and `scorer` is not given.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}; give DeepLabCut's project, or a CollectedData file")
    project = find_project(path)
    if project is None:
        raise ValueError(
            f"{path} holds no labels of DeepLabCut: neither CollectedData*.csv, nor folders of videos with one; give "
            "the project, its folder labeled-data, or the CSV file"
        )
    notes = [*project.notes]
    tables = {}
    for file in project.tables(scorer):
        table = read_landmark_table(file, scorer=scorer, animal=animal)
        if table.is_prediction:
            notes.append(_refused(file, table, predictions))
        tables[file] = table
    parts = _parts(list(tables.values()), project, notes)
    found = _joined(tables, parts, project, notes)
    skeleton = Skeleton(
        project.name,
        parts,
        limbs=project.limbs(parts, notes) if limbs is None else tuple(limbs),
        pairs=mirror_pairs(parts) if pairs is None else tuple(pairs),
    )
    return replace(found, skeleton=skeleton, notes=tuple(dict.fromkeys(notes)))


def _refused(file: Path, table: LandmarkTable, wanted: bool) -> str:
    """A note about predictions that are wanted as labels; ValueError otherwise."""
    if not wanted:
        raise ValueError(
            f"{file} holds predictions of a network (scorer {table.scorer!r}), not labels; give "
            "CollectedData_<scorer>.csv; to train on predictions as if they were labels, pass format='csv'"
        )
    return f"{file.name} holds predictions of {table.scorer!r}, read as if they were labels"


def _parts(tables: list[LandmarkTable], project: Project, notes: list[str]) -> tuple[str, ...]:
    """The parts of all tables, in the order of the config, and notes about those that differ."""
    there = list(dict.fromkeys(part for table in tables for part in table.parts))
    parts = tuple(part for part in project.parts if part in there)
    extra = tuple(part for part in there if part not in parts)
    if project.parts and extra and tables[0].individuals != [UNIQUE]:
        notes.append(f"config.yaml does not list the parts {', '.join(extra)}, which are labelled")
    if lacking := [part for part in project.parts if part not in there and part not in project.unique]:
        notes.append(f"config.yaml lists the parts {', '.join(lacking)}, which are in no table: they are left out")
    if any({*table.parts} != {*there} for table in tables):
        notes.append("the tables have different parts: where a table lacks a part, it is not labelled")
    if unique := list(dict.fromkeys(part for table in tables for part in table.unique)):
        notes.append(
            f"the unique landmarks {', '.join(unique)}, which belong to no animal, are left out; animal='single' reads "
            "them"
        )
    return parts + extra


def _joined(
    tables: dict[Path, LandmarkTable], parts: tuple[str, ...], project: Project, notes: list[str]
) -> Annotations:
    """One subject per photo and animal that has a label."""
    photos: list[str] = []
    subjects: list[str] = []
    joints = []
    empty = 0
    for file, table in tables.items():
        names = project.photo_names(file, table.photos, notes)
        values = np.full((*table.values.shape[:2], len(parts), 2), np.nan)
        values[:, :, [parts.index(part) for part in table.parts]] = table.values[..., :2]
        labelled = np.asarray(np.isfinite(values).all(-1, keepdims=True))
        rows, animals = np.nonzero(labelled.any((-2, -1)))
        empty += len(table.photos) - len(np.unique(rows))
        joints.append(np.concatenate([np.where(labelled, values, 0), labelled], -1)[rows, animals])
        photos += [names[row] for row in rows]
        subjects += [table.individuals[animal] for animal in animals]
    if not photos:
        raise ValueError(f"{project.where} has no labelled landmark")
    if empty:
        notes.append(f"{empty} photos have no labelled landmark and are left out")
    videos = [video_of(name) for name in photos]
    return Annotations(
        project.name,
        photos,
        np.concatenate(joints).astype(np.float32),
        Skeleton.unnamed(len(parts)),
        groups=videos if any(videos) else None,
        subjects=subjects if any(subjects) else None,
    )


def write_deeplabcut(path: str | Path, dataset, *, scorer: str = "posemachines") -> None:
    """Write labels in DeepLabCut's layout; several subjects of a photo are ``individual1``, ``individual2``, ...

    Parameters
    ----------
    path : path
        Of the CSV file; or of a project folder, which gets ``labeled-data/<video>/CollectedData_<scorer>.csv`` for each
        folder of photos. Photos are not copied; DeepLabCut's ``convertcsv2h5`` makes its H5 files of them.
    dataset : PoseDataset
        With photos in files, each named as its ``photo_ids`` where these are paths.
    scorer : str

    Raises
    ------
    ValueError
        If a photo is an array or a frame of a video, or two photos have the same name.
    """
    path = Path(path)
    one_table = path.suffix.lower() == ".csv"
    names = _names_of_photos(dataset, with_folder=not one_table)
    if one_table:
        _write_table(path, names, dataset, range(len(names)), scorer)
        return
    folders: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        folders.setdefault(video_of(name) or "video", []).append(index)
    for video, indices in folders.items():
        beside = {index: f"{LABELLED_DATA}/{video}/{names[index].split('/')[-1]}" for index in indices}
        folder = path / LABELLED_DATA / video
        folder.mkdir(parents=True, exist_ok=True)
        _write_table(folder / f"CollectedData_{scorer}.csv", beside, dataset, indices, scorer)


def _names_of_photos(dataset, *, with_folder: bool) -> list[str]:
    ids = [""] * len(dataset.photos) if dataset.photo_ids is None else list(map(str, dataset.photo_ids))
    names = []
    for photo, known in zip(dataset.photos, ids, strict=True):
        name = Path(photo).name if isinstance(photo, str | Path) else ""
        if not name or ("#" in name and not Path(photo).is_file()):
            raise ValueError(f"{dataset.name!r} must have its photos in files; save arrays and frames of videos first")
        known = known.replace("\\", "/")
        if known.split("/")[-1] == name and (video_of(known) or not with_folder):
            names.append(known)
        else:
            names.append(f"{Path(photo).parent.name}/{name}" if with_folder else name)
    files = dict(zip(names, map(str, dataset.photos), strict=True))
    if any(files[name] != str(photo) for name, photo in zip(names, dataset.photos, strict=True)):
        raise ValueError(
            f"{dataset.name!r} must have each photo in a file of another name; write a folder, not a CSV file, to keep "
            "the photos of several folders apart"
        )
    return names


def _write_table(path: Path, names, dataset, indices, scorer: str) -> None:
    rows: dict[str, list[int]] = {}
    for index in indices:
        rows.setdefault(names[index], []).append(index)
    parts = dataset.skeleton.parts
    most = max(map(len, rows.values()))
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["scorer", *[scorer] * (2 * len(parts) * most)])
        if most > 1:
            writer.writerow(
                ["individuals", *[f"individual{k + 1}" for k in range(most) for _ in range(2 * len(parts))]]
            )
        writer.writerow(["bodyparts", *[part for part in parts for _ in "xy"] * most])
        writer.writerow(["coords", *["x", "y"] * (len(parts) * most)])
        for name, subjects in rows.items():
            cells = [
                f"{value:.3f}" if seen else ""
                for index in subjects
                for *point, seen in dataset.joints[index].tolist()
                for value in point
            ]
            writer.writerow([name, *cells, *[""] * (2 * len(parts) * (most - len(subjects)))])

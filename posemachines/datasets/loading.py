"""Any labelled data set by its path: the format is recognised by what the files contain."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..io.coco import TOP_LEVEL
from ..io.deeplabcut import HEADS
from ..io.files import read_json
from ..io.mat import mat_variables
from ..io.mpii import JSON_LAYOUTS
from .coco import load_coco
from .deeplabcut import load_deeplabcut
from .flic import load_flic
from .lsp import load_lsp, load_lspet
from .mpii import load_mpii
from .pose_dataset import PoseDataset

__all__ = ["FORMATS_OF_FILES", "FORMATS_OF_FOLDERS", "load_dataset", "load_people"]

FORMATS_OF_FOLDERS = ("lspet", "lsp", "flic")
FORMATS_OF_FILES = ("mpii", "coco", "csv")
_LOADERS: dict[str, Callable[..., PoseDataset]] = {
    "lspet": load_lspet,
    "lsp": load_lsp,
    "flic": load_flic,
    "mpii": load_mpii,
    "coco": load_coco,
    "csv": load_deeplabcut,
}
_OTHER_NAMES = {"deeplabcut": "csv", "dlc": "csv"}


def load_dataset(
    path: str | Path,
    images: str | Path | None = None,
    *,
    format: str = "auto",
    crop_rule: str | None = None,
    category: str | int | None = None,
    split: str | None = None,
    side_convention: str | None = None,
    limbs=None,
    pairs=None,
) -> PoseDataset:
    """Labelled subjects from any known format.

    Parameters
    ----------
    path : path
        COCO JSON, DeepLabCut CSV (``CollectedData``), MPII (.mat or JSON), or the folder of LSP, LSPET or FLIC.
    images : path, optional
        Folder of the photos; by default ``images`` next to the labels, or the folder of the labels itself.
    format : {"auto", "coco", "csv", "mpii", "lspet", "lsp", "flic"}
        By default recognised by the contents; "deeplabcut" is another name of "csv".
    crop_rule : str, optional
        What sets each subject's centre and size, such as "joints", "box", "photo" or "cpm"; the default depends on the
        format.
    category : str or int, optional
        Of COCO JSON in which several categories have keypoints.
    split : str, optional
        Published split, of MPII and FLIC.
    side_convention : {"person", "observer"}, optional
        Of LSP and FLIC.
    limbs, pairs : sequence of (part, part), optional
        Of DeepLabCut, whose files have none.

    Returns
    -------
    PoseDataset

    Raises
    ------
    ValueError
        If the format is not recognised, does not have an option that was given, or the file is damaged.
    FileNotFoundError
        If a file is missing.

    Examples
    --------
    >>> data = load_dataset("CollectedData_me.csv")  # doctest: +SKIP
    >>> train, test = data.split(test=0.2, random_state=0)  # doctest: +SKIP
    """
    path = Path(path)
    if format == "auto":
        name, seen = _recognise(path)
    else:
        name, seen = _OTHER_NAMES.get(format, format), ""
        if name not in _LOADERS:
            raise ValueError(f"format must be one of auto, {', '.join(_LOADERS)}; got {format!r}")
    options = {
        "crop_rule": crop_rule, "category": category, "split": split, "side_convention": side_convention,
        "limbs": limbs, "pairs": pairs,
    }  # fmt: skip
    given = {option: value for option, value in options.items() if value is not None}
    known = inspect.signature(_LOADERS[name]).parameters
    if unknown := [option for option in given if option not in known]:
        there = ", ".join(option for option in options if option in known)
        raise ValueError(f"format {name!r} has no option {', '.join(unknown)}; it has {there}{_note(seen)}")
    try:
        if name in FORMATS_OF_FOLDERS:
            return _LOADERS[name](path.parent if path.is_file() else path, **given)
        return _LOADERS[name](path, _photo_folder(path) if images is None else images, **given)
    except ValueError as error:
        if not seen:
            raise
        raise ValueError(f"{error}{_note(seen)}") from error


def _note(seen: str) -> str:
    return f" ({seen}; if that is wrong, pass format=...)" if seen else ""


def _photo_folder(path: Path) -> Path:
    folder = path.parent / "images"
    return folder if folder.is_dir() else path.parent


def _recognise(path: Path) -> tuple[str, str]:
    """The format, and by what it was recognised; ValueError with what was seen where it is none."""
    if path.is_dir():
        return _recognise_folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file or folder {path}; give the file of the labels, or the data set's folder")
    readers = {".json": _recognise_json, ".csv": _recognise_csv, ".mat": _recognise_mat}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: labels are in {', '.join(readers)} files, or in a folder; pass format=...")
    return readers[path.suffix.lower()](path)


def _recognise_folder(path: Path) -> tuple[str, str]:
    if (path / "examples.mat").is_file():
        return "flic", "read as FLIC: the folder holds examples.mat"
    if (path / "joints.mat").is_file():
        return _recognise_mat(path / "joints.mat")
    files = sorted(each.name for each in path.iterdir())
    seen = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "") or "nothing"
    raise ValueError(
        f"{path} is not the folder of LSP, LSPET (joints.mat) or FLIC (examples.mat): it holds {seen}; "
        "give the file of the labels"
    )


def _recognise_mat(path: Path) -> tuple[str, str]:
    variables = mat_variables(path)
    if "RELEASE" in variables:
        return "mpii", "read as MPII: the variable RELEASE"
    if "examples" in variables:
        return "flic", "read as FLIC: the variable examples"
    shape = variables.get("joints", ())
    for name, axis in (("lspet", 0), ("lsp", 1)):
        if len(shape) == 3 and shape[axis] == 14 and shape[1 - axis] == 3:
            return name, f"read as {name.upper()}: joints of shape {shape}"
    listing = ", ".join(f"{name} {shape}" for name, shape in variables.items()) or "no variables"
    raise ValueError(
        f"{path} has {listing}; known are RELEASE (MPII), examples (FLIC), and joints of shape (14, 3, N) (LSPET) or "
        "(3, 14, N) (LSP)"
    )


def _recognise_csv(path: Path) -> tuple[str, str]:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        first = next((line for line in stream if line.strip(" ,\r\n")), "").split(",")[0].strip()
    if first.lower() in HEADS:
        return "csv", f"read as DeepLabCut: the first row is {first!r}"
    raise ValueError(
        f"{path} begins with {first!r}, not with DeepLabCut's rows of heads: scorer, bodyparts, coords; "
        "other tables are not read as labels: pass joints to PoseDataset"
    )


def _recognise_json(path: Path) -> tuple[str, str]:
    content = read_json(path)
    if isinstance(content, dict) and all(name in content for name in TOP_LEVEL):
        return "coco", f"read as COCO: it has {', '.join(TOP_LEVEL)}"
    entries = content.get("root") if isinstance(content, dict) else content
    entry = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else {}
    for layout in JSON_LAYOUTS:
        if all(name in entry for name in layout):
            return "mpii", f"read as MPII: a list with {', '.join(layout)}"
    if {"image_id", "keypoints", "score"} <= {*entry}:
        raise ValueError(f"{path} holds COCO's results (predictions with scores); give the annotations")
    if isinstance(content, dict):
        seen = f"an object with {', '.join(map(str, content))}"
    else:
        seen = f"a list with {', '.join(entry)}" if entry else f"a {type(content).__name__}"
    raise ValueError(f"{path} is neither COCO's annotations ({', '.join(TOP_LEVEL)}) nor MPII's list: it is {seen}")


def load_people(
    name: str,
    *,
    root: str | Path | None = None,
    annotations: str | Path | None = None,
    images: str | Path | None = None,
    category: str | int | None = None,
    frame: str | None = None,
    split: str | None = None,
) -> PoseDataset:
    """Deprecated: ``load_dataset(root or annotations, images, format=name, crop_rule=frame)``."""
    warnings.warn("load_people is deprecated; use load_dataset(path, images)", DeprecationWarning, stacklevel=2)
    if name not in _LOADERS:
        raise ValueError(f"name must be one of {', '.join(_LOADERS)}; got {name!r}")
    if name in FORMATS_OF_FOLDERS and root is None:
        raise ValueError(f"{name} needs root, the folder with its labels and images/")
    if name in FORMATS_OF_FILES and (annotations is None or images is None):
        raise ValueError(f"{name} needs annotations, the file of the labels, and images, the photos' folder")
    options: dict[str, Any] = {"crop_rule": frame}
    if name == "coco":
        options["category"] = category
    if name in ("flic", "mpii"):
        options["split"] = split
    path = root if name in FORMATS_OF_FOLDERS else annotations
    assert path is not None
    return load_dataset(path, images, format=name, **options)

"""The formats of labels that are read, and how each is recognised; :mod:`.writing` writes some of them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..io.annotations import Annotations
from ..io.files import read_json
from ..io.mat import mat_variables

__all__ = ["FORMATS", "Format", "find_labels", "get_format", "recognise"]

DEEP = 4  # levels of folders in which labels are looked for
_PHOTO_FOLDERS = ("images", "photos", "imgs", "img", "videos")
_OTHER_NAMES = {"csv": "deeplabcut", "dlc": "deeplabcut", "300w": "pts", "dlib": "imglab", "vgg": "via"}
_LABELS = (".json", ".csv", ".tsv", ".txt", ".xml", ".tps", ".slp", ".h5", ".mat", ".yaml", ".yml", ".pts")


@dataclass(frozen=True)
class Format:
    """One format of labels; its module in ``posemachines.io`` is imported when it is used.

    Attributes
    ----------
    name : str
        As users write it.
    label : str
        As it is shown.
    loader : str
        Function of this package that loads the data set, as "module:function", where there are rules of its own;
        others are built from what the reader returns.
    default_crop_rule : str
        "box" means the boxes where every subject has one, otherwise "joints".
    """

    name: str
    label: str
    module: str = ""
    loader: str = ""
    default_crop_rule: str = "joints"

    def recognise(self, path: Path) -> str | None:
        """What was seen of this format, in words; None where it is another."""
        return self._function("recognise")(path)

    @property
    def read(self) -> Callable[..., Annotations]:
        """The reader."""
        return self._function("read")

    @property
    def load(self) -> Callable | None:
        """The loader with rules of its own, or None."""
        if not self.loader:
            return None
        module, name = self.loader.split(":")
        return getattr(importlib.import_module(f".{module}", __package__), name)

    @property
    def options(self) -> tuple[str, ...]:
        """Options of the loader or reader."""
        parameters = inspect.signature(self.load or self.read).parameters
        known = tuple(name for name in parameters if name not in ("path", "images", "annotations", "csv_file", "root"))
        return known if self.loader else ("crop_rule", *known)

    def _function(self, verb: str) -> Callable:
        module = importlib.import_module(f"posemachines.io.{self.module or self.name}")
        return getattr(module, f"{verb}_{self.name}")


FORMATS = {
    each.name: each
    for each in (
        Format("lspet", "LSPET", module="lsp", loader="lsp:load_lspet"),
        Format("lsp", "LSP", loader="lsp:load_lsp"),
        Format("flic", "FLIC", loader="flic:load_flic", default_crop_rule="cpm"),
        Format("mpii", "MPII", loader="mpii:load_mpii", default_crop_rule="cpm"),
        Format("coco", "COCO keypoints", default_crop_rule="box"),
        Format("deeplabcut", "DeepLabCut"),
        Format("sleap", "SLEAP"),
        Format("labelme", "labelme"),
        Format("cvat", "CVAT XML"),
        Format("imglab", "dlib imglab XML"),
        Format("label_studio", "Label Studio"),
        Format("via", "VGG Image Annotator"),
        Format("yolo", "YOLO-pose"),
        Format("tps", "TPS"),
        Format("pts", ".pts (300-W)"),
        Format("landmark_csv", "CSV of landmarks"),
    )
}
"""By name, in the order in which they are asked whether a file is theirs."""


def get_format(name: str) -> Format:
    """The format of a name, or of another name of it; ValueError with the known ones."""
    name = _OTHER_NAMES.get(name.lower().replace("-", "_"), name.lower().replace("-", "_"))
    if name not in FORMATS:
        raise ValueError(f"format must be one of auto, {', '.join(FORMATS)}; got {name!r}")
    return FORMATS[name]


def recognise(path: str | Path) -> tuple[Format, str] | None:
    """The format of a file or folder, and what was seen of it; None where no format knows it."""
    for each in FORMATS.values():
        seen = each.recognise(Path(path))
        if seen:
            return each, seen
    return None


def find_labels(path: str | Path) -> tuple[Format, Path, str]:
    """The labels at a path, or the only ones in a folder: their format, where they are, and what was seen.

    Parameters
    ----------
    path : path
        File of labels, folder of a format of folders, or a folder in which there is one such file or folder.

    Returns
    -------
    format : Format
    path : Path
    seen : str

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If no format recognises it, with what it holds; or a folder holds several labels.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}; give the file of the labels, or the data set's folder")
    found = _inside(path, DEEP)
    if not found:
        labels = ", ".join(each.label for each in FORMATS.values())
        raise ValueError(
            f"{path} is in none of the known formats ({labels}): {_described(path)}; give the file of the labels, or "
            "pass format=..."
        )
    if len(found) > 1:
        listing = ", ".join(f"{each[1].relative_to(path)} ({each[0].label})" for each in found[:6])
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        raise ValueError(f"{path} holds {len(found)} files of labels: {listing}{more}; give one of them")
    format, where, seen = found[0]
    return format, where, seen if where == path else f"{seen}, in {where.relative_to(path)}"


def _inside(path: Path, levels: int) -> list[tuple[Format, Path, str]]:
    """The labels at a path; of a folder its files, or the labels in its subfolders where it has none."""
    found = recognise(path)
    if found:
        return [(found[0], path, found[1])]
    if not path.is_dir() or levels == 0:
        return []
    entries = sorted(path.iterdir())
    files = [each for each in entries if each.suffix.lower() in _LABELS and each.is_file()]
    labels = [(one[0], each, one[1]) for each in files if (one := recognise(each))]
    if labels:
        return labels
    folders = [
        each for each in entries if each.is_dir() and each.name.lower() not in _PHOTO_FOLDERS and each.name[0] != "."
    ]
    return [one for each in folders for one in _inside(each, levels - 1)]


def _described(path: Path) -> str:
    """What a path holds, in words."""
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir())
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"it holds {', '.join(names[:5]) or 'nothing'}{more}"
    if path.suffix.lower() == ".mat":
        try:
            variables = mat_variables(path)
        except (ImportError, ValueError) as error:
            return str(error)
        listing = ", ".join(f"{name} {shape}" for name, shape in variables.items()) or "no variables"
        return f"it has {listing}; known are RELEASE (MPII), examples (FLIC) and joints (LSP)"
    if path.suffix.lower() == ".json":
        try:
            return _described_json(read_json(path))
        except ValueError as error:
            return str(error)
    start = path.read_bytes()[:60]
    if not start:
        return "it is empty"
    text = start.decode("utf-8-sig", errors="replace")
    return f"it begins with {text.splitlines()[0]!r}" if text.isprintable() or "\n" in text else "it is a binary file"


def _described_json(content) -> str:
    if isinstance(content, dict):
        return f"it is an object with {', '.join(map(str, list(content)[:8])) or 'nothing'}"
    entry = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    if {"image_id", "keypoints", "score"} <= {*entry}:
        return "it holds COCO's results (predictions with scores), not annotations"
    return f"it is a list with {', '.join(map(str, entry))}" if entry else f"it is a {type(content).__name__}"

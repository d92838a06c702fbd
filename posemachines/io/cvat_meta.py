"""The head of CVAT's XML: labels, skeletons, tasks, and the video that frames belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

__all__ = ["CvatMeta", "read_meta"]

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".mjpeg")
_PHOTOS = (".png", ".PNG", ".jpg", ".JPG", ".jpeg", ".JPEG")


@dataclass(frozen=True)
class CvatMeta:
    """What the head of the file says.

    Attributes
    ----------
    name : str
        Of the task or project.
    labels : list of str
        In the order of the label constructor.
    children : dict
        Parts of each skeleton's label, in order.
    drawings : dict
        SVG of each skeleton.
    tasks : dict
        Names of tasks by their numbers.
    sources : dict
        Video of each task, where it has one.
    size : (width, height)
        Of the frames; NaN if unknown.
    folder : Path
        Of the file.
    """

    name: str
    labels: list[str]
    children: dict[str, list[str]]
    drawings: dict[str, str]
    tasks: dict[str, str]
    sources: dict[str, str]
    size: tuple[float, float]
    folder: Path

    def parts(self, label: str) -> list[str]:
        """The parts of a skeleton in the order of its drawing."""
        nodes = _nodes(self.drawings.get(label, ""))
        drawn = [part for part in nodes.values() if part in self.children.get(label, [])]
        return drawn or self.children.get(label, [])

    def limbs(self, label: str) -> list[tuple[str, str]]:
        """The edges of a skeleton."""
        drawing = self.drawings.get(label, "")
        nodes = _nodes(drawing)
        edges = [
            (_attribute(line, "data-node-from"), _attribute(line, "data-node-to"))
            for line in re.findall(r"<line\b[^>]*>", drawing)
        ]
        return [(nodes[first], nodes[second]) for first, second in edges if first in nodes and second in nodes]

    def group(self, task: str | None) -> str:
        """The name of a photo's task, where there are several."""
        return self.tasks.get(task or "", task or "") if len(self.tasks) > 1 else ""

    def source(self, task: str | None) -> str:
        """The video of a task; empty if it has none."""
        return self.sources.get(task or "", "") if len(self.tasks) > 1 else next(iter(self.sources.values()), "")

    def frame_name(self, frame: int, task: str | None) -> str:
        """The photo of a frame: the file that the export has, or the frame of the video, or the usual name."""
        name, source = f"frame_{frame:06d}", self.source(task)
        for folder in ("images/", "") if len(self.tasks) <= 1 else ():
            for ending in _PHOTOS:
                if (self.folder / f"{folder}{name}{ending}").is_file():
                    return f"{folder}{name}{ending}"
        return f"{source}#frame={frame}" if source else f"{name}.png"


def read_meta(root: Element, file: Path) -> CvatMeta:
    """The head of a file; empty where it has none."""
    meta = root.find("meta")
    empty = Element("meta")
    meta = empty if meta is None else meta
    project, tasks = meta.find("project"), list(meta.iter("task"))
    main = next((each for each in (project, meta.find("task"), meta.find("job")) if each is not None), empty)
    children: dict[str, list[str]] = {}
    labels, drawings = [], {}
    for label in meta.iter("label"):
        name, parent = label.findtext("name") or "", label.findtext("parent") or ""
        if parent:
            children.setdefault(parent, []).append(name)
        elif name:
            labels.append(name)
            drawings[name] = label.findtext("svg") or ""
    sources = {(task.findtext("id") or ""): task.findtext("source") or "" for task in tasks or [main]}
    original = meta.find(".//original_size")
    width, height = (_number(None if original is None else original.findtext(side)) for side in ("width", "height"))
    return CvatMeta(
        main.findtext("name") or "",
        labels,
        children,
        drawings,
        {task.findtext("id") or "": task.findtext("name") or "" for task in tasks},
        {task: source for task, source in sources.items() if Path(source).suffix.lower() in _VIDEOS},
        (width, height),
        file.parent,
    )


def _nodes(drawing: str) -> dict[str, str]:
    """Names of the parts by the numbers of their nodes."""
    circles = re.findall(r"<circle\b[^>]*>", drawing)
    nodes = {_attribute(circle, "data-node-id"): _attribute(circle, "data-label-name") for circle in circles}
    return {number: name for number, name in nodes.items() if number and name}


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")

"""The files of a DeepLabCut project: its config, the tables of its videos, and the names of its photos."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LABELLED_DATA", "Project", "find_project", "video_of"]

LABELLED_DATA = "labeled-data"
_PHOTOS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_TABLES = (".csv", ".h5")


@dataclass(frozen=True)
class Project:
    """Where the labels of one or several videos are.

    Attributes
    ----------
    root : Path
        Folder that the names of photos are relative to.
    where : Path
        What was given, for messages.
    folders : tuple of tuples of Path
        The tables of each folder: several where several people labelled.
    seen : str
        How the project was recognised.
    config : dict
        Content of ``config.yaml``; empty where there is none.
    notes : tuple of str
    """

    root: Path
    where: Path
    folders: tuple[tuple[Path, ...], ...]
    seen: str
    config: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The task of the config, or the name of the only file, or of the folder."""
        if self.where.is_file() and self.where.suffix.lower() in _TABLES:
            return self.where.stem
        return str(self.config.get("Task") or self.root.name or "deeplabcut")

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts in the order of the config, those of the scene last."""
        several = self.config.get("multianimalbodyparts")
        listed = several if isinstance(several, list) else _listed(self.config, "bodyparts")
        return tuple(map(str, listed)) + self.unique

    @property
    def unique(self) -> tuple[str, ...]:
        """Landmarks of the scene."""
        return tuple(map(str, _listed(self.config, "uniquebodyparts")))

    def tables(self, scorer: str | None) -> Iterator[Path]:
        """The table of each folder; ValueError where there are several and `scorer` does not tell which."""
        scorer = scorer or (str(self.config["scorer"]) if self.config.get("scorer") else None)
        for files in self.folders:
            chosen = [file for file in files if file.stem == f"CollectedData_{scorer}"] if len(files) > 1 else files
            if len(chosen) != 1:
                raise ValueError(
                    f"{files[0].parent} has the labels of several people: {', '.join(file.name for file in files)}; "
                    "pass scorer=..., the name after CollectedData_, or give one file"
                )
            yield chosen[0]

    def limbs(self, parts: tuple[str, ...], notes: list[str]) -> tuple[tuple[str, str], ...]:
        """The skeleton of the config."""
        chains = [list(map(str, chain)) for chain in _listed(self.config, "skeleton") if isinstance(chain, list)]
        pairs = [pair for chain in chains for pair in itertools.pairwise(chain)]
        limbs = tuple(dict.fromkeys((a, b) for a, b in pairs if a in parts and b in parts and a != b))
        if len(limbs) < len({*pairs}):
            notes.append("the skeleton of config.yaml names parts that are not labelled: those limbs are left out")
        return limbs

    def photo_names(self, file: Path, names: list[str], notes: list[str]) -> list[str]:
        """Names relative to the root: photos lie beside their table, whatever the table calls their folder.

        A name keeps its folder where that is another folder of the project.
        """
        folder = file.parent
        beside = {each.name for each in folder.iterdir()} if any(names) else set()
        renamed = set()
        found = []
        for name in names:
            *above, last = name.replace("\\", "/").split("/")
            old = above[-1] if above else folder.name
            if last in beside and (old == folder.name or not (folder.parent / old).is_dir()):
                if old not in (folder.name, LABELLED_DATA):
                    renamed.add(old)
                found.append((folder / last).relative_to(self.root).as_posix())
            else:
                found.append("/".join([*above, last]))
        if renamed:
            notes.append(
                f"{file.name} calls its folder {', '.join(sorted(renamed))}; the photos beside it in {folder.name} are "
                "taken"
            )
        return found


def find_project(path: str | Path) -> Project | None:
    """The project in a folder, of a config or of a table; None where there are no labels of DeepLabCut."""
    path = Path(path)
    if path.is_file():
        if path.suffix.lower() in _TABLES:
            return Project(_root(path.parent), path, ((path,),), f"the table {path.name}")
        if path.name.lower() not in ("config.yaml", "config.yml"):
            return None
        path = path.parent
    if not path.is_dir():
        return None
    labelled = path / LABELLED_DATA
    for videos, root in ((labelled, path), (path, path.parent)):
        if videos.is_dir() and (folders := _of_videos(videos)):
            config = _config(root)
            seen = f"{'config.yaml and ' if config else ''}{len(folders)} folder{'s' * (len(folders) > 1)} with a table"
            return Project(root, path, folders, seen, config, _leftovers(videos))
    if files := _labels(path):
        root = _root(path)
        return Project(root, path, (files,), f"the table {files[0].name}", _config(root))
    return None


def video_of(name: str) -> str:
    """Name of the folder of a photo; empty where that is no video's."""
    folders = name.replace("\\", "/").split("/")[:-1]
    return folders[-1] if folders and folders[-1] != LABELLED_DATA else ""


def _root(folder: Path) -> Path:
    """The project of a folder with a table: the folder itself where it is no video's."""
    return folder.parent.parent if folder.parent.name == LABELLED_DATA else folder


def _of_videos(folder: Path) -> tuple[tuple[Path, ...], ...]:
    """The tables of each folder of a video; folders that are projects of their own are none."""
    videos = [each for each in sorted(folder.iterdir()) if each.is_dir() and not (each / LABELLED_DATA).is_dir()]
    found = [_labels(each) for each in videos]
    return tuple(files for files in found if files)


def _labels(folder: Path) -> tuple[Path, ...]:
    """The tables of labels in a folder: CSV, or H5 where a labeller has no CSV."""
    files = [each for each in sorted(folder.iterdir()) if each.name.lower().startswith("collecteddata")]
    text = [each for each in files if each.suffix.lower() == ".csv"]
    stems = {each.stem for each in text}
    return tuple(text + [each for each in files if each.suffix.lower() == ".h5" and each.stem not in stems])


def _leftovers(folder: Path) -> tuple[str, ...]:
    """Notes about what is not read: folders without labels, and tables that are no labels."""
    unlabelled, others = [], set()
    for each in sorted(folder.iterdir()):
        if not each.is_dir() or each.name.endswith("_labeled"):  # DeepLabCut's pictures of the labels
            continue
        files = list(each.iterdir())
        if not _labels(each) and any(file.suffix.lower() in _PHOTOS for file in files):
            unlabelled.append(each.name)
        labels = {file.stem for file in _labels(each)}
        others |= {file.name for file in files if file.suffix.lower() in _TABLES and file.stem not in labels}
    notes = [f"folders with photos but no labels: {', '.join(unlabelled)}"] if unlabelled else []
    if others:
        notes.append(f"tables that are no CollectedData are not read: {', '.join(sorted(others))}")
    return tuple(notes)


def _config(root: Path) -> dict[str, Any]:
    """Content of the project's config; empty where there is none, or another program's."""
    import yaml

    for name in ("config.yaml", "config.yml"):
        if (root / name).is_file():
            try:
                content = yaml.safe_load((root / name).read_text(encoding="utf-8"))
            except (UnicodeDecodeError, yaml.YAMLError):
                continue
            if isinstance(content, dict) and "bodyparts" in content:
                return content
    return {}


def _listed(config: dict[str, Any], key: str) -> list:
    value = config.get(key)
    return value if isinstance(value, list) else []

"""A data set by the name of its format, for command lines and scripts."""

from __future__ import annotations

from pathlib import Path

from .coco import load_coco
from .deeplabcut import load_deeplabcut
from .flic import load_flic
from .lsp import load_lsp, load_lspet
from .mpii import load_mpii
from .people import PeopleDataset

__all__ = ["FORMATS_OF_FILES", "FORMATS_OF_FOLDERS", "load_people"]

FORMATS_OF_FOLDERS = ("lspet", "lsp", "flic")
FORMATS_OF_FILES = ("mpii", "coco", "csv")


def load_people(
    name: str,
    *,
    root: str | Path | None = None,
    annotations: str | Path | None = None,
    images: str | Path | None = None,
    category: str | int | None = None,
    frame: str | None = None,
    split: str | None = None,
) -> PeopleDataset:
    """Labelled people of any format that is known here.

    Parameters
    ----------
    name : {"lspet", "lsp", "flic", "mpii", "coco", "csv"}
    root : path
        Folder of the data set: lspet, lsp and flic.
    annotations, images : path
        File of the labels, and folder of the photos: mpii, coco and csv (DeepLabCut's layout).
    category : str or int, optional
        In a COCO file.
    frame : str, optional
        What sets centre and scale; by default that of the loader.
    split : str, optional
        Of flic and mpii.

    Returns
    -------
    PeopleDataset

    Raises
    ------
    ValueError
        If the name is unknown, or what it needs is not given.
    FileNotFoundError
        If a file is missing.
    """
    framed = {} if frame is None else {"frame": frame}
    if name in FORMATS_OF_FOLDERS:
        if root is None:
            raise ValueError(f"{name} needs root, the folder with its labels and images/")
        if name == "flic":
            return load_flic(root, split=split, **framed)
        return (load_lspet if name == "lspet" else load_lsp)(root, **framed)
    if name not in FORMATS_OF_FILES:
        raise ValueError(f"name must be one of {', '.join((*FORMATS_OF_FOLDERS, *FORMATS_OF_FILES))}; got {name!r}")
    if annotations is None or images is None:
        raise ValueError(f"{name} needs annotations, the file of the labels, and images, the photos' folder")
    if name == "mpii":
        return load_mpii(annotations, images, split=split, **framed)
    if name == "coco":
        return load_coco(annotations, images, category=category, **framed)
    return load_deeplabcut(annotations, images, **framed)

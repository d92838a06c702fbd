"""Where the bytes of a photo are, and which kind of file they form."""

from __future__ import annotations

import base64
import binascii
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .references import split_reference

__all__ = ["VIDEOS", "Source", "find_source"]

VIDEOS = (
    ".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mjpeg", ".mjpg", ".flv", ".ogv", ".mts",
    ".m2ts", ".3gp",
)  # fmt: skip
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ALLOWED = {
    "tiff": {"page", "stored", "picture"},
    "dicom": {"page", "stored", "picture"},
    "raster": {"page", "stored", "picture"},
    "video": {"frame", "stored"},
}


@dataclass(frozen=True)
class Source:
    """Bytes of one photo.

    Attributes
    ----------
    label : str
        The reference, for messages.
    path : Path
        The file.
    kind : {"raster", "tiff", "dicom", "video"}
    options : dict
    embedded : bytes, optional
        The picture that a labelme file holds.
    """

    label: str
    path: Path
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    embedded: bytes | None = None

    def open(self) -> BinaryIO:
        """The bytes as a stream; close it."""
        return open(self.path, "rb") if self.embedded is None else io.BytesIO(self.embedded)

    @property
    def stored(self) -> bool:
        """Whether the photo is wanted as it is stored."""
        return bool(self.options.get("stored"))

    def page(self, n_pages: int, what: str = "pages") -> int:
        """Number of the page that is wanted.

        Raises
        ------
        ValueError
            If there are several and none is chosen, or fewer.
        """
        page = self.options.get("page")
        if page is None and n_pages > 1:
            raise ValueError(
                f"{self.label} has {n_pages} {what}; name one, counted from 0: {self.label}"
                f"{'&' if self.options else '#'}page=0"
            )
        if page is not None and page >= n_pages:
            raise ValueError(f"{self.label}: there is no page {page}; the file has {n_pages}, counted from 0")
        return page or 0


def find_source(photo: str | Path) -> Source:
    """The source of a photo.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an option does not suit the kind of file, or the JSON embeds no picture.
    """
    path, options = split_reference(photo)
    if not path.is_file():
        raise FileNotFoundError(f"no photo at {path}; check the folder of the photos")
    embedded = _picture(path) if options.get("picture") else None
    if embedded is None:
        with open(path, "rb") as stream:
            start = stream.read(132)
    else:
        start = embedded[:132]
    kind = _kind(path, start) if embedded is None else _kind(Path("picture"), start)
    wrong = sorted(options.keys() - ALLOWED[kind])
    if wrong:
        raise ValueError(
            f"{photo}: the option {wrong[0]} is for {'videos' if wrong[0] == 'frame' else 'pictures'} only"
        )
    return Source(str(photo), path, kind, options, embedded)


def _kind(path: Path, start: bytes) -> str:
    if start[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom"):
        return "dicom"
    if start[:4] in TIFF:
        return "tiff"
    return "video" if path.suffix.lower() in VIDEOS else "raster"


def _picture(path: Path) -> bytes:
    """The picture embedded in a labelme file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig")).get("imageData")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not labelme's JSON, so it embeds no picture ({error})") from error
    if not data:
        raise ValueError(f"{path} embeds no picture: its imageData is empty; give the folder of the photos instead")
    try:
        return base64.b64decode(data.rpartition(",")[2])  # a data URL has a head
    except (binascii.Error, AttributeError) as error:
        raise ValueError(f"the picture embedded in {path} is damaged ({error})") from error

"""Photos in files: found in a folder by the names that annotations use, and their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..geometry import to_rgb

__all__ = ["find_photo", "find_photos", "photo_size"]


def find_photo(folder: Path, name: str) -> Path | None:
    """The photo that annotations call `name`: below `folder`, under the longest tail of that path that exists."""
    parts = Path(name.replace("\\", "/")).parts
    paths = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in paths if path.is_file()), None)


def find_photos(folder: str | Path, names: Sequence[str], source: Path) -> list[Path]:
    """The photos that `names` stand for, as paths.

    Raises
    ------
    FileNotFoundError
        If the folder, or a photo, is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds the photos")
    found = {name: find_photo(folder, name) for name in dict.fromkeys(names)}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(found)} photos that {source} names are not in {folder}, {missing[0]} first; "
            "give the folder that its names are relative to"
        )
    return [path for name in names if (path := found[name]) is not None]


def photo_size(photo) -> tuple[int, int]:
    """(width, height) in pixels, from the header alone where the photo is a file."""
    if not isinstance(photo, str | Path):
        return to_rgb(photo).shape[1::-1]
    if not Path(photo).is_file():
        raise FileNotFoundError(f"no photo at {photo}")
    try:
        with Image.open(photo) as image:
            # EXIF orientations 5..8 lie on their side; read_photo turns JPEGs upright
            turned = image.format == "JPEG" and image.getexif().get(0x0112, 1) >= 5
            return image.size[::-1] if turned else image.size
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{photo} is not a readable image ({error}); it may be truncated: fetch it again") from error

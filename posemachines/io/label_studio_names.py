"""The photos of Label Studio's tasks: from addresses of uploads and storages to names of files."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .photo_files import find_photos

__all__ = ["file_names", "photo_address"]

_USUAL = ("image", "img", "photo", "picture", "url", "image_url", "captioning", "ocr")
_PHOTO = re.compile(r"\.(jpe?g|png|tiff?|bmp|webp|gif|dcm)$", re.IGNORECASE)
_HASH = re.compile(r"^[0-9a-f]{8}-(?=.)")  # before the name of an uploaded file


def photo_address(data: dict[str, Any], path: Path, where: str) -> str:
    """The address of a task's photo: the value that names one.

    Raises
    ------
    ValueError
        If none does, several do, or the picture is in the task.
    """
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    found = [key for key in _USUAL if key in texts] or [key for key in texts if _PHOTO.search(_path_of(texts[key]))]
    if len(found) > 1 and found[0] not in _USUAL:
        raise ValueError(f"{path}: {where} names several photos: {', '.join(found)}; keep one, called image")
    if not found:
        there = ", ".join(map(str, data)) or "nothing"
        raise ValueError(f"{path}: {where} names no photo; its data have {there}; call the photo image")
    address = texts[found[0]]
    if address.startswith("data:"):
        raise ValueError(f"{path}: the photo of {where} is in the task itself; save it as a file and name that")
    return address


def file_names(addresses: Sequence[str], path: Path, images: str | Path | None, notes: list[str]) -> list[str]:
    """Names of files for addresses.

    Parameters
    ----------
    addresses : sequence of str
        ``/data/upload/1/1a2b3c4d-photo.jpg``, ``/data/local-files/?d=folder/photo.jpg``, ``s3://bucket/photo.jpg``,
        ``https://host/photo.jpg?token``, or names of files.
    path : path
        Of the labels; photos are looked for beside it.
    images : path or None
        Folder of the photos.
    notes : list of str
        Grows by what was changed.

    Returns
    -------
    list of str
        The hash of an upload is taken away unless a file with it is there, or two photos would get the same name.
    """
    uploaded = ["/data/upload/" in address or address.startswith("upload/") for address in addresses]
    paths = [_path_of(address) for address in addresses]  # the folder of an upload is a number of the tool
    names = [path.rsplit("/", 1)[-1] if up else path for path, up in zip(paths, uploaded, strict=True)]
    there = _files_there([name for name, is_upload in zip(names, uploaded, strict=True) if is_upload], path, images)
    bare: dict[str, set[str]] = defaultdict(set)
    for name, is_upload in zip(names, uploaded, strict=True):
        if is_upload:
            bare[_without_hash(name)].add(name)
    found = []
    for name, is_upload in zip(names, uploaded, strict=True):
        keep = not is_upload or name in there or len(bare[_without_hash(name)]) > 1
        found.append(name if keep else _without_hash(name))
    changed = [name for name, now in zip(names, found, strict=True) if name != now]
    if changed:
        notes.append(
            f"uploaded photos are taken by their own names, such as {_without_hash(changed[0])} for {changed[0]}: "
            f"{len(set(changed))}"
        )
    return found


def _files_there(names: list[str], path: Path, images: str | Path | None) -> set[str]:
    """The names that files have."""
    try:
        found = find_photos(path.parent if images is None else images, names, path, max_missing=1)
    except (FileNotFoundError, ValueError):
        return set()
    return {*names} - {*found.missing}


def _without_hash(name: str) -> str:
    return _HASH.sub("", name)


def _path_of(address: str) -> str:
    """The path that an address holds, with its folders."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    if "d" in query:  # local files
        return query["d"][0].replace("\\", "/")
    if "fileuri" in query:  # a storage's file behind a task's address
        try:
            return _path_of(base64.urlsafe_b64decode(query["fileuri"][0] + "==").decode())
        except (binascii.Error, UnicodeDecodeError):
            return address
    if len(parts.scheme) > 1:  # not the drive of a Windows path
        return unquote(parts.path).lstrip("/")
    if address.startswith("/data/"):
        return unquote(parts.path).removeprefix("/data/")
    return address.replace("\\", "/")

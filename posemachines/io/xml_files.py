"""XML files, read without what makes XML dangerous: a document type may define entities that never stop growing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from .files import existing_file

__all__ = ["read_xml"]


class _Root(Exception):
    """Raised at the first element: a document type can only come before it."""


def read_xml(path: str | Path, advice: str = "give the XML file of the labels") -> ElementTree.Element:
    """The root of an XML file.

    Raises
    ------
    FileNotFoundError
        If there is no file; the message ends with `advice`.
    ValueError
        If the file is not XML, is cut off, or has a document type (DTD).
    """
    path = existing_file(path, advice)
    data = path.read_bytes()
    _refuse_document_type(data, path)
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is not readable XML ({error}); it may be cut off: export it again") from error


def _refuse_document_type(data: bytes, path: Path) -> None:
    def refuse(*_) -> None:
        raise ValueError(
            f"{path} has a document type (<!DOCTYPE ...>), which labels do not need and which may be an attack; "
            "delete it if you trust the file"
        )

    def stop(*_) -> None:
        raise _Root

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    with suppress(_Root, expat.ExpatError, LookupError):  # what is not XML is said by the reader
        parser.Parse(data, True)

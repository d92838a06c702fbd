"""Trained machines by name, and output files, for all subcommands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

PICTURES = (".png", ".jpg", ".jpeg")
_KINDS = {"conv": "ConvPoseMachine", "forest": "PoseMachine"}


def note(text: str) -> None:
    """Print a message that is not part of the result to standard error."""
    print(text, file=sys.stderr)


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a trained machine; see :func:`find_machine`."""
    parser.add_argument(
        "--machine", default="lspet", metavar="NAME|FILE", help="a shipped machine, or a file (default: lspet)"
    )
    parser.add_argument(
        "--kind", choices=_KINDS, help="kind of the shipped machine: the net (default) or the random forests"
    )


def find_machine(name: str, kind: str | None):
    """Load a machine from a file, or one that is shipped: the net if there is one, otherwise the forests.

    Parameters
    ----------
    name : str
        A path, or the name of a shipped machine.
    kind : {"conv", "forest"} or None

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such machine, its file is damaged, or a kind is given together with a file.
    """
    import posemachines

    if Path(name).is_file():
        if kind is not None:
            raise ValueError(f"--kind chooses among the shipped machines, but {name} is a file; leave --kind out")
        return posemachines.load(name)
    if Path(name).suffix or len(Path(name).parts) != 1:
        raise FileNotFoundError(f"no machine at {name}; give the file that machine.save wrote, or the name lspet")
    if kind is not None:
        return getattr(posemachines, _KINDS[kind]).from_pretrained(name)
    try:
        return posemachines.ConvPoseMachine.from_pretrained(name)
    except (ValueError, ImportError) as error:
        machine = posemachines.PoseMachine.from_pretrained(name)
        note(f"note: {error}; using the forests instead (--kind forest)")
        return machine


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[str | Path]) -> None:
    """Raise ValueError or OSError unless the outputs are different files in existing folders, and none is an input."""
    seen: list[Path] = []
    for path in outputs:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no folder {path.parent} for {path.name}; create it first")
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give the name of a file in it")
        for given in inputs:
            if path.exists() and Path(given).exists() and path.samefile(given):
                raise ValueError(f"{path} is an input and would be overwritten; give another name")
        if path.resolve() in seen:
            raise ValueError(f"{path} is given for two outputs; give them different names")
        seen.append(path.resolve())


def picture_path(text: str) -> Path:
    """Type of an option: the path of an image file to write."""
    path = Path(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text} must end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}")
    return path


def write_picture(path: Path, picture) -> None:
    """Write an RGB image (H, W, 3) completely or not at all."""
    import cv2

    from .._utils.replacing import replacing

    _, encoded = cv2.imencode(path.suffix.lower(), picture[..., ::-1])
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    from .._utils.replacing import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

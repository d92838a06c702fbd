"""What subcommands share: the trained machine that is named, and files that are written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

PICTURES = (".png", ".jpg", ".jpeg")
_KINDS = {"conv": "ConvPoseMachine", "forest": "PoseMachine"}


def note(text: str) -> None:
    """Tell the user something that is not the result."""
    print(text, file=sys.stderr)


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose a trained machine; :func:`find_machine` takes them."""
    parser.add_argument(
        "--machine", default="lspet", metavar="NAME|FILE", help="one that ships, or a file of your own (default: lspet)"
    )
    parser.add_argument(
        "--kind", choices=_KINDS, help="of the machine that ships: the net (default) or the forests of random trees"
    )


def find_machine(name: str, kind: str | None):
    """A fitted machine from a file, or one that ships: the net where there is one, and otherwise the forests.

    Parameters
    ----------
    name : str
        A path, or the name of a machine that ships.
    kind : {"conv", "forest"} or None

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such machine, its file is damaged, or a kind is given with a file.
    """
    import posemachines

    if Path(name).is_file():
        if kind is not None:
            raise ValueError(f"--kind chooses among the machines that ship, but {name} is a file; leave --kind out")
        return posemachines.load(name)
    if Path(name).suffix or len(Path(name).parts) != 1:
        raise FileNotFoundError(f"no machine at {name}; give the file that machine.save wrote, or the name lspet")
    if kind is not None:
        return getattr(posemachines, _KINDS[kind]).from_pretrained(name)
    try:
        return posemachines.ConvPoseMachine.from_pretrained(name)
    except (ValueError, ImportError) as error:
        machine = posemachines.PoseMachine.from_pretrained(name)
        note(f"note: {error}; going on with the forests (--kind forest)")
        return machine


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[str | Path]) -> None:
    """ValueError or OSError unless every output can be a file of its own, in a folder that exists, and no input."""
    seen: list[Path] = []
    for path in outputs:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no folder {path.parent} for {path.name}; make it first")
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give the name of a file in it")
        for given in inputs:
            if path.exists() and Path(given).exists() and path.samefile(given):
                raise ValueError(f"{path} is what is read and would be overwritten; give another name")
        if path.resolve() in seen:
            raise ValueError(f"{path} is given for two outputs; give each a name of its own")
        seen.append(path.resolve())


def picture_path(text: str) -> Path:
    """The path of a picture to write, as the type of an option."""
    path = Path(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text} must end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}")
    return path


def write_picture(path: Path, picture) -> None:
    """Write an RGB picture (H, W, 3) whole, or not at all."""
    import cv2

    from .._utils.replacing import replacing

    _, encoded = cv2.imencode(path.suffix.lower(), picture[..., ::-1])
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, or not at all."""
    from .._utils.replacing import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

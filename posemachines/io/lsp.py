"""``joints.mat`` of Leeds Sports Pose and of its extended training set.

Traps: pixels are counted from 1; the axes of the two files are in another order; the third column says "labelled" in
the extended set, but "occluded" in the original one, where every joint is labelled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..skeleton import LSP
from .annotations import Annotations
from .mat import mat_variables, read_mat_arrays

__all__ = ["read_lsp", "read_lspet", "recognise_lsp", "recognise_lspet"]

_ADVICE = "give the folder that holds joints.mat and images/"


def recognise_lspet(path: Path) -> str | None:
    """What makes a folder, or ``joints.mat``, that of LSPET, in words; None where nothing does."""
    return _recognised(path, "LSPET", joint_axis=0)


def recognise_lsp(path: Path) -> str | None:
    """What makes a folder, or ``joints.mat``, that of LSP, in words; None where nothing does."""
    return _recognised(path, "LSP", joint_axis=1)


def _recognised(path: Path, name: str, *, joint_axis: int) -> str | None:
    file = path / "joints.mat" if path.is_dir() else path
    if file.suffix.lower() != ".mat" or not file.is_file():
        return None
    try:
        shape = mat_variables(file).get("joints", ())
    except ValueError:
        return None
    fits = len(shape) == 3 and shape[joint_axis] == LSP.n_parts and shape[1 - joint_axis] == 3
    return f"read as {name}: joints of shape {shape}" if fits else None


def read_lspet(root: str | Path) -> Annotations:
    """Labels of LSPET: ``joints`` of shape (14, 3, N), x, y, labelled; photos ``im00001.jpg`` onwards."""
    joints = _read(Path(root), person_axis=2, joint_axis=0)
    joints[..., 2] = joints[..., 2] > 0
    return _annotations(root, joints, digits=5, name="lspet")


def read_lsp(root: str | Path) -> Annotations:
    """Labels of LSP: ``joints`` of shape (3, 14, N), x, y, occluded; photos ``im0001.jpg`` onwards."""
    joints = _read(Path(root), person_axis=2, joint_axis=1)
    occluded = joints[..., 2] > 0
    joints[..., 2] = 1
    return _annotations(root, joints, digits=4, name="lsp", occluded=occluded)


def _read(root: Path, *, person_axis: int, joint_axis: int) -> np.ndarray:
    """(N, 14, 3), 0-based."""
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}; {_ADVICE}")
    file = root / "joints.mat"
    if not file.is_file():
        raise FileNotFoundError(f"no joints.mat in {root}; {_ADVICE}")
    arrays = read_mat_arrays(file)
    if "joints" not in arrays:
        raise ValueError(f"{file} has no variable 'joints'; its variables are {', '.join(arrays) or 'none'}")
    joints = arrays["joints"]
    coordinate_axis = ({0, 1, 2} - {person_axis, joint_axis}).pop()
    found = joints.shape
    if joints.ndim != 3 or found[joint_axis] != LSP.n_parts or found[coordinate_axis] != 3:
        raise ValueError(
            f"{file}: 'joints' has shape {found}; 14 joints on axis {joint_axis} and 3 columns are expected"
        )
    joints = joints.transpose(person_axis, joint_axis, coordinate_axis).astype(np.float32)
    joints[..., :2] -= 1
    return joints


def _annotations(root: str | Path, joints: np.ndarray, *, digits: int, name: str, occluded=None) -> Annotations:
    """Those whose photo exists."""
    folder = Path(root) / "images"
    present = {path.name for path in folder.glob("im*.jpg")}
    names = [f"im{number:0{digits}d}.jpg" for number in range(1, len(joints) + 1)]
    kept = [index for index, file in enumerate(names) if file in present]
    if not kept:
        raise FileNotFoundError(f"none of {names[0]} .. {names[-1]} is in {folder}")
    return Annotations(name, names, joints, LSP, occluded=occluded).take(kept)

"""``examples.mat`` of Frames Labeled In Cinema.

Traps: pixels are counted from 1; ``coords`` has 29 columns, of which nine are used; sides are the person's own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..skeleton import FLIC
from .annotations import Annotations
from .mat import mat_variables, read_mat

__all__ = ["read_flic", "recognise_flic"]

COLUMNS = {
    "left shoulder": 0, "left elbow": 1, "left wrist": 2, "right shoulder": 3, "right elbow": 4, "right wrist": 5,
    "left hip": 6, "right hip": 9, "nose": 16,
}  # of the 29 columns of `coords`; the others are empty, or eyes  # fmt: skip
FIELDS = ("filepath", "coords", "torsobox", "istrain", "istest")


def recognise_flic(path: Path) -> str | None:
    """What makes a folder, or ``examples.mat``, that of FLIC, in words; None where nothing does."""
    if path.is_dir():
        return "read as FLIC: the folder holds examples.mat" if (path / "examples.mat").is_file() else None
    try:
        found = path.suffix.lower() == ".mat" and "examples" in mat_variables(path)
    except (FileNotFoundError, ValueError):
        return None
    return "read as FLIC: the variable examples" if found else None


def read_flic(root: str | Path) -> Annotations:
    """Labels of FLIC; `boxes` are the annotated ones of the torso, and `splits` the published ones.

    Raises
    ------
    FileNotFoundError
        If there is no ``examples.mat``.
    ValueError
        If it does not have this layout.
    """
    file = Path(root) / "examples.mat"
    if not file.is_file():
        raise FileNotFoundError(f"no examples.mat in {root}; give the folder that holds it and images/")
    examples = np.atleast_1d(read_mat(file, "examples", advice="give FLIC's folder"))
    lacking = [name for name in FIELDS if not len(examples) or not hasattr(examples[0], name)]
    if lacking:
        raise ValueError(f"{file} is not FLIC's file: its examples lack {', '.join(lacking)}")
    corners = np.array([np.ravel(one.torsobox) for one in examples], float) - 1
    return Annotations(
        "flic",
        [str(one.filepath) for one in examples],
        np.stack([_joints(one, file) for one in examples]),
        FLIC,
        boxes=np.column_stack([corners[:, :2], corners[:, 2:] - corners[:, :2]]),
        splits=["train" if bool(one.istrain) else "test" if bool(one.istest) else "" for one in examples],
    )


def _joints(example, file: Path) -> np.ndarray:
    coords = np.asarray(example.coords, float)
    if coords.ndim != 2 or coords.shape[0] != 2 or coords.shape[1] <= max(COLUMNS.values()):
        raise ValueError(f"{file}: 'coords' has shape {coords.shape}; (2, 29) is expected")
    points = coords[:, [COLUMNS[part] for part in FLIC.parts]].T - 1
    labelled = np.isfinite(points).all(1, keepdims=True)
    return np.hstack([np.where(labelled, points, 0), labelled]).astype(np.float32)

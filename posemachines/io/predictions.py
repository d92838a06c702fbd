"""Predictions and ground truth from the files in which they are published: .mat, .h5, .npz, .npy, .json and .csv."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation.ground_truth import GroundTruth
from ..evaluation.protocols import Protocol, get_protocol
from ..metrics import Detections, LabelledPeople, head_length
from .files import existing_file
from .pose_arrays import choose, read_arrays
from .pose_json import list_poses, read_detections, read_entries, read_oks_truth
from .pose_tables import read_table

__all__ = ["PoseFile", "aligned", "read_predictions", "read_truth"]

ARRAYS = (".mat", ".h5", ".hdf5", ".npz", ".npy")
_PREDICTED = (
    "pred", "preds", "prediction", "predictions", "prediction_all", "pred_all", "predicted", "all_preds", "estimates",
    "est", "keypoints", "joints", "coords", "poses", "part",
)  # fmt: skip
_TRUE = (
    "truth", "joints", "part", "parts", "gt", "ground_truth", "joints_gt", "pos_gt_src", "annotations", "keypoints",
    "coords", "poses",
)  # fmt: skip
_HEADS = ("normalize", "headsize", "headsizes", "head_size", "head_sizes", "head_length", "reference")
_NAMES = ("imgname", "image", "images", "filename", "people")


@dataclass(frozen=True)
class PoseFile:
    """Predictions as a file has them, one pose per subject.

    Attributes
    ----------
    joints : ndarray of shape (N, P, 2)
        NaN where a prediction is missing.
    people : tuple of str or None
        Names of the subjects, where the file has them.
    notes : tuple of str
        What the reader chose.
    """

    joints: np.ndarray
    people: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read_predictions(
    path: str | Path,
    protocol: str | Protocol,
    *,
    variable: str | None = None,
    axes: str | None = None,
    n_people: Collection[int] = (),
) -> PoseFile | Detections:
    """Predictions from a file.

    Parameters
    ----------
    path : path
        MATLAB (v5 and v7.3), HDF5, NumPy, JSON (COCO's results, a list of poses) or CSV (``<part>_x``, ``<part>_y``
        with one subject per row, or DeepLabCut's).
    protocol : str or Protocol
        Defines the number of parts and their names.
    variable : str, optional
        Name of the array in the file; needed where several arrays fit. ``outer.inner`` inside a struct.
    axes : str, optional
        Order of its axes, such as ``xy,parts,people``; recognised where the shape is unambiguous.
    n_people : collection of int
        Expected numbers of subjects, used where the shape alone is ambiguous.

    Returns
    -------
    PoseFile, or Detections for OKS-AP

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it cannot be read, or is ambiguous.
    ImportError
        If it is HDF5 and h5py is missing.

    Notes
    -----
    Coordinates are not shifted: predictions and ground truth must count pixels from the same origin. MATLAB's files
    count from 1, COCO's from 0.
    """
    path, protocol = _existing(path), get_protocol(protocol)
    notes: list[str] = []
    people = None
    if protocol.metric == "oks-ap":
        return read_detections(_coco_entries(path, protocol, "predictions")[0], protocol, path)
    if path.suffix.lower() == ".csv":
        joints, people = read_table(path, protocol)
    else:
        entries, content = read_entries(path) if path.suffix.lower() == ".json" else (None, {})
        if entries is not None:
            joints, _, people, notes = list_poses(entries, content, protocol, path)
        else:
            arrays = _numeric(content) if content else read_arrays(path)
            joints, name = choose(
                arrays,
                path,
                sizes=_sizes(protocol),
                preferred=_PREDICTED,
                variable=variable,
                axes=axes,
                n_people=n_people,
            )
            people = _people(arrays, len(joints))
            notes.append(f"predictions: {name} {arrays[name].shape} of {path.name}")
    protocol.layout(joints.shape[1])
    return PoseFile(joints[..., :2], people, tuple(notes))


def read_truth(
    path: str | Path, protocol: str | Protocol, *, variable: str | None = None, axes: str | None = None
) -> GroundTruth | LabelledPeople:
    """Ground truth from a file.

    Parameters
    ----------
    path, protocol, variable, axes
        As :func:`read_predictions` takes them. COCO's annotations for OKS-AP.

    Returns
    -------
    GroundTruth, or LabelledPeople for OKS-AP
        With head lengths where the protocol needs them: ``normalize``, ``headsize`` or ``head_length``, or
        0.6 of the diagonals of ``headboxes_src``; labelled joints by ``jnt_missing`` or the third column of JSON.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As :func:`read_predictions`.

    Notes
    -----
    A variable ``visible`` is not read: in MPII's files it marks occlusion, not labels.
    """
    path, protocol = _existing(path), get_protocol(protocol)
    if protocol.metric == "oks-ap":
        return read_oks_truth(*_coco_entries(path, protocol, "ground truth"), protocol, path)
    if path.suffix.lower() == ".csv":
        joints, people = read_table(path, protocol)
        return GroundTruth(joints, labelled=_third(joints, protocol), people=people)
    entries, content = read_entries(path) if path.suffix.lower() == ".json" else (None, {})
    if entries is not None:
        joints, labelled, people, _ = list_poses(entries, content, protocol, path)
        heads = [entry.get("head_length", np.nan) for entry in entries] if len(entries) == len(joints) else []
        reference = np.array(heads, float) if np.isfinite(np.array(heads, float)).any() else None
        return GroundTruth(joints, reference, labelled, people=people)
    arrays = _numeric(content) if content else read_arrays(path)
    joints, _ = choose(arrays, path, sizes=_sizes(protocol), preferred=_TRUE, variable=variable, axes=axes)
    reference = _head_lengths(arrays, len(joints)) if protocol.reference == "head" else None
    return GroundTruth(joints, reference, _labelled(arrays, joints.shape[:2]), people=_people(arrays, len(joints)))


def aligned(predictions: PoseFile, truth: GroundTruth) -> PoseFile:
    """Predictions in the order of the ground truth, where both name their subjects; unchanged otherwise.

    Raises
    ------
    ValueError
        If some subjects of the ground truth are predicted and others are not.
    """
    if predictions.people is None or truth.people is None:
        return predictions
    mine, wanted = ([_stem(name) for name in people] for people in (predictions.people, truth.people))
    common = {*mine} & {*wanted}
    if len({*mine}) < len(mine) or len({*wanted}) < len(wanted) or not common:
        return predictions
    missing = [name for name in wanted if name not in common]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(wanted)} subjects of the ground truth have no prediction, such as {missing[0]}"
        )
    order = [mine.index(name) for name in wanted]
    notes = predictions.notes if order == list(range(len(mine))) else (*predictions.notes, "subjects matched by name")
    return PoseFile(predictions.joints[order], tuple(predictions.people[index] for index in order), notes)


def _existing(path: str | Path) -> Path:
    path = existing_file(path, "check the path")
    if path.suffix.lower() not in (*ARRAYS, ".json", ".csv"):
        raise ValueError(f"{path}: file names must end in {', '.join(ARRAYS)}, .json or .csv")
    return path


def _numeric(content: dict) -> dict[str, np.ndarray]:
    """The arrays among the values of a JSON object."""
    arrays = {}
    for name, value in content.items():
        try:
            arrays[name] = np.array(value, float)
        except (TypeError, ValueError):
            continue
    return arrays


def _sizes(protocol: Protocol) -> list[int]:
    return [len(parts) for parts in (protocol.parts, *protocol.layouts)]


def _coco_entries(path: Path, protocol: Protocol, what: str) -> tuple[list[dict], dict]:
    if path.suffix.lower() != ".json":
        raise ValueError(
            f"protocol {protocol.name!r} reads COCO's JSON, with several subjects per image; {what}: {path}"
        )
    entries, content = read_entries(path)
    if entries is None:
        raise ValueError(f"{path} is neither a list of COCO's results nor COCO's annotations")
    return entries, content


def _third(joints: np.ndarray, protocol: Protocol) -> np.ndarray | None:
    """Labelled joints of a table: those with a positive third column where there is one, else those that are given."""
    finite = np.isfinite(joints[..., :2]).all(-1)
    return finite & (joints[..., 2] > 0) if joints.shape[-1] == 3 else finite


def _vector(array: np.ndarray, count: int) -> bool:
    return array.size == count and array.dtype.kind in "fiu"


def _head_lengths(arrays: dict[str, np.ndarray], count: int) -> np.ndarray | None:
    for name, array in arrays.items():
        if name.split(".")[-1].lower() in _HEADS and _vector(array, count):
            return array.ravel().astype(float)
    boxes = next((array for name, array in arrays.items() if name.split(".")[-1] == "headboxes_src"), None)
    if boxes is None or boxes.shape != (2, 2, count):
        return None
    return head_length(boxes.reshape(4, count, order="C").T.astype(float))  # corner by corner, x and y of each


def _labelled(arrays: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray | None:
    missing = next((array for name, array in arrays.items() if name.split(".")[-1] == "jnt_missing"), None)
    if missing is None:
        return None
    missing = missing if missing.shape == shape else missing.T
    return missing == 0 if missing.shape == shape else None


def _people(arrays: dict[str, np.ndarray], count: int) -> tuple[str, ...] | None:
    """Names of the subjects, where the file has one for each."""
    for name, array in arrays.items():
        if name.split(".")[-1].lower() in _NAMES and array.size == count and array.dtype.kind in "SU":
            texts = array.ravel().tolist()
            return tuple(text.decode() if isinstance(text, bytes) else text for text in texts)
    return None


def _stem(name: str) -> str:
    return Path(name.strip()).stem or name

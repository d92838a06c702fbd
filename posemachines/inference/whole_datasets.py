"""Prediction for the subjects of a data set, in pixels of their photos."""

from __future__ import annotations

import numpy as np

from ..geometry import to_photo
from .frames import crop_size

__all__ = ["predict_crops", "predict_dataset"]


def predict_dataset(machine, dataset, *, any_frame: bool = False, n_jobs: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Joints of all subjects of a data set.

    Crops are cut by the crop rule of the data set, in the shape that the machine was trained on. A
    :class:`posemachines.LocatedMachine` finds the subjects itself.

    Parameters
    ----------
    machine
        Fitted: any with ``predict``.
    dataset : PoseDataset
    any_frame : bool, default=False
        Predict although the data set is cropped in another way than the training subjects.
    n_jobs : int, default=-1
        Threads that cut crops.

    Returns
    -------
    joints : float32 ndarray of shape (N, P, 2)
        x, y in pixels of the photo.
    scores : float32 ndarray of shape (N, P)
        Belief at each joint; NaN for machines without beliefs.

    Raises
    ------
    ValueError
        If the crop rule or the padding of the data set differs from that of the training subjects.
    """
    if hasattr(machine, "predict_dataset"):
        return machine.predict_dataset(dataset)
    record = getattr(machine, "crop_record_", None)
    difference = "" if record is None else record.difference(dataset)
    if record is not None and difference and not any_frame:
        raise ValueError(
            f"this machine was trained on {record.describe()}, but {difference}; use "
            f"dataset.with_crop_rule({record.rule!r}, padding={record.padding:.6g}), or pass any_frame=True"
        )
    return predict_crops(machine, dataset.crops(crop_size(machine), n_jobs=n_jobs))


def predict_crops(machine, crops) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, P, 2) of crops in pixels of their photos, and scores (N, P), NaN for machines without beliefs."""
    if hasattr(machine, "predict_scores"):
        joints, scores = machine.predict_scores(crops.X)
    else:
        joints = np.asarray(machine.predict(crops.X))
        scores = np.full(joints.shape[:2], np.nan)
    return to_photo(joints, crops.transforms).astype(np.float32), np.asarray(scores, np.float32)

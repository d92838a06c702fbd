"""Poses of the subjects of a photo, located by boxes, by approximate joints, or by the photo itself."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .._utils.checks import check_joints
from ..geometry import joints_frame, to_photo
from .crop_record import CropRecord
from .frames import PADDING, frame_of_box, frame_of_photo, open_photo, shape_of_crops
from .photos import photo_crops, predict_photo
from .pose import Pose

__all__ = ["Subjects", "locate_subjects", "predict_located", "predict_subjects"]

UNUSUAL = 3.0  # times larger or smaller than the training subjects


@dataclass(frozen=True)
class Subjects:
    """Where the subjects of a photo are, and how their crops are cut.

    Attributes
    ----------
    centre : float ndarray of shape (N, 2)
        In pixels of the photo.
    person_size : float ndarray of shape (N,)
        Longer side of a frame of the crop's shape around each subject, in pixels of the photo.
    padding : float
        Longer side of the crop divided by `person_size`.
    notes : tuple of str
        What is doubtful about them.
    guessed : bool
        Whether the whole photo is taken because nothing else is known.
    """

    centre: np.ndarray
    person_size: np.ndarray
    padding: float
    notes: tuple[str, ...] = ()
    guessed: bool = False

    def __len__(self) -> int:
        return len(self.centre)


def locate_subjects(machine, photo, boxes=None, *, joints=None, protocol: str | None = None) -> Subjects:
    """The subjects of a photo, as a machine must see them.

    Parameters
    ----------
    machine
        Fitted. Its ``crop_record_`` says how crops are cut; one with a method ``locate`` finds the subject itself.
    photo : path or uint8 ndarray of shape (H, W, 3)
    boxes : array-like of shape (N, 4) or (4,), optional
    joints : array-like of shape (N, P, 3) or (P, 3), optional
    protocol : {None, "cpm2016"}
        Sets the frame of a photo without boxes.

    Returns
    -------
    Subjects

    Raises
    ------
    ValueError
        If boxes and joints are both given or malformed, or the machine needs one of them.
    """
    if boxes is not None and joints is not None:
        raise ValueError("boxes and joints are both given; pass one of them")
    record: CropRecord | None = getattr(machine, "crop_record_", None)
    if boxes is None and joints is None:
        if protocol is not None:
            return _whole(photo, protocol, machine)
        if hasattr(machine, "locate"):
            return machine.locate(photo)
        if record is None:
            note = (
                "the machine does not know how its training crops were cut, so the whole photo is taken as one subject"
            )
            whole = _whole(photo, None, machine)
            return Subjects(whole.centre, whole.person_size, whole.padding, (f"{note}; give a box if it is not",), True)
        found = record.frame_of_photo(photo)
        note = "no box is given, so the whole photo is taken as one subject"
        return Subjects(*found, (note,) if record.rule != "photo" else ())
    if boxes is not None:
        boxes = np.atleast_2d(np.asarray(boxes, float))
        if record is None:
            height, width = shape_of_crops(machine)
            return Subjects(*frame_of_box(boxes, width / height), PADDING)
        centre, size, padding = record.frames_of_boxes(boxes)
        return Subjects(centre, size, padding, _doubts(record, boxes[:, 2:]))
    given = np.asarray(joints, float)
    given = check_joints(given[None] if given.ndim == 2 else given)
    lost = np.flatnonzero(~given[..., 2].any(1))
    if len(lost):
        raise ValueError(f"subject {lost[0]} has no labelled joint, so it cannot be located; pass boxes=... instead")
    if record is None:
        height, width = shape_of_crops(machine)
        return Subjects(*joints_frame(given, width / height), PADDING)
    return Subjects(*record.frames_of_joints(given))


def _whole(photo, protocol: str | None, machine) -> Subjects:
    height, width = shape_of_crops(machine)
    centre, size = frame_of_photo(photo, protocol=protocol, aspect=width / height)
    return Subjects(centre[None], np.array([size]), PADDING)


def _doubts(record: CropRecord, extents: np.ndarray) -> tuple[str, ...]:
    """Notes on boxes (N, 2 sides) that are much larger or smaller than the training subjects."""
    if record.sizes is None or record.rule == "photo":
        return ()
    low, _, high = record.sizes
    sides = extents.max(1)
    odd = np.flatnonzero((sides < low / UNUSUAL) | (sides > high * UNUSUAL))
    return tuple(
        f"box {index + 1} is {sides[index]:.0f} px long, but the training subjects were {low:.0f} to {high:.0f} px; it "
        f"should enclose {record.box_wanted()}"
        for index in odd
    )


def predict_subjects(machine, photo, boxes=None, *, joints=None, **options) -> Pose:
    """The poses of the subjects in a photo; see :meth:`posemachines.SequentialMachine.predict_photo`.

    Parameters
    ----------
    machine
        Fitted: a SequentialMachine, or any with ``predict`` and ``skeleton_``.
    photo : path or uint8 ndarray of shape (H, W, 3)
    boxes : array-like of shape (N, 4) or (4,), optional
    joints : array-like of shape (N, P, 3) or (P, 3), optional
    **options
        Of :func:`predict_photo`; a machine without beliefs takes none.

    Returns
    -------
    Pose
        Scores are NaN for a machine without beliefs.
    """
    photo = open_photo(photo)
    where = locate_subjects(machine, photo, boxes, joints=joints, protocol=options.get("protocol"))
    if where.guessed:
        warnings.warn(where.notes[0], stacklevel=3)
    found, scores = predict_located(machine, photo, where, **options)
    return Pose(found, scores, machine.skeleton_, photo, where.notes)


def predict_located(machine, photo: np.ndarray, where: Subjects, **options) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, P, 2), in pixels of the photo, and scores (N, P) of subjects whose places are known.

    Raises
    ------
    ValueError
        If a machine without beliefs is given options.
    """
    if hasattr(machine, "predict_at"):
        return machine.predict_at(photo, where, **options)
    if hasattr(machine, "predict_beliefs"):
        return predict_photo(machine, photo, where.centre, where.person_size, padding=where.padding, **options)
    set_ = [name for name, value in options.items() if value not in (None, False)]
    if set_:
        raise ValueError(f"{type(machine).__name__} predicts joints without beliefs; leave out {', '.join(set_)}")
    size = shape_of_crops(machine)
    crops, transforms = photo_crops(photo, where.centre, where.person_size, size=size, padding=where.padding)
    joints = to_photo(machine.predict(crops), transforms).astype(np.float32)
    return joints, np.full(joints.shape[:2], np.nan, np.float32)

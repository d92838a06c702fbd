"""Frames Labeled In Cinema, in the layout in which it is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from .._utils.deprecation import renamed_keyword
from ..io.flic import read_flic
from ..skeleton import FLIC
from .building import check_crop_rule, check_split, dataset_of, of_split
from .crop_rules import CPM_PADDING
from .pose_dataset import PoseDataset

__all__ = ["load_flic"]

CROP_RULES = ("cpm", "joints")
SPLITS = ("train", "test")
SIZE_OF_TORSO = 200 * 0.0110  # a person's size, in heights of the torso box: scale 0.0110 per pixel, 200 px at scale 1


@renamed_keyword(frame="crop_rule")
def load_flic(
    root: str | Path,
    *,
    split: str | None = None,
    crop_rule: str = "cpm",
    side_convention: str = "observer",
    max_missing: float = 0.1,
) -> PoseDataset:
    """Upper bodies in frames of films: nine joints of one person per frame.

    Parameters
    ----------
    root : path
        Folder with ``examples.mat`` and ``images/``.
    split : {"train", "test"}, optional
        The published one; by default both, in the order of the file.
    crop_rule : {"cpm", "joints"}, default="cpm"
        What sets centre and size: the annotated torso box, as Convolutional Pose Machines use it (0.7 of the way up
        the box, and a person 2.2 times as high as it), or the bounding box of the labelled joints.
    side_convention : {"observer", "person"}, default="observer"
        "observer" exchanges left and right of people whose right shoulder lies right of the left one in the photo;
        "person" keeps the sides of the file.
    max_missing : float, default=0.1
        Share of photos that may be missing; their subjects are left out, with a note.

    Returns
    -------
    PoseDataset
        Pixels are 0-based.

    Raises
    ------
    FileNotFoundError
        If the folder, the labels or too many photos are missing.
    ValueError
        If ``examples.mat`` does not have this layout.

    References
    ----------
    .. [1] Sapp and Taskar, "MODEC: Multimodal Decomposable Models for Human Pose Estimation", CVPR 2013.
    """
    check_crop_rule(crop_rule, CROP_RULES)
    check_split(split, SPLITS)
    file = Path(root) / "examples.mat"
    found = of_split(read_flic(root), split, file)
    if side_convention == "observer":
        found = replace(found, joints=_facing(found.joints))
    images = Path(root) / "images"
    assert found.boxes is not None
    left, top, width, height = found.boxes.T
    found = replace(found, boxes=None)  # they enclose the torso, not the subject
    if crop_rule == "joints":
        return dataset_of(
            found, images, file, crop_rule="joints", side_convention=side_convention, max_missing=max_missing
        )
    return dataset_of(
        found,
        images,
        file,
        crop_rule="cpm",
        centre=np.column_stack([left + width / 2, top + 0.3 * height]),
        person_size=SIZE_OF_TORSO * height,
        padding=CPM_PADDING,
        side_convention=side_convention,
        max_missing=max_missing,
    )


def _facing(joints: np.ndarray) -> np.ndarray:
    """Joints of people who all have the right shoulder left of the left one in the photo."""
    right, left = (joints[:, FLIC.index(f"{side} shoulder")] for side in ("right", "left"))
    turned = (right[:, 0] > left[:, 0]) & (right[:, 2] > 0) & (left[:, 2] > 0)
    return np.where(turned[:, None, None], joints[:, list(FLIC.flip_order)], joints)

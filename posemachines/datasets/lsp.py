"""Leeds Sports Pose and its extended training set, in the layout in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._utils.deprecation import renamed_keyword
from ..io.lsp import read_lsp, read_lspet
from ..io.photo_files import photo_size
from ..skeleton import LSP
from .building import check_crop_rule
from .crop_rules import lspet_cpm_frame
from .pose_dataset import PoseDataset

__all__ = ["load_lsp", "load_lspet"]

CROP_RULES = ("joints", "cpm")


@renamed_keyword(frame="crop_rule")
def load_lspet(root: str | Path, *, crop_rule: str = "joints") -> PoseDataset:
    """Leeds Sports Pose Extended: one person per photo, labelled by crowd workers, 14 joints.

    Parameters
    ----------
    root : path
        Folder with ``joints.mat`` (``joints``: 14 joints, [x, y, labelled], N photos) and
        ``images/im00001.jpg`` onwards. Labels without a photo are left out.
    crop_rule : {"joints", "cpm"}, default="joints"
        What sets each person's centre and size: the bounding box of the labelled joints, or the rule by which
        Convolutional Pose Machines were trained [2]_: the middle of that box, and a size estimated from the lengths of
        all labelled limbs.

    Returns
    -------
    PoseDataset
        In the order of the files.

    Raises
    ------
    FileNotFoundError
        If the folder, the labels or all photos are missing.
    ValueError
        If ``joints.mat`` does not have this layout.

    References
    ----------
    .. [1] Johnson and Everingham, "Learning Effective Human Pose Estimation from Inaccurate Annotation", CVPR 2011.
    .. [2] Wei et al., "Convolutional Pose Machines", CVPR 2016; its published code.
    """
    check_crop_rule(crop_rule, CROP_RULES)
    found = read_lspet(root)
    photos = [Path(root) / "images" / name for name in found.photos]
    if crop_rule == "joints":
        return PoseDataset(photos, found.joints, LSP, name="lspet")
    centre, person_size, padding = lspet_cpm_frame(found.joints, LSP)
    return PoseDataset(
        photos,
        found.joints,
        LSP,
        crop_rule="cpm",
        centre=centre,
        person_size=person_size,
        padding=padding,
        name="lspet",
    )


@renamed_keyword(frame="crop_rule")
def load_lsp(root: str | Path, *, crop_rule: str = "joints", side_convention: str = "person") -> PoseDataset:
    """Leeds Sports Pose: 2,000 athletes, 14 joints; images 1..1000 train, 1001..2000 test.

    Parameters
    ----------
    root : path
        Folder with ``joints.mat`` (``joints``: [x, y, occluded], 14 joints, N photos) and
        ``images/im0001.jpg`` onwards.
    crop_rule : {"joints", "cpm"}, default="joints"
        The bounding box of the labelled joints, or the rule by which Convolutional Pose Machines were tested: the
        middle of the photo, and its height with a padding of 1.25.
    side_convention : {"person", "observer"}, default="person"
        Whose left is left in ``joints.mat``; recorded, nothing is converted.

    Returns
    -------
    PoseDataset
        In the order of the files; ``occluded`` marks the hidden joints.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load_lspet`.

    Notes
    -----
    Occluded joints are labelled too in this set and count in its protocol, so every joint is labelled here.

    References
    ----------
    .. [1] Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose
       Estimation", BMVC 2010.
    """
    check_crop_rule(crop_rule, CROP_RULES)
    found = read_lsp(root)
    photos = [Path(root) / "images" / name for name in found.photos]
    common = {"occluded": found.occluded, "side_convention": side_convention, "name": "lsp"}
    if crop_rule == "joints":
        return PoseDataset(photos, found.joints, LSP, **common)
    sizes = np.array([photo_size(photo) for photo in photos])
    return PoseDataset(
        photos,
        found.joints,
        LSP,
        crop_rule="cpm",
        centre=(sizes - 1) / 2,
        person_size=sizes[:, 1],
        padding=1.25,
        **common,
    )

"""MPII Human Pose, from the published MATLAB file or the JSON files in which it is redistributed."""

from __future__ import annotations

from pathlib import Path

from .._utils.deprecation import renamed_keyword
from ..io.mpii import PERSON_HEIGHT, read_mpii
from .building import check_crop_rule, check_split, dataset_of, of_split
from .crop_rules import CPM_PADDING, HOURGLASS_PADDING
from .pose_dataset import PoseDataset

__all__ = ["load_mpii"]

CROP_RULES = ("cpm", "hourglass", "joints")
SPLITS = ("train", "validation")
DOWN = 15.0  # px that hourglass networks move the centre down, for a person of scale 1


@renamed_keyword(frame="crop_rule")
def load_mpii(
    annotations: str | Path,
    images: str | Path,
    *,
    split: str | None = None,
    crop_rule: str = "cpm",
    max_missing: float = 0.1,
) -> PoseDataset:
    """People with labelled joints; a photo may show several.

    Parameters
    ----------
    annotations : path
        ``mpii_human_pose_v1_u12_1.mat`` as published, or JSON: a list of people with ``joints, joints_vis, center,
        scale, image`` (the layout of high-resolution nets), or with ``joint_self, objpos, scale_provided, img_paths``
        and ``isValidation`` (that of hourglasses and Convolutional Pose Machines).
    images : path
        Folder of the photos.
    split : {"train", "validation"}, optional
        For JSON with ``isValidation``; all people by default. Of the MATLAB file the people in training photos are
        loaded: those in test photos are not labelled.
    crop_rule : {"cpm", "hourglass", "joints"}, default="cpm"
        What sets centre and size: the annotated centre and height, with a person of scale 1 being 234 of 368 px high,
        as in Convolutional Pose Machines; the same with the centre moved down by 15 px times the scale and a padding of
        1.25, as in hourglass networks; or the bounding box of the labelled joints.
    max_missing : float, default=0.1
        Share of photos that may be missing; their subjects are left out, with a note.

    Returns
    -------
    PoseDataset
        ``reference_length`` is 0.6 of the diagonal of the head's box, the length of PCKh, where the file has the box
        (the MATLAB file). Pixels are 0-based.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or too many photos are missing.
    ValueError
        If the file has none of these layouts, or lacks the split.

    References
    ----------
    .. [1] Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", CVPR 2014.
    .. [2] Newell, Yang and Deng, "Stacked Hourglass Networks for Human Pose Estimation", ECCV 2016.
    """
    check_crop_rule(crop_rule, CROP_RULES)
    check_split(split, SPLITS)
    found = of_split(read_mpii(annotations), split, Path(annotations))
    if crop_rule == "joints":
        return dataset_of(found, images, annotations, crop_rule="joints", max_missing=max_missing)
    assert found.centre is not None
    assert found.person_size is not None
    centre = found.centre.copy()
    if crop_rule == "hourglass":
        centre[:, 1] += DOWN / PERSON_HEIGHT * found.person_size
    return dataset_of(
        found,
        images,
        annotations,
        crop_rule=crop_rule,
        centre=centre,
        person_size=found.person_size,
        padding=CPM_PADDING if crop_rule == "cpm" else HOURGLASS_PADDING,
        max_missing=max_missing,
    )

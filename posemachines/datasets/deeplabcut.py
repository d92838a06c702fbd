"""DeepLabCut's labels as a data set."""

from __future__ import annotations

from pathlib import Path

from .._utils.deprecation import renamed_keyword
from ..io.deeplabcut import read_deeplabcut
from .building import check_crop_rule, dataset_of
from .pose_dataset import PoseDataset

__all__ = ["load_deeplabcut"]

CROP_RULES = ("joints", "photo")


@renamed_keyword(frame="crop_rule")
def load_deeplabcut(
    csv_file: str | Path, images: str | Path, *, limbs=(), pairs=None, crop_rule: str = "joints"
) -> PoseDataset:
    """Labels of a ``CollectedData`` file: any landmarks, of one animal per photo or several.

    Parameters
    ----------
    csv_file : path
        Three rows of heads (scorer, bodyparts, coords), or four with individuals; then one row per photo, which is
        named in one column or in three (``labeled-data``, video, image). Empty cells are not labelled; ``likelihood``
        is not used.
    images : path
        Folder of the photos: the project, or the folder of the video itself.
    limbs : sequence of (part, part), optional
        For drawing; the file has none.
    pairs : sequence of (right, left), optional
        By default found in the names (:func:`posemachines.sides.mirror_pairs`).
    crop_rule : {"joints", "photo"}, default="joints"
        What sets centre and size: the bounding box of the labelled landmarks, or the whole photo.

    Returns
    -------
    PoseDataset
        One animal after the other, photo by photo; animals without a label are left out.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or a photo is missing.
    ValueError
        If the file is not of this format.

    References
    ----------
    .. [1] Mathis et al., "DeepLabCut: markerless pose estimation of user-defined body parts with deep learning",
       Nature Neuroscience 2018.
    """
    check_crop_rule(crop_rule, CROP_RULES)
    found = read_deeplabcut(csv_file, limbs=limbs, pairs=pairs)
    return dataset_of(found, images, csv_file, crop_rule=crop_rule)

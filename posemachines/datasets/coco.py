"""COCO's keypoints as a data set."""

from __future__ import annotations

from pathlib import Path

from .._utils.deprecation import renamed_keyword
from ..io.coco import read_coco
from .building import check_crop_rule, dataset_of
from .pose_dataset import PoseDataset

__all__ = ["load_coco"]

CROP_RULES = ("box", "joints", "photo")


@renamed_keyword(frame="crop_rule")
def load_coco(
    annotations: str | Path, images: str | Path, *, category: str | int | None = None, crop_rule: str = "box"
) -> PoseDataset:
    """Annotated keypoints of one category, people or any other.

    Parameters
    ----------
    annotations : path
        JSON with ``images``, ``annotations`` and ``categories``.
    images : path
        Folder of the photos.
    category : str or int, optional
        Name or number; needed where several categories have keypoints.
    crop_rule : {"box", "joints", "photo"}, default="box"
        What sets centre and size: the annotated bounding box with the usual padding of 1.25, the bounding box of the
        labelled keypoints, or the whole photo.

    Returns
    -------
    PoseDataset
        Annotations with at least one labelled keypoint that are no crowd, in the order of the file. Keypoints of
        visibility 1 are labelled and ``occluded``; ``photo_ids`` are the numbers of the images. Limbs come from the
        category's ``skeleton``, left-right pairs from the names of its keypoints.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or a photo is missing.
    ValueError
        If the file is not of this format, or several categories have keypoints and none is chosen.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; https://cocodataset.org/#format-data
    """
    check_crop_rule(crop_rule, CROP_RULES)
    found = read_coco(annotations, category, boxes=crop_rule == "box")
    return dataset_of(found, images, annotations, crop_rule=crop_rule, boxes=found.boxes)

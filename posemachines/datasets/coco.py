"""COCO's keypoints as a data set."""

from __future__ import annotations

from pathlib import Path

from .._utils.deprecation import renamed_keyword
from ..io.coco import read_coco
from .building import dataset_by_rule
from .pose_dataset import PoseDataset

__all__ = ["load_coco"]


@renamed_keyword(frame="crop_rule")
def load_coco(
    annotations: str | Path,
    images: str | Path,
    *,
    category: str | int | None = None,
    crop_rule: str | None = None,
    limbs=None,
    pairs=None,
    max_missing: float = 0.1,
    rescale: bool = False,
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
    crop_rule : {"box", "joints", "photo"}, optional
        What sets centre and size: the annotated bounding box with the usual padding of 1.25, the bounding box of the
        labelled keypoints, or the whole photo. By default the boxes where every subject has one, otherwise the
        keypoints.
    limbs, pairs : sequence of (part, part), optional
        By default those of the category; left-right pairs are found in the names of its keypoints.
    max_missing : float, default=0.1
        Share of photos that may be missing; their subjects are left out, with a note.
    rescale : bool, default=False
        Scale the labels where photos have another size than the file says.

    Returns
    -------
    PoseDataset
        Annotations with at least one labelled keypoint that are no crowd, in the order of the file. Keypoints of
        visibility 1 are labelled and ``occluded``; ``photo_ids`` are the numbers of the images. Limbs come from the
        category's ``skeleton``; keypoints without names are called 1, 2, ...

    Raises
    ------
    FileNotFoundError
        If the file, the folder or too many photos are missing.
    ValueError
        If the file is not of this format, or several categories have keypoints and none is chosen; if photos have
        another size than the file says.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; https://cocodataset.org/#format-data
    """
    found = read_coco(annotations, category=category)
    return dataset_by_rule(
        found, images, annotations, crop_rule=crop_rule, default="box", limbs=limbs, pairs=pairs,
        max_missing=max_missing, rescale=rescale,
    )  # fmt: skip

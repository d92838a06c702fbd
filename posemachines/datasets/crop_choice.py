"""The crop rule and the size of crops that suit a data set, with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..geometry import frame_size, joints_extent
from ..io.photo_files import photo_size
from .pose_dataset import PADDING, PoseDataset

__all__ = ["CropChoice", "CropShape", "choose_crop_rule", "choose_crop_shape"]

FILLED = 0.55  # of the photo, by a subject for which the whole photo is a good crop
FILLED_SMALL, SMALL = 0.35, 400  # the same for photos of at most so many pixels, which a crop shows finely enough
STEADY = 0.12  # of the photo's longer side: 80 % of the centres lie within, to either side of the median
SEVERAL = 0.02  # of the photos show several subjects
ELONGATED = 1.4  # longer side over shorter side, from which crops follow the shape of the subject
ELONGATED_PHOTO = 1.2  # the same for photos, which do not turn
PHOTO_PX = 2.5  # pixels of the photo per pixel of the crop: labels are rarely more precise than one
SIDES = (96, 320)  # px; shortest and longest of the longer sides that are chosen
LEAST = 64  # px; where the photo has no more
STEP = 16  # px
BUDGET = 256 * 256  # px per crop


@dataclass(frozen=True)
class CropChoice:
    """A crop rule, and why.

    Attributes
    ----------
    rule : str
        A crop rule of PoseDataset, or "located": a first machine finds the subject, see
        :class:`posemachines.LocatedMachine`.
    reason : str
    padding : float or None
        None for the default of the rule.
    """

    rule: str
    reason: str
    padding: float | None = None


@dataclass(frozen=True)
class CropShape:
    """A size of crops, and why.

    Attributes
    ----------
    shape : (int, int)
        Height and width, in pixels.
    reason : str
    photo_px : float
        Pixels of the photo per pixel of the crop, for the median subject.
    """

    shape: tuple[int, int]
    reason: str
    photo_px: float


def choose_crop_rule(dataset: PoseDataset) -> CropChoice:
    """The crop rule that new photos can be cropped by.

    Parameters
    ----------
    dataset : PoseDataset
        Labelled subjects.

    Returns
    -------
    CropChoice
        "box" or "joints" where photos show several subjects; "photo" where one subject fills most of each photo, at
        about the same place; otherwise "located".

    Raises
    ------
    ValueError
        If nothing is labelled.

    Notes
    -----
    A subject fills a photo by the longer side of the smallest frame of the photo's shape that encloses its landmarks,
    relative to the photo's: 0.55 or more in the median, or 0.35 in photos of up to 400 px. Its place is steady if the
    middle of the landmarks lies within 0.12 of the photo's longer side of its median place, for nine of ten subjects.
    """
    labelled = dataset[dataset.labelled] if dataset.labelled.any() else None
    if labelled is None:
        raise ValueError(f"no subject of {dataset.name!r} has a labelled landmark, so no crop rule can be chosen")
    per_photo = np.bincount(dataset.photo_numbers())
    several = int((per_photo > 1).sum())
    if several > SEVERAL * len(per_photo):
        what = f"{several} of {len(per_photo)} photos show several subjects"
        if dataset.boxes is not None and np.isfinite(dataset.boxes).all() and (dataset.boxes[:, 2:] > 0).all():
            return CropChoice("box", f"{what}, so each one's bounding box is needed, in new photos too")
        return CropChoice("joints", f"{what}, so a box around the landmarks of each is needed in new photos")
    photos = _photo_sizes(labelled)
    centre, extent = joints_extent(labelled.joints)
    longer = photos.max(1)
    shares = np.array([frame_size(e, width / height) for e, (width, height) in zip(extent, photos, strict=True)])
    share = float(np.median(shares / longer))
    off = np.linalg.norm(centre / photos - np.median(centre / photos, axis=0), axis=1)
    moves = float(np.quantile(off, 0.9))
    small = float(np.median(longer)) <= SMALL
    if share >= (FILLED_SMALL if small else FILLED) and moves <= STEADY:
        return CropChoice("photo", f"one subject fills {share:.0%} of the photo, always at about the same place")
    why = "the subject's place varies" if moves > STEADY else f"the subject fills only {share:.0%} of the photo"
    return CropChoice("located", f"{why}, so a first machine finds it")


def choose_crop_shape(
    dataset: PoseDataset, rule: str | None = None, *, stride: int = 8, budget: int = BUDGET
) -> CropShape:
    """Height and width of crops, from the size of the subjects in their photos.

    Parameters
    ----------
    dataset : PoseDataset
        Labelled subjects.
    rule : str, optional
        Crop rule, or "located"; by default that of the data set.
    stride : int, default=8
        Of the machines; it divides both sides.
    budget : int, default=65536
        Pixels of a crop at most: training takes time in proportion.

    Returns
    -------
    CropShape

    Notes
    -----
    Crops follow the shape of the subject where that is elongated, by 1.4 to 1 or more, in three of four subjects; those
    of whole photos follow it from 1.2 to 1. The longer side is the smallest of 96 to 320 px at which a pixel of the
    crop is no more than 2.5 px of the photo, within the budget; the photo is not enlarged.
    """
    rule = dataset.crop_rule if rule is None else rule
    extent, padding = _extents(dataset, rule)
    aspect = _aspect(extent, ELONGATED_PHOTO if rule == "photo" else ELONGATED)
    longer = padding * float(np.median(frame_size(extent, aspect)))  # px of the photo
    step = math.lcm(STEP, stride)
    wanted = min(max(longer / PHOTO_PX, SIDES[0]), SIDES[1])
    wanted = min(wanted, max(longer, LEAST))
    side = max(math.ceil(wanted / step) * step, step)
    while side > step and math.prod(_shape(side, aspect, step)) > budget:
        side -= step
    if side > longer and side - step >= LEAST:
        side -= step
    shape = _shape(side, aspect, step)
    size = padding * float(np.median(frame_size(extent, shape[1] / shape[0])))
    photo_px = round(size / max(shape), 2)
    what = "photos are" if rule == "photo" else "subjects are"
    width, height = np.median(extent, 0)
    reason = f"{what} about {width:.0f} x {height:.0f} px, so one pixel of the crop is {photo_px:.2g} px of the photo"
    if photo_px > PHOTO_PX:
        reason += "; larger crops would be finer, but take longer"
    return CropShape(shape, reason, photo_px)


def _photo_sizes(dataset: PoseDataset) -> np.ndarray:
    """Width and height of each subject's photo, (N, 2)."""
    numbers = dataset.photo_numbers()
    first = {number: index for index, number in reversed(list(enumerate(numbers)))}
    known = {number: photo_size(dataset.photos[index]) for number, index in first.items()}
    return np.array([known[number] for number in numbers], float)


def _extents(dataset: PoseDataset, rule: str) -> tuple[np.ndarray, float]:
    """Width and height of each subject (N, 2), as the rule sees it, and the padding."""
    if rule == dataset.crop_rule:
        extent, padding = dataset.extent, dataset.padding
    elif rule == "photo":
        extent, padding = _photo_sizes(dataset), PADDING["photo"]
    elif rule == "box":
        if dataset.boxes is None:
            raise ValueError('rule="box" needs a data set with boxes')
        extent, padding = dataset.boxes[:, 2:], PADDING["box"]
    elif rule in ("joints", "located"):
        extent = joints_extent(dataset.joints)[1]
        padding = dataset.padding if dataset.crop_rule == "joints" else PADDING["joints"]
    else:
        raise ValueError(f"the data set is not cropped by the rule {rule!r}, but by {dataset.crop_rule!r}")
    extent = extent[np.isfinite(extent).all(1)]
    if not len(extent):
        raise ValueError(f"no subject of {dataset.name!r} has a size under the rule {rule!r}")
    return np.maximum(extent, 1), padding


def _aspect(extent: np.ndarray, least: float) -> float:
    """Width over height of the crops: 1 unless three of four subjects are elongated in the same direction."""
    ratios = np.log(extent[:, 0] / extent[:, 1])
    if np.quantile(ratios, 0.25) >= math.log(least) or np.quantile(ratios, 0.75) <= -math.log(least):
        return float(np.exp(np.median(ratios)))
    return 1.0


def _shape(side: int, aspect: float, step: int) -> tuple[int, int]:
    """Height and width of crops with a longer side; the shorter one is rounded to a multiple of the step."""
    shorter = max(round(side * min(aspect, 1 / aspect) / step), 1) * step
    return (shorter, side) if aspect >= 1 else (side, shorter)

"""Joints and beliefs of subjects in photos, from any machine: crop, predict, and map back to pixels of the photo.

A subject is given by a *centre* and a *person_size*, in pixels of the photo: about the longer side of the bounding box
of the joints. The side of the crop is `padding` times as long. :func:`frame_of_box` and :func:`frame_of_photo` compute
both. With several *tta_scales*, scale m shows the subject m times as large in a crop of the same size.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice

import numpy as np

from .._utils.checks import check_images
from .._utils.deprecation import moved_keywords, renamed_keyword
from ..beliefs import decode, flip_beliefs
from ..geometry import crop_shape, crop_transform, cut_crop, to_photo
from .frames import PADDING, PUBLISHED_SIZE, USUAL_SIZE, check_protocol, open_photo, shape_of_crops
from .gathering import Gathering, seen_region
from .test_time_augmentation import check_flip, check_tta_scales

__all__ = [
    "PUBLISHED_SCALES",
    "photo_beliefs",
    "photo_crops",
    "predict_photo",
]

PUBLISHED_SCALES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


@moved_keywords(faithful='protocol="cpm2016"', fill="padding=1 / fill")
@renamed_keyword(factors="tta_scales", refine="subpixel", scale="person_size")
def predict_photo(
    machine,
    photo,
    centre,
    person_size,
    *,
    size: int | tuple[int, int] | None = None,
    padding: float = PADDING,
    tta_scales: Sequence[float] | None = None,
    flip: bool | None = None,
    subpixel: bool | None = None,
    threshold: float | None = None,
    stage: int | None = None,
    protocol: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Joints of subjects in a photo.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted.
    photo : path or uint8 ndarray of shape (H, W, 3)
        RGB.
    centre : array-like of shape (2,) or (N, 2)
        x, y of the middle of each subject, in pixels of the photo.
    person_size : float or array-like of shape (N,)
        Size of each subject, in pixels of the photo; see :func:`frame_of_box` and :func:`frame_of_photo`.
    size : int or (height, width), optional
        Side of square crops, or both sides, in pixels, multiples of the stride. Default: that of the training crops if
        the machine knows it (``crop_size_``), otherwise 128, or 368 with protocol "cpm2016".
    padding : float, default=1/0.7
        Longer side of the crop divided by `person_size`.
    tta_scales : sequence of float, optional
        Test-time augmentation: scales at which each subject is cropped. The beliefs of several are averaged in the
        photo. Default: those of the machine, or 0.7, 0.8, ..., 1.3 with protocol "cpm2016".
    flip : bool, optional
        Also average over the mirrored crops. Default: as the machine is set, or False with protocol "cpm2016".
    subpixel : bool, optional
        Refine the peaks below the size of a cell or pixel, see :func:`posemachines.beliefs.decode`. Default: True, or
        False with protocol "cpm2016".
    threshold : float, optional
        Joints whose score does not exceed it become NaN.
    stage : int, optional
        Use the beliefs of this stage, counted from 1; of the last one by default.
    protocol : {None, "cpm2016"}
        "cpm2016" is the published procedure of Convolutional Pose Machines: the sum of the beliefs at seven scales and
        its largest pixel in the photo, without mirroring and subpixel refinement. Options that you pass take
        precedence.

    Returns
    -------
    joints : float32 ndarray of shape (P, 2) or (N, P, 2)
        x, y in pixels of the photo.
    scores : float32 ndarray of shape (P,) or (N, P)
        Belief at each joint.

    Raises
    ------
    ValueError
        If a frame is malformed or lies outside the photo, `size` is not a multiple of the stride, or an option is out
        of range.
    FileNotFoundError
        If there is no such photo.

    Examples
    --------
    >>> from posemachines.inference import frame_of_box, predict_photo
    >>> joints, scores = predict_photo(machine, "photo.jpg", *frame_of_box((40, 30, 80, 200)))  # doctest: +SKIP

    Notes
    -----
    With one scale the peaks are found on the grid of the crop, for all subjects together; a joint may then lie beyond
    the edge of the photo. With several scales, or with protocol "cpm2016", they are found in the photo. Scores are
    means over the scales where the publication has sums, so that a threshold always refers to a belief.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 4 and the published test code.
    """
    check_protocol(protocol)
    published = protocol is not None
    photo, (centres, sizes, single) = open_photo(photo), _subjects(centre, person_size)
    shape = _shape(machine, size, published)
    if tta_scales is None:
        tta_scales = PUBLISHED_SCALES if published else getattr(machine, "tta_scales", (1.0,))
    tta_scales = check_tta_scales(tta_scales)
    flip = False if published and flip is None else flip
    subpixel = not published if subpixel is None else subpixel
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold is a belief, or None to keep every joint; got {threshold}")
    views = _Views(machine, flip, stage)
    frames = [_transforms(c, s, shape, padding, tta_scales) for c, s in zip(centres, sizes, strict=True)]
    for transforms in frames:
        seen_region(photo, transforms, shape)  # a subject outside the photo is an error in either case
    if len(tta_scales) == 1 and not published:
        transforms = np.concatenate(frames)
        joints, scores = decode(views.beliefs(_cut(photo, transforms, shape)), stride=views.stride, subpixel=subpixel)
        joints = to_photo(joints, transforms).astype(np.float32)
    else:
        found = [_peaks(views, photo, transforms, shape, subpixel) for transforms in frames]
        joints, scores = (np.stack(values) for values in zip(*found, strict=True))
    if threshold is not None:
        joints[~(scores > threshold)] = np.nan
    return (joints[0], scores[0]) if single else (joints, scores)


def photo_beliefs(
    machine,
    photo,
    centre,
    person_size: float,
    *,
    size: int | tuple[int, int] | None = None,
    padding: float = PADDING,
    tta_scales: Sequence[float] = (1.0,),
    flip: bool | None = None,
    stage: int | None = None,
    upsample: str = "cubic",
) -> tuple[np.ndarray, tuple[int, int]]:
    """Belief maps of one subject, with one value per pixel of the photo.

    Parameters
    ----------
    machine, photo, size, padding, tta_scales, flip, stage
        See :func:`predict_photo`.
    centre : (x, y)
        Of one subject.
    person_size : float
    upsample : {"cubic", "linear"}
        Interpolation between the centres of cells.

    Returns
    -------
    maps : float32 ndarray of shape (P+1, h, w)
        Background last; the mean over the scales. At pixels outside the crop of a scale, that scale counts as no part
        and background 1.
    offset : (x, y)
        Pixel of the photo where the maps begin: they cover the part of the photo that the largest crop shows.

    Raises
    ------
    ValueError
        As :func:`predict_photo`.

    Notes
    -----
    The maps take four bytes per pixel and part; :func:`predict_photo` holds one part at a time.

    The publication enlarges the beliefs to the crop and resizes those to the photo, each time by bicubic interpolation.
    Here cells are interpolated at the photo's pixels directly, with the same kernel (that of MATLAB and Pillow;
    OpenCV's differs). Beyond the outermost cell centres the value is held constant.
    """
    photo, tta_scales = open_photo(photo), check_tta_scales(tta_scales)
    shape = _shape(machine, size, False)
    views = _Views(machine, flip, stage)
    transforms = _transforms(centre, person_size, shape, padding, tta_scales)
    gather = Gathering.of(photo, transforms, shape, views.stride, upsample)
    beliefs = views.beliefs(_cut(photo, transforms, shape))
    maps = np.empty((beliefs.shape[1], *gather.shape), np.float32)
    for channel, out in enumerate(maps):
        gather.average(beliefs[:, channel], out=out)
    maps[-1] += gather.outside()
    return maps, gather.offset


def photo_crops(
    photo, centre, person_size, *, size: int | tuple[int, int] = USUAL_SIZE, padding: float = PADDING
) -> tuple[np.ndarray, np.ndarray]:
    """The crops of subjects in a photo, as :func:`predict_photo` cuts them at scale 1.

    Parameters
    ----------
    photo, centre, person_size, size, padding
        See :func:`predict_photo`.

    Returns
    -------
    crops : uint8 ndarray of shape (N, height, width, 3)
        N is 1 for a single subject.
    transforms : float64 ndarray of shape (N, 2, 3)
        From the photo to each crop.
    """
    photo, (centres, sizes, _) = open_photo(photo), _subjects(centre, person_size)
    shape = crop_shape(size)
    transforms = [_transforms(c, s, shape, padding, (1.0,)) for c, s in zip(centres, sizes, strict=True)]
    return _cut(photo, np.concatenate(transforms), shape), np.concatenate(transforms)


# -- inputs ---------------------------------------------------------------------------------------------------------


def _subjects(centre, person_size) -> tuple[np.ndarray, np.ndarray, bool]:
    """Centres (N, 2), sizes (N,), and whether one subject was given without the first axis."""
    centre, person_size = np.asarray(centre, float), np.asarray(person_size, float)
    if centre.shape == (2,) and person_size.ndim == 0:
        return centre[None], person_size[None], True
    if centre.ndim != 2 or centre.shape[1] != 2 or person_size.shape != centre.shape[:1] or not len(centre):
        raise ValueError(
            f"centre must be (x, y) and person_size a number, or (N, 2) and (N,) for N subjects; got {centre.shape} "
            f"and {person_size.shape}"
        )
    return centre, person_size, False


def _shape(machine, size: int | tuple[int, int] | None, published: bool) -> tuple[int, int]:
    """Height and width of the crops; ValueError unless the stride of the machine divides both."""
    if size is None:
        known = getattr(machine, "crop_size_", None)
        size = shape_of_crops(machine) if known or not published else PUBLISHED_SIZE
    shape, stride = crop_shape(size), machine.stride_
    if any(side % stride for side in shape):
        height, width = (max(round(side / stride), 1) * stride for side in shape)
        nearest = height if height == width else (height, width)
        raise ValueError(f"size {size} is not a multiple of the machine's stride {stride}; pass size={nearest}")
    return shape


def _transforms(centre, person_size: float, shape: tuple[int, int], padding: float, tta_scales) -> np.ndarray:
    """Transforms (K, 2, 3) of the crops of one subject, one per scale."""
    return np.stack([crop_transform(centre, person_size / scale, shape, padding=padding) for scale in tta_scales])


def _cut(photo: np.ndarray, transforms: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return check_images(np.stack([cut_crop(photo, transform, shape) for transform in transforms]))


class _Views:
    """A machine as it is used for a photo: with or without mirroring, up to some stage, at one scale of the crop."""

    def __init__(self, machine, flip: bool | None, stage: int | None) -> None:
        self.stride = machine.stride_
        self.stage = stage
        check_flip(flip, machine.skeleton_)
        self.flip_order = machine.skeleton_.flip_order if flip else None
        if stage is not None and (not isinstance(stage, int | np.integer) or stage < 1):
            raise ValueError(f"stage is counted from 1, or None for the last one; got {stage!r}")
        self.machine = copy.copy(machine)  # shares the stages; settings are changed in the copy only
        self.machine.tta_scales = (1.0,)  # scales are cut from the photo
        self.machine.crop_size_ = self.machine.crop_shape_ = None  # any size that the caller asks for
        if flip is not None:
            self.machine.flip = False  # mirrored here

    def beliefs(self, crops: np.ndarray) -> np.ndarray:
        """Belief maps (N, P+1, h, w) of crops (N, height, width, 3)."""
        if self.flip_order is None:
            return self._once(crops)
        both = self._once(np.concatenate([crops, crops[:, :, ::-1]]))
        return (both[: len(crops)] + flip_beliefs(both[len(crops) :], self.flip_order)) / 2

    def _once(self, crops: np.ndarray) -> np.ndarray:
        if self.stage is None:
            return self.machine.predict_beliefs(crops)
        for beliefs in islice(self.machine.staged_beliefs(crops), self.stage - 1, self.stage):
            return beliefs
        raise ValueError(f"stage {self.stage} is requested, but the machine has fewer stages")


def _peaks(views: _Views, photo: np.ndarray, transforms: np.ndarray, shape: tuple[int, int], subpixel: bool):
    """Joints (P, 2) and scores (P,) of one subject, found in the photo; holds the map of one part at a time."""
    gather = Gathering.of(photo, transforms, shape, views.stride, "cubic")
    beliefs = views.beliefs(_cut(photo, transforms, shape))
    part_map = np.zeros((1, 2, *gather.shape), np.float32)  # and a background, which is not decoded
    found = []
    for part in range(beliefs.shape[1] - 1):
        gather.average(beliefs[:, part], out=part_map[0, 0])
        found.append(decode(part_map, stride=1, subpixel=subpixel))
    joints, scores = (np.concatenate(values, axis=1)[0] for values in zip(*found, strict=True))
    return (joints + np.array(gather.offset)).astype(np.float32), scores

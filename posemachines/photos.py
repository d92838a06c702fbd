"""Joints and beliefs of people in photos, from any machine: crop, predict, and back to pixels of the photo.

A person is given by a *centre* and a *scale*, in pixels of the photo: the scale is about the longer side of the box of
the joints and takes up 0.7 of the crop (`FILL`). :func:`frame_of_box` and :func:`frame_of_photo` make them from what is
known. Of several *factors*, factor m shows the person m times as large in a crop of the same size.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ._checks import check_images
from ._gathering import Gathering, seen_region
from .beliefs import decode, flip_beliefs
from .crops import box_frame, crop_transform, cut_crop, read_photo, to_photo, to_rgb

__all__ = [
    "PUBLISHED_FACTORS",
    "crop_size",
    "frame_of_box",
    "frame_of_photo",
    "photo_beliefs",
    "photo_crops",
    "predict_photo",
]

FILL = 0.7  # share of the crop's side that a person's scale takes up, as when people are cropped by their joints
BOX_FILL = 0.8  # the same of a box, which encloses the whole body
PHOTO_FILL = 1.0  # and of a whole photo
PUBLISHED_FILL = 0.8  # of the photo's height, in the published test on Leeds Sports Pose
PUBLISHED_FACTORS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
PUBLISHED_SIZE, USUAL_SIZE = 368, 128  # px; sides of crops


# -- frames ---------------------------------------------------------------------------------------------------------


def frame_of_box(box) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale of people from boxes around their whole bodies.

    Parameters
    ----------
    box : array-like of shape (4,) or (N, 4)
        x, y of the first pixel, width and height, in pixels of the photo.

    Returns
    -------
    centre : ndarray of shape (2,) or (N, 2)
        Middle of the box.
    scale : ndarray of shape () or (N,)
        7/8 of the longer side, so that the box takes up 0.8 of the crop, as in ``PeopleDataset(rule="box")``.

    Raises
    ------
    ValueError
        If the shape is another one, or width and height are not positive.
    """
    boxes = np.asarray(box, np.float32)
    centre, side = box_frame(boxes[None] if boxes.ndim == 1 else boxes)
    scale = side.astype(float) * (FILL / BOX_FILL)
    return (centre[0], scale[0]) if boxes.ndim == 1 else (centre, scale)


def frame_of_photo(photo, *, published: bool = False) -> tuple[np.ndarray, float]:
    """Centre and scale of the one person whom a photo shows.

    Parameters
    ----------
    photo : path or uint8 ndarray of shape (H, W, 3)
    published : bool, default=False
        The frame of the published test on Leeds Sports Pose: the *height* takes up 0.8 of the crop, the person is
        magnified by ``0.8 * size / H``. By default the longer side takes up all of it, as in
        ``PeopleDataset(rule="photo")``.

    Returns
    -------
    centre : ndarray of shape (2,)
        Middle of the photo.
    scale : float
        In pixels.
    """
    height, width = _pixels(photo).shape[:2]
    length = height / PUBLISHED_FILL if published else max(height, width) / PHOTO_FILL
    return np.array([(width - 1) / 2, (height - 1) / 2]), FILL * length


def crop_size(machine) -> int:
    """Side of the crops that a machine was trained on, in pixels; 128 where it does not say (``crop_size_``)."""
    return int(getattr(machine, "crop_size_", None) or USUAL_SIZE)


# -- prediction -----------------------------------------------------------------------------------------------------


def predict_photo(
    machine,
    photo,
    centre,
    scale,
    *,
    size: int | None = None,
    fill: float = FILL,
    factors: Sequence[float] | None = None,
    flip: bool | None = None,
    refine: bool | None = None,
    threshold: float | None = None,
    stage: int | None = None,
    faithful: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Joints of people in a photo.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted.
    photo : path or uint8 ndarray of shape (H, W, 3)
        RGB.
    centre : array-like of shape (2,) or (N, 2)
        x, y of the person's middle, or of each person's, in pixels of the photo.
    scale : float or array-like of shape (N,)
        Extent of each person, in pixels of the photo; see :func:`frame_of_box` and :func:`frame_of_photo`.
    size : int, optional
        Side of the crops, in pixels, a multiple of the stride; by default that of the training crops where the machine
        knows it (``crop_size_``), otherwise 128, or 368 when `faithful`.
    fill : float, default=0.7
        Share of the crop's side that `scale` takes up.
    factors : sequence of float, optional
        Sizes at which each person is seen. The beliefs of several are averaged in the photo. By default 1 alone, or
        0.7, 0.8, ..., 1.3 when `faithful`.
    flip : bool, optional
        Average over the mirrored crops too. By default as the machine is set, or False when `faithful`.
    refine : bool, optional
        Find the peaks more finely than to a cell or pixel, as :func:`posemachines.beliefs.decode`. By default True,
        or False when `faithful`.
    threshold : float, optional
        Joints whose score is not above it become NaN.
    stage : int, optional
        Believe this stage, counted from 1; by default the last one.
    faithful : bool, default=False
        The published procedure of Convolutional Pose Machines, in which only what you pass differs: the sum of the
        beliefs at seven sizes, its largest pixel in the photo, without mirroring and refinement. Of a machine that has
        ``scales`` of its own they are left out.

    Returns
    -------
    joints : float32 ndarray of shape (P, 2) or (N, P, 2)
        x, y in pixels of the photo.
    scores : float32 ndarray of shape (P,) or (N, P)
        Belief at each joint.

    Raises
    ------
    ValueError
        If a frame is malformed or shows nothing of the photo, the stride does not divide `size`, or an option is out
        of range.
    FileNotFoundError
        If there is no such photo.

    Examples
    --------
    >>> from posemachines.photos import frame_of_box, predict_photo
    >>> joints, scores = predict_photo(machine, "photo.jpg", *frame_of_box((40, 30, 80, 200)))  # doctest: +SKIP

    Notes
    -----
    With one factor the peaks are found on the grid of the crop, of all people together; a joint may then lie in what
    the crop shows beyond the edge of the photo. With several factors, or when `faithful`, they are found in the photo.
    Scores are means over the factors where the publication has sums, so a threshold is a belief in either case.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 4 and the published test code.
    """
    photo, (centres, scales, single) = _pixels(photo), _people(centre, scale)
    size = _size(machine, size, faithful)
    factors = _factors((PUBLISHED_FACTORS if faithful else (1.0,)) if factors is None else factors)
    flip = False if faithful and flip is None else flip
    refine = not faithful if refine is None else refine
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold is a belief, or None to keep every joint; got {threshold}")
    seen = _Seen(machine, flip, stage, own_scales=not faithful)
    frames = [_transforms(c, s, size, fill, factors) for c, s in zip(centres, scales, strict=True)]
    for transforms in frames:
        seen_region(photo, transforms, size)  # a person outside the photo is an error, whichever way is taken
    if len(factors) == 1 and not faithful:
        transforms = np.concatenate(frames)
        joints, scores = decode(seen.beliefs(_cut(photo, transforms, size)), stride=seen.stride, refine=refine)
        joints = to_photo(joints, transforms).astype(np.float32)
    else:
        found = [_peaks(seen, photo, transforms, size, refine) for transforms in frames]
        joints, scores = (np.stack(values) for values in zip(*found, strict=True))
    if threshold is not None:
        joints[~(scores > threshold)] = np.nan
    return (joints[0], scores[0]) if single else (joints, scores)


def photo_beliefs(
    machine,
    photo,
    centre,
    scale: float,
    *,
    size: int | None = None,
    fill: float = FILL,
    factors: Sequence[float] = (1.0,),
    flip: bool | None = None,
    stage: int | None = None,
    upsample: str = "cubic",
) -> tuple[np.ndarray, tuple[int, int]]:
    """Belief maps of one person, a value a pixel of the photo.

    Parameters
    ----------
    machine, photo, size, fill, factors, flip, stage
        As in :func:`predict_photo`.
    centre : (x, y)
        Of one person.
    scale : float
    upsample : {"cubic", "linear"}
        How values between the centres of cells are found.

    Returns
    -------
    maps : float32 ndarray of shape (P+1, h, w)
        Background last; the mean over the factors. A factor whose crop does not reach a pixel counts there as no part
        and background 1.
    offset : (x, y)
        Pixel of the photo where the maps begin: they cover what the largest crop shows of the photo.

    Raises
    ------
    ValueError
        As :func:`predict_photo`.

    Notes
    -----
    The maps take four bytes a pixel and part; :func:`predict_photo` holds one part at a time.

    The publication enlarges the beliefs to the crop and resizes those to the photo, by bicubic interpolation each time;
    here cells are interpolated at the photo's pixels at once, by the same kernel (of MATLAB and Pillow; OpenCV's is
    another one). Beyond the outermost cell centres its value is kept.
    """
    photo, factors = _pixels(photo), _factors(factors)
    size = _size(machine, size, False)
    seen = _Seen(machine, flip, stage)
    transforms = _transforms(centre, scale, size, fill, factors)
    gather = Gathering.of(photo, transforms, size, seen.stride, upsample)
    beliefs = seen.beliefs(_cut(photo, transforms, size))
    maps = np.empty((beliefs.shape[1], *gather.shape), np.float32)
    for channel, out in enumerate(maps):
        gather.average(beliefs[:, channel], out=out)
    maps[-1] += gather.outside()
    return maps, gather.offset


def photo_crops(photo, centre, scale, *, size: int = USUAL_SIZE, fill: float = FILL) -> tuple[np.ndarray, np.ndarray]:
    """The crops of people in a photo, as :func:`predict_photo` cuts them at factor 1.

    Parameters
    ----------
    photo, centre, scale, size, fill
        As in :func:`predict_photo`.

    Returns
    -------
    crops : uint8 ndarray of shape (N, size, size, 3)
        One even for a single person.
    transforms : float64 ndarray of shape (N, 2, 3)
        From the photo to each crop.
    """
    photo, (centres, scales, _) = _pixels(photo), _people(centre, scale)
    transforms = [_transforms(c, s, size, fill, (1.0,)) for c, s in zip(centres, scales, strict=True)]
    return _cut(photo, np.concatenate(transforms), size), np.concatenate(transforms)


# -- what is asked for ----------------------------------------------------------------------------------------------


def _pixels(photo) -> np.ndarray:
    return read_photo(photo) if isinstance(photo, str | Path) else to_rgb(photo)


def _people(centre, scale) -> tuple[np.ndarray, np.ndarray, bool]:
    """Centres (N, 2), scales (N,), and whether one person was given without the first axis."""
    centre, scale = np.asarray(centre, float), np.asarray(scale, float)
    if centre.shape == (2,) and scale.ndim == 0:
        return centre[None], scale[None], True
    if centre.ndim != 2 or centre.shape[1] != 2 or scale.shape != centre.shape[:1] or not len(centre):
        raise ValueError(
            f"centre must be (x, y) and scale a number, or (N, 2) and (N,) for N people; got {centre.shape} and "
            f"{scale.shape}"
        )
    return centre, scale, False


def _size(machine, size: int | None, faithful: bool) -> int:
    if size is None:
        known = getattr(machine, "crop_size_", None)
        size = crop_size(machine) if known or not faithful else PUBLISHED_SIZE
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size is the crop's side in pixels, a positive integer; got {size!r}")
    if size % machine.stride_:
        nearest = max(round(size / machine.stride_), 1) * machine.stride_
        raise ValueError(f"size {size} is no multiple of the machine's stride {machine.stride_}; pass size={nearest}")
    return int(size)


def _factors(factors: Sequence[float]) -> tuple[float, ...]:
    values = tuple(np.atleast_1d(factors).astype(float))
    if not values or not all(0.1 <= factor <= 10 for factor in values):
        raise ValueError(f"factors must be between 0.1 and 10, such as (0.9, 1, 1.1); got {factors!r}")
    return values


def _transforms(centre, scale: float, size: int, fill: float, factors) -> np.ndarray:
    """Transforms (K, 2, 3) of one person's crops, one a factor."""
    return np.stack([crop_transform(centre, scale / factor, size, fill=fill) for factor in factors])


def _cut(photo: np.ndarray, transforms: np.ndarray, size: int) -> np.ndarray:
    return check_images(np.stack([cut_crop(photo, transform, size) for transform in transforms]))


class _Seen:
    """A machine as it is asked: with or without mirroring, up to some stage."""

    def __init__(self, machine, flip: bool | None, stage: int | None, *, own_scales: bool = True) -> None:
        self.stride = machine.stride_
        self.stage = stage
        self.flip_order = machine.skeleton_.flip_order if flip else None
        if flip and not machine.skeleton_.pairs:
            raise ValueError(
                f"flip=True needs left-right pairs, which skeleton {machine.skeleton_.name!r} lacks; pass flip=False"
            )
        if stage is not None and (not isinstance(stage, int | np.integer) or stage < 1):
            raise ValueError(f"stage is counted from 1, or None for the last one; got {stage!r}")
        self.machine = copy.copy(machine)  # its stages are shared, its settings changed in the copy alone
        if flip is not None:
            self.machine.flip = False  # mirrored here
        if not own_scales:
            self.machine.scales = (1.0,)

    def beliefs(self, crops: np.ndarray) -> np.ndarray:
        """Belief maps (N, P+1, h, w) of crops (N, size, size, 3)."""
        if self.flip_order is None:
            return self._once(crops)
        both = self._once(np.concatenate([crops, crops[:, :, ::-1]]))
        return (both[: len(crops)] + flip_beliefs(both[len(crops) :], self.flip_order)) / 2

    def _once(self, crops: np.ndarray) -> np.ndarray:
        if self.stage is None:
            return self.machine.predict_beliefs(crops)
        for beliefs in islice(self.machine.staged_beliefs(crops), self.stage - 1, self.stage):
            return beliefs
        raise ValueError(f"stage {self.stage} is asked for, but the machine has fewer stages")


def _peaks(seen: _Seen, photo: np.ndarray, transforms: np.ndarray, size: int, refine: bool):
    """Joints (P, 2) and scores (P,) of one person, found in the photo; holds one part's map at a time."""
    gather = Gathering.of(photo, transforms, size, seen.stride, "cubic")
    beliefs = seen.beliefs(_cut(photo, transforms, size))
    part_map = np.zeros((1, 2, *gather.shape), np.float32)  # and a background, which is not looked at
    found = []
    for part in range(beliefs.shape[1] - 1):
        gather.average(beliefs[:, part], out=part_map[0, 0])
        found.append(decode(part_map, stride=1, refine=refine))
    joints, scores = (np.concatenate(values, axis=1)[0] for values in zip(*found, strict=True))
    return (joints + np.array(gather.offset)).astype(np.float32), scores

"""Crops: the subjects of a data set in the canonical frame, and the files that keep them."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from .._utils.checks import check_joint_frame
from .._utils.progress import progress
from .._utils.replacing import replacing
from ..geometry import crop_shape, crop_transform, cut_crop, frame_size, to_crop
from ..photos import split_reference
from ..skeleton import Skeleton

__all__ = ["OUTSIDE", "Crops", "cut_crops"]

OUTSIDE = 0.5  # px beyond the outermost pixel centres: the edge of the photo
CACHE_VERSION = 2
_PER_SUBJECT = ("X", "y", "transforms", "others", "occluded", "groups", "extent")


@dataclass(frozen=True, eq=False, repr=False)
class Crops:
    """Subjects in the canonical frame: centred and scaled.

    Iterating yields ``X, y, transforms``; ``len(crops)`` is the number of subjects, and ``crops[selection]`` selects
    some of them, by a slice, a list of indices or a bool mask.

    Attributes
    ----------
    X : uint8 ndarray of shape (N, height, width, 3)
        RGB crops.
    y : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    transforms : float64 ndarray of shape (N, 2, 3), optional
        From the photo to the crop; :func:`posemachines.geometry.to_photo` goes back.
    skeleton : Skeleton, optional
    others : float32 ndarray of shape (N, K, P, 3), optional
        Joints of the other subjects of each photo, in pixels of the crop; rows of zeros where there are fewer than K.
        None where every photo shows one subject.
    occluded : bool ndarray of shape (N, P), optional
        Labelled joints that something hides, where the data set says so.
    groups : ndarray of shape (N,), optional
        As :class:`PoseDataset` has them.
    name : str
        Of the data set.
    crop_rule : str
        What set each subject's centre and size.
    side_convention : {"person", "observer"}
        Whose left is left.
    padding : float, optional
        Longer side of the crop divided by that of the smallest frame of its shape that encloses the subject.
    extent : float32 ndarray of shape (N, 2), optional
        Width and height of each subject, as the crop rule sees it, in pixels of the photo.
    """

    X: np.ndarray
    y: np.ndarray
    transforms: np.ndarray | None = None
    skeleton: Skeleton | None = None
    others: np.ndarray | None = None
    occluded: np.ndarray | None = None
    groups: np.ndarray | None = None
    name: str = "crops"
    crop_rule: str = "given"
    side_convention: str = "person"
    padding: float | None = None
    extent: np.ndarray | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.X, self.y, self.transforms))  # type: ignore[arg-type]  # None only in hand-made crops

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, which) -> Crops:
        """The subjects of a slice, a list of indices or a bool mask; an int selects one subject."""
        chosen = np.asarray([which]) if isinstance(which, int | np.integer) else which
        indices = np.arange(len(self))[chosen]
        selected: dict[str, Any] = {}
        for name in _PER_SUBJECT:
            values = getattr(self, name)
            selected[name] = None if values is None else values[indices]
        return replace(self, **selected)

    def __repr__(self) -> str:
        height, width = self.X.shape[1:3]
        skeleton = "" if self.skeleton is None else f" ({self.skeleton.name})"
        return (
            f"<Crops {self.name!r}: {len(self)} subjects, {height} x {width} px, {self.y.shape[1]} parts{skeleton}, "
            f"crop rule {self.crop_rule!r}>"
        )


def cut_crops(
    dataset,
    size: int | tuple[int, int],
    *,
    n_jobs: int = -1,
    verbose: bool = False,
    cache: str | Path | None = None,
) -> Crops:
    """The subjects of a :class:`PoseDataset` in the canonical frame; see :meth:`PoseDataset.crops`."""
    shape = crop_shape(size)
    lost = np.flatnonzero(~(np.isfinite(dataset.centre).all(1) & (dataset.person_size > 0)))
    if len(lost):
        raise ValueError(
            f"{len(lost)} subjects, number {lost[0]} first, have no centre or size under crop_rule="
            f"{dataset.crop_rule!r} (no labels?); leave them out: dataset[dataset.labelled], or use crop_rule='photo'"
        )
    file = None if cache is None else Path(cache) / f"crops-{_key(dataset, shape)}.npz"
    arrays = None if file is None else _read_cache(file)
    if arrays is None:
        arrays = _cut_all(dataset, shape, n_jobs, verbose)
        if file is not None:
            _write_cache(file, arrays)
    return Crops(
        *arrays,
        skeleton=dataset.skeleton,
        others=_others_in_crops(dataset.others(), arrays[2]),
        occluded=dataset.occluded,
        groups=dataset.groups,
        name=dataset.name,
        crop_rule=dataset.crop_rule,
        side_convention=dataset.side_convention,
        padding=dataset.padding,
        extent=dataset.extent,
    )


def _cut_all(dataset, shape: tuple[int, int], n_jobs: int, verbose: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(dataset)
    sizes = frame_size(dataset.extent, shape[1] / shape[0])
    tasks = (joblib.delayed(_cut)(dataset, index, float(sizes[index]), shape) for index in range(n))
    done = joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(tasks)
    X, y = np.empty((n, *shape, 3), np.uint8), np.empty_like(dataset.joints)
    transforms, photo_shapes = np.empty((n, 2, 3)), np.empty((n, 2), int)
    n_outside = 0
    for index, one in enumerate(progress(done, "crops", shown=verbose, total=n)):
        X[index], y[index], transforms[index], photo_shapes[index], outside = one
        n_outside += outside
    check_joint_frame(dataset.joints, photo_shapes, what="photo")
    if n_outside:
        warnings.warn(f"{n_outside} labelled joints lie outside their photo and are left out", stacklevel=4)
    return X, y, transforms


def _cut(
    dataset, index: int, size: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, ...], int]:
    photo = dataset.photo(index)
    transform = crop_transform(dataset.centre[index], size, shape, padding=dataset.padding)
    joints = dataset.joints[index].copy()
    edge = np.array(photo.shape[1::-1]) - 1 + OUTSIDE
    outside = (joints[:, 2] > 0) & ((joints[:, :2] < -OUTSIDE) | (joints[:, :2] > edge)).any(1)
    joints[:, :2] = to_crop(joints[:, :2], transform)
    joints[outside] = 0
    joints[joints[:, 2] == 0] = 0
    return cut_crop(photo, transform, shape), joints, transform, photo.shape[:2], int(outside.sum())


def _others_in_crops(joints: np.ndarray, transforms: np.ndarray) -> np.ndarray | None:
    """Joints (N, K, P, 3) of the photo in pixels of the crop; None where K is 0."""
    if not joints.shape[1]:
        return None
    flat = to_crop(joints[..., :2].reshape(len(joints), -1, 2), transforms).reshape(joints[..., :2].shape)
    moved = np.concatenate([flat, joints[..., 2:]], -1).astype(np.float32)
    moved[joints[..., 2] == 0] = 0
    return moved


# -- the cache ---------------------------------------------------------------------------------------------------------


def _key(dataset, shape: tuple[int, int]) -> str:
    """A digest of everything that the crops depend on; files count by name, size and time."""
    digest = hashlib.sha256(f"{CACHE_VERSION} {shape} {dataset.padding}".encode())
    for array in (dataset.joints, dataset.centre, dataset.extent):
        digest.update(np.ascontiguousarray(array).tobytes())
    for photo in dataset.photos:
        if isinstance(photo, str | Path):
            file, _ = split_reference(photo)
            status = os.stat(file) if file.exists() else None
            digest.update(f"{photo} {status and (status.st_size, status.st_mtime_ns)}".encode())
        else:
            digest.update(np.ascontiguousarray(photo).tobytes())
    return digest.hexdigest()[:24]


def _read_cache(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    if not file.is_file():
        return None
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return arrays["X"], arrays["y"], arrays["transforms"]
    except Exception as error:  # a damaged cache is rebuilt, whatever is wrong with it
        warnings.warn(f"cannot read the cached crops {file} ({error}); cutting them again", stacklevel=4)
        return None


def _write_cache(file: Path, arrays: tuple[np.ndarray, ...]) -> None:
    with replacing(file) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, X=arrays[0], y=arrays[1], transforms=arrays[2])

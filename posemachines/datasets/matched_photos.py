"""Annotations and the photos they belong to: found, compared in size, and what is missing left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..io.annotations import Annotations
from ..io.folders import PHOTO_TYPES
from ..io.photo_files import FoundPhotos, check_sizes, find_photos, rescale_points
from ..photos import pixel_spacing, split_reference

__all__ = ["Matched", "match_photos"]


@dataclass(frozen=True)
class Matched:
    """Annotations whose photos are there.

    Attributes
    ----------
    found : Annotations
        Of the N subjects whose photos were found, in pixels of these photos; notes about photos are added to its own.
    photos : list of N (Path, str or ndarray)
    centre, person_size : ndarray of shape (N, 2) and (N,) or (N, 2), optional
        Those that were given, of the same subjects and in the same pixels.
    """

    found: Annotations
    photos: Sequence[Path | str]
    centre: np.ndarray | None = None
    person_size: np.ndarray | None = None


def match_photos(
    found: Annotations,
    images: str | Path,
    source: str | Path,
    *,
    centre=None,
    person_size=None,
    max_missing: float = 0.1,
    rescale: bool = False,
    other_types: bool = False,
) -> Matched:
    """Find the photos of annotations below a folder.

    Parameters
    ----------
    found : Annotations
    images : path
        Folder of the photos.
    source : path
        File of the annotations, for messages.
    centre, person_size : ndarray of shape (N, 2) and (N,) or (N, 2), optional
        In pixels of the photo.
    max_missing, other_types
        As in :func:`posemachines.io.photo_files.find_photos`.
    rescale : bool, default=False
        As in :func:`posemachines.io.photo_files.check_sizes`.

    Returns
    -------
    Matched
        `mm_per_pixel` of DICOM files is taken where the annotations have none.

    Raises
    ------
    FileNotFoundError, ValueError
        As the functions above.
    """
    files = _files(found.photos, images, source, max_missing=max_missing, other_types=other_types)
    centre, person_size = (None if given is None else np.asarray(given, float) for given in (centre, person_size))
    if files.missing:
        found = found.take(files.kept)
        centre, person_size = (None if given is None else given[files.kept] for given in (centre, person_size))
    fitted = check_sizes(files.photos, found.sizes, source, stored=found.stored, rescale=rescale)
    if fitted.scales is not None:
        found = _rescaled(found, fitted.scales)
        centre = None if centre is None else rescale_points(centre, fitted.scales)
        person_size = None if person_size is None else (person_size.T * _lengths(fitted.scales)).T
    found = replace(found, notes=(*found.notes, *files.notes, *fitted.notes))
    if found.mm_per_pixel is None:
        found = replace(found, mm_per_pixel=_spacings(fitted.photos))
    return Matched(found, fitted.photos, centre, person_size)


def _files(photos: Sequence, images: str | Path, source: str | Path, **options) -> FoundPhotos:
    """What :func:`find_photos` finds; photos that came with the labels, as arrays, stay."""
    named = [index for index, photo in enumerate(photos) if not isinstance(photo, np.ndarray)]
    found = find_photos(images, [photos[index] for index in named], source, **options) if named else FoundPhotos([], [])
    paths = [*photos]
    for index, path in zip(named, found.paths, strict=True):
        paths[index] = path
    return FoundPhotos(paths, found.missing, found.notes)


def _lengths(scales: np.ndarray) -> np.ndarray:
    return np.sqrt(scales.prod(1))


def _rescaled(found: Annotations, scales: np.ndarray) -> Annotations:
    """Annotations in pixels of photos of another resolution."""
    joints = rescale_points(found.joints, scales)
    joints[found.joints[..., 2] == 0] = found.joints[found.joints[..., 2] == 0]
    changed: dict = {"joints": joints.astype(found.joints.dtype), "sizes": found.sizes * scales}
    if found.boxes is not None:
        changed["boxes"] = np.concatenate(
            [rescale_points(found.boxes[:, :2], scales), found.boxes[:, 2:] * scales], axis=1
        )
    if found.centre is not None:
        changed["centre"] = rescale_points(found.centre, scales)
    for name in ("person_size", "reference_length"):
        if getattr(found, name) is not None:
            changed[name] = getattr(found, name) * _lengths(scales)
    if found.mm_per_pixel is not None:
        changed["mm_per_pixel"] = found.mm_per_pixel / _lengths(scales)
    return replace(found, **changed)


def _spacings(photos: Sequence) -> np.ndarray | None:
    """Spacing of each photo's pixels in mm, NaN where it is unknown; None if none is known."""
    known = {str(photo): _spacing(photo) for photo in photos}
    spacings = np.array([known[str(photo)] for photo in photos])
    return spacings if np.isfinite(spacings).any() else None


def _spacing(photo: Path | str) -> float:
    if split_reference(photo)[0].suffix.lower() in PHOTO_TYPES - {".dcm"}:  # most files need not be opened
        return np.nan
    try:
        spacing = pixel_spacing(photo)
    except (OSError, ValueError):  # unreadable photos are reported where they are read
        return np.nan
    return np.nan if spacing is None else spacing

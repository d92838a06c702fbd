"""What readers of annotation files return: plain records, from which data sets are built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..skeleton import Skeleton

__all__ = ["Annotations"]


@dataclass(frozen=True)
class Annotations:
    """Labelled subjects of one file, in its order; pixels are 0-based, whatever the file counts from.

    Attributes
    ----------
    name : str
        Of the data set.
    photos : list of N str
        Each subject's photo, as the file names it.
    joints : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled (0 or 1).
    skeleton : Skeleton
    photo_ids : list of N str or int, optional
        What the data set calls the photos, where that is not their names.
    occluded : bool ndarray of shape (N, P), optional
    boxes : ndarray of shape (N, 4), optional
        Bounding boxes: x, y of the first pixel, width, height.
    centre, person_size : ndarray of shape (N, 2) and (N,), optional
        As annotated, in pixels of the photo.
    reference_length : ndarray of shape (N,), optional
        Length that the data set's protocol divides by, in pixels; NaN where it is missing.
    splits : list of N str, optional
        Published split of each subject, such as "train".
    groups : list of N str, optional
        Which video, animal or patient each subject belongs to, where the file says so.
    mm_per_pixel : float ndarray of shape (N,), optional
        Spacing of the photo's pixels; NaN where it is unknown.
    sizes : float ndarray of shape (N, 2), optional
        Width and height of each subject's photo according to the file; NaN where it does not say.
    subjects : list of N str, optional
        Name of the individual or specimen.
    stored : bool, default=False
        The labelling tool showed photos as they are stored, without turning them by their EXIF orientation.
    notes : tuple of str, optional
        Sentences for the user: what was recognised, guessed or left out.
    """

    name: str
    photos: list[str]
    joints: np.ndarray
    skeleton: Skeleton
    photo_ids: list | None = None
    occluded: np.ndarray | None = None
    boxes: np.ndarray | None = None
    centre: np.ndarray | None = None
    person_size: np.ndarray | None = None
    reference_length: np.ndarray | None = None
    splits: list[str] | None = None
    groups: list[str] | None = None
    mm_per_pixel: np.ndarray | None = None
    sizes: np.ndarray | None = None
    subjects: list[str] | None = None
    stored: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.photos)

    def take(self, indices: Sequence[int]) -> Annotations:
        """The subjects at `indices`."""
        chosen: dict[str, Any] = {}
        for each in fields(self):
            values = getattr(self, each.name)
            if isinstance(values, np.ndarray):
                chosen[each.name] = values[list(indices)]
            elif isinstance(values, list):
                chosen[each.name] = [values[index] for index in indices]
        return replace(self, **chosen)

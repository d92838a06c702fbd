"""The poses of the subjects of one photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ..skeleton import Skeleton
from ..visualize import draw_skeleton

__all__ = ["Pose"]


@dataclass(frozen=True)
class Pose:
    """Joints of the subjects of a photo.

    Unpacks into ``joints, scores``.

    Attributes
    ----------
    joints : float32 ndarray of shape (N, P, 2)
        x, y in pixels of the photo; NaN for joints below the threshold.
    scores : float32 ndarray of shape (N, P)
        Confidence of each joint: the belief at its peak.
    skeleton : Skeleton
        Names of the parts.
    photo : uint8 ndarray of shape (H, W, 3)
        RGB.
    notes : tuple of str
        What is doubtful about it, such as a box of an unusual size.
    """

    joints: np.ndarray
    scores: np.ndarray
    skeleton: Skeleton
    photo: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.joints, self.scores))

    def __len__(self) -> int:
        return len(self.joints)

    def __repr__(self) -> str:
        height, width = self.photo.shape[:2]
        return f"<Pose of {len(self)} subjects, skeleton {self.skeleton.name!r}, photo {width} x {height} px>"

    def draw(self, *, thickness: float | None = None) -> Image.Image:
        """The photo with all skeletons, as a Pillow image: show it, or ``save`` it."""
        drawn = self.photo
        for joints in self.joints:
            drawn = draw_skeleton(drawn, joints, self.skeleton, thickness=thickness)
        return Image.fromarray(drawn)

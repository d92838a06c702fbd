"""The ground truth that predictions are scored against."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ..metrics import pair_length
from ..sides import SIDE_CONVENTIONS, observer_centric
from .protocols import Protocol

__all__ = ["GroundTruth", "Truth", "observer_centric"]


@dataclass(frozen=True)
class GroundTruth:
    """Labelled subjects, with what a protocol needs besides the joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        x, y in pixels of the photo, and the data set's third column.
    reference_length : ndarray of shape (N,), optional
        Length that the distances of each subject are divided by, in pixels. Required by protocols whose reference is
        "head"; under other protocols it replaces the distance between their two parts.
    labelled : bool ndarray of shape (N, P), optional
        Joints to score; by default the protocol decides.
    side_convention : {"person", "observer"}, optional
        Whose left is left; must match the protocol's if given.
    people : sequence of N str, optional
        Identifiers (names of photos), used to match predictions that have identifiers too.

    Raises
    ------
    ValueError
        If the shapes disagree or the side convention is unknown.
    """

    joints: np.ndarray
    reference_length: np.ndarray | None = None
    labelled: np.ndarray | None = None
    side_convention: str | None = None
    people: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.joints)
        if len(shape) != 3 or shape[-1] not in (2, 3):
            raise ValueError(f"truth must be (N, P, 3): x, y and a third column, or (N, P, 2); got shape {shape}")
        if self.reference_length is not None and np.shape(self.reference_length) != shape[:1]:
            raise ValueError(
                f"reference_length must be ({shape[0]},), one per subject; got {np.shape(self.reference_length)}"
            )
        if self.labelled is not None and np.shape(self.labelled) != shape[:2]:
            raise ValueError(f"labelled must be {shape[:2]}; got {np.shape(self.labelled)}")
        if self.side_convention not in (None, *SIDE_CONVENTIONS):
            raise ValueError(
                f"side_convention must be one of {', '.join(SIDE_CONVENTIONS)}; got {self.side_convention!r}"
            )
        if self.people is not None and len(self.people) != shape[0]:
            raise ValueError(f"people must be {shape[0]} identifiers; got {len(self.people)}")

    def take(self, indices) -> GroundTruth:
        """The subjects at `indices`."""
        pick = lambda values: None if values is None else np.asarray(values)[indices]  # noqa: E731
        people = None if self.people is None else tuple(np.asarray(self.people)[indices].tolist())
        return GroundTruth(
            np.asarray(self.joints)[indices],
            pick(self.reference_length),
            pick(self.labelled),
            self.side_convention,
            people,
        )

    def scored(self, protocol: Protocol) -> np.ndarray:
        """Joints that a protocol scores, bool (N, P)."""
        joints = np.asarray(self.joints, float)
        finite = np.isfinite(joints[..., :2]).all(-1)
        if self.labelled is not None:
            return finite & np.asarray(self.labelled).astype(bool)
        if protocol.labelled == "positive":
            return finite & (joints[..., :2] > 0).all(-1)
        if protocol.labelled == "visible" and joints.shape[-1] == 3:
            return finite & (joints[..., 2] > 0)
        return finite

    def lengths(self, protocol: Protocol) -> np.ndarray:
        """Reference length of each subject, (N,), NaN where it cannot be measured; ValueError where it is missing."""
        if self.reference_length is not None:
            given = np.asarray(self.reference_length, float)
            return np.where(np.isfinite(given) & (given > 0), given, np.nan)
        if isinstance(protocol.reference, str):
            raise ValueError(
                f"protocol {protocol.name!r} divides by the {protocol.reference} length of each subject, which the "
                "truth lacks; pass GroundTruth(joints, reference_length=...), from metrics.head_length"
            )
        parts = protocol.layout(np.shape(self.joints)[1])
        first, second = (parts.index(part) for part in protocol.reference)
        joints = np.dstack([np.asarray(self.joints, float)[..., :2], self.scored(protocol)])
        return pair_length(joints, first, second)


class Truth(GroundTruth):
    """Deprecated name of :class:`GroundTruth`, whose `reference_length` it calls `reference`."""

    def __init__(self, joints, reference=None, labelled=None, side_convention=None, people=None) -> None:
        warnings.warn("Truth is now GroundTruth, and reference= reference_length=", DeprecationWarning, stacklevel=2)
        super().__init__(joints, reference, labelled, side_convention, people)

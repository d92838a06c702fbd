"""The truth that predictions are measured on, and whose left is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .metrics import pair_length
from .protocols import Protocol
from .sides import VIEWS, observer_centric

__all__ = ["Truth", "observer_centric"]


@dataclass(frozen=True)
class Truth:
    """Labelled people, with what a protocol needs beside the joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        x, y in pixels of the photo, and the data set's third column.
    reference : ndarray of shape (N,), optional
        Length of each person, in pixels, for protocols whose reference is "head"; takes the place of the two parts
        in others.
    labelled : bool ndarray of shape (N, P), optional
        Joints that count; by default the protocol's own rule says it.
    view : {"person", "observer"}, optional
        Whose left is left; where given it must be the protocol's.
    people : sequence of N str, optional
        An identifier each (the photo's name), by which predictions that have them too are put in order.

    Raises
    ------
    ValueError
        If the shapes do not agree or the view is unknown.
    """

    joints: np.ndarray
    reference: np.ndarray | None = None
    labelled: np.ndarray | None = None
    view: str | None = None
    people: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.joints)
        if len(shape) != 3 or shape[-1] not in (2, 3):
            raise ValueError(f"truth must be (N, P, 3): x, y and a third column, or (N, P, 2); got shape {shape}")
        if self.reference is not None and np.shape(self.reference) != shape[:1]:
            raise ValueError(f"reference must be ({shape[0]},), one length a person; got {np.shape(self.reference)}")
        if self.labelled is not None and np.shape(self.labelled) != shape[:2]:
            raise ValueError(f"labelled must be {shape[:2]}; got {np.shape(self.labelled)}")
        if self.view not in (None, *VIEWS):
            raise ValueError(f"view must be one of {', '.join(VIEWS)}; got {self.view!r}")
        if self.people is not None and len(self.people) != shape[0]:
            raise ValueError(f"people must name {shape[0]} people; got {len(self.people)}")

    def take(self, indices) -> Truth:
        """The people at `indices`."""
        pick = lambda values: None if values is None else np.asarray(values)[indices]  # noqa: E731
        people = None if self.people is None else tuple(np.asarray(self.people)[indices].tolist())
        return Truth(np.asarray(self.joints)[indices], pick(self.reference), pick(self.labelled), self.view, people)

    def scored(self, protocol: Protocol) -> np.ndarray:
        """Joints that count under a protocol, bool (N, P)."""
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
        """Reference length of each person, (N,), NaN where it cannot be measured; ValueError where it is missing."""
        if self.reference is not None:
            given = np.asarray(self.reference, float)
            return np.where(np.isfinite(given) & (given > 0), given, np.nan)
        if isinstance(protocol.reference, str):
            raise ValueError(
                f"protocol {protocol.name!r} divides by the {protocol.reference} of each person, which the "
                "truth lacks; pass Truth(joints, reference=...), from metrics.head_length"
            )
        parts = protocol.layout(np.shape(self.joints)[1])
        first, second = (parts.index(part) for part in protocol.reference)
        joints = np.dstack([np.asarray(self.joints, float)[..., :2], self.scored(protocol)])
        return pair_length(joints, first, second)

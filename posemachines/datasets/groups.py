"""Which subjects belong together: what a split must not divide between training and test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .splits import linked_units

__all__ = ["KINDS_OF_GROUPS", "Groups", "join_groups"]

KINDS_OF_GROUPS = (
    "file", "folder", "video", "name", "time", "duplicates", "given", "pattern", "one recording", "none",
)  # fmt: skip


@dataclass(frozen=True)
class Groups:
    """Subjects that stay together in every split, and why.

    Attributes
    ----------
    values : str ndarray of shape (N,)
        Name of each subject's group.
    source : str
        In plain words, for reports: "folder of the photo".
    kind : str
        "file" (the labels say so), "folder", "video", "name", "time", "duplicates", "given", "pattern", "one
        recording" (figures hold for this recording only), or "none" (each photo is a group).
    notes : tuple of str
        Sentences for the user.
    order : float ndarray of shape (N,), optional
        Frame number of each subject, where groups are blocks of one recording.
    gap : float
        Training subjects within so many frames of a test subject are left out; 0 keeps all.
    """

    values: np.ndarray
    source: str
    kind: str
    notes: tuple[str, ...] = ()
    order: np.ndarray | None = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS_OF_GROUPS:
            raise ValueError(f"kind must be one of {', '.join(KINDS_OF_GROUPS)}; got {self.kind!r}")
        if self.order is not None and np.shape(self.order) != np.shape(self.values):
            raise ValueError(f"order must have shape {np.shape(self.values)}; got {np.shape(self.order)}")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.values))

    @property
    def is_single(self) -> bool:
        """Whether all subjects belong to one group, which cannot be split: see :func:`time_blocks`."""
        return self.n_groups == 1

    def __getitem__(self, which) -> Groups:
        """The groups of some subjects, given by a slice, indices or a bool mask."""
        order = None if self.order is None else self.order[which]
        return Groups(self.values[which], self.source, self.kind, self.notes, order, self.gap)


def join_groups(values: np.ndarray, photos: np.ndarray, pairs: Iterable[tuple[int, int]] = ()) -> np.ndarray:
    """Groups joined where they share a photo, or where a pair of subjects links them.

    Parameters
    ----------
    values : ndarray of shape (N,)
        Name of each subject's group.
    photos : int ndarray of shape (N,)
        Number of each subject's photo, counted from 0.
    pairs : iterable of (int, int)
        Indices of subjects that belong together.

    Returns
    -------
    str ndarray of shape (N,)
        A joined group has the name of its first subject's group.

    Raises
    ------
    ValueError
        If a pair is not of two indices of subjects.
    """
    names = np.asarray(values).astype(str)
    links = np.array([*pairs], int).reshape(-1, 2) if not isinstance(pairs, np.ndarray) else pairs.reshape(-1, 2)
    if len(links) and not (links.min() >= 0 and links.max() < len(names)):
        raise ValueError(f"near-duplicates must be pairs of indices below {len(names)}; got {links.max()}")
    together = linked_units(np.asarray(photos), names)
    if len(links):
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        n = int(together.max()) + 1
        graph = coo_array((np.ones(len(links)), (together[links[:, 0]], together[links[:, 1]])), shape=(n, n))
        together = connected_components(graph, directed=False)[1][together]
    _, first, numbers = np.unique(together, return_index=True, return_inverse=True)
    return names[first][numbers.ravel()]

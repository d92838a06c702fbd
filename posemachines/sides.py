"""Whose left is left: the person's own, or the observer's; and which parts are each other's mirror image."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .skeleton import LSP, Skeleton

__all__ = ["VIEWS", "mirror_pairs", "observer_centric"]

VIEWS = ("person", "observer")
"""Left and right are the person's own, or what they would be if everybody faced the camera."""

_ARMS = ("shoulder", "elbow", "wrist", "eye", "ear")
_OTHER = {"right": "left", "r": "l"}


def observer_centric(joints, skeleton: Skeleton = LSP) -> np.ndarray:
    """Person-centric joints as an observer names them: everybody is taken to face the camera.

    Parameters
    ----------
    joints : ndarray of shape (N, P, C)
        x, y first.
    skeleton : Skeleton
        With right and left shoulder and hip; its pairs change places.

    Returns
    -------
    ndarray of shape (N, P, C)
        A copy.

    Raises
    ------
    ValueError
        If the skeleton lacks shoulders or hips, or has another number of parts.

    Notes
    -----
    Arms change sides where the shoulders, and legs where the hips, run against the trunk (from the middle of the
    hips to that of the shoulders): where their cross product says that the back is seen. On LSP this is the published
    observer-centric truth, joint by joint. There is no way back: the sides are then unknown.

    References
    ----------
    .. [1] Eichner and Ferrari, "Appearance sharing for collective human pose estimation", ACCV 2012.
    """
    joints = np.array(joints)
    if joints.ndim != 3 or joints.shape[1] != skeleton.n_parts:
        raise ValueError(f"joints must be (N, {skeleton.n_parts}, 2 or 3) for {skeleton.name!r}; got {joints.shape}")
    right, left = (
        np.stack([joints[:, skeleton.index(f"{side} {part}"), :2] for part in ("shoulder", "hip")])
        for side in ("right", "left")
    )
    up = (right[0] + left[0] - right[1] - left[1]) / 2
    across = left - right
    from_behind = up[:, 0] * across[..., 1] - up[:, 1] * across[..., 0] < 0
    for pair in skeleton.pairs:
        arm = any(skeleton.parts[pair[0]].endswith(part) for part in _ARMS)
        rows = np.flatnonzero(from_behind[0 if arm else 1])
        joints[np.ix_(rows, pair)] = joints[np.ix_(rows, pair[::-1])]
    return joints


def mirror_pairs(parts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Left-right pairs that the names of parts tell.

    Parameters
    ----------
    parts : sequence of str

    Returns
    -------
    tuple of (right, left)
        Parts whose names differ in one word, right or left, or its first letter: ``right_ear`` and ``left_ear``,
        ``earR`` and ``earL``, ``Rpaw`` and ``Lpaw``. Parts without such a counterpart are in no pair.

    Examples
    --------
    >>> mirror_pairs(["snout", "leftear", "rightear", "paw_R", "paw_L", "rib"])
    (('rightear', 'leftear'), ('paw_R', 'paw_L'))
    """
    exact = {part.casefold(): part for part in parts}
    pairs: list[tuple[str, str]] = []
    for part in parts:
        names = (name for name in _mirrored(part.casefold()) if name in exact and exact[name] != part)
        other = next(names, None)
        if other is not None and not any(part in pair or exact[other] in pair for pair in pairs):
            pairs.append((part, exact[other]))
    return tuple(pairs)


def _mirrored(right: str):
    """What the left counterpart of a right part could be called, the likeliest first; names are in lower case."""
    for word, other in _OTHER.items():
        whole = r"(?<![a-z]){}(?![a-z])" if word == "r" else "{}"
        for pattern in (whole.format(word), f"^{word}", f"{word}$"):
            name, found = re.subn(pattern, other, right, count=1)
            if found:
                yield name

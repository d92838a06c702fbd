"""Left and right: person-centric and observer-centric labels, and pairs of parts by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .skeleton import LSP, Skeleton

__all__ = ["SIDE_CONVENTIONS", "mirror_pairs", "observer_centric"]

SIDE_CONVENTIONS = ("person", "observer")
"""Left and right as seen by the person ("person"), or as if every person faced the camera ("observer")."""

_ARMS = ("shoulder", "elbow", "wrist", "eye", "ear")
_OTHER = {"right": "left", "r": "l"}


def observer_centric(joints, skeleton: Skeleton = LSP) -> np.ndarray:
    """Convert person-centric labels to observer-centric ones, as if every person faced the camera.

    Parameters
    ----------
    joints : ndarray of shape (N, P, C)
        x, y first.
    skeleton : Skeleton
        Must have right and left shoulders and hips; its pairs are swapped where needed.

    Returns
    -------
    ndarray of shape (N, P, C)
        A copy of `joints`.

    Raises
    ------
    ValueError
        If the skeleton has no shoulders or hips, or a different number of parts.

    Notes
    -----
    Arms are swapped where the shoulders show a person from behind, and legs where the hips do. The criterion is the
    sign of the cross product of the vector from right to left with the torso, from the centre of the hips to that of
    the shoulders. On LSP the result equals the published observer-centric annotations in every joint. The conversion
    cannot be undone.

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
    """Find left-right pairs by the names of the parts.

    Parameters
    ----------
    parts : sequence of str

    Returns
    -------
    tuple of (right, left)
        Parts whose names differ only in the word right or left, or in its initial: ``right_ear`` and ``left_ear``,
        ``earR`` and ``earL``, ``Rpaw`` and ``Lpaw``. Parts without a counterpart are not paired.

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
    """Possible names of the left counterpart of a right part, most likely first; all in lower case."""
    for word, other in _OTHER.items():
        whole = r"(?<![a-z]){}(?![a-z])" if word == "r" else "{}"
        for pattern in (whole.format(word), f"^{word}", f"{word}$"):
            name, found = re.subn(pattern, other, right, count=1)
            if found:
                yield name

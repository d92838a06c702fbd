"""Percentage of correct parts (PCP), where a part is a limb, not a joint."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword
from .pck import pck_curve

__all__ = ["limb_distances", "pcp"]


@renamed_keyword(visible="labelled")
def limb_distances(predicted, truth, limbs, *, strict: bool = True, labelled=None) -> np.ndarray:
    """Distance between each predicted limb and the true one, relative to the true limb's length.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    limbs : sequence of L pairs of int
        The two ends of each limb.
    strict : bool, default=True
        Take the larger of the distances of the two ends; otherwise (loose) their mean.
    labelled : bool ndarray of shape (N, P), optional
        Labelled joints; all of them by default. A limb is scored where both of its ends are labelled.

    Returns
    -------
    ndarray of shape (N, L)
        NaN where the limb is not scored or has zero length. It can be passed to :func:`pck_curve` and
        :func:`average`.

    Raises
    ------
    ValueError
        If shapes disagree, a limb is not a pair of parts, or a scored coordinate is not finite.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, P, 2); got {predicted.shape} and {truth.shape}")
    n_parts = predicted.shape[1]
    ends = np.asarray(limbs)
    if ends.ndim != 2 or ends.shape[1] != 2 or ends.dtype.kind not in "iu":
        raise ValueError(f"limbs must be pairs of part indices, (L, 2); got {limbs!r}")
    if ends.min() < 0 or ends.max() >= n_parts:
        raise ValueError(f"joints has parts 0..{n_parts - 1}, but limbs has parts {ends.min()}..{ends.max()}")
    labelled = np.ones(predicted.shape[:2], bool) if labelled is None else np.asarray(labelled).astype(bool)
    if labelled.shape != predicted.shape[:2]:
        raise ValueError(f"labelled must be {predicted.shape[:2]}; got {labelled.shape}")
    scored = labelled[:, ends[:, 0]] & labelled[:, ends[:, 1]]
    used = np.zeros_like(labelled)
    for limb, (first, second) in enumerate(ends):
        used[:, first] |= scored[:, limb]
        used[:, second] |= scored[:, limb]
    if not (np.isfinite(predicted[used]).all() and np.isfinite(truth[used]).all()):
        raise ValueError("a scored joint has a coordinate that is not finite; mark it as not labelled")
    with np.errstate(invalid="ignore"):
        off = np.linalg.norm(predicted - truth, axis=-1)[:, ends]
        length = np.linalg.norm(truth[:, ends[:, 0]] - truth[:, ends[:, 1]], axis=-1)
    known = scored & (length > 0)
    distance = off.max(-1) if strict else off.mean(-1)
    return np.divide(distance, length, out=np.full(distance.shape, np.nan), where=known)


@renamed_keyword(visible="labelled")
def pcp(predicted, truth, limbs, *, strict: bool = True, threshold: float = 0.5, labelled=None) -> np.ndarray:
    """Percentage of correct parts, limb by limb.

    Parameters
    ----------
    predicted, truth, limbs, strict, labelled
        As in :func:`limb_distances`.
    threshold : float, default=0.5
        Fraction of the true limb's length; inclusive.

    Returns
    -------
    ndarray of shape (L,)
        In [0, 100]; NaN for a limb that is never scored.

    Raises
    ------
    ValueError
        As in :func:`limb_distances`.

    Notes
    -----
    Strict: *both* ends are within half the limb's length of the ground truth. Loose: the *mean* of their distances is,
    so one end may be far off. The two are not comparable; strict PCP never exceeds loose PCP. In both, short limbs such
    as foreshortened forearms are the hardest. A third definition, in which the ends may be swapped, is not
    implemented because it accepts limbs that are upside down.

    References
    ----------
    .. [1] Ferrari, Marin-Jimenez and Zisserman, "Progressive search space reduction for human pose estimation",
       CVPR 2008.
    .. [2] Pishchulin, Jain, Andriluka, Thormaehlen and Schiele, "Articulated people detection and pose estimation:
       reshaping the future", CVPR 2012.
    """
    return pck_curve(limb_distances(predicted, truth, limbs, strict=strict, labelled=labelled), [threshold])[0]

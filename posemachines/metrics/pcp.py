"""Percentage of correct parts: limbs, not joints."""

from __future__ import annotations

import numpy as np

from .pck import pck_curve

__all__ = ["limb_distances", "pcp"]


def limb_distances(predicted, truth, limbs, *, strict: bool = True, visible=None) -> np.ndarray:
    """Distance of each predicted limb from the true one, in units of the true limb's length.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of one frame.
    limbs : sequence of L pairs of int
        The two ends of each limb.
    strict : bool, default=True
        The larger of the two ends' distances; otherwise (loose) their mean.
    visible : bool ndarray of shape (N, P), optional
        Joints that are labelled; all of them by default. A limb is scored where both of its ends are.

    Returns
    -------
    ndarray of shape (N, L)
        NaN where the limb is not scored or has no length. Every measure of distances takes it:
        :func:`pck_curve`, :func:`average`.

    Raises
    ------
    ValueError
        If shapes disagree, a limb is no pair of parts, or a scored coordinate is not finite.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, P, 2); got {predicted.shape} and {truth.shape}")
    n_parts = predicted.shape[1]
    ends = np.asarray(limbs)
    if ends.ndim != 2 or ends.shape[1] != 2 or ends.dtype.kind not in "iu":
        raise ValueError(f"limbs must be pairs of indices of parts, (L, 2); got {limbs!r}")
    if ends.min() < 0 or ends.max() >= n_parts:
        raise ValueError(f"joints has parts 0..{n_parts - 1}, but limbs names {ends.min()}..{ends.max()}")
    labelled = np.ones(predicted.shape[:2], bool) if visible is None else np.asarray(visible).astype(bool)
    if labelled.shape != predicted.shape[:2]:
        raise ValueError(f"visible must be {predicted.shape[:2]}; got {labelled.shape}")
    scored = labelled[:, ends[:, 0]] & labelled[:, ends[:, 1]]
    used = np.zeros_like(labelled)
    for limb, (first, second) in enumerate(ends):
        used[:, first] |= scored[:, limb]
        used[:, second] |= scored[:, limb]
    if not (np.isfinite(predicted[used]).all() and np.isfinite(truth[used]).all()):
        raise ValueError("a scored joint has a coordinate that is not finite; mark it as not visible")
    with np.errstate(invalid="ignore"):
        off = np.linalg.norm(predicted - truth, axis=-1)[:, ends]
        length = np.linalg.norm(truth[:, ends[:, 0]] - truth[:, ends[:, 1]], axis=-1)
    known = scored & (length > 0)
    distance = off.max(-1) if strict else off.mean(-1)
    return np.divide(distance, length, out=np.full(distance.shape, np.nan), where=known)


def pcp(predicted, truth, limbs, *, strict: bool = True, threshold: float = 0.5, visible=None) -> np.ndarray:
    """Percentage of correct parts, limb by limb.

    Parameters
    ----------
    predicted, truth, limbs, strict, visible
        As :func:`limb_distances` takes them.
    threshold : float, default=0.5
        Share of the true limb's length; inclusive.

    Returns
    -------
    ndarray of shape (L,)
        In [0, 100]; NaN for a limb that is never scored.

    Raises
    ------
    ValueError
        As :func:`limb_distances`.

    Notes
    -----
    Strict: *both* ends lie within half the limb's length of the truth. Loose: the *mean* of their distances does;
    one end may then be far off, and no figure of the one kind compares with the other. Strict never exceeds loose.
    Either way short limbs, such as foreshortened forearms, are the hard ones. A third reading, in which the ends
    may change places, is not offered: it forgives limbs upside down.

    References
    ----------
    .. [1] Ferrari, Marin-Jimenez and Zisserman, "Progressive search space reduction for human pose estimation",
       CVPR 2008.
    .. [2] Pishchulin, Jain, Andriluka, Thormaehlen and Schiele, "Articulated people detection and pose estimation:
       reshaping the future", CVPR 2012.
    """
    return pck_curve(limb_distances(predicted, truth, limbs, strict=strict, visible=visible), [threshold])[0]

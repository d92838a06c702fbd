"""Percentage of correct keypoints relative to the size of the head (PCKh)."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword
from .pck import pck

__all__ = ["HEAD_SHARE", "head_length", "pckh"]

HEAD_SHARE = 0.6
"""Length of the head, as a fraction of the diagonal of MPII's head box."""


def head_length(boxes, *, share: float = HEAD_SHARE) -> np.ndarray:
    """Length of each head: 0.6 of the diagonal of its box.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        Two opposite corners x1, y1, x2, y2 in pixels of the photo, as in MPII's annotations.
    share : float, default=0.6
        Fraction of the diagonal.

    Returns
    -------
    ndarray of shape (N,), float64
        In pixels; NaN where the box is not finite or is empty.

    Raises
    ------
    ValueError
        If the shape is wrong or `share` is not positive.

    Notes
    -----
    The factor is part of the definition; without it PCKh is many points higher. Note that `boxes` holds corners, not
    x, y, width, height.

    References
    ----------
    .. [1] Andriluka, Pishchulin, Gehler and Schiele, "2D human pose estimation: new benchmark and state of the art
       analysis", CVPR 2014.
    """
    boxes = np.asarray(boxes, float)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4): x1, y1, x2, y2; got shape {boxes.shape}")
    if not share > 0:
        raise ValueError(f"share must be positive; got {share}")
    length = share * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.where(np.isfinite(length) & (length > 0), length, np.nan)


@renamed_keyword(visible="labelled")
def pckh(predicted, truth, head, *, threshold: float = 0.5, labelled=None) -> np.ndarray:
    """Percentage of keypoints within a fraction of the head's length, part by part.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    head : ndarray of shape (N,)
        Length of each head (:func:`head_length`), in pixels of that frame; NaN excludes the subject.
    threshold : float, default=0.5
        Fraction of the head's length; inclusive.
    labelled : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (P,)
        In [0, 100]; NaN for a part that is never scored.

    Raises
    ------
    ValueError
        If shapes disagree or a length is not positive.

    Notes
    -----
    MPII's tables pool all labelled joints except the pelvis and the thorax. In MPII's files a joint at (0, 0) is not
    labelled and must not be scored.

    References
    ----------
    .. [1] Andriluka, Pishchulin, Gehler and Schiele, "2D human pose estimation: new benchmark and state of the art
       analysis", CVPR 2014.
    """
    return pck(predicted, truth, head, threshold=threshold, labelled=labelled)

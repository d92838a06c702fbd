"""Percentage of correct keypoints relative to the head."""

from __future__ import annotations

import numpy as np

from .pck import pck

__all__ = ["HEAD_SHARE", "head_length", "pckh"]

HEAD_SHARE = 0.6
"""Share of the diagonal of MPII's head box that counts as the length of the head."""


def head_length(boxes, *, share: float = HEAD_SHARE) -> np.ndarray:
    """Length of each head: 0.6 of the diagonal of its box.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        Two opposite corners x1, y1, x2, y2 in pixels of the photo, as in MPII's annotation.
    share : float, default=0.6
        Of the diagonal.

    Returns
    -------
    ndarray of shape (N,), float64
        In pixels; NaN where the box is not finite or has no extent.

    Raises
    ------
    ValueError
        If the shape is another or `share` is not positive.

    Notes
    -----
    The factor belongs to the definition: without it PCKh rises by many points. Corners, not x, y, width, height.

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


def pckh(predicted, truth, head, *, threshold: float = 0.5, visible=None) -> np.ndarray:
    """Percentage of correct keypoints within a share of the head's length, part by part.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of one frame.
    head : ndarray of shape (N,)
        :func:`head_length`, in pixels of that frame; NaN leaves the person out.
    threshold : float, default=0.5
        Inclusive.
    visible : bool ndarray of shape (N, P), optional
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
    MPII's tables pool all labelled joints but the pelvis and the thorax. In MPII's files a joint at (0, 0) is not
    labelled; scored as if it were, it costs or gives points that mean nothing.

    References
    ----------
    .. [1] Andriluka, Pishchulin, Gehler and Schiele, "2D human pose estimation: new benchmark and state of the art
       analysis", CVPR 2014.
    """
    return pck(predicted, truth, head, threshold=threshold, visible=visible)

"""Published rules for a person's centre and scale."""

from __future__ import annotations

import numpy as np

from ..crops import joints_frame
from ..skeleton import Skeleton

__all__ = ["CPM_CROP", "CPM_PERSON", "HOURGLASS_FILL", "check_frame", "lspet_cpm_frame"]

CPM_CROP = 368.0  # px, of the published crops
CPM_PERSON = 200 * 41 / 35  # px, height of a person of scale 1 in them
CPM_NECK_TO_HEAD = 41.0  # px, from neck to head top in them
CPM_MOST = 304.0  # px that the labelled joints take up at most
HOURGLASS_FILL = 1 / 1.25


def check_frame(frame: str, known: tuple[str, ...]) -> None:
    """ValueError for a rule that a data set does not have."""
    if frame not in known:
        raise ValueError(f"frame must be one of {', '.join(map(repr, known))}; got {frame!r}")


def lspet_cpm_frame(joints: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, scale and fill of people in LSPET as Convolutional Pose Machines were trained on them.

    The size of a person is the 75th percentile, over the labelled limbs, of the limb's length in units of the limb's
    usual length, which is its median ratio to the line from neck to head top. The labelled joints take up 304 of 368
    px at most.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
    skeleton : Skeleton
        With limbs, of which the one from "neck" to "head top" is the unit.

    Returns
    -------
    centre : ndarray of shape (N, 2)
    scale : ndarray of shape (N,)
        Length from neck to head top that the person's limbs speak for, in pixels; NaN without a labelled limb.
    fill : float
        Share of the crop that it takes up.
    """
    limbs = np.array(skeleton.limbs)
    both = (joints[:, limbs, 2] > 0).all(-1)
    ends = joints[:, limbs, :2].astype(float)
    lengths = np.where(both, np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1), np.nan)
    unit = next(
        index for index, limb in enumerate(skeleton.limbs) if {skeleton.parts[p] for p in limb} == {"neck", "head top"}
    )
    ratios = lengths / np.where(lengths[:, unit] > 0, lengths[:, unit], np.nan)[:, None]
    usual = np.array([_quantile(column, 0.5) for column in ratios.T])
    usual = np.where(usual > 0, usual, np.nan)
    size = np.array([_quantile(row, 0.75) for row in lengths / usual])
    centre, extent = joints_frame(joints)
    fill = CPM_NECK_TO_HEAD / CPM_CROP
    return centre, np.fmax(size, extent * (CPM_NECK_TO_HEAD / CPM_MOST)), fill


def _quantile(values: np.ndarray, share: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if len(known) else float("nan")

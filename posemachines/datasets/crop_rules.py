"""Published rules for a person's centre and size."""

from __future__ import annotations

import numpy as np

from ..geometry import joints_frame
from ..skeleton import Skeleton

__all__ = ["CPM_CROP", "CPM_PADDING", "HOURGLASS_PADDING", "lspet_cpm_frame"]

CPM_CROP = 368.0  # px, of the published crops
CPM_PADDING = CPM_CROP / (200 * 41 / 35)  # a person of scale 1 is 200 * 41 / 35 px high in them
CPM_NECK_TO_HEAD = 41.0  # px, from neck to head top in them
CPM_MOST = 304.0  # px that the labelled joints span at most
HOURGLASS_PADDING = 1.25


def lspet_cpm_frame(joints: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, size and padding by which Convolutional Pose Machines were trained on LSPET.

    A person's size is the 75th percentile, over the labelled limbs, of the limb's length in units of its usual length,
    which is its median ratio to the line from neck to head top. The labelled joints span at most 304 of 368 px.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
    skeleton : Skeleton
        With limbs, of which the one from "neck" to "head top" is the unit.

    Returns
    -------
    centre : ndarray of shape (N, 2)
    person_size : ndarray of shape (N,)
        Length from neck to head top, estimated from the person's limbs, in pixels; NaN without a labelled limb.
    padding : float
        Side of the crop divided by it.
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
    return centre, np.fmax(size, extent * (CPM_NECK_TO_HEAD / CPM_MOST)), CPM_CROP / CPM_NECK_TO_HEAD


def _quantile(values: np.ndarray, share: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share)) if len(known) else float("nan")

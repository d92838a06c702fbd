"""Accuracy of groups of subjects or joints: by visibility, rarity of the pose, and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._utils.checks import check_joints
from ..metrics.pck import within
from .uncertainty import interval, resampled_ratios

__all__ = ["accuracy_by", "body_size", "pose_rarity", "quartiles"]

QUARTILES = ("first quarter", "second quarter", "third quarter", "fourth quarter")
N_NEIGHBOURS = 5  # over which the rarity of a pose is averaged
_AT_ONCE = 256
_FEWEST = 3  # joints of a pose; any two pairs of joints are equal after centring and scaling


def accuracy_by(
    distances,
    groups,
    names: Sequence[str],
    thresholds: Sequence[float] = (0.1, 0.2),
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> list[dict]:
    """Pooled PCK of each group, with intervals.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        In units of the reference length; NaN where a joint is not scored.
    groups : int ndarray of shape (N,) or (N, P)
        Index into `names`, one per subject or per joint; negative for no group.
    names : sequence of str
    thresholds : sequence of float, default=(0.1, 0.2)
    n_resamples, random_state
        As in :func:`.resampled_ratios`; subjects are resampled across groups.

    Returns
    -------
    list of dict
        One entry per group: ``name``, ``n_people``, ``n_joints``, and the dicts ``pck`` and ``interval`` by threshold,
        whose values are None if the group has no scored joint.

    Raises
    ------
    ValueError
        If the shapes disagree or a group has no name.
    """
    distances, groups = np.asarray(distances, float), np.asarray(groups)
    if groups.shape not in (distances.shape, distances.shape[:1]):
        raise ValueError(f"groups must be {distances.shape[:1]} or {distances.shape}; got {groups.shape}")
    if groups.max(initial=-1) >= len(names):
        raise ValueError(f"groups go up to {groups.max()} but there are {len(names)} names")
    groups = np.broadcast_to(groups.reshape(len(distances), -1), distances.shape)
    members = (groups[..., None] == np.arange(len(names))) & np.isfinite(distances)[..., None]  # (N, P, G)
    correct = within(distances[..., None], np.asarray(thresholds, float))  # (N, P, T)
    hits = np.einsum("npg,npt->ngt", members.astype(np.int32), correct.astype(np.int32))
    counts = members.sum(1)
    drawn = resampled_ratios(hits, counts[..., None], n_resamples=n_resamples, random_state=random_state)
    low, high = interval(100 * drawn)
    found = []
    for group, name in enumerate(names):
        n_joints = int(counts[:, group].sum())
        entry: dict = {"name": name, "n_people": int((counts[:, group] > 0).sum()), "n_joints": n_joints}
        entry["pck"], entry["interval"] = {}, {}
        for index, threshold in enumerate(thresholds):
            value = 100 * hits[:, group, index].sum() / n_joints if n_joints else None
            ends = [round(float(end[group, index]), 2) for end in (low, high)]
            entry["pck"][threshold] = None if value is None else round(float(value), 2)
            entry["interval"][threshold] = None if value is None else ends
        found.append(entry)
    return found


def quartiles(values) -> tuple[np.ndarray, np.ndarray]:
    """Split subjects into quarters by a value.

    Parameters
    ----------
    values : ndarray of shape (N,)
        Non-finite for subjects that belong to no quarter.

    Returns
    -------
    groups : int ndarray of shape (N,)
        From 0 (smallest values) to 3 (largest), or -1 for none. Equal values share a quarter, so quarters differ in
        size where there are many ties.
    edges : ndarray of shape (5,)
        Minimum, the three quartiles, maximum; NaN if no value is finite.
    """
    values = np.asarray(values, float)
    known = np.isfinite(values)
    groups = np.full(len(values), -1)
    if not known.any():
        return groups, np.full(5, np.nan)
    edges = np.quantile(values[known], [0, 0.25, 0.5, 0.75, 1])
    groups[known] = np.searchsorted(edges[1:4], values[known], side="left")
    return groups, edges


def body_size(joints) -> np.ndarray:
    """Longer side of the bounding box of each subject's labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        True x, y, labelled.

    Returns
    -------
    ndarray of shape (N,)
        In the unit of the joints; NaN for subjects with fewer than two labelled joints.
    """
    joints = np.asarray(joints, float)
    labelled = joints[..., 2] > 0
    low = np.where(labelled[..., None], joints[..., :2], np.inf).min(1)
    high = np.where(labelled[..., None], joints[..., :2], -np.inf).max(1)
    known = labelled.sum(1) > 1
    return np.where(known[:, None], np.where(known[:, None], high, 0) - np.where(known[:, None], low, 0), np.nan).max(1)


def pose_rarity(joints, training, *, n_neighbours: int = N_NEIGHBOURS) -> np.ndarray:
    """How far each pose is from the training poses, regardless of place and size.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        True x, y, labelled of the subjects to rate.
    training : ndarray of shape (M, P, 3)
        Of the training subjects, which must not overlap with `joints`. Include mirrored ones if training did.
    n_neighbours : int, default=5
        Number of nearest training poses to average over.

    Returns
    -------
    ndarray of shape (N,)
        Mean distance to the nearest training poses, in [0, 2]; NaN for subjects that have fewer than three labelled
        joints, or share three with fewer than `n_neighbours` training poses.

    Raises
    ------
    ValueError
        If the numbers of parts differ, or there are fewer training poses than `n_neighbours`.

    Notes
    -----
    Two poses are compared over the joints that both have: each pose is centred on the mean of these joints and scaled
    to unit norm; the distance is the Euclidean distance of the two vectors. Rotation is not removed, so an upside-down
    subject is rare. Poses that share fewer than three joints, or whose joints coincide, are not compared.
    """
    joints = check_joints(joints)
    training = check_joints(training, n_parts=joints.shape[1])
    if not 1 <= n_neighbours <= len(training):
        raise ValueError(f"n_neighbours must be between 1 and the {len(training)} training poses; got {n_neighbours}")
    theirs = _centred(training)
    rarity = np.empty(len(joints))
    for start in range(0, len(joints), _AT_ONCE):
        apart = _distances_of_poses(_centred(joints[start : start + _AT_ONCE]), theirs)
        nearest = np.partition(apart, n_neighbours - 1, axis=1)[:, :n_neighbours]
        rarity[start : start + _AT_ONCE] = nearest.mean(1)
    return np.where(np.isfinite(rarity), rarity, np.nan)


def _centred(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N, P) as 0 or 1, and centred places (2, N, P), which are 0 where a joint is not labelled."""
    labelled = joints[..., 2].astype(float)
    places = np.moveaxis(joints[..., :2].astype(float), -1, 0)
    mean = (places * labelled).sum(-1, keepdims=True) / np.maximum(labelled.sum(-1), 1)[..., None]
    return labelled, (places - mean) * labelled


def _distances_of_poses(ours: tuple, theirs: tuple) -> np.ndarray:
    """Distances (N, M) of all pairs of poses; infinite where two cannot be compared."""
    (a, x), (b, y) = ours, theirs
    shared = a @ b.T
    n = np.maximum(shared, 1)
    mean_x, mean_y = x @ b.T / n, a @ np.swapaxes(y, 1, 2) / n  # (2, N, M)
    var_x = (x**2).sum(0) @ b.T - n * (mean_x**2).sum(0)
    var_y = a @ (y**2).sum(0).T - n * (mean_y**2).sum(0)
    together = (x @ np.swapaxes(y, 1, 2)).sum(0) - n * (mean_x * mean_y).sum(0)
    usable = (shared >= _FEWEST) & (var_x > 1e-9) & (var_y > 1e-9)
    likeness = np.divide(together, np.sqrt(np.where(usable, var_x * var_y, 1)))
    return np.where(usable, np.sqrt(np.maximum(2 - 2 * likeness, 0)), np.inf)

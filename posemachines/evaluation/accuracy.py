"""Accuracy stage by stage, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._utils.checks import check_joints
from .._utils.formatting import text_table
from ..geometry import to_photo
from ..metrics import normalised_distances, pck_curve, pooled_pck, reference_length
from ..metrics.pck import within
from ..skeleton import Skeleton
from .failures import calibration, error_shares, error_types
from .groups import N_NEIGHBOURS, QUARTILES, accuracy_by, body_size, pose_rarity, quartiles
from .uncertainty import interval, resampled_ratios

__all__ = ["QUOTED", "THRESHOLDS", "Evaluation", "StageAccuracy", "describe_reference", "evaluate_stages"]

THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(26))
"""Thresholds of the curves, as fractions of the reference length: 0, 0.02, ..., 0.5."""
QUOTED = (0.1, 0.2)
"""Thresholds that are reported part by part and group by group."""
VISIBILITY = ("visible", "occluded")
_FAILS_AT = 0.2  # threshold of error types and calibration
_JITTER = 0.5


@dataclass
class StageAccuracy:
    """Accuracy after one stage, in percent, with 95 % bootstrap intervals over subjects.

    Attributes
    ----------
    stage : int
        Counted from 1.
    pck : dict of float to float
        By threshold (0.1 and 0.2), pooled over all scored joints, in [0, 100].
    interval : dict of float to (float, float)
        (low, high) of each entry of `pck`.
    parts : dict of float to list
        By threshold, the PCK of each part in the skeleton's order; None for a part that is never scored.
    curve : list of float
        Pooled PCK at :data:`THRESHOLDS`.
    part_intervals : dict of float to list
        By threshold, [low, high] of each part, or None.
    curve_interval : dict
        ``low`` and ``high``, lists like `curve`.
    part_curves : list
        PCK of each part at :data:`THRESHOLDS`, or None.
    part_curve_intervals : list
        ``low`` and ``high`` of each part's curve, or None.
    errors : dict
        From :func:`.error_shares`, with the ``threshold`` and ``jitter`` of :func:`.error_types`.
    by_visibility : list of dict or None
        From :func:`.accuracy_by`, for "visible" and "occluded" joints; None where the data do not say.
    by_rarity, by_scale : dict or None
        Accuracy by quarter of the subjects, ordered by rarity of the pose and by size in the photo: ``quantity`` (a
        description), ``edges`` (minimum, quartiles, maximum) and ``groups`` from :func:`.accuracy_by`. None where
        the quantity is unknown.
    calibration : dict or None
        From :func:`.calibration`; None for a machine without scores.
    """

    stage: int
    pck: dict[float, float]
    interval: dict[float, tuple[float, ...]]
    parts: dict[float, list[float | None]]
    curve: list[float]
    part_intervals: dict[float, list[list[float] | None]] = field(default_factory=dict)
    curve_interval: dict[str, list[float]] = field(default_factory=dict)
    part_curves: list[list[float] | None] = field(default_factory=list)
    part_curve_intervals: list[dict[str, list[float]] | None] = field(default_factory=list)
    errors: dict = field(default_factory=dict)
    by_visibility: list[dict] | None = None
    by_rarity: dict | None = None
    by_scale: dict | None = None
    calibration: dict | None = None


@dataclass
class Evaluation:
    """Accuracy of one machine on one data set, stage by stage.

    :func:`posemachines.report.schema.evaluation_to_json` prepares it for a JSON file.

    Attributes
    ----------
    n_people, n_joints : int
        Number of scored subjects and joints.
    reference : str
        The reference length, in words.
    stages : list of StageAccuracy
    distances : list of ndarray of shape (N, P)
        One array per stage, in units of the reference length; NaN where a joint is not scored.
    """

    n_people: int
    n_joints: int
    reference: str
    stages: list[StageAccuracy] = field(default_factory=list)
    distances: list[np.ndarray] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        lines = [f"{self.n_people} subjects, {self.n_joints} joints; reference length: {self.reference}"]
        rows = [("stage", *(column for threshold in QUOTED for column in (f"PCK@{threshold}", "95 % interval")))]
        for stage in self.stages:
            columns = [
                column
                for threshold in QUOTED
                for column in (f"{stage.pck[threshold]:.1f}", "[{:.1f}, {:.1f}]".format(*stage.interval[threshold]))
            ]
            rows.append((str(stage.stage), *columns))
        return "\n".join(lines + text_table(rows))


def evaluate_stages(
    staged,
    y,
    skeleton: Skeleton,
    *,
    transforms=None,
    scores=None,
    others=None,
    occluded=None,
    training=None,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Evaluation:
    """Accuracy of joints that have already been predicted.

    Parameters
    ----------
    staged : iterable of ndarray of shape (N, P, 2)
        Predicted joints after each stage, in pixels of the crop.
    y : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    skeleton : Skeleton
    transforms : ndarray of shape (N, 2, 3), optional
        From photo to crop. Distances are then measured in the photo, and accuracy is grouped by size there.
    scores : sequence of ndarray of shape (N, P), optional
        Belief at each joint of `staged`, for the calibration.
    others : ndarray of shape (N, K, P, 3), optional
        Joints of the other subjects in each photo, in pixels of the crop, for the error type *other person*.
    occluded : bool ndarray of shape (N, P), optional
        Labelled joints that are hidden, where the data say so.
    training : ndarray of shape (M, P, 3), optional
        Joints of the training subjects, in any frame, for the rarity of poses.
    n_resamples : int, default=1000
        Bootstrap resamples over subjects.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the arrays are invalid or no subject can be scored.
    """
    y = check_joints(y, n_parts=skeleton.n_parts)
    truth = y if transforms is None else np.concatenate([to_photo(y[..., :2], transforms), y[..., 2:]], -1)
    scale = reference_length(truth, skeleton)
    scored = (y[..., 2] > 0) & np.isfinite(scale)[:, None]
    if not scored.any():
        raise ValueError("no subject can be scored: none has the reference length and a labelled joint")
    drawn = {"n_resamples": n_resamples, "random_state": random_state}
    groups = {
        "by_visibility": _visibility(occluded, scored),
        "by_rarity": None if training is None else _rarity(y, training),
        "by_scale": None if transforms is None else ("size in the photo, px", body_size(truth)),
    }
    if others is not None and transforms is not None:
        others = _in_photo(others, transforms)
    evaluation = Evaluation(int(scored.any(1).sum()), int(scored.sum()), describe_reference(skeleton))
    for number, joints in enumerate(staged, 1):
        predicted = joints if transforms is None else to_photo(joints, transforms)
        distances = normalised_distances(predicted, truth[..., :2], scale, labelled=y[..., 2] > 0)
        accuracy = _stage_accuracy(number, distances, drawn)
        codes = error_types(predicted, truth, scale, skeleton, others=others, threshold=_FAILS_AT, jitter=_JITTER)
        accuracy.errors = {"threshold": _FAILS_AT, "jitter": _JITTER} | error_shares(codes, **drawn)
        if scores is not None:
            accuracy.calibration = calibration(scores[number - 1], distances, threshold=_FAILS_AT, **drawn)
        _group(accuracy, distances, groups, drawn)
        evaluation.stages.append(accuracy)
        evaluation.distances.append(distances)
    return evaluation


def _visibility(occluded, scored: np.ndarray) -> np.ndarray | None:
    if occluded is None:
        return None
    occluded = np.asarray(occluded)
    if occluded.shape != scored.shape:
        raise ValueError(f"occluded must be {scored.shape}, one value per joint; got {occluded.shape}")
    return occluded.astype(bool).astype(int)


def _rarity(y: np.ndarray, training) -> tuple[str, np.ndarray]:
    n_neighbours = min(N_NEIGHBOURS, len(training))
    return f"distance to the {n_neighbours} nearest training poses", pose_rarity(y, training, n_neighbours=n_neighbours)


def _in_photo(others, transforms) -> np.ndarray:
    """Joints (N, K, P, 3) of the other subjects, from the crop to the photo."""
    others = np.array(others, float)
    flat = to_photo(others[..., :2].reshape(len(others), -1, 2), transforms)
    others[..., :2] = np.asarray(flat).reshape(others[..., :2].shape)
    return others


def _group(accuracy: StageAccuracy, distances: np.ndarray, groups: dict, drawn: dict) -> None:
    """Fill in the accuracy by visibility, rarity and size."""
    if groups["by_visibility"] is not None:
        accuracy.by_visibility = accuracy_by(distances, groups["by_visibility"], VISIBILITY, QUOTED, **drawn)
    for name in ("by_rarity", "by_scale"):
        if groups[name] is not None:
            quantity, values = groups[name]
            quarters, edges = quartiles(np.where(np.isfinite(distances).any(1), values, np.nan))
            by_quarter = accuracy_by(distances, quarters, QUARTILES, QUOTED, **drawn)
            known = [round(float(edge), 4) if np.isfinite(edge) else None for edge in edges]
            setattr(accuracy, name, {"quantity": quantity, "edges": known, "groups": by_quarter})


def describe_reference(skeleton: Skeleton) -> str:
    """The reference length of PCK, in words."""
    if skeleton.reference is None:
        return "longer side of the bounding box of the labelled joints"
    first, second = (skeleton.parts[part] for part in skeleton.reference)
    return f"{first} to {second}"


def _stage_accuracy(number: int, distances: np.ndarray, drawn: dict) -> StageAccuracy:
    limits = np.array([*QUOTED, *THRESHOLDS])
    n_quoted = len(QUOTED)
    correct = within(distances[..., None], limits)  # (N, P, T)
    known = np.isfinite(distances)[..., None]
    pooled = interval(100 * resampled_ratios(correct.sum(1), known.sum(1), **drawn))
    low, high = interval(100 * resampled_ratios(correct, known, **drawn))  # (P, T)
    by_part = pck_curve(distances, limits)  # (T, P)
    some = known.any(0)[:, 0]
    ends = np.round(np.stack([low, high], -1), 2)
    return StageAccuracy(
        stage=number,
        pck={t: round(pooled_pck(distances, t), 3) for t in QUOTED},
        interval={t: tuple(round(float(end[i]), 3) for end in pooled) for i, t in enumerate(QUOTED)},
        parts={
            t: [round(float(value), 3) if np.isfinite(value) else None for value in by_part[i]]
            for i, t in enumerate(QUOTED)
        },
        curve=[round(pooled_pck(distances, t), 3) for t in THRESHOLDS],
        part_intervals={
            t: [pair.tolist() if there else None for pair, there in zip(ends[:, i], some, strict=True)]
            for i, t in enumerate(QUOTED)
        },
        curve_interval=_band(*(end[n_quoted:] for end in pooled)),
        part_curves=[
            np.round(curve, 2).tolist() if there else None
            for curve, there in zip(by_part[n_quoted:].T, some, strict=True)
        ],
        part_curve_intervals=[
            _band(one[n_quoted:], other[n_quoted:]) if there else None
            for one, other, there in zip(low, high, some, strict=True)
        ],
    )


def _band(low: np.ndarray, high: np.ndarray) -> dict[str, list[float]]:
    return {"low": np.round(low, 2).tolist(), "high": np.round(high, 2).tolist()}

"""Machines on a data set: accuracy stage by stage, with intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from .._checks import check_images, check_joints
from ..crops import to_photo
from ..metrics import normalised_distances, pck_curve, pooled_pck, reference_length
from ..metrics.pck import within
from ..skeleton import Skeleton
from .failures import calibration, error_shares, error_types
from .groups import N_NEIGHBOURS, QUARTILES, accuracy_by, body_size, pose_rarity, quartiles
from .uncertainty import interval, resampled_ratios

__all__ = [
    "THRESHOLDS",
    "Evaluation",
    "StageAccuracy",
    "describe_reference",
    "evaluate_machine",
    "evaluate_stages",
]

THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(26))  # of the reference length, 0 .. 0.5
"""Where curves are computed."""
VISIBILITY = ("visible", "occluded")
_QUOTED = (0.1, 0.2)
_FAILS_AT = 0.2  # threshold of error types and calibration
_JITTER = 0.5


@dataclass
class StageAccuracy:
    """Accuracy after one stage; percentages, and the ends of 95 % bootstrap intervals over people.

    Attributes
    ----------
    stage : int
        Counted from 1.
    pck : dict
        {"0.1": ..., "0.2": ...}: pooled over all scored joints, in [0, 100].
    interval : dict
        For the same thresholds, (low, high).
    parts : dict
        For the same thresholds, one value a part, in the order of the skeleton; None where a part is never scored.
    curve : list of float
        Pooled PCK at :data:`THRESHOLDS`.
    part_intervals : dict
        For the same thresholds as `pck`, [low, high] a part, or None.
    curve_interval : dict
        {"low": ..., "high": ...}: lists as `curve`.
    part_curves : list
        PCK of each part at :data:`THRESHOLDS`, or None.
    part_curve_intervals : list
        {"low": ..., "high": ...} of each part, or None.
    errors : dict
        As :func:`.error_shares` gives it, with ``threshold`` and ``jitter`` of :func:`.error_types`.
    by_visibility : list of dict or None
        As :func:`.accuracy_by` gives it, of "visible" and "occluded" joints; None where the data do not tell.
    by_rarity, by_scale : dict or None
        ``quantity`` in words, ``edges`` (smallest, quartiles, largest) and ``groups``, as :func:`.accuracy_by` gives
        them, of the quarters of the people by rarity of the pose and by size in the photo; None where it is not known.
    calibration : dict or None
        As :func:`.calibration` gives it; None for a machine without scores.
    """

    stage: int
    pck: dict[str, float]
    interval: dict[str, tuple[float, ...]]
    parts: dict[str, list[float | None]]
    curve: list[float]
    part_intervals: dict[str, list[list[float] | None]] = field(default_factory=dict)
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

    Attributes
    ----------
    n_people, n_joints : int
        How many were scored.
    reference : str
        What distances are divided by.
    stages : list of StageAccuracy
    distances : list of ndarray of shape (N, P)
        After each stage, in units of the reference length; NaN where a joint is not scored.
    """

    n_people: int
    n_joints: int
    reference: str
    stages: list[StageAccuracy] = field(default_factory=list)
    distances: list[np.ndarray] = field(default_factory=list, repr=False)

    def to_dict(self) -> dict:
        """Plain lists, numbers and text, ready for JSON; without the distances.

        Returns
        -------
        dict
            ``n_people``, ``n_joints``, ``reference`` and ``stages``, a list of dict whose keys are the attributes of
            :class:`StageAccuracy`: ``stage``, ``pck``, ``interval``, ``parts``, ``part_intervals``, ``curve``,
            ``curve_interval``, ``part_curves``, ``part_curve_intervals``, ``errors``, ``by_visibility``, ``by_rarity``,
            ``by_scale`` and ``calibration``.
        """
        return {name: value for name, value in asdict(self).items() if name != "distances"}


def evaluate_machine(
    machine, X, y, *, transforms=None, others=None, occluded=None, training=None, n_resamples: int = 1000
) -> Evaluation:
    """Accuracy of a fitted machine after each of its stages.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted; anything with ``skeleton_`` and ``staged_predict_scores``, or ``staged_predict``, which leaves out the
        calibration.
    X : uint8 ndarray of shape (N, H, W, 3)
    y : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and visible.
    transforms : ndarray of shape (N, 2, 3), optional
        From the photo to the crop: distances are then measured in the photo, and people grouped by their size there.
    others : ndarray of shape (N, K, P, 3), optional
        Joints of further people, in pixels of the crop, for the error type *other person*.
    occluded : bool ndarray of shape (N, P), optional
        Labelled joints that something hides, where the data say so.
    training : ndarray of shape (M, P, 3), optional
        Joints of the people who were trained on, in any frame, for the rarity of poses.
    n_resamples : int, default=1000
        Of the bootstrap over people.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the arrays are malformed or nobody can be scored.
    """
    X = check_images(X)
    if hasattr(machine, "staged_predict_scores"):
        staged, scores = zip(*machine.staged_predict_scores(X), strict=True)
    else:
        staged, scores = machine.staged_predict(X), None
    return evaluate_stages(
        staged, y, machine.skeleton_, transforms=transforms, scores=scores, others=others, occluded=occluded,
        training=training, n_resamples=n_resamples,
    )  # fmt: skip


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
) -> Evaluation:
    """Accuracy of joints that are at hand; see :func:`evaluate_machine`.

    Parameters
    ----------
    staged : iterable of ndarray of shape (N, P, 2)
        Predicted joints after stage 1, 2, ..., in pixels of the crop.
    y, transforms, others, occluded, training, n_resamples
        As in :func:`evaluate_machine`.
    skeleton : Skeleton
    scores : sequence of ndarray of shape (N, P), optional
        Belief at each joint of `staged`, for the calibration.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        As in :func:`evaluate_machine`.
    """
    y = check_joints(y, n_parts=skeleton.n_parts)
    truth = y if transforms is None else np.concatenate([to_photo(y[..., :2], transforms), y[..., 2:]], -1)
    scale = reference_length(truth, skeleton)
    scored = (y[..., 2] > 0) & np.isfinite(scale)[:, None]
    if not scored.any():
        raise ValueError("nobody can be scored: no person has the reference length and a labelled joint")
    people = {
        "by_visibility": _visibility(occluded, scored),
        "by_rarity": None if training is None else _rarity(y, training),
        "by_scale": None if transforms is None else ("size in the photo, px", body_size(truth)),
    }
    if others is not None and transforms is not None:
        others = _in_photo(others, transforms)
    evaluation = Evaluation(int(scored.any(1).sum()), int(scored.sum()), describe_reference(skeleton))
    for number, joints in enumerate(staged, 1):
        predicted = joints if transforms is None else to_photo(joints, transforms)
        distances = normalised_distances(predicted, truth[..., :2], scale, visible=y[..., 2] > 0)
        accuracy = _stage_accuracy(number, distances, n_resamples)
        codes = error_types(predicted, truth, scale, skeleton, others=others, threshold=_FAILS_AT, jitter=_JITTER)
        limits = {"threshold": _FAILS_AT, "jitter": _JITTER}
        accuracy.errors = limits | error_shares(codes, n_resamples=n_resamples)
        if scores is not None:
            accuracy.calibration = calibration(
                scores[number - 1], distances, threshold=_FAILS_AT, n_resamples=n_resamples
            )
        _group(accuracy, distances, people, n_resamples)
        evaluation.stages.append(accuracy)
        evaluation.distances.append(distances)
    return evaluation


def _visibility(occluded, scored: np.ndarray) -> np.ndarray | None:
    if occluded is None:
        return None
    occluded = np.asarray(occluded)
    if occluded.shape != scored.shape:
        raise ValueError(f"occluded must be {scored.shape}, one a joint; got {occluded.shape}")
    return occluded.astype(bool).astype(int)


def _rarity(y: np.ndarray, training) -> tuple[str, np.ndarray]:
    n_neighbours = min(N_NEIGHBOURS, len(training))
    return f"distance to the {n_neighbours} nearest training poses", pose_rarity(y, training, n_neighbours=n_neighbours)


def _in_photo(others, transforms) -> np.ndarray:
    """Joints (N, K, P, 3) of further people, from the crop to the photo."""
    others = np.array(others, float)
    flat = to_photo(others[..., :2].reshape(len(others), -1, 2), transforms)
    others[..., :2] = np.asarray(flat).reshape(others[..., :2].shape)
    return others


def _group(accuracy: StageAccuracy, distances: np.ndarray, people: dict, n_resamples: int) -> None:
    """Fill in the accuracy of groups."""
    if people["by_visibility"] is not None:
        accuracy.by_visibility = accuracy_by(
            distances, people["by_visibility"], VISIBILITY, _QUOTED, n_resamples=n_resamples
        )
    for name in ("by_rarity", "by_scale"):
        if people[name] is not None:
            quantity, values = people[name]
            groups, edges = quartiles(np.where(np.isfinite(distances).any(1), values, np.nan))
            by_quarter = accuracy_by(distances, groups, QUARTILES, _QUOTED, n_resamples=n_resamples)
            known = [round(float(edge), 4) if np.isfinite(edge) else None for edge in edges]
            setattr(accuracy, name, {"quantity": quantity, "edges": known, "groups": by_quarter})


def describe_reference(skeleton: Skeleton) -> str:
    """The reference length of PCK in words."""
    if skeleton.reference is None:
        return "longer side of the box of the labelled joints"
    first, second = (skeleton.parts[part] for part in skeleton.reference)
    return f"{first} to {second}"


def _stage_accuracy(number: int, distances: np.ndarray, n_resamples: int) -> StageAccuracy:
    limits = np.array([*_QUOTED, *THRESHOLDS])
    n_quoted = len(_QUOTED)
    correct = within(distances[..., None], limits)  # (N, P, T)
    known = np.isfinite(distances)[..., None]
    pooled = interval(100 * resampled_ratios(correct.sum(1), known.sum(1), n_resamples=n_resamples))
    low, high = interval(100 * resampled_ratios(correct, known, n_resamples=n_resamples))  # (P, T)
    by_part = pck_curve(distances, limits)  # (T, P)
    some = known.any(0)[:, 0]
    ends = np.round(np.stack([low, high], -1), 2)
    return StageAccuracy(
        stage=number,
        pck={str(t): round(pooled_pck(distances, t), 3) for t in _QUOTED},
        interval={str(t): tuple(round(float(end[i]), 3) for end in pooled) for i, t in enumerate(_QUOTED)},
        parts={
            str(t): [round(float(value), 3) if np.isfinite(value) else None for value in by_part[i]]
            for i, t in enumerate(_QUOTED)
        },
        curve=[round(pooled_pck(distances, t), 3) for t in THRESHOLDS],
        part_intervals={
            str(t): [pair.tolist() if there else None for pair, there in zip(ends[:, i], some, strict=True)]
            for i, t in enumerate(_QUOTED)
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

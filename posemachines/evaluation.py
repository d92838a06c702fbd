"""Machines on a data set: accuracy stage by stage, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from ._checks import check_images, check_joints
from .crops import to_photo
from .metrics import normalised_distances, pck_curve, pooled_pck, reference_length
from .skeleton import Skeleton

__all__ = [
    "Evaluation",
    "StageAccuracy",
    "bootstrap_difference",
    "bootstrap_interval",
    "describe_reference",
    "evaluate",
    "evaluate_predictions",
]

THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(26))  # of the reference length, 0 .. 0.5
_QUOTED = (0.1, 0.2)


@dataclass
class StageAccuracy:
    """Accuracy after one stage.

    Attributes
    ----------
    stage : int
        Counted from 1.
    pck : dict
        {"0.1": ..., "0.2": ...}: pooled over all scored joints, in [0, 100].
    interval : dict
        For the same thresholds, the ends of the 95 % bootstrap interval over people.
    parts : dict
        For the same thresholds, one value a part, in the order of the skeleton; None where a part is never scored.
    curve : list of float
        Pooled PCK at :data:`THRESHOLDS`.
    """

    stage: int
    pck: dict[str, float]
    interval: dict[str, tuple[float, ...]]
    parts: dict[str, list[float | None]]
    curve: list[float]


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
        """Plain lists, numbers and text, ready for JSON; without the distances."""
        return {name: value for name, value in asdict(self).items() if name != "distances"}


def bootstrap_interval(
    distances, threshold: float, *, n_resamples: int = 1000, level: float = 0.95, random_state: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the pooled PCK, drawing people and not joints.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        In units of the reference length; NaN where a joint is not scored.
    threshold : float
    n_resamples : int, default=1000
    level : float, default=0.95
    random_state : int, default=0

    Returns
    -------
    (low, high) : float
        In [0, 100]; NaN when no joint is scored.

    References
    ----------
    .. [1] Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    scored, (correct,) = _count([distances], threshold)
    if not len(scored):
        return float("nan"), float("nan")
    drawn = _draw_people(len(scored), n_resamples, random_state)
    return _ends(100.0 * (drawn @ correct) / (drawn @ scored), level)


def bootstrap_difference(
    distances, other, threshold: float, *, n_resamples: int = 1000, level: float = 0.95, random_state: int = 0
) -> dict:
    """Difference of two machines' pooled PCK on the same people, with its paired bootstrap interval.

    Parameters
    ----------
    distances, other : ndarray of shape (N, P)
        Of the two machines, as in :func:`bootstrap_interval`; NaN at the same places.
    threshold, n_resamples, level, random_state
        As in :func:`bootstrap_interval`.

    Returns
    -------
    dict
        ``difference`` (points of the first over the other) and ``interval`` (low, high); an interval that holds 0
        says that the difference may be chance.

    Raises
    ------
    ValueError
        If the two were not scored on the same joints.
    """
    if np.shape(distances) != np.shape(other) or (np.isfinite(distances) != np.isfinite(other)).any():
        raise ValueError("the two machines were not scored on the same joints; evaluate both on the same people")
    scored, (first, second) = _count([distances, other], threshold)
    if not len(scored):
        return {"difference": float("nan"), "interval": (float("nan"), float("nan"))}
    drawn = _draw_people(len(scored), n_resamples, random_state)
    low, high = _ends(100.0 * (drawn @ (first - second)) / (drawn @ scored), level)
    return {
        "difference": round(100.0 * float((first - second).sum() / scored.sum()), 3),
        "interval": (round(low, 3), round(high, 3)),
    }


def _count(machines: Sequence, threshold: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """For each person who is scored: the number of scored joints, and of correct ones by machine."""
    scored = np.isfinite(machines[0]).sum(1)
    return scored[scored > 0], [(np.asarray(one) <= threshold).sum(1)[scored > 0] for one in machines]


def _draw_people(n_people: int, n_resamples: int, random_state: int) -> np.ndarray:
    """How often each person stands in each resample, (n_resamples, n_people)."""
    rng = np.random.default_rng(random_state)
    return rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=n_resamples)


def _ends(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def evaluate(machine, X, y, *, transforms=None, n_resamples: int = 1000) -> Evaluation:
    """Accuracy of a fitted machine after each of its stages.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted; anything with ``staged_predict`` and ``skeleton_``.
    X : uint8 ndarray of shape (N, H, W, 3)
    y : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and visible.
    transforms : ndarray of shape (N, 2, 3), optional
        From the photo to the crop: distances are then measured in the photo.
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
    return evaluate_predictions(
        machine.staged_predict(X), y, machine.skeleton_, transforms=transforms, n_resamples=n_resamples
    )


def evaluate_predictions(staged, y, skeleton: Skeleton, *, transforms=None, n_resamples: int = 1000) -> Evaluation:
    """Accuracy of joints that are at hand; see :func:`evaluate`.

    Parameters
    ----------
    staged : iterable of ndarray of shape (N, P, 2)
        Predicted joints after stage 1, 2, ..., in pixels of the crop.
    y, transforms, n_resamples
        As in :func:`evaluate`.
    skeleton : Skeleton

    Returns
    -------
    Evaluation
    """
    y = check_joints(y, n_parts=skeleton.n_parts)
    truth = y[..., :2] if transforms is None else to_photo(y[..., :2], transforms)
    visible = y[..., 2] > 0
    scale = reference_length(np.concatenate([truth, y[..., 2:]], -1), skeleton)
    scored = visible & np.isfinite(scale)[:, None]
    if not scored.any():
        raise ValueError("nobody can be scored: no person has the reference length and a labelled joint")
    evaluation = Evaluation(int(scored.any(1).sum()), int(scored.sum()), describe_reference(skeleton))
    for number, joints in enumerate(staged, 1):
        predicted = joints if transforms is None else to_photo(joints, transforms)
        distances = normalised_distances(predicted, truth, scale, visible=visible)
        evaluation.stages.append(_stage_accuracy(number, distances, n_resamples))
        evaluation.distances.append(distances)
    return evaluation


def describe_reference(skeleton: Skeleton) -> str:
    """The reference length of PCK in words."""
    if skeleton.reference is None:
        return "longer side of the box of the labelled joints"
    first, second = (skeleton.parts[part] for part in skeleton.reference)
    return f"{first} to {second}"


def _stage_accuracy(number: int, distances: np.ndarray, n_resamples: int) -> StageAccuracy:
    by_part = pck_curve(distances, _QUOTED)
    return StageAccuracy(
        stage=number,
        pck={str(t): round(pooled_pck(distances, t), 3) for t in _QUOTED},
        interval={
            str(t): tuple(round(end, 3) for end in bootstrap_interval(distances, t, n_resamples=n_resamples))
            for t in _QUOTED
        },
        parts={
            str(t): [round(float(value), 3) if np.isfinite(value) else None for value in values]
            for t, values in zip(_QUOTED, by_part, strict=True)
        },
        curve=[round(pooled_pck(distances, t), 3) for t in THRESHOLDS],
    )

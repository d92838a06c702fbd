"""Predictions of any model, scored as a published table scores them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._utils.formatting import UNKNOWN, text_table
from ..metrics import AREA_RANGES, Detections, LabelledPeople, area_under_curve, match, oks_ap, within
from .ground_truth import GroundTruth
from .protocols import Protocol, get_protocol
from .uncertainty import interval, resampled_ratios

__all__ = ["Estimate", "PredictionScores", "evaluate_predictions"]


@dataclass(frozen=True)
class Estimate:
    """A score in percent with its 95 % bootstrap interval over subjects; None where it cannot be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return "  ".join(self.cells).rstrip()

    @property
    def cells(self) -> tuple[str, str]:
        """Value and interval as text."""
        if self.value is None:
            return UNKNOWN, ""
        return (
            f"{self.value:.2f}",
            "" if self.low is None or self.high is None else f"[{self.low:.2f}, {self.high:.2f}]",
        )


@dataclass(frozen=True)
class PredictionScores:
    """Scores of predictions under one protocol; :func:`posemachines.report.schema.scores_to_json` makes them JSON.

    Attributes
    ----------
    protocol : Protocol
    score : Estimate
        The protocol's headline score.
    parts : dict of str to Estimate
        Score of each part at the protocol's threshold; empty for OKS-AP.
    at : dict of float to Estimate
        Score at the protocol's other thresholds.
    thresholds : tuple of float
    curve : tuple of Estimate
        Score at each of `thresholds`.
    auc : Estimate
        Area under the curve, divided by its range of thresholds.
    other : dict of str to Estimate
        Other scores of the metric: recall and size ranges of OKS-AP.
    n_people, n_joints : int
        Number of scored subjects and joints.
    n_resamples : int
        Bootstrap resamples behind the intervals.
    notes : tuple of str
        What was changed, matched or left out before scoring.
    """

    protocol: Protocol
    score: Estimate
    parts: dict[str, Estimate]
    at: dict[float, Estimate]
    thresholds: tuple[float, ...]
    curve: tuple[Estimate, ...]
    auc: Estimate
    n_people: int
    n_joints: int
    n_resamples: int
    other: dict[str, Estimate] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [(self.protocol.description, self.score)]
        rows += [(f"at {threshold:g}", estimate) for threshold, estimate in self.at.items()]
        rows += (
            [(f"AUC {self.thresholds[0]:g}..{self.thresholds[-1]:g}", self.auc)] if self.auc.value is not None else []
        )
        rows += [*self.other.items(), *self.parts.items()]
        lines = text_table([(name, *estimate.cells) for name, estimate in rows])
        lines += [f"{self.n_people} subjects, {self.n_joints} joints; [ ]: 95 % bootstrap interval over subjects"]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def evaluate_predictions(
    predictions,
    truth,
    protocol: str | Protocol,
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> PredictionScores:
    """Score predictions under a named protocol; see :func:`posemachines.evaluation.evaluate`.

    Parameters
    ----------
    predictions : ndarray of shape (N, P, 2) or (N, P, 3), or Detections
        x, y in the frame of the truth; a third column (the score) is ignored. A non-finite prediction is missing and
        counts as wrong. OKS-AP takes `Detections`.
    truth : ndarray of shape (N, P, 3), GroundTruth or LabelledPeople
        x, y and the data set's third column, in pixels. OKS-AP takes `LabelledPeople`.
    protocol : str or Protocol
    n_resamples : int, default=1000
        Bootstrap resamples over subjects (over images for OKS-AP); 0 for no intervals.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    PredictionScores

    Raises
    ------
    ValueError
        If the numbers of subjects or parts disagree with each other or with the protocol, the truth has another
        side convention than the protocol, or the reference length is missing.
    TypeError
        If OKS-AP is given arrays, or another metric `Detections`.

    Notes
    -----
    Predictions and truth must count pixels from the same origin: nothing is shifted. Where their numbers of subjects
    differ in a way that the protocol explains (2,000 labelled, 1,000 predicted on LSP), its test set is scored and
    `notes` says so.
    """
    protocol = get_protocol(protocol)
    if n_resamples < 0:
        raise ValueError(f"n_resamples must be 0 or more; got {n_resamples}")
    if protocol.metric == "oks-ap":
        if not isinstance(predictions, Detections) or not isinstance(truth, LabelledPeople):
            raise TypeError(f"protocol {protocol.name!r} takes Detections and LabelledPeople, several people per image")
        return _average_precision(predictions, truth, protocol, n_resamples, random_state)
    if isinstance(predictions, Detections) or isinstance(truth, LabelledPeople):
        raise TypeError(f"protocol {protocol.name!r} takes one prediction per subject: arrays (N, P, 2)")
    truth = truth if isinstance(truth, GroundTruth) else GroundTruth(np.asarray(truth, float))
    distances, parts, notes = _distances(np.asarray(predictions, float), truth, protocol)
    return _share_within(distances, parts, protocol, n_resamples, random_state, notes)


def _distances(predicted: np.ndarray, truth: GroundTruth, protocol: Protocol):
    """Normalised distances (N, P), infinite where a prediction is missing; their parts; notes."""
    if predicted.ndim != 3 or predicted.shape[-1] not in (2, 3):
        raise ValueError(f"predictions must be (N, P, 2) or, with scores, (N, P, 3); got {predicted.shape}")
    if truth.side_convention not in (None, protocol.side_convention):
        hint = "; observer_centric(joints) converts the truth" if truth.side_convention == "person" else ""
        raise ValueError(
            f"the truth is {truth.side_convention}-centric but protocol {protocol.name!r} is "
            f"{protocol.side_convention}-centric{hint}"
        )
    predicted, truth, notes = _test_people(predicted[..., :2], truth, protocol)
    names = protocol.layout(predicted.shape[1]), protocol.layout(truth.joints.shape[1])
    parts = [part for part in names[1] if part in names[0]]
    if len(names[0]) != len(names[1]):
        notes.append(
            f"predictions have {len(names[0])} joints and the truth {len(names[1])}: matched by name, "
            f"{len(parts)} in common ({', '.join(parts)})"
        )
    lengths, scored = truth.lengths(protocol), truth.scored(protocol)
    mine, true = ([layout.index(part) for part in parts] for layout in names)
    off = np.linalg.norm(predicted[:, mine] - np.asarray(truth.joints, float)[:, true, :2], axis=-1)
    scored = scored[:, true] & np.isfinite(lengths)[:, None] & ~np.isin(parts, protocol.unscored)
    missing = scored & ~np.isfinite(off)
    if missing.any():
        notes.append(f"{missing.sum()} predictions are missing (not finite) and count as wrong")
    if not np.isfinite(lengths).all():
        notes.append(f"{(~np.isfinite(lengths)).sum()} subjects are left out: their reference length is unknown")
    if not scored.any():
        raise ValueError("no joint of the truth can be scored; check its third column and its reference lengths")
    off = np.where(missing, np.inf, off) / np.where(np.isfinite(lengths), lengths, 1)[:, None]
    return np.where(scored, off, np.nan), parts, notes


def _test_people(
    predicted: np.ndarray, truth: GroundTruth, protocol: Protocol
) -> tuple[np.ndarray, GroundTruth, list[str]]:
    """Predictions and truth of the same subjects: the protocol's test set where a file holds more."""
    notes = []
    counts = [len(predicted), len(truth.joints)]
    if protocol.test is not None:
        first, last, total = protocol.test
        chosen = f"subjects {first + 1}..{last} of the {total}"
        if counts[0] == total and counts[1] in (total, last - first):
            predicted = predicted[first:last]
            notes.append(f"{chosen} predicted are scored (the test set)")
        if counts[1] == total and counts[0] in (total, last - first):
            truth = truth.take(slice(first, last))
            notes.append(f"{chosen} in the truth are scored (the test set)")
    if len(predicted) != len(truth.joints):
        expected = (
            "" if protocol.test is None else f"; {protocol.test[2]} labelled and {last - first} predicted are fine"
        )
        raise ValueError(
            f"predictions have {counts[0]} subjects but the truth has {counts[1]}{expected}; pass the same subjects "
            "in the same order"
        )
    return predicted, truth, notes


def _share_within(distances, parts, protocol: Protocol, n_resamples: int, random_state: int, notes) -> PredictionScores:
    """PCK and its relatives, from distances (N, P)."""
    kept = [index for index, part in enumerate(parts) if part not in protocol.unscored]
    distances = distances[:, kept]
    scored = ~np.isnan(distances)
    hits = within(distances[:, None], np.asarray(protocol.thresholds)[:, None])  # (N, T, P)
    counts = scored[:, None, :]
    quoted = protocol.thresholds.index(protocol.threshold)
    pooled = hits.sum(-1, dtype=np.int32), np.broadcast_to(counts.sum(-1, dtype=np.int32), hits.shape[:2])
    resampled = [np.full((0, *hits.shape[1:]), np.nan), np.full((0, hits.shape[1]), np.nan)]
    if n_resamples:
        options = {"n_resamples": n_resamples, "random_state": random_state}
        resampled[0] = 100 * resampled_ratios(hits, counts, **options)
        resampled[1] = 100 * resampled_ratios(*pooled, **options)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_part = 100 * hits.sum(0) / scored.sum(0)
    if protocol.mean == "pooled":
        curve, drawn = 100 * pooled[0].sum(0) / pooled[1].sum(0), resampled[1]
    else:
        curve, drawn = _mean_of_parts(by_part), _mean_of_parts(resampled[0])
    estimates = _estimates(curve, drawn)
    at_parts = _estimates(by_part[quoted], resampled[0][:, quoted])
    return PredictionScores(
        protocol=protocol,
        score=estimates[quoted],
        parts={parts[index]: figure for index, figure in zip(kept, at_parts, strict=True)},
        at={threshold: estimates[protocol.thresholds.index(threshold)] for threshold in protocol.also},
        thresholds=protocol.thresholds,
        curve=tuple(estimates),
        auc=_estimates(
            np.array([area_under_curve(protocol.thresholds, curve)]),
            np.asarray(area_under_curve(protocol.thresholds, drawn.T))[:, None],
        )[0],
        n_people=int(scored.any(1).sum()),
        n_joints=int(scored.sum()),
        n_resamples=n_resamples,
        notes=tuple(notes),
    )


def _mean_of_parts(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the parts that are ever scored."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(-1)
    return np.divide(total, known.sum(-1), out=np.full(total.shape, np.nan), where=known.any(-1))


def _estimates(values: np.ndarray, drawn: np.ndarray) -> list[Estimate]:
    """One estimate per value (K,), with intervals from the resampled values (R, K)."""
    if not len(drawn):
        return [Estimate(_number(value)) for value in values]
    low, high = interval(drawn)
    return [Estimate(*map(_number, each)) for each in zip(values, low, high, strict=True)]


def _number(value) -> float | None:
    return float(value) if np.isfinite(value) else None


def _average_precision(
    detections: Detections, people: LabelledPeople, protocol: Protocol, n_resamples: int, random_state: int
) -> PredictionScores:
    """OKS-AP with intervals over images."""
    for what, number in (("predictions", detections.joints.shape[1]), ("truth", people.joints.shape[1])):
        if number != len(protocol.parts):
            raise ValueError(f"{what} have {number} joints but protocol {protocol.name!r} has {len(protocol.parts)}")
    n_images = len(np.unique(people.images))
    draws = np.random.default_rng(random_state).multinomial(n_images, np.full(n_images, 1 / n_images), size=n_resamples)
    by_size = {}
    for size, area_range in AREA_RANGES.items():
        matches = match(
            detections, people, sigmas=protocol.sigmas, thresholds=protocol.thresholds, area_range=area_range
        )
        by_size[size] = np.array(
            [oks_ap(matches, weights) for weights in (np.ones(n_images), *draws)]
        )  # (1 + R, precision or recall, T)
    levels = by_size["all"]
    if np.isnan(levels[0]).any():
        raise ValueError("no subject in the truth can be scored: none has a labelled joint")
    curve = _estimates(levels[0, 0], levels[1:, 0])
    mean = lambda values: _estimates(values[:1].mean(-1), values[1:].mean(-1, keepdims=True))[0]  # noqa: E731
    other = {"AR": mean(levels[:, 1])}
    other |= {f"AP {size}": mean(by_size[size][:, 0]) for size in ("medium", "large")}
    labelled = (people.joints[..., 2] > 0) & ~people.crowd.astype(bool)[:, None]
    quoted = (protocol.threshold, *protocol.also)
    return PredictionScores(
        protocol=protocol,
        score=mean(levels[:, 0]),
        parts={},
        at={threshold: curve[protocol.thresholds.index(threshold)] for threshold in quoted},
        thresholds=protocol.thresholds,
        curve=tuple(curve),
        auc=Estimate(None),
        other=other,
        n_people=int(labelled.any(1).sum()),
        n_joints=int(labelled.sum()),
        n_resamples=n_resamples,
    )

"""Predictions of anybody, measured as a published table measures them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..metrics import AREA_RANGES, Detections, LabelledPeople, area_under_curve, match, oks_ap, within
from ..protocols import Protocol, get_protocol
from ..truth import Truth
from .uncertainty import interval, resampled_ratios

__all__ = ["Figure", "PredictionScores", "evaluate"]


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % bootstrap interval over people, in percent; None where it cannot be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        between = "" if self.low is None or self.high is None else f"  [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:6.2f}{between}"


@dataclass(frozen=True)
class PredictionScores:
    """What :func:`evaluate` found.

    Attributes
    ----------
    protocol : Protocol
        All that the figures depend on.
    score : Figure
        The protocol's own.
    parts : dict of str to Figure
        Each scored part at the protocol's threshold; empty for OKS-AP.
    at : dict of float to Figure
        At the protocol's other thresholds.
    thresholds : tuple of float
    curve : tuple of Figure
        The score at each of them.
    auc : Figure
        Area under the curve, over its range of thresholds.
    other : dict of str to Figure
        Further figures of the metric: recall and ranges of sizes of OKS-AP.
    n_people, n_joints : int
        Scored.
    n_resamples : int
        Behind the intervals.
    notes : tuple of str
        What was done to the files beside reading them.
    """

    protocol: Protocol
    score: Figure
    parts: dict[str, Figure]
    at: dict[float, Figure]
    thresholds: tuple[float, ...]
    curve: tuple[Figure, ...]
    auc: Figure
    n_people: int
    n_joints: int
    n_resamples: int
    other: dict[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it, the protocol with it."""
        return {
            "protocol": self.protocol.to_dict(),
            "description": self.protocol.description,
            "score": _listed(self.score),
            "parts": {part: _listed(figure) for part, figure in self.parts.items()},
            "at": {f"{threshold:g}": _listed(figure) for threshold, figure in self.at.items()},
            "thresholds": list(self.thresholds),
            "curve": [_listed(figure) for figure in self.curve],
            "auc": _listed(self.auc),
            "other": {name: _listed(figure) for name, figure in self.other.items()},
            "n_people": self.n_people,
            "n_joints": self.n_joints,
            "n_resamples": self.n_resamples,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = [(self.protocol.description, self.score)]
        rows += [(f"at {threshold:g}", figure) for threshold, figure in self.at.items()]
        rows += (
            [(f"AUC {self.thresholds[0]:g}..{self.thresholds[-1]:g}", self.auc)] if self.auc.value is not None else []
        )
        rows += [*self.other.items(), *self.parts.items()]
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:{width}}  {figure}".rstrip() for name, figure in rows]
        lines += [f"{self.n_people} people, {self.n_joints} joints; in [ ]: 95 % interval over people"]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def evaluate(
    predictions,
    truth,
    protocol: str | Protocol,
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> PredictionScores:
    """Score predictions under a named protocol.

    Parameters
    ----------
    predictions : ndarray of shape (N, P, 2) or (N, P, 3), or Detections
        x, y in the frame of the truth (a third column, the score, is not looked at). A prediction that is not finite
        is missing and counts as wrong. `Detections` for OKS-AP.
    truth : ndarray of shape (N, P, 3), Truth or LabelledPeople
        x, y and the data set's third column, in pixels. `LabelledPeople` for OKS-AP.
    protocol : str or Protocol
        "lsp-pc", "lsp-oc", "flic", "mpii", "coco", or one of your own.
    n_resamples : int, default=1000
        Of the bootstrap over people (over images for OKS-AP); 0 leaves the intervals out.
    random_state : int, default=0
        Draws the resamples.

    Returns
    -------
    PredictionScores

    Raises
    ------
    ValueError
        If the numbers of people or parts do not agree with each other or with the protocol, the truth has another
        view than the protocol, or the reference length is missing.
    TypeError
        If OKS-AP is asked of arrays, or another measure of detections.

    Notes
    -----
    Both must count pixels from the same origin: nothing is shifted. Where the files have different numbers of people
    that the protocol explains (2,000 labelled, 1,000 predicted on LSP), its test people are taken, and `notes` says so.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.random.default_rng(0).uniform(0, 100, (5, 14, 2))
    >>> evaluate(truth, truth, "lsp-pc", n_resamples=0).score.value
    100.0
    """
    protocol = get_protocol(protocol)
    if n_resamples < 0:
        raise ValueError(f"n_resamples must be 0 or more; got {n_resamples}")
    if protocol.metric == "oks-ap":
        if not isinstance(predictions, Detections) or not isinstance(truth, LabelledPeople):
            raise TypeError(
                f"protocol {protocol.name!r} takes Detections and LabelledPeople, of several people an image"
            )
        return _average_precision(predictions, truth, protocol, n_resamples, random_state)
    if isinstance(predictions, Detections) or isinstance(truth, LabelledPeople):
        raise TypeError(f"protocol {protocol.name!r} takes one prediction a person: arrays (N, P, 2)")
    truth = truth if isinstance(truth, Truth) else Truth(np.asarray(truth, float))
    distances, parts, notes = _distances(np.asarray(predictions, float), truth, protocol)
    return _share_within(distances, parts, protocol, n_resamples, random_state, notes)


def _distances(predicted: np.ndarray, truth: Truth, protocol: Protocol):
    """Normalised distances (N, P), infinite where a prediction is missing; the parts they are of; notes."""
    if predicted.ndim != 3 or predicted.shape[-1] not in (2, 3):
        raise ValueError(f"predictions must be (N, P, 2) or, with scores, (N, P, 3); got {predicted.shape}")
    if truth.view not in (None, protocol.view):
        hint = "; observer_centric(joints) converts the truth" if truth.view == "person" else ""
        raise ValueError(
            f"the truth is {truth.view}-centric but protocol {protocol.name!r} is {protocol.view}-centric{hint}"
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
        notes.append(f"{(~np.isfinite(lengths)).sum()} people are left out: their reference length cannot be measured")
    if not scored.any():
        raise ValueError("no joint of the truth can be scored; look at its third column and its reference lengths")
    off = np.where(missing, np.inf, off) / np.where(np.isfinite(lengths), lengths, 1)[:, None]
    return np.where(scored, off, np.nan), parts, notes


def _test_people(predicted: np.ndarray, truth: Truth, protocol: Protocol) -> tuple[np.ndarray, Truth, list[str]]:
    """Predictions and truth of the same people: the protocol's test people where a file holds more."""
    notes = []
    counts = [len(predicted), len(truth.joints)]
    if protocol.test is not None:
        first, last, total = protocol.test
        chosen = f"people {first + 1}..{last} of the {total}"
        if counts[0] == total and counts[1] in (total, last - first):
            predicted = predicted[first:last]
            notes.append(f"{chosen} predicted are scored: the test set")
        if counts[1] == total and counts[0] in (total, last - first):
            truth = truth.take(slice(first, last))
            notes.append(f"{chosen} in the truth are scored: the test set")
    if len(predicted) != len(truth.joints):
        expected = (
            "" if protocol.test is None else f"; {protocol.test[2]} labelled and {last - first} predicted would do"
        )
        raise ValueError(
            f"predictions are of {counts[0]} people but the truth is of {counts[1]}{expected}; give the same people "
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
    figures = _figures(curve, drawn)
    at_parts = _figures(by_part[quoted], resampled[0][:, quoted])
    return PredictionScores(
        protocol=protocol,
        score=figures[quoted],
        parts={parts[index]: figure for index, figure in zip(kept, at_parts, strict=True)},
        at={threshold: figures[protocol.thresholds.index(threshold)] for threshold in protocol.also},
        thresholds=protocol.thresholds,
        curve=tuple(figures),
        auc=_figures(
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


def _figures(values: np.ndarray, drawn: np.ndarray) -> list[Figure]:
    """A figure for each of the values (K,), with intervals from the resampled (R, K)."""
    if not len(drawn):
        return [Figure(_number(value)) for value in values]
    low, high = interval(drawn)
    return [Figure(*map(_number, each)) for each in zip(values, low, high, strict=True)]


def _number(value) -> float | None:
    return float(value) if np.isfinite(value) else None


def _listed(figure: Figure) -> dict[str, float | None]:
    round_ = lambda value: None if value is None else round(value, 4)  # noqa: E731
    return {"value": round_(figure.value), "low": round_(figure.low), "high": round_(figure.high)}


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
        raise ValueError("nobody in the truth can be scored: no person has a labelled joint")
    curve = _figures(levels[0, 0], levels[1:, 0])
    mean = lambda values: _figures(values[:1].mean(-1), values[1:].mean(-1, keepdims=True))[0]  # noqa: E731
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
        auc=Figure(None),
        other=other,
        n_people=int(labelled.any(1).sum()),
        n_joints=int(labelled.sum()),
        n_resamples=n_resamples,
    )

"""What looks wrong in labels, judged by joints alone: exchanged sides, limbs that are too long, repeated poses."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from ..skeleton import Skeleton

__all__ = ["Swaps", "body_sizes", "exchanged_sides", "limb_excess", "same_poses", "side_groups"]

FOLDS = 5
LEAST_SUBJECTS = 20  # with the parts of a group labelled; fewer are not enough to learn from
ROUNDS = 3  # alternating estimates of subjects' sizes and limbs' usual lengths


class Swaps(NamedTuple):
    """How likely groups of parts have left and right exchanged.

    Attributes
    ----------
    groups : list of tuple of int
        Indices into ``skeleton.pairs`` of the pairs that would be exchanged together.
    logits : ndarray of shape (N, G)
        Log odds of "exchanged" against "as labelled"; NaN where labels are missing.
    """

    groups: list[tuple[int, ...]]
    logits: np.ndarray


def side_groups(skeleton: Skeleton) -> list[tuple[int, ...]]:
    """Pairs that an annotator may exchange together: one, or all beyond a joint, such as those of the arms.

    Exchanging a group or all other pairs is the same mistake; only the smaller group is kept.
    """
    n = len(skeleton.pairs)
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    edges = [
        (first, second)
        for first, second in itertools.combinations(range(n), 2)
        if all(frozenset((skeleton.pairs[first][side], skeleton.pairs[second][side])) in limbs for side in (0, 1))
    ]
    groups: set[tuple[int, ...]] = {(pair,) for pair in range(n)}
    groups |= {_connected(start, edges) for start in range(n)}
    groups |= {_connected(end, [edge for edge in edges if edge != cut]) for cut in edges for end in cut}
    everything = set(range(n))
    kept: set[tuple[int, ...]] = set()
    for group in sorted(groups, key=lambda each: (len(each), each)):
        rest = tuple(sorted(everything - set(group)))
        if rest and rest not in kept:
            kept.add(group)
    return sorted(kept, key=lambda each: (len(each), each))


def _connected(start: int, edges: list[tuple[int, int]]) -> tuple[int, ...]:
    reached, ends = {start}, [start]
    while ends:
        here = ends.pop()
        for edge in edges:
            if here in edge:
                other = edge[0] + edge[1] - here
                if other not in reached:
                    reached.add(other)
                    ends.append(other)
    return tuple(sorted(reached))


def exchanged_sides(joints: np.ndarray, skeleton: Skeleton, sizes: np.ndarray, random_state: int = 0) -> Swaps:
    """Log odds that a group of pairs has left and right exchanged, learned from the data set itself.

    Every feature changes its sign when the group is exchanged: how far the axis of a pair (right to left) points
    along, or across, the axes of the pairs outside the group, and how much longer the limbs to them would be if they
    crossed. A logistic regression without intercept separates the labelled poses from the same poses exchanged, and
    judges held-out subjects. No pose needs to be known as correct, as long as most are.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
    skeleton : Skeleton
    sizes : ndarray of shape (N,)
        Of the subjects, in pixels.
    random_state : int
        Seed of the division into folds.
    """
    groups = side_groups(skeleton)
    logits = np.full((len(joints), len(groups)), np.nan)
    for number, group in enumerate(groups):
        features, known = _odd_features(joints, skeleton, sizes, group)
        if known.sum() >= LEAST_SUBJECTS and features.shape[1]:
            logits[known, number] = -_held_out_logits(features[known], random_state)
    return Swaps(groups, logits)


def _held_out_logits(features: np.ndarray, random_state: int) -> np.ndarray:
    """Log odds of "as labelled", (N,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold

    spread = np.sqrt((features**2).mean(0))
    scaled = features / np.where(spread > 0, spread, 1)
    odds = np.empty(len(scaled))
    for seen, held in KFold(FOLDS, shuffle=True, random_state=random_state).split(scaled):
        both = np.concatenate([scaled[seen], -scaled[seen]])
        truth = np.repeat([1, 0], len(seen))
        model = LogisticRegression(fit_intercept=False, max_iter=500).fit(both, truth)
        odds[held] = model.decision_function(scaled[held])
    return odds


def _odd_features(joints, skeleton, sizes, group) -> tuple[np.ndarray, np.ndarray]:
    """Features that change their sign when the group is exchanged, (N, F), and which subjects have any, (N,)."""
    right, left = (np.array([pair[side] for pair in skeleton.pairs]) for side in (0, 1))
    labelled = joints[..., 2] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        places = joints[..., :2] / sizes[:, None, None]
    axes = places[:, left] - places[:, right]
    both = labelled[:, left] & labelled[:, right]
    inside, outside = list(group), [pair for pair in range(len(skeleton.pairs)) if pair not in group]
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    middle = [part for part in range(skeleton.n_parts) if part not in {*right, *left}]
    features, known = [], np.zeros(len(joints), bool)
    for a in inside:
        for b in outside:
            shown = both[:, a] & both[:, b] & (sizes > 0)
            along = (axes[:, a] * axes[:, b]).sum(-1)
            across = axes[:, a, 0] * axes[:, b, 1] - axes[:, a, 1] * axes[:, b, 0]
            odd = [np.tanh(4 * along), np.tanh(4 * across)]
            if all(frozenset((side[a], side[b])) in limbs for side in (right, left)):
                odd.append(_crosswise(places, (right[a], left[a]), (right[b], left[b])))
            features += [np.where(shown, each, 0) for each in odd]
            known |= shown
        for part in middle:  # a nose lies in front of the middle of the ears: on which side of their axis?
            shown = both[:, a] & labelled[:, part] & (sizes > 0)
            away = places[:, part] - (places[:, left[a]] + places[:, right[a]]) / 2
            turned = axes[:, a, 0] * away[:, 1] - axes[:, a, 1] * away[:, 0]
            features.append(np.where(shown, np.tanh(4 * turned), 0))
    stacked = np.stack(features, 1) if features else np.zeros((len(joints), 0))
    return np.nan_to_num(stacked), known


def _crosswise(places, first, second) -> np.ndarray:
    """How much longer two limbs would be if they crossed, in sizes of the subject."""
    length = lambda a, b: np.hypot(*np.moveaxis(places[:, a] - places[:, b], -1, 0))  # noqa: E731
    crossed = length(first[0], second[1]) + length(first[1], second[0])
    return crossed - length(first[0], second[0]) - length(first[1], second[1])


def body_sizes(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Size of each subject in pixels, (N,): from its limbs if enough are labelled, else from the box of its joints.

    Limbs are compared with their usual length, and the upper quartile of the ratios is the size, since limbs that
    point at the camera look short. 0 without a labelled joint.
    """
    labelled = joints[..., 2] > 0
    lengths, shown = _limb_lengths(joints, skeleton)
    sizes = _box_sizes(joints, labelled)
    if shown.shape[1] < 2:
        return sizes
    enough = shown.sum(1) >= min(4, shown.shape[1])
    for _ in range(ROUNDS):
        ratios = np.where(shown & (sizes > 0)[:, None], lengths / np.where(sizes > 0, sizes, 1)[:, None], np.nan)
        usual = _nan_quantile(ratios, 0.5, axis=0)
        of_limbs = _nan_quantile(np.where(shown, lengths / np.where(usual > 0, usual, np.nan), np.nan), 0.75, axis=1)
        sizes = np.where(enough & np.isfinite(of_limbs), of_limbs, sizes)
    return sizes


def limb_excess(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """How unusually long each limb is, (N, L): deviations from the usual length; NaN where it is not labelled.

    The logarithm of the length, relative to the size estimated from the other limbs, in robust standard deviations of
    that limb. They are estimated from the upper half, since foreshortening widens the lower one.
    """
    lengths, shown = _limb_lengths(joints, skeleton)
    excess = np.full(lengths.shape, np.nan)
    if lengths.shape[1] < 3 or len(joints) < LEAST_SUBJECTS:
        return excess
    usual = _nan_quantile(
        np.where(shown, lengths / _positive(body_sizes(joints, skeleton))[:, None], np.nan), 0.5, axis=0
    )
    ratios = np.where(shown, lengths / _positive(usual), np.nan)
    for limb in range(lengths.shape[1]):
        rest = np.delete(ratios, limb, axis=1)
        others = np.where(np.isfinite(rest).sum(1) >= 2, _nan_quantile(rest, 0.75, axis=1), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(ratios[:, limb] / others)
        logs[~np.isfinite(logs)] = np.nan
        if np.isfinite(logs).sum() < LEAST_SUBJECTS:
            continue
        middle, high = np.nanquantile(logs, [0.5, 0.841])
        excess[:, limb] = (logs - middle) / max(high - middle, 0.05)
    return excess


def same_poses(joints: np.ndarray, nearest: float) -> list[tuple[int, int, float]]:
    """Pairs of subjects whose poses agree up to position and size.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
    nearest : float
        Greatest root mean square distance of the joints, in root mean square distances from their centre.

    Returns
    -------
    list of (first, second, distance)
        Of subjects with the same parts labelled, at least four.
    """
    from scipy.spatial import cKDTree

    labelled = joints[..., 2] > 0
    found = []
    patterns, numbers = np.unique(labelled, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        who = np.flatnonzero(numbers.ravel() == number)
        if pattern.sum() < 4 or len(who) < 2:
            continue
        places = joints[who][:, pattern, :2].astype(float)
        places = places - places.mean(1, keepdims=True)
        spread = np.sqrt((places**2).sum(-1).mean(-1))
        who, places = who[spread > 0], places[spread > 0] / spread[spread > 0, None, None]
        flat = places.reshape(len(who), -1) / np.sqrt(pattern.sum())
        for first, second in cKDTree(flat).query_pairs(nearest):
            distance = float(np.linalg.norm(flat[first] - flat[second]))
            found.append((int(who[min(first, second)]), int(who[max(first, second)]), distance))
    return sorted(found, key=lambda each: each[2])


def _limb_lengths(joints, skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Lengths in pixels, and where both ends are labelled, (N, L)."""
    limbs = np.array(skeleton.limbs, int).reshape(-1, 2)
    ends = joints[:, limbs]  # (N, L, 2, 3)
    return np.hypot(*np.moveaxis(ends[:, :, 0, :2] - ends[:, :, 1, :2], -1, 0)), (ends[..., 2] > 0).all(-1)


def _box_sizes(joints, labelled) -> np.ndarray:
    low = np.where(labelled[..., None], joints[..., :2], np.inf).min(1)
    high = np.where(labelled[..., None], joints[..., :2], -np.inf).max(1)
    return np.where(labelled.any(1), (high - low).max(1), 0.0)


def _nan_quantile(values, q: float, axis: int) -> np.ndarray:
    """`np.nanquantile` that returns NaN for empty slices without a warning."""
    empty = ~np.isfinite(values).any(axis)
    filled = np.where(np.expand_dims(empty, axis), 0.0, values)
    return np.where(empty, np.nan, np.nanquantile(filled, q, axis=axis))


def _positive(values) -> np.ndarray:
    return np.where(values > 0, values, np.nan)

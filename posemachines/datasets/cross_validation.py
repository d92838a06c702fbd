"""Folds of repeated grouped cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .groups import Groups

__all__ = ["Folds", "folds"]

DRAWS = 12  # random assignments of which the most balanced is kept


@dataclass(frozen=True)
class Folds:
    """Which subject is tested in which fold of which repeat.

    Attributes
    ----------
    numbers : int ndarray of shape (R, N)
        Fold in which each subject is tested, by repeat.
    groups : Groups
        What stays together.
    notes : tuple of str
        Sentences for the user.
    """

    numbers: np.ndarray
    groups: Groups
    notes: tuple[str, ...] = ()

    @property
    def n_repeats(self) -> int:
        """Number of repeats, R."""
        return len(self.numbers)

    @property
    def n_folds(self) -> int:
        """Number of folds of each repeat."""
        return int(self.numbers.max()) + 1

    def test(self, repeat: int, fold: int) -> np.ndarray:
        """Indices of the subjects that a fold tests, in the order of the data set."""
        return np.flatnonzero(self.numbers[repeat] == fold)

    def train(self, repeat: int, fold: int) -> np.ndarray:
        """Indices of the subjects that a fold trains on: all others, without the neighbours of test frames."""
        tested = self.numbers[repeat] == fold
        order, gap = self.groups.order, self.groups.gap
        if order is None or gap <= 0:
            return np.flatnonzero(~tested)
        frames = np.sort(order[tested])
        after = np.searchsorted(frames, order).clip(0, len(frames) - 1)
        before = (after - 1).clip(0)
        nearest = np.minimum(np.abs(frames[after] - order), np.abs(order - frames[before]))
        return np.flatnonzero(~tested & (nearest > gap))

    def __iter__(self) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """Repeat, fold, training and test indices, one fold after the other."""
        for repeat in range(self.n_repeats):
            for fold in range(self.n_folds):
                yield repeat, fold, self.train(repeat, fold), self.test(repeat, fold)


def folds(groups: Groups, n_folds: int = 5, n_repeats: int = 1, *, random_state: int | None = 0) -> Folds:
    """Divide subjects into folds that share no group, several times.

    In each repeat every subject is tested once. Folds have nearly the same number of subjects, as far as the groups
    allow; scikit-learn's ``GroupKFold(shuffle=True)`` balances the number of groups instead.

    Parameters
    ----------
    groups : Groups
        From :func:`find_groups` or :func:`time_blocks`.
    n_folds : int, default=5
        Reduced, with a note, where there are fewer groups.
    n_repeats : int, default=1
        Reduced to one, with a note, where each group is a fold of its own, since repeats would be the same.
    random_state : int or None, default=0
        Seed; None draws a fresh one.

    Returns
    -------
    Folds

    Raises
    ------
    ValueError
        If there is one group only, or a number is too small.
    """
    if n_folds < 2 or n_repeats < 1:
        raise ValueError(f"n_folds must be at least 2 and n_repeats at least 1; got {n_folds} and {n_repeats}")
    if groups.is_single:
        raise ValueError(
            f"all {len(groups)} subjects are one group ({groups.source}), which cannot be split: divide it into blocks "
            'with time_blocks(dataset, n_blocks), or give other groups, such as groups="none"'
        )
    numbers = np.unique(groups.values, return_inverse=True)[1].ravel()
    sizes = np.bincount(numbers)
    notes = []
    if len(sizes) < n_folds:
        notes.append(f"{len(sizes)} folds instead of {n_folds}: there are only {len(sizes)} groups ({groups.source})")
        n_folds = len(sizes)
    if len(sizes) == n_folds and n_repeats > 1:
        notes.append(f"1 repeat instead of {n_repeats}: each fold tests one group, so repeats would be the same")
        n_repeats = 1
    rng = np.random.default_rng(random_state)
    assigned = np.stack([_assign(sizes, n_folds, rng)[numbers] for _ in range(n_repeats)])
    largest = sizes.max() / sizes.sum()
    if largest > 1.5 / n_folds:
        name = str(np.unique(groups.values)[sizes.argmax()])
        notes.append(f"folds are uneven: the group {name!r} has {100 * largest:.0f} % of the subjects")
    found = Folds(assigned, groups, tuple(notes))
    if any(not len(train) for _, _, train, _ in found):
        raise ValueError(f"a gap of {groups.gap:g} frames leaves nothing to train on; give a smaller gap")
    return found


def _assign(sizes: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each group: groups in random order, roughly the largest first, each into the emptiest fold."""
    best, most = None, np.inf
    for _ in range(DRAWS):
        loads, chosen = np.zeros(n_folds), np.empty(len(sizes), int)
        for group in np.argsort(-sizes * rng.uniform(0.5, 1.5, len(sizes)), kind="stable"):
            emptiest = rng.choice(np.flatnonzero(loads == loads.min()))
            chosen[group] = emptiest
            loads[emptiest] += sizes[group]
        if loads.max() < most:
            best, most = chosen, loads.max()
    assert best is not None
    return best

"""Division into training and test data that share no photo and no group."""

from __future__ import annotations

import numpy as np

__all__ = ["in_training", "linked_units"]


def linked_units(photos: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """What a split keeps together, (N,), counted from 0: photos, or groups joined where they share a photo.

    Parameters
    ----------
    photos : int ndarray of shape (N,)
        Number of each subject's photo, counted from 0.
    groups : ndarray of shape (N,) or None
    """
    if groups is None:
        return photos
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = np.unique(groups, return_inverse=True)[1].ravel()
    n_groups = numbers.max() + 1
    n = n_groups + photos.max() + 1
    links = coo_array((np.ones(len(photos)), (numbers, n_groups + photos)), shape=(n, n))
    return connected_components(links, directed=False)[1][numbers]


def in_training(units: np.ndarray, test: int | float, random_state: int | None, what: str) -> np.ndarray:
    """Subjects to train on, bool (N,): those of the units that a shuffle puts before the last `test`."""
    n_units = int(units.max()) + 1
    n_train = n_units - int(test) if isinstance(test, int | np.integer) else round((1 - test) * n_units)
    if not 0 < n_train < n_units:
        raise ValueError(f"cannot test on {test} of {n_units} {what}: training and test data both need some")
    order = np.random.default_rng(random_state).permutation(n_units)
    return np.isin(units, order[:n_train])

"""Effects of two changes, each made or not, with intervals over trainings and test subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from posemachines.evaluation import resampled_ratios

__all__ = ["EFFECTS", "Crossed", "Estimate", "effects"]

EFFECTS = {
    "distance": (-1.0, 0.0, 0.0, 1.0),
    "features": (-0.5, 0.5, -0.5, 0.5),
    "stages": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
    "features alone": (-1.0, 1.0, 0.0, 0.0),
    "stages alone": (-1.0, 0.0, 1.0, 0.0),
    "features last": (0.0, 0.0, -1.0, 1.0),
    "stages last": (0.0, -1.0, 0.0, 1.0),
}
"""Weights of the four machines, in the order neither change, features, stages, both.

The main effects, "features" and "stages", average over the other change and add up to the distance. "Alone" is the
change to a machine with neither, "last" to a machine with the other; the interaction is the difference of the two, the
same for both changes.
"""


class Estimate(NamedTuple):
    """A value with its 95 % interval.

    Attributes
    ----------
    value : float
    interval : (float, float)
    """

    value: float
    interval: tuple[float, float]


class Crossed:
    """Accuracy of machines, each trained several times and tested on the same subjects.

    Parameters
    ----------
    hits : int ndarray of shape (S, M, N)
        Correct joints of each of N test subjects, for M machines after each of S trainings. Trainings of the same
        number belong together: they see the same subjects.
    counts : int ndarray of shape (N,)
        Scored joints of each test subject.
    n_resamples : int, default=1000
    random_state : int, default=0

    Raises
    ------
    ValueError
        If there are fewer than two trainings or two test subjects with scored joints: the spread is then unknown.

    Notes
    -----
    Trainings and test subjects are both resampled, independently of each other [1]_; S - 1 of S trainings are drawn,
    with replacement, which makes the variance of a mean unbiased [2]_. Few trainings leave the quantiles of the
    resamples too close together, so an interval is that of Student's t with their standard deviation, and degrees of
    freedom by Welch and Satterthwaite.

    References
    ----------
    .. [1] Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007.
    .. [2] Rao and Wu, "Resampling inference with complex survey data", JASA 1988.
    """

    def __init__(self, hits, counts, *, n_resamples: int = 1000, random_state: int = 0) -> None:
        hits, counts = np.asarray(hits), np.asarray(counts)
        n_trainings, self._n_subjects = len(hits), int((counts > 0).sum())
        if n_trainings < 2 or self._n_subjects < 2:
            raise ValueError(
                f"an interval needs at least 2 trainings and 2 scored test subjects; got {n_trainings} and "
                f"{self._n_subjects}"
            )
        drawn = {"n_resamples": n_resamples, "random_state": random_state}
        self.pck = 100 * hits.sum(-1) / counts.sum()  # (S, M)
        self._subjects = 100 * resampled_ratios(np.moveaxis(hits, -1, 0), counts[:, None, None], **drawn)  # (R, S, M)
        rng = np.random.default_rng([random_state, 1])
        shares = np.full(n_trainings, 1 / n_trainings)
        self._trainings = rng.multinomial(n_trainings - 1, shares, size=n_resamples) / (n_trainings - 1)  # (R, S)

    def estimate(self, weights, *, divisor: float = 1.0) -> Estimate:
        """A weighted sum of the machines' PCK.

        Parameters
        ----------
        weights : sequence of M floats
        divisor : float, default=1.0
            Of the value and the bounds.

        Returns
        -------
        Estimate
            In points of PCK, divided by `divisor`.
        """
        from scipy import stats

        weights = np.asarray(weights, float) / divisor
        each = self.pck @ weights
        value = float(each.mean())
        n_trainings = len(each)
        of_training = float(each.var(ddof=1)) / n_trainings
        drawn = self._subjects @ weights
        of_subjects = float(drawn.mean(1).var(ddof=1))
        total = max(float((self._trainings * drawn).sum(1).var(ddof=1)), of_training)
        if total <= 0:
            return Estimate(value, (value, value))
        parts = of_training**2 / (n_trainings - 1) + of_subjects**2 / (self._n_subjects - 1)
        freedom = (of_training + of_subjects) ** 2 / parts
        reach = float(stats.t.ppf(0.975, freedom)) * total**0.5
        return Estimate(value, (value - reach, value + reach))

    def accuracy(self, machine: int) -> Estimate:
        """PCK of a machine; the interval ends at 0 and 100."""
        value, (low, high) = self.estimate(np.eye(self.pck.shape[1])[machine])
        return Estimate(value, (max(low, 0.0), min(high, 100.0)))

    def share(self, weights, whole) -> Estimate | None:
        """What part of one weighted sum another is.

        Parameters
        ----------
        weights, whole : sequence of M floats

        Returns
        -------
        Estimate or None
            A fraction, with the interval of its linear approximation; None if the interval of `whole` contains 0.
        """
        distance, (low, high) = self.estimate(whole)
        if low <= 0 <= high:
            return None
        part = self.estimate(weights).value / distance
        around = self.estimate(np.asarray(weights, float) - part * np.asarray(whole, float), divisor=distance)
        return Estimate(part, (part + around.interval[0], part + around.interval[1]))


def effects(crossed: Crossed) -> dict[str, dict]:
    """All :data:`EFFECTS` of four machines, ready for JSON.

    Parameters
    ----------
    crossed : Crossed
        With the machines in the order neither change, features, stages, both.

    Returns
    -------
    dict of str to dict
        ``points``, ``interval``, and ``share`` and ``share_interval``, fractions of the distance; these are None where
        the distance is not clearly different from 0.
    """
    found = {}
    for name, weights in EFFECTS.items():
        points, ends = crossed.estimate(weights)
        part = crossed.share(weights, EFFECTS["distance"])
        found[name] = {
            "points": points,
            "interval": list(ends),
            "share": None if part is None else part.value,
            "share_interval": None if part is None else list(part.interval),
        }
    return found

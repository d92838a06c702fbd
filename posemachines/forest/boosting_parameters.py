"""Parameters of the boosted forest that all of its learners share, and their checks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

__all__ = ["LONGEST_STEP", "SMALLEST_SHARE", "BoostingParameters", "check_boosting_parameters"]

LONGEST_STEP = 4.0  # largest change of a score by one leaf, before the learning rate
SMALLEST_SHARE = 1e-3  # smallest class frequency in the initial scores

_LEARNERS = ("histogram", "scikit-learn", "xgboost")
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("n_rounds", 1, np.inf),
    ("n_trees", 1, np.inf),
    ("learning_rate", 0, np.inf),
    ("max_depth", 0, np.inf),
    ("min_samples_leaf", 1, np.inf),
    ("max_samples", 0, 1),
    ("l2", 0, np.inf),
)


class BoostingParameters(Protocol):
    """Any object with the parameters of :class:`.boosting.BoostedForestClassifier`."""

    n_rounds: int
    n_trees: int
    learning_rate: float
    max_depth: int | None
    min_samples_leaf: int
    max_features: float | int | str | None
    max_samples: float
    l2: float
    learner: str
    n_jobs: int | None
    random_state: int | np.random.RandomState | None
    verbose: bool


def check_boosting_parameters(parameters: BoostingParameters) -> None:
    """Raise a ValueError if the learner is unknown or a parameter is out of range."""
    if parameters.learner not in _LEARNERS:
        raise ValueError(f"learner must be one of {', '.join(_LEARNERS)}; got {parameters.learner!r}")
    for name, low, high in _RANGES:
        value = getattr(parameters, name)
        if not (low <= value <= high if value is not None else name == "max_depth"):
            bounds = f"at least {low}" if high == np.inf else f"between {low} and {high}"
            raise ValueError(f"{name} must be {bounds}; got {value}")

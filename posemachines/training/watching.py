"""Scores of validation subjects during training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..metrics import normalised_distances, pooled_pck, reference_length
from ..skeleton import Skeleton

__all__ = ["joint_scorer"]


def joint_scorer(y: np.ndarray, skeleton: Skeleton) -> Callable[[list[np.ndarray]], dict[str, list[float]]]:
    """Function that maps joints (N, P, 2) per stage to their PCK@0.2 and @0.1, for the ground truth `y` (N, P, 3)."""
    lengths = reference_length(y, skeleton)

    def score(staged: list[np.ndarray]) -> dict[str, list[float]]:
        distances = [normalised_distances(one, y[..., :2], lengths, labelled=y[..., 2] > 0) for one in staged]
        return {f"pck@{limit}": [pooled_pck(one, limit) for one in distances] for limit in (0.2, 0.1)}

    return score

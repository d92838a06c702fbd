"""Pictures of coloured dots, the parts of a body of three composites, and a forest stage that learns them fast."""

from dataclasses import fields

import numpy as np
import pytest
from numba import config
from sklearn.base import clone

from posemachines.forest import ForestStage
from posemachines.skeleton import Skeleton
from posemachines.stage import Runtime

GRID = 4, 7
N_PEOPLE = 6
PLAIN = Skeleton("dots", ("middle", "left", "right"), pairs=(("left", "right"),))
BODY = Skeleton(
    "body of dots",
    PLAIN.parts,
    pairs=PLAIN.pairs,
    levels=((("middle", "left"), ("middle", "right")), (("middle", "left", "right"),)),
)
ENDS = {1: [4], 2: [4, 7], 3: [4, 7, 9]}  # one past the last map of each level of the body
IMAGE_TAPS = [13 * (5**2 + 7**2 + 7**2), 13 * (9**2 + 7**2), 13 * (9**2 + 9**2)]  # of each level
PATCH, OFFSETS, POSITION = 11**2, 2 * 3, 2  # taps: a previous map, a previous foreground map, a cell

LEARNERS = pytest.mark.parametrize(
    ("boosting", "learner"),
    [(True, "histogram"), (True, "scikit-learn"), (False, "histogram"), (False, "scikit-learn")],
)
slow_as_python = pytest.mark.skipif(config.DISABLE_JIT, reason="trains for long where kernels are plain Python")


def make_beliefs(n, n_maps, seed=1):
    """Random beliefs (n, n_maps, 4, 7) of a stage before."""
    return np.random.default_rng(seed).random((n, n_maps, *GRID), dtype=np.float32)


def small(**changes):
    """A stage with few trees and few features; sampling, context and runtime settings are flat keywords here."""
    settings = {"n_rounds": 2, "max_features": 12, "min_samples_leaf": 2, "max_depth": 3, "l2": 1.0}
    settings |= {"cells_per_subject": 4, "smoothing": 0, "random_state": 0}
    settings |= changes
    groups = {
        group: kind(**{one.name: settings.pop(one.name) for one in fields(kind) if one.name in settings})
        for group, kind in ForestStage.PARAMETER_TYPES.items()
    }
    runtime = Runtime(**{name: settings.pop(name) for name in ("n_jobs", "verbose") if name in settings})
    stage = ForestStage(**settings, **groups)
    stage.runtime = runtime
    return stage


def rebuild(fitted, state):
    """A stage of the same parameters, from the state of the fitted one."""
    stage = clone(fitted)
    stage.n_parts_, stage.skeleton_ = fitted.n_parts_, fitted.skeleton_
    stage.uses_beliefs_ = fitted.uses_beliefs_
    stage.set_state(state)
    return stage

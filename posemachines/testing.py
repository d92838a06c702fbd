"""The contract of a stage, as checks to run on your own stages.

>>> from posemachines.testing import check_stage
>>> check_stage(MyStage())                                   # doctest: +SKIP

or with one pytest test per check::

    @pytest.mark.parametrize("check", stage_checks(), ids=lambda check: check.__name__)
    def test_my_stage_keeps_the_contract(check):
        check(MyStage())
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from .skeleton import Skeleton
from .stage import Stage

__all__ = ["check_stage", "make_dots", "stage_checks"]

SKELETON = Skeleton("dots", ("right", "left", "middle"), limbs=(("right", "middle"),), pairs=(("right", "left"),))
"""Three parts; two of them are mirror images of each other."""

GRID = (5, 7)  # h, w in cells: unequal, so that swapped axes are detected
_COLOURS = np.array([[230, 40, 40], [40, 60, 230], [240, 220, 60]])


def make_dots(n: int, *, stride: int = 4, grid: tuple[int, int] = GRID, random_state: int = 0):
    """Subjects of three coloured dots: the smallest task on which a stage can learn something.

    Parameters
    ----------
    n : int
        Number of subjects.
    stride : int
        Stride of the belief grid, in pixels.
    grid : (h, w)
        Size of the belief grid, in cells.
    random_state : int

    Returns
    -------
    images : uint8 ndarray of shape (n, h * stride, w * stride, 3)
        Dots of radius `stride` on a noisy grey background.
    joints : float32 ndarray of shape (n, 3, 3)
        x, y, labelled. From the fourth subject on, one joint in eight is unlabelled, with NaN coordinates.
    """
    rng = np.random.default_rng(random_state)
    height, width = grid[0] * stride, grid[1] * stride
    images = rng.integers(90, 150, (n, height, width, 3)).astype(np.uint8)
    joints = np.ones((n, 3, 3), np.float32)
    joints[..., 0] = rng.uniform(0, width - 1, (n, 3))
    joints[..., 1] = rng.uniform(0, height - 1, (n, 3))
    rows, columns = np.mgrid[:height, :width]
    for image, people in zip(images, joints, strict=True):
        for colour, (x, y, _) in zip(_COLOURS, people, strict=True):
            image[np.hypot(columns - x, rows - y) <= stride] = colour
    hidden = rng.random((n, 3)) < 1 / 8
    hidden[:3] = False
    joints[hidden] = np.nan, np.nan, 0
    return images, joints


def _previous(n: int, random_state: int = 0) -> np.ndarray:
    beliefs = np.random.default_rng(random_state).random((n, SKELETON.n_parts + 1, *GRID)).astype(np.float32)
    return beliefs / beliefs.sum(1, keepdims=True)


def _fit(stage: Stage, *, with_previous: bool = False, n: int = 12) -> tuple[Stage, np.ndarray, Any]:
    images, joints = make_dots(n, stride=stage.stride)
    previous = _previous(n) if with_previous else None
    return clone(stage).fit(images, previous, joints, skeleton=SKELETON), images, previous


def _raises(error: type[Exception], call: Callable, what: str) -> None:
    try:
        call()
    except error as raised:
        if not str(raised).strip():
            raise AssertionError(f"{what}: {error.__name__} has an empty message") from None
        return
    raise AssertionError(f"{what}: expected {error.__name__}, but nothing was raised")


def check_constructor_only_stores(stage: Stage) -> None:
    """The constructor stores parameters unchanged, and no learned attribute exists before fit."""
    parameters = stage.get_params(deep=False)
    copy = type(stage)(**parameters)
    for name, value in parameters.items():
        assert getattr(copy, name) is value, f"{name} is not stored unchanged"
    learned = [name for name in vars(copy) if name.endswith("_") and not name.startswith("_")]
    assert not learned, f"attributes ending in _ exist before fit: {learned}"
    clone(stage)


def check_needs_fit(stage: Stage) -> None:
    """Predicting before fit raises NotFittedError."""
    images, _ = make_dots(2, stride=stage.stride)
    _raises(NotFittedError, lambda: clone(stage).predict(images), "predict before fit")


def check_beliefs_have_the_shape(stage: Stage) -> None:
    """Beliefs are finite float32 (N, P+1, h, w), for a first and a later stage."""
    for with_previous in (False, True):
        fitted, images, previous = _fit(stage, with_previous=with_previous)
        chosen = None if previous is None else previous[:2]
        beliefs = fitted.predict(images[:2], chosen)
        assert beliefs.shape == (2, SKELETON.n_parts + 1, *GRID), f"beliefs have shape {beliefs.shape}"
        assert beliefs.dtype == np.float32
        assert np.isfinite(beliefs).all()


def check_fit_returns_itself(stage: Stage) -> None:
    """Fit returns the stage and changes neither its parameters nor its input."""
    images, joints = make_dots(12, stride=stage.stride)
    previous = _previous(12)
    before = [array.copy() for array in (images, joints, previous)]
    copy = clone(stage)
    parameters = copy.get_params(deep=False)
    assert copy.fit(images, previous, joints, skeleton=SKELETON) is copy, "fit must return the stage"
    assert copy.get_params(deep=False) == parameters, "fit changed a parameter"
    for array, old in zip((images, joints, previous), before, strict=True):
        assert np.array_equal(array, old, equal_nan=array.dtype.kind == "f"), "fit changed its input"


def check_people_are_independent(stage: Stage) -> None:
    """The beliefs of a subject do not depend on the rest of the batch."""
    fitted, images, previous = _fit(stage, with_previous=True)
    together = fitted.predict(images, previous)
    alone = np.concatenate([fitted.predict(images[i : i + 1], previous[i : i + 1]) for i in range(len(images))])
    assert np.allclose(together, alone, atol=2e-2), "beliefs depend on the rest of the batch"


def check_prediction_is_repeatable(stage: Stage) -> None:
    """Predicting twice gives the same result and changes neither the stage nor the input."""
    fitted, images, previous = _fit(stage, with_previous=True)
    before = images.copy(), previous.copy()
    first = fitted.predict(images, previous)
    assert np.array_equal(first, fitted.predict(images, previous)), "two predictions differ"
    for array, old in zip((images, previous), before, strict=True):
        assert np.array_equal(array, old), "predict changed its input"


def check_same_seed_same_stage(stage: Stage) -> None:
    """Two fits with the same integer random_state give the same beliefs."""
    copy = clone(stage)
    if "random_state" in copy.get_params(deep=False):
        copy.set_params(random_state=3)
    (one, images, _), (two, _, _) = _fit(copy), _fit(copy)
    assert np.allclose(one.predict(images), two.predict(images), atol=1e-5), "two fits of one seed differ"


def check_unlabelled_joints_teach_nothing(stage: Stage) -> None:
    """`_fit` learns the same whatever coordinates an unlabelled joint has."""
    images, joints = make_dots(12, stride=stage.stride)
    labelled = joints[..., 2:] > 0
    learned = []
    for nowhere in ((0, 0, 0), (7, 3, 0)):
        copy = clone(stage)
        if "random_state" in copy.get_params(deep=False):
            copy.set_params(random_state=3)
        copy.skeleton_, copy.n_parts_, copy.uses_beliefs_ = SKELETON, SKELETON.n_parts, False
        copy._fit(images, None, np.where(labelled, joints, np.array(nowhere, np.float32)))
        learned.append(copy.predict(images))
    assert np.allclose(learned[0], learned[1], atol=1e-5), "coordinates of unlabelled joints were used"


def check_refit_forgets(stage: Stage) -> None:
    """Fitting again, on other data with other parts, leaves nothing of the first fit."""
    fitted, images, _ = _fit(stage, with_previous=True)
    _, joints = make_dots(12, stride=stage.stride)
    fitted.fit(images, None, joints[:, :2])
    beliefs = fitted.predict(images[:1])
    assert beliefs.shape == (1, 3, *GRID), f"after a fit with 2 parts beliefs have shape {beliefs.shape}"


def check_bad_input_is_refused(stage: Stage) -> None:
    """Malformed arrays raise ValueError with a message."""
    fitted, images, _ = _fit(stage)
    joints = make_dots(12, stride=stage.stride)[1]
    previous = _previous(12)
    bad = {
        "float images": lambda: fitted.predict(images / 255),
        "grey images": lambda: fitted.predict(images[..., :1]),
        "one image": lambda: fitted.predict(images[0]),
        "no subject": lambda: fitted.predict(images[:0]),
        "unexpected beliefs": lambda: fitted.predict(images, previous),
        "joints of another number of subjects": lambda: clone(stage).fit(images, None, joints[:5]),
        "no labelled joint": lambda: clone(stage).fit(images, None, np.zeros_like(joints)),
        "a skeleton with other parts": lambda: clone(stage).fit(images, None, joints, skeleton="lsp"),
        "beliefs with too few channels": lambda: clone(stage).fit(images, previous[:, 1:], joints),
        "beliefs that are NaN": lambda: clone(stage).fit(images, previous * np.nan, joints),
    }
    if stage.stride > 1:
        bad["a size that is not a multiple of the stride"] = lambda: fitted.predict(images[:, 1:])
    for what, call in bad.items():
        _raises(ValueError, call, what)
    later, images, _ = _fit(stage, with_previous=True)
    _raises(ValueError, lambda: later.predict(images), "a later stage without beliefs")


def check_state_rebuilds_the_stage(stage: Stage) -> None:
    """get_state returns plain arrays from which set_state rebuilds a stage that predicts the same."""
    fitted, images, previous = _fit(stage, with_previous=True)
    state = fitted.get_state()
    assert all(isinstance(array, np.ndarray) and not array.dtype.hasobject for array in state.values())
    rebuilt = clone(fitted)
    rebuilt.n_parts_, rebuilt.skeleton_, rebuilt.uses_beliefs_ = fitted.n_parts_, fitted.skeleton_, True
    rebuilt.set_state({name: array.copy() for name, array in state.items()})
    assert np.allclose(rebuilt.predict(images, previous), fitted.predict(images, previous), atol=1e-6)


def check_pickles(stage: Stage) -> None:
    """A fitted stage can be pickled, which parallel cross-validation needs."""
    fitted, images, previous = _fit(stage, with_previous=True)
    copy = pickle.loads(pickle.dumps(fitted))
    assert np.allclose(copy.predict(images, previous), fitted.predict(images, previous), atol=1e-6)


def check_features_are_shared(stage: Stage) -> None:
    """Predicting from precomputed features equals predicting from images, and the key is hashable."""
    fitted, images, _ = _fit(stage)
    hash(fitted.feature_key)
    features = fitted.compute_features(images)
    assert len(features) == len(images), "features must have one row per subject"
    assert np.array_equal(fitted.predict(images, features=features), fitted.predict(images))


def check_given_features_change_nothing(stage: Stage) -> None:
    """A stage that reads fixed features learns the same from the features as from the images."""
    if not stage.reads_fixed_features:
        return
    images, joints = make_dots(12, stride=stage.stride)
    if "random_state" in stage.get_params():
        stage = clone(stage).set_params(random_state=0)
    features = clone(stage)._features(images)
    alone, given = (clone(stage).fit(images, None, joints, skeleton=SKELETON, features=one) for one in (None, features))
    assert np.array_equal(given.predict(images), alone.predict(images))
    _raises(
        ValueError, lambda: clone(stage).fit(images, None, joints, features=features[1:]), "features of fewer crops"
    )


def stage_checks() -> list[Callable[[Stage], None]]:
    """All checks; each takes an unfitted stage and raises AssertionError if it breaks the contract."""
    return [check for name, check in globals().items() if name.startswith("check_") and name != "check_stage"]


def check_stage(stage: Stage) -> None:
    """Run every check of the contract on an unfitted stage.

    Parameters
    ----------
    stage : Stage
        With settings that train fast: each check fits it on a dozen images of 5 x 7 cells.

    Raises
    ------
    AssertionError
        At the first violation, with a description.
    """
    if not isinstance(stage, Stage):
        raise AssertionError(f"a stage must be a posemachines.Stage; got {type(stage).__name__}")
    for check in stage_checks():
        check(stage)

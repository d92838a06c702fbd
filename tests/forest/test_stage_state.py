"""The arrays that a forest stage is saved as, and those that it must not take over."""

import numpy as np
import pytest

from .dots import BODY, IMAGE_TAPS, LEARNERS, OFFSETS, PATCH, POSITION, rebuild, small


@LEARNERS
def test_state_round_trip_is_bit_identical(data, previous, boosting, learner):
    fitted = small(boosting=boosting, learner=learner).fit(data[0], previous, data[1], skeleton=BODY)
    state = fitted.get_state()
    assert all(array.dtype.kind in "biuf" for array in state.values())
    rebuilt = rebuild(fitted, {name: array.copy() for name, array in state.items()})
    ours, theirs = (stage.predict(data[0], previous, composites=True) for stage in (rebuilt, fitted))
    np.testing.assert_array_equal(ours, theirs)
    assert rebuilt.size() == fitted.size()
    again = rebuilt.get_state()
    assert again.keys() == state.keys()
    for name, array in state.items():
        assert array.dtype == again[name].dtype
        np.testing.assert_array_equal(array, again[name])


def test_state_is_kept_in_small_types(second):
    state = second.get_state()
    assert state["threshold_0"].dtype == np.uint8
    assert state["feature_0"].dtype == np.int16
    assert state["leaves_0"].dtype == np.float16


def change(name, where, value):
    """The array of that name with one number changed."""

    def spoil(state):
        array = state[name].astype(np.int64) if state[name].dtype.kind == "i" else state[name].copy()
        places = {"inner": np.flatnonzero(state["feature_0"] >= 0), "leaf": np.flatnonzero(state["feature_0"] < 0)}
        array[places[where][0] if isinstance(where, str) else where] = value(state) if callable(value) else value
        return {name: array}

    return spoil


def cut_off(name):
    return lambda state: {name: state[name][..., 1:]}


def without(*names):
    return lambda state: dict.fromkeys(name for name in state if name.startswith(names))


def n_nodes(state):
    return len(state["feature_0"])


HOSTILE = {
    "a node that is its own child": change("child_0", "inner", 0),
    "a child before the first node": change("child_0", "inner", -5),
    "a right child after the last node": change("child_0", "inner", lambda state: n_nodes(state) - 1),
    "a left child after the last node": change("child_0", "inner", n_nodes),
    "a child at the end of all numbers": change("child_0", "inner", 2**31 - 1),
    "a feature that no descriptor has": change(
        "feature_0", "inner", IMAGE_TAPS[0] + 9 * PATCH + 6 * OFFSETS + POSITION
    ),
    "a feature below that of a leaf": change("feature_0", "leaf", -30_000),
    "a root after the last node": change("roots_0", 0, n_nodes),
    "a root before the first node": change("roots_0", 0, -1),
    "roots of no tree": lambda state: {"roots_0": state["roots_0"][None]},
    "a leaf after the last": change("child_0", "leaf", lambda state: len(state["leaves_0"])),
    "a leaf before the first": change("child_0", "leaf", -1),
    "a leaf that is not a number": change("leaves_0", (0, 0), np.nan),
    "a leaf that is infinite": change("leaves_0", (0, 1), np.inf),
    "leaves of too few classes": cut_off("leaves_0"),
    "leaves of another level": lambda state: {"leaves_1": state["leaves_0"]},
    "leaves in one row": lambda state: {"leaves_0": state["leaves_0"].ravel()},
    "a prior that is not a number": change("prior_0", 0, np.nan),
    "a prior of too few classes": cut_off("prior_0"),
    "too few thresholds": cut_off("threshold_0"),
    "too few children": cut_off("child_0"),
    "features in a table": lambda state: {"feature_0": state["feature_0"][None]},
    "a single feature": lambda state: {"feature_0": np.array(3)},
    "text": lambda state: {"leaves_0": np.array(["x"])},
    "two kinds of scores": lambda state: {"softmax_0": np.array([True, False])},
    "no level": without("feature", "threshold", "child", "roots", "leaves", "prior", "softmax"),
    "no array of a level": without("child_1"),
    "a gap between levels": without(*(f"{name}_1" for name in ("feature", "threshold", "child", "roots", "leaves"))),
    "a level that the skeleton lacks": lambda state: {f"{n[:-1]}3": a for n, a in state.items() if n.endswith("_2")},
    "no number of maps": without("previous_maps"),
    "a negative number of maps": lambda state: {"previous_maps": np.array(-1)},
    "fewer maps than parts": lambda state: {"previous_maps": np.array(2)},
    "maps of no levels": lambda state: {"previous_maps": np.array(6)},
    "more maps than there are": lambda state: {"previous_maps": np.array(4000)},
    "several numbers of maps": lambda state: {"previous_maps": np.array([9, 9])},
}


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_arrays_are_refused(second, how):
    state = second.get_state()
    state = {name: array for name, array in (state | HOSTILE[how](state)).items() if array is not None}
    with pytest.raises(ValueError, match=r".+"):
        rebuild(second, state)


def test_a_stage_is_as_it_was_after_it_refused_a_state(data, previous, second):
    stage = rebuild(second, second.get_state())
    expected = stage.predict(data[0][:2], previous[:2])
    for how in ("a leaf after the last", "maps of no levels", "no array of a level"):
        state = second.get_state()
        state = {name: array for name, array in (state | HOSTILE[how](state)).items() if array is not None}
        with pytest.raises(ValueError, match=r".+"):
            stage.set_state(state)
    np.testing.assert_array_equal(stage.predict(data[0][:2], previous[:2]), expected)

import numpy as np
import pytest
from numba import config
from sklearn.base import clone

from posemachines.beliefs import decode
from posemachines.forest import PoseMachine
from posemachines.skeleton import Skeleton

from .dots import BODY, GRID, PLAIN, make_beliefs, make_pictures, small

ENDS = {1: [4], 2: [4, 7], 3: [4, 7, 9]}  # one past the last map of each level of the body
N_PEOPLE = 6
IMAGE_TAPS = [13 * (5**2 + 7**2 + 7**2), 13 * (9**2 + 7**2), 13 * (9**2 + 9**2)]  # of each level
PATCH, OFFSETS, POSITION = 11**2, 2 * 3, 2  # taps: a previous map, a previous foreground map, a cell

LEARNERS = pytest.mark.parametrize(
    ("boosting", "learner"),
    [(True, "histogram"), (True, "scikit-learn"), (False, "histogram"), (False, "scikit-learn")],
)


slow_as_python = pytest.mark.skipif(config.DISABLE_JIT, reason="trains for long where kernels are plain Python")


def found_share(beliefs, joints):
    """Share of the joints whose belief map is largest in their own cell."""
    found, _ = decode(beliefs, stride=4, refine=False)
    return (np.linalg.norm(found - joints[..., :2], axis=-1) < 1).mean()


@pytest.fixture(scope="module")
def data():
    return make_pictures(N_PEOPLE)


@pytest.fixture(scope="module")
def previous():
    return make_beliefs(N_PEOPLE, 9)


@pytest.fixture(scope="module")
def first(data):
    return small().fit(data[0], None, data[1])


@pytest.fixture(scope="module")
def second(data, previous):
    """A later stage of three levels, after one of three levels."""
    return small().fit(data[0], previous, data[1], skeleton=BODY)


# -- learning -----------------------------------------------------------------------------------------------------


@slow_as_python
@LEARNERS
def test_finds_coloured_dots(boosting, learner):
    people, labels = make_pictures(30, seed=2)
    images, joints = make_pictures(8, seed=1)
    settings = {"n_rounds": 8, "max_features": 100} if learner == "histogram" else {"n_rounds": 16, "max_features": 0.3}
    settings |= {} if boosting else {"max_depth": None}
    stage = small(boosting=boosting, learner=learner, **settings).fit(people, None, labels)
    beliefs = stage.predict(images)
    assert stage.forests_[0].softmax == boosting
    assert len(stage.forests_[0].roots) == 2 * settings["n_rounds"]
    assert found_share(beliefs, joints) > 0.85


@slow_as_python
def test_a_later_stage_learns_from_beliefs_where_the_image_tells_nothing(data):
    images, joints = data
    previous = np.zeros((N_PEOPLE, 4, *GRID), np.float32)
    cells = (joints[..., :2] // 4).astype(int)
    for part in range(3):
        previous[np.arange(N_PEOPLE), part, cells[:, part, 1], cells[:, part, 0]] = 1
    blank = np.full_like(images, 100)
    stage = small(position=False, n_rounds=6, max_features=300, cells_per_person=12).fit(blank, previous, joints)
    assert found_share(stage.predict(blank, previous), joints) > 0.85


@slow_as_python
def test_a_composite_is_believed_where_its_parts_are(data):
    """The dots of all people are said to lie at the same places, so that the place alone tells."""
    joints = np.ones_like(data[1])
    joints[..., :2] = (5.5, 5.5), (21.5, 5.5), (5.5, 13.5)
    stage = small(n_rounds=8, max_features=300, cells_per_person=20, background_radius=0.75)
    beliefs = stage.fit(data[0], None, joints, skeleton=BODY).predict(data[0], composites=True).mean(0)
    levels = np.split(beliefs, ENDS[3][:-1])
    middles = [(1, 1), (1, 5), (3, 1)], [(1, 3), (2, 1)], [(5 / 3, 7 / 3)]
    for number, (level, cells) in enumerate(zip(levels, middles, strict=True), 1):
        assert len(level) == len(cells) + 1
        for belief, cell in zip(level, cells, strict=False):
            place = np.unravel_index(belief.argmax(), GRID)
            assert np.hypot(*np.subtract(place, cell)) <= 0.75 * number


# -- levels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_beliefs_of_every_level_add_up_to_one(data, levels):
    stage = small(levels=levels, smoothing=1.0)
    stage.fit(data[0], None, data[1], skeleton=BODY)
    beliefs = stage.predict(data[0][:2], composites=True)
    assert len(stage.forests_) == levels
    assert beliefs.shape == (2, ENDS[levels][-1], *GRID)
    assert beliefs.dtype == np.float32
    for own in np.split(beliefs, ENDS[levels][:-1], axis=1):
        np.testing.assert_allclose(own.sum(1), 1, atol=1e-5)
        assert own.min() >= 0


@LEARNERS
def test_beliefs_of_every_learner_add_up_to_one(data, boosting, learner):
    """To the half precision in which leaves are kept, where they are shares."""
    stage = small(levels=2, boosting=boosting, learner=learner).fit(data[0], None, data[1], skeleton=BODY)
    for own in np.split(stage.predict(data[0][:2], composites=True), [4], axis=1):
        np.testing.assert_allclose(own.sum(1), 1, atol=1e-5 if boosting else 1e-3)


def test_composites_are_left_out_by_default(data, previous, second):
    parts, all_maps = (second.predict(data[0], previous, composites=c) for c in (False, True))
    assert parts.shape == (N_PEOPLE, 4, *GRID)
    np.testing.assert_array_equal(parts, all_maps[:, :4])


@pytest.mark.parametrize("levels", [(), BODY.levels[:1], BODY.levels])
def test_there_are_as_many_levels_as_the_skeleton_has(data, levels):
    skeleton = Skeleton("dots", PLAIN.parts, levels=levels)
    stage = small().fit(data[0], None, data[1], skeleton=skeleton)
    assert len(stage.forests_) == len(levels) + 1
    assert stage.complexity()["nodes"] == sum(forest.n_nodes for forest in stage.forests_)


def test_a_fourth_level_is_left_out(data):
    deep = Skeleton("dots", PLAIN.parts, levels=(*BODY.levels, ((0, 1, 2),)))
    stage = small().fit(data[0], None, data[1], skeleton=deep)
    assert len(stage.forests_) == 3


@pytest.mark.parametrize(
    ("levels", "skeleton", "most"), [(2, PLAIN, 1), (4, BODY, 3), (0, BODY, 3), (-1, BODY, 3), (1.5, BODY, 3)]
)
def test_more_levels_than_the_skeleton_has_are_refused(data, levels, skeleton, most):
    with pytest.raises(ValueError, match=rf"levels must be between 1 and {most}.*'{skeleton.name}'.*got {levels}"):
        small(levels=levels).fit(data[0], None, data[1], skeleton=skeleton)


def test_a_level_that_nobody_shows_is_told(data):
    joints = data[1].copy()
    joints[0::3, 1:, 2] = joints[1::3, ::2, 2] = joints[2::3, :2, 2] = 0
    with pytest.raises(
        ValueError, match="no composite of level 3 has half of its parts labelled in anyone; use levels=2"
    ):
        small().fit(data[0], None, joints, skeleton=BODY)


def test_the_first_level_does_not_depend_on_the_others(data):
    alone, among = (small(levels=n).fit(data[0], None, data[1], skeleton=BODY) for n in (1, 3))
    np.testing.assert_array_equal(alone.predict(data[0][:2]), among.predict(data[0][:2]))


# -- context ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_maps", "foreground"), [(0, 0), (4, 3), (7, 5), (9, 6)], ids=["none", "parts", "two levels", "three levels"]
)
def test_context_is_read_from_all_levels_of_the_stage_before(data, n_maps, foreground):
    before = make_beliefs(N_PEOPLE, n_maps) if n_maps else None
    stage = small().fit(data[0], before, data[1], skeleton=BODY)
    context = n_maps * PATCH + foreground * OFFSETS
    assert [len(stage._taps(level)) for level in range(3)] == [n + context + POSITION for n in IMAGE_TAPS]
    assert stage.predict(data[0][:2], None if before is None else before[:2]).shape == (2, 4, *GRID)


@pytest.mark.parametrize("channel", range(9))
def test_every_map_but_the_backgrounds_gives_offsets_and_all_give_patches(data, previous, second, channel):
    """The codes of what a stage packs change with every map of all levels before."""
    codes = second.features(data[0][:1])
    changed = previous[:1].copy()
    changed[0, channel] = np.roll(changed[0, channel], 1, axis=-1)
    whole, moved = (second._pack(codes, maps, second._reach())[0] for maps in (previous[:1], changed))
    bordered = (39 + 9) * (GRID[0] + 2 * second._reach()) * (GRID[1] + 2 * second._reach())
    assert (whole[:bordered] != moved[:bordered]).any()
    assert (whole[bordered:] != moved[bordered:]).any() == (channel not in (3, 6, 8))


@pytest.mark.parametrize(
    ("patches", "offsets", "position", "n_taps"),
    [
        (True, True, True, 9 * PATCH + 6 * OFFSETS + POSITION),
        (True, False, False, 9 * PATCH),
        (False, True, False, 6 * OFFSETS),
        (False, False, True, POSITION),
        (False, False, False, 0),
    ],
)
def test_context_and_position_can_be_switched_off(data, previous, patches, offsets, position, n_taps):
    settings = {"context_patches": patches, "context_offsets": offsets, "position": position}
    stage = small(**settings, n_rounds=1).fit(data[0], previous, data[1], skeleton=BODY)
    tables = [stage._taps(level) for level in range(3)]
    assert [len(table) for table in tables] == [n + n_taps for n in IMAGE_TAPS]
    n_maps = 39 + 9 * patches + 6 * OFFSETS * offsets + POSITION * position
    assert {int(table[:, 0].max()) for table in tables} == {n_maps - 1}
    beliefs = stage.predict(data[0], previous)
    if not (patches or offsets):
        np.testing.assert_array_equal(stage.predict(data[0], previous[::-1].copy()), beliefs)


def test_the_number_of_peaks_is_that_of_the_offsets(data, previous):
    stage = small(n_peaks=4, n_rounds=1, levels=1).fit(data[0], previous, data[1], skeleton=BODY)
    assert len(stage._taps(0)) == IMAGE_TAPS[0] + 9 * PATCH + 6 * 4 * 3 + POSITION


def test_the_border_of_a_background_map_is_background(data, previous, second):
    codes, reach = second.features(data[0][:1]), second._reach()
    pitch = GRID[1] + 2 * reach
    size = (GRID[0] + 2 * reach) * pitch
    maps = second._pack(codes, previous[:1], reach)[0][39 * size : 48 * size].reshape(9, -1, pitch)
    assert maps[:, 0, 0].tolist() == [0, 0, 0, 63, 0, 0, 63, 0, 63]
    np.testing.assert_array_equal(maps[:, reach, reach], np.sqrt(previous[0, :, 0, 0]) // (1 / 64))


def test_what_was_fitted_with_composites_is_not_predicted_without(data, previous, second):
    with pytest.raises(ValueError, match="fitted with 9 previous maps, composites included; got 4"):
        second.predict(data[0], previous[:, :4])
    with pytest.raises(ValueError, match="fitted with 4 previous maps"):
        small(n_rounds=1).fit(data[0], previous[:, :4], data[1], skeleton=BODY).predict(data[0], previous)


@pytest.mark.parametrize("n_maps", [5, 6, 8, 10])
@pytest.mark.parametrize("skeleton", [BODY, PLAIN], ids=["three levels", "one level"])
def test_previous_maps_of_no_levels_are_refused(data, n_maps, skeleton):
    with pytest.raises(ValueError, match="previous"):
        small(n_rounds=1).fit(data[0], make_beliefs(N_PEOPLE, n_maps), data[1], skeleton=skeleton)


@slow_as_python
def test_the_stages_of_a_machine_hand_composites_on(data):
    images, joints = data
    machine = PoseMachine(2, stage=small(), skeleton=BODY, random_state=0).fit(images, joints)
    assert len(machine.stages_[1]._taps(0)) == IMAGE_TAPS[0] + 9 * PATCH + 6 * OFFSETS + POSITION
    staged = list(machine.staged_beliefs(images[:3]))
    assert len(staged) == 2
    for beliefs in staged:
        assert beliefs.shape == (3, 4, *GRID)
        np.testing.assert_allclose(beliefs.sum(1), 1, atol=1e-4)
    before = machine.stages_[0].predict(images[:3], composites=True)
    np.testing.assert_array_equal(machine.stages_[1].predict(images[:3], before), staged[1])


# -- what else it keeps to ----------------------------------------------------------------------------------------


def test_same_seed_same_beliefs_on_any_number_of_threads(data, first):
    again, two, other = (
        small(**own).fit(data[0], None, data[1]).predict(data[0][:2])
        for own in ({}, {"n_jobs": 2}, {"random_state": 1})
    )
    expected = first.predict(data[0][:2])
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(two, expected)
    assert (other != expected).any()


def test_features_are_shared_by_stages_of_one_stride(data, previous, first, second):
    assert first.feature_key == second.feature_key != clone(first).set_params(stride=8).feature_key
    codes = first.features(data[0][:2])
    assert codes.shape == (2, 39, *GRID)
    assert codes.dtype == np.uint8
    for stage, before in ((first, None), (second, previous[:2])):
        given, own = (stage.predict(data[0][:2], before, features=f, composites=True) for f in (codes, None))
        np.testing.assert_array_equal(given, own)


def test_beliefs_do_not_depend_on_the_other_people(data, previous, second):
    together = second.predict(data[0], previous, composites=True)
    alone = second.predict(data[0][3:4], previous[3:4], composites=True)
    np.testing.assert_array_equal(alone[0], together[3])


def test_more_people_than_are_packed_at_a_time(monkeypatch, data, previous, second):
    expected = second.predict(data[0], previous, composites=True)
    monkeypatch.setattr("posemachines.forest.stage._BATCH", 3)
    np.testing.assert_array_equal(second.predict(data[0], previous, composites=True), expected)
    again = small().fit(data[0], previous, data[1], skeleton=BODY)
    np.testing.assert_array_equal(again.predict(data[0], previous, composites=True), expected)


def test_smoothing_can_be_changed_after_training(data, first):
    sharp = first.predict(data[0][:2])
    smooth = clone(first).set_params(smoothing=2.0).fit(data[0], None, data[1]).predict(data[0][:2])
    assert smooth.std() < sharp.std()
    np.testing.assert_allclose(smooth.sum(1), 1, atol=1e-4)


def test_unlabelled_joints_teach_nothing(data):
    images, joints = data[0], data[1].copy()
    joints[::2, 1, 2] = 0
    moved = joints.copy()
    moved[::2, 1, :2] = 6, 6
    one, two = (small(n_rounds=1).fit(images, None, labels, skeleton=BODY) for labels in (joints, moved))
    np.testing.assert_array_equal(*(stage.predict(images[:2], composites=True) for stage in (one, two)))


def test_who_may_show_an_unlabelled_part_gives_no_background(data, first):
    joints = data[1].copy()
    joints[::2, 1, 2] = 0
    labels = first._labels(joints, GRID, 0)
    assert [bool((person == 3).any()) for person in labels] == [False, True] * (N_PEOPLE // 2)
    assert all((person == 0).any() for person in labels)
    assert not (labels[::2] == 1).any()


def test_composites_are_labelled_wider_than_parts(data, first):
    one, two = (first._labels(data[1][:1, :1], GRID, level) for level in (0, 1))
    assert (two == 0).sum() > (one == 0).sum() == 1
    assert (two == 1).sum() < (one == 1).sum()


@LEARNERS
def test_a_part_that_is_never_labelled_is_hardly_believed(data, boosting, learner):
    joints = data[1].copy()
    joints[:, 1, 2] = 0
    stage = small(n_rounds=1, boosting=boosting, learner=learner).fit(data[0], None, joints)
    beliefs = stage.predict(data[0][:2])
    assert beliefs.shape == (2, 4, *GRID)
    assert beliefs[:, 1].max() < 1e-9
    assert beliefs[:, [0, 2, 3]].max() > 0.2


@pytest.mark.parametrize("stride", [2, 8])
def test_other_sizes_and_strides(stride):
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 16, 3), dtype=np.uint8)
    joints = np.array([[[3, 3, 1], [12, 20, 1]]] * 2)
    stage = small(stride=stride, n_rounds=1).fit(images, None, joints)
    for some in (images, images[:, :16], images[:, :, :8]):
        assert stage.predict(some).shape == (2, 3, some.shape[1] // stride, some.shape[2] // stride)


def test_a_prediction_does_not_depend_on_the_sizes_before(data, first):
    expected = first.predict(data[0][:2])
    assert first.predict(data[0][:2, :8, :12]).shape == (2, 4, 2, 3)
    np.testing.assert_array_equal(first.predict(data[0][:2]), expected)


def test_progress_is_shown_when_verbose(capsys, data):
    small(n_rounds=1, verbose=True).fit(data[0][:2], None, data[1][:2])
    shown = capsys.readouterr().err
    assert "descriptors" in shown
    assert "boosting" in shown
    small(n_rounds=1, boosting=False, verbose=True).fit(data[0][:2], None, data[1][:2])
    assert "trees" in capsys.readouterr().err
    small(n_rounds=1).fit(data[0][:2], None, data[1][:2])
    assert not "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learner", "oracle"),
        ("n_rounds", 0),
        ("n_trees", 0),
        ("learning_rate", -1),
        ("max_depth", -1),
        ("min_samples_leaf", 0),
        ("max_features", "auto"),
        ("max_samples", 2),
        ("l2", -1),
        ("n_peaks", 0),
        ("max_cells", 0),
        ("cells_per_person", -1),
        ("hard_negatives", 1.5),
        ("smoothing", -1),
        ("positive_radius", 0),
        ("background_radius", 0.5),
        ("class_balance", 2),
    ],
)
def test_bad_parameters(name, value, data):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(data[0][:2], None, data[1][:2])


def test_xgboost_does_not_grow_plain_forests(data):
    with pytest.raises(ValueError, match=r"xgboost.*boosting=True"):
        small(learner="xgboost", boosting=False).fit(data[0][:2], None, data[1][:2])


def test_malformed_input(data, previous, first, second):
    with pytest.raises(ValueError, match="multiple of the stride"):
        first.predict(data[0][:, :15])
    with pytest.raises(ValueError, match="beliefs were given"):
        first.predict(data[0], previous)
    with pytest.raises(ValueError, match="none were given"):
        second.predict(data[0])
    with pytest.raises(ValueError, match="previous beliefs must be"):
        second.predict(data[0], previous[:, :3])
    with pytest.raises(ValueError, match="nothing to learn"):
        small().fit(data[0], None, data[1] * 0)


# -- state --------------------------------------------------------------------------------------------------------


def rebuild(fitted, state):
    stage = clone(fitted)
    stage.n_parts_, stage.skeleton_ = fitted.n_parts_, fitted.skeleton_
    stage.uses_beliefs_ = fitted.uses_beliefs_
    stage.set_state(state)
    return stage


@LEARNERS
def test_state_round_trip_is_bit_identical(data, previous, boosting, learner):
    fitted = small(boosting=boosting, learner=learner).fit(data[0], previous, data[1], skeleton=BODY)
    state = fitted.get_state()
    assert all(array.dtype.kind in "biuf" for array in state.values())
    rebuilt = rebuild(fitted, {name: array.copy() for name, array in state.items()})
    ours, theirs = (stage.predict(data[0], previous, composites=True) for stage in (rebuilt, fitted))
    np.testing.assert_array_equal(ours, theirs)
    assert rebuilt.complexity() == fitted.complexity()
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

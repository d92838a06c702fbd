"""The levels of a forest stage, and what a later one reads of those before it."""

import numpy as np
import pytest

from posemachines.forest import PoseMachine
from posemachines.forest.level import with_mixtures
from posemachines.skeleton import Skeleton

from .dots import (
    BODY,
    ENDS,
    GRID,
    IMAGE_TAPS,
    LEARNERS,
    N_PEOPLE,
    OFFSETS,
    PATCH,
    PLAIN,
    POSITION,
    make_beliefs,
    rebuild,
    slow_as_python,
    small,
)


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
    assert stage.size()["nodes"] == sum(forest.n_nodes for forest in stage.forests_)


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
        ValueError, match="no subject has half of the parts of a composite of level 3 labelled; use levels=2"
    ):
        small().fit(data[0], None, joints, skeleton=BODY)


def test_the_first_level_does_not_depend_on_the_others(data):
    alone, among = (small(levels=n).fit(data[0], None, data[1], skeleton=BODY) for n in (1, 3))
    np.testing.assert_array_equal(alone.predict(data[0][:2]), among.predict(data[0][:2]))


@pytest.mark.parametrize(
    ("n_maps", "foreground"), [(0, 0), (4, 3), (7, 5), (9, 6)], ids=["none", "parts", "two levels", "three levels"]
)
def test_context_is_read_from_all_levels_of_the_stage_before(data, n_maps, foreground):
    before = make_beliefs(N_PEOPLE, n_maps) if n_maps else None
    stage = small().fit(data[0], before, data[1], skeleton=BODY)
    context = n_maps * PATCH + foreground * OFFSETS
    assert [len(stage._descriptor().taps(level)) for level in range(3)] == [n + context + POSITION for n in IMAGE_TAPS]
    assert stage.predict(data[0][:2], None if before is None else before[:2]).shape == (2, 4, *GRID)


@pytest.mark.parametrize("channel", range(9))
def test_every_map_but_the_backgrounds_gives_offsets_and_all_give_patches(data, previous, second, channel):
    """The codes of what a stage packs change with every map of all levels before."""
    codes = second.compute_features(data[0][:1])
    changed = previous[:1].copy()
    changed[0, channel] = np.roll(changed[0, channel], 1, axis=-1)
    whole, moved = (
        second._descriptor().pack(codes, maps, second._descriptor().reach())[0] for maps in (previous[:1], changed)
    )
    bordered = (39 + 9) * (GRID[0] + 2 * second._descriptor().reach()) * (GRID[1] + 2 * second._descriptor().reach())
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
    settings = {"patches": patches, "offsets": offsets, "position": position}
    stage = small(**settings, n_rounds=1, residual=False).fit(data[0], previous, data[1], skeleton=BODY)
    tables = [stage._descriptor().taps(level) for level in range(3)]
    assert [len(table) for table in tables] == [n + n_taps for n in IMAGE_TAPS]
    n_maps = 39 + 9 * patches + 6 * OFFSETS * offsets + POSITION * position
    assert {int(table[:, 0].max()) for table in tables} == {n_maps - 1}
    beliefs = stage.predict(data[0], previous)
    if not (patches or offsets):
        np.testing.assert_array_equal(stage.predict(data[0], previous[::-1].copy()), beliefs)


def test_the_number_of_peaks_is_that_of_the_offsets(data, previous):
    stage = small(n_peaks=4, n_rounds=1, levels=1).fit(data[0], previous, data[1], skeleton=BODY)
    assert len(stage._descriptor().taps(0)) == IMAGE_TAPS[0] + 9 * PATCH + 6 * 4 * 3 + POSITION


def test_the_border_of_a_background_map_is_background(data, previous, second):
    codes, reach = second.compute_features(data[0][:1]), second._descriptor().reach()
    pitch = GRID[1] + 2 * reach
    size = (GRID[0] + 2 * reach) * pitch
    maps = second._descriptor().pack(codes, previous[:1], reach)[0][39 * size : 48 * size].reshape(9, -1, pitch)
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
    assert len(machine.stages_[1]._descriptor().taps(0)) == IMAGE_TAPS[0] + 9 * PATCH + 6 * OFFSETS + POSITION
    staged = list(machine.staged_beliefs(images[:3]))
    assert len(staged) == 2
    for beliefs in staged:
        assert beliefs.shape == (3, 4, *GRID)
        np.testing.assert_allclose(beliefs.sum(1), 1, atol=1e-4)
    before = machine.stages_[0].predict(images[:3], composites=True)
    np.testing.assert_array_equal(machine.stages_[1].predict(images[:3], before), staged[1])


def sure_beliefs(joints, skeleton):
    """Beliefs of all levels that are 0.97 in the cell of each part or composite, and 0.97 background elsewhere."""
    maps = []
    for level in (tuple((part,) for part in range(3)), *skeleton.levels):
        middles = np.stack([joints[:, list(parts), :2].mean(1) for parts in level], 1)
        columns, rows = np.moveaxis(((middles - 1.5) / 4).round().astype(int), -1, 0)
        shown = np.zeros((len(joints), len(level) + 1, *GRID), np.float32)
        for part in range(len(level)):
            shown[np.arange(len(joints)), part, rows[:, part], columns[:, part]] = 1
        shown[:, -1] = 1 - shown[:, :-1].max(1)
        shown += 0.03
        maps.append(shown / shown.sum(1, keepdims=True))
    return np.concatenate(maps, 1)


@pytest.mark.parametrize(("n_maps", "levels"), [(4, 1), (9, 3)])
def test_a_later_stage_starts_from_the_beliefs_of_its_levels(data, n_maps, levels):
    """One round that learns nothing leaves them as they are; levels that the stage before lacks start from nothing."""
    before = np.ascontiguousarray(sure_beliefs(data[1], BODY)[:, :n_maps])
    stage = small(n_rounds=1, learning_rate=0).fit(data[0], before, data[1], skeleton=BODY)
    beliefs = stage.predict(data[0], before, composites=True)
    np.testing.assert_allclose(beliefs[:, :n_maps], before, atol=1e-5)
    for level, maps in enumerate(np.split(beliefs, ENDS[3][:-1], axis=1)):
        assert (maps.std((0, 2, 3)) < 1e-6).all() == (level >= levels)


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({}, True),
        ({"learner": "scikit-learn"}, True),
        ({"residual": False}, False),
        ({"boosting": False}, False),
        ({"boosting": False, "learner": "scikit-learn"}, False),
    ],
)
def test_starting_from_the_beliefs_before_can_be_switched_off(data, changes, starts):
    """With no other context, beliefs follow those before only where they start from them."""
    settings = {"patches": False, "offsets": False, "n_rounds": 1} | changes
    before = sure_beliefs(data[1], BODY)
    stage = small(**settings).fit(data[0], before, data[1], skeleton=BODY)
    own, others = (stage.predict(data[0], maps, composites=True) for maps in (before, before[::-1].copy()))
    assert (abs(own - others).max() > 0.1) == starts
    if not starts:
        np.testing.assert_array_equal(own, others)


@LEARNERS
def test_a_part_that_is_never_labelled_keeps_its_belief(data, boosting, learner):
    joints = data[1].copy()
    joints[:, 1, 2] = 0
    before = np.ascontiguousarray(sure_beliefs(data[1], BODY)[:, :4])
    stage = small(boosting=boosting, learner=learner, n_rounds=1, learning_rate=0).fit(data[0], before, joints)
    part = stage.predict(data[0], before)[:, 1]
    np.testing.assert_allclose(part, before[:, 1] if boosting else 0, atol=1e-5)


@slow_as_python
@pytest.mark.parametrize("poses", [2, 3])
def test_every_pose_of_a_composite_has_a_map(data, poses):
    ends = np.cumsum([4, 2 * poses + 1, poses + 1])
    first = small(n_mixtures=poses).fit(data[0], None, data[1], skeleton=BODY)
    beliefs = first.predict(data[0], composites=True)
    assert beliefs.shape == (N_PEOPLE, ends[-1], *GRID)
    for level in np.split(beliefs, ends[:-1], axis=1):
        np.testing.assert_allclose(level.sum(1), 1, atol=1e-5)
    second = small(n_mixtures=poses).fit(data[0], beliefs, data[1], skeleton=BODY)
    foreground = 3 + 3 * poses
    assert len(second._descriptor().taps(2)) == IMAGE_TAPS[2] + ends[-1] * PATCH + foreground * OFFSETS + POSITION
    assert np.flatnonzero(second._layout().is_background).tolist() == [end - 1 for end in ends]
    rebuilt = rebuild(second, second.get_state())
    np.testing.assert_array_equal(rebuilt.predict(data[0], beliefs), second.predict(data[0], beliefs))


def test_poses_of_the_stage_before_must_be_the_same(data):
    before = make_beliefs(N_PEOPLE, 4 + 5 + 3)
    with pytest.raises(ValueError, match="previous"):
        small(n_rounds=1, n_mixtures=1).fit(data[0], before, data[1], skeleton=BODY)


def test_shares_of_composites_are_those_of_their_mixture_components():
    targets = np.array([[0.5, 0.25, 0.25], [0, 0.75, 0.25]], np.float32)
    unknown = np.array([[False, False, False], [True, False, True]])
    split, hidden = with_mixtures(targets, unknown, np.array([[0, 2], [1, 0]]), 3)
    assert split.tolist() == [[0.5, 0, 0, 0, 0, 0.25, 0.25], [0, 0, 0, 0.75, 0, 0, 0.25]]
    assert hidden.tolist() == [[False] * 7, [True, True, True, False, False, False, True]]
    assert with_mixtures(targets, None, np.array([[0, 2], [1, 0]]), 3)[1] is None

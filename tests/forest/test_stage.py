import copy
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from posemachines.beliefs import decode
from posemachines.forest import samples
from posemachines.forest.level import LevelTraining
from tests.toys import make_pictures

from .dots import BODY, ENDS, GRID, LEARNERS, N_PEOPLE, slow_as_python, small


def found_share(beliefs, joints):
    """Share of the joints whose belief map is largest in their own cell."""
    found, _ = decode(beliefs, stride=4, subpixel=False)
    return (np.linalg.norm(found - joints[..., :2], axis=-1) < 1).mean()


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
@pytest.mark.parametrize("residual", [False, True])
def test_a_later_stage_learns_from_beliefs_where_the_image_tells_nothing(data, residual):
    images, joints = data
    previous = np.zeros((N_PEOPLE, 4, *GRID), np.float32)
    cells = (joints[..., :2] // 4).astype(int)
    for part in range(3):
        previous[np.arange(N_PEOPLE), part, cells[:, part, 1], cells[:, part, 0]] = 1
    blank = np.full_like(images, 100)
    stage = small(residual=residual, position=False, n_rounds=6, max_features=300, cells_per_subject=12)
    stage.fit(blank, previous, joints)
    assert found_share(stage.predict(blank, previous), joints) > 0.85


@slow_as_python
def test_a_composite_is_believed_where_its_parts_are(data):
    """The dots of all people are said to lie at the same places, so that the place alone tells."""
    joints = np.ones_like(data[1])
    joints[..., :2] = (5.5, 5.5), (21.5, 5.5), (5.5, 13.5)
    stage = small(n_rounds=8, max_features=300, cells_per_subject=20, background_radius=0.75)
    beliefs = stage.fit(data[0], None, joints, skeleton=BODY).predict(data[0], composites=True).mean(0)
    levels = np.split(beliefs, ENDS[3][:-1])
    middles = [(1, 1), (1, 5), (3, 1)], [(1, 3), (2, 1)], [(5 / 3, 7 / 3)]
    for number, (level, cells) in enumerate(zip(levels, middles, strict=True), 1):
        assert len(level) == len(cells) + 1
        for belief, cell in zip(level, cells, strict=False):
            place = np.unravel_index(belief.argmax(), GRID)
            assert np.hypot(*np.subtract(place, cell)) <= 0.75 * number


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
    codes = first.compute_features(data[0][:2])
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
    monkeypatch.setattr("posemachines.forest.descriptor._BATCH", 3)
    np.testing.assert_array_equal(second.predict(data[0], previous, composites=True), expected)
    again = small().fit(data[0], previous, data[1], skeleton=BODY)
    np.testing.assert_array_equal(again.predict(data[0], previous, composites=True), expected)


def test_smoothing_can_be_changed_after_training(data, first):
    sharp = first.predict(data[0][:2])
    smooth = copy.deepcopy(first).set_params(smoothing=2.0).predict(data[0][:2])
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
    labels = LevelTraining(first, first._descriptor())._labels(joints, GRID, 0)
    assert [bool((person == 3).any()) for person in labels] == [False, True] * (N_PEOPLE // 2)
    assert all((person == 0).any() for person in labels)
    assert not (labels[::2] == 1).any()


@pytest.mark.parametrize("learner", ["histogram", "scikit-learn"])
def test_an_unlabelled_part_is_not_taught_as_background_beside_a_labelled_one(learner):
    """Red and green dots are side by side; most subjects have no label of the green one."""
    people, labels = make_pictures(40, seed=3)
    for person, joints in enumerate(labels):
        people[person] = 100
        column, row = 4 * (person % 5), 4 * (person % 3)
        people[person, row : row + 4, column : column + 4] = 220, 40, 40
        people[person, row : row + 4, column + 4 : column + 8] = 40, 200, 40
        joints[:2, :2] = (column + 1.5, row + 1.5), (column + 5.5, row + 1.5)
    labels[:, 2] = 0
    labels[6:, 1, 2] = 0
    stage = small(n_rounds=20, max_features=200, learner=learner, near_cells=20)
    stage.sampling = replace(stage.sampling, class_balance=0)
    beliefs = stage.fit(people, None, labels).predict(people[6:])
    found, scores = decode(beliefs, stride=4, subpixel=False)
    assert (np.linalg.norm(found[:, 1] - found[:, 0] - [4, 0], axis=-1) < 1).mean() > 0.85
    assert scores[:, 1].mean() > 0.25, "0.1 if taught as background"


@pytest.mark.parametrize("max_cells", [1, 40])
def test_coarser_levels_train_on_fewer_cells(monkeypatch, data, max_cells):
    drawn, draw_cells = [], samples.draw_cells

    def count(*arguments, **settings):
        cells = draw_cells(*arguments, **settings)
        drawn.append(len(cells))
        return cells

    monkeypatch.setattr(samples, "draw_cells", count)
    small(n_rounds=1, max_cells=max_cells, cells_per_subject=28).fit(data[0], None, data[1], skeleton=BODY)
    assert drawn == [max_cells, max(max_cells // 2, 1), max(max_cells // 4, 1)]


def test_composites_are_labelled_wider_than_parts(data, first):
    one, two = (LevelTraining(first, first._descriptor())._labels(data[1][:1, :1], GRID, level) for level in (0, 1))
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
        ("n_mixtures", 0),
        ("n_peaks", 0),
        ("max_cells", 0),
        ("cells_per_subject", -1),
        ("hard_negatives", 1.5),
        ("smoothing", -1),
        ("positive_radius", 0),
        ("background_radius", 0.5),
        ("class_balance", 2),
        ("near_cells", -1),
        ("sigma", -0.5),
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
    with pytest.raises(ValueError, match="got beliefs"):
        first.predict(data[0], previous)
    with pytest.raises(ValueError, match="got none"):
        second.predict(data[0])
    with pytest.raises(ValueError, match="previous beliefs must be"):
        second.predict(data[0], previous[:, :3])
    with pytest.raises(ValueError, match="nothing to learn"):
        small().fit(data[0], None, data[1] * 0)

import numpy as np
import pytest
from sklearn.base import clone

from posemachines.beliefs import decode, flip_beliefs
from posemachines.forest import ForestStage
from posemachines.skeleton import Skeleton

COLOURS = (220, 40, 40), (40, 200, 40), (40, 40, 230)
SIDES = Skeleton("dots", ("middle", "left", "right"), pairs=(("left", "right"),))


def dots(n, seed=0):
    """Pictures (n, 16, 28, 3) of a red, a green and a blue dot on grey noise, and where they are."""
    rng = np.random.default_rng(seed)
    images = rng.integers(90, 110, (n, 16, 28, 3)).astype(np.uint8)
    joints = np.ones((n, 3, 3), np.float32)
    for person in range(n):
        for part, cell in enumerate(rng.choice(28, 3, replace=False)):
            row, column = np.divmod(cell, 7) * np.array(4)
            images[person, row : row + 4, column : column + 4] = COLOURS[part]
            joints[person, part, :2] = column + 1.5, row + 1.5
    return images, joints


def small(**changes):
    settings = {"n_trees": 8, "max_features": 0.2, "min_samples_leaf": 1, "smoothing": 0, "random_state": 0}
    return ForestStage(**settings | changes)


@pytest.fixture(scope="module")
def data():
    return dots(10)


@pytest.fixture(scope="module")
def previous(data):
    return np.random.default_rng(1).random((len(data[0]), 4, 4, 7), dtype=np.float32)


@pytest.fixture(scope="module")
def first(data):
    return small().fit(data[0], None, data[1])


@pytest.fixture(scope="module")
def second(data, previous):
    return small(flip_augment=True).fit(data[0], previous, data[1], skeleton=SIDES)


def test_finds_coloured_dots():
    images, joints = dots(6, seed=1)
    people, labels = dots(30, seed=2)
    beliefs = small(n_trees=12, max_features=0.4).fit(people, None, labels).predict(images)
    np.testing.assert_allclose(beliefs.sum(1), 1, atol=1e-5)
    found, _ = decode(beliefs, stride=4, refine=False)
    assert (np.linalg.norm(found - joints[..., :2], axis=-1) < 1).mean() > 0.85


@pytest.mark.parametrize("learner", ["extra_trees", "random_forest"])
def test_scikit_learn_learns_too(data, learner):
    beliefs = small(learner=learner).fit(data[0], None, data[1]).predict(data[0])
    found, _ = decode(beliefs, stride=4, refine=False)
    assert (np.linalg.norm(found - data[1][..., :2], axis=-1) < 1).mean() > 0.9


def test_a_later_stage_learns_from_beliefs_where_the_image_tells_nothing(data):
    images = np.full_like(data[0], 100)
    previous = np.zeros((len(images), 4, 4, 7), np.float32)
    cells = (data[1][..., :2] // 4).astype(int)
    for part in range(3):
        previous[np.arange(len(images)), part, cells[:, part, 1], cells[:, part, 0]] = 1
    stage = small(position=False, n_trees=20).fit(images, previous, data[1])
    found, _ = decode(stage.predict(images, previous), stride=4, refine=False)
    assert (np.linalg.norm(found - data[1][..., :2], axis=-1) < 1).mean() > 0.9


@pytest.mark.parametrize(
    ("patches", "offsets", "position", "n_taps"),
    [
        (True, True, True, 4 * 121 + 18 + 2),
        (True, False, False, 4 * 121),
        (False, True, False, 18),
        (False, False, True, 2),
    ],
)
def test_context_can_be_switched_off(second, patches, offsets, position, n_taps):
    stage = clone(second).set_params(context_patches=patches, context_offsets=offsets, position=position)
    stage.n_parts_, stage.uses_beliefs_ = 3, True
    maps, fill = stage._maps(np.zeros((1, 39, 4, 7), np.float32), np.zeros((1, 4, 4, 7), np.float32))
    table = stage._taps()
    assert len(table) == 13 * (25 + 49 + 49) + n_taps
    assert table[:, 0].max() + 1 == sum(part.shape[1] for part in maps) == sum(len(values) for values in fill)


def test_fits_without_any_context(data, previous):
    stage = small(context_patches=False, context_offsets=False, n_trees=1).fit(data[0], previous, data[1])
    np.testing.assert_array_equal(stage.predict(data[0], previous), stage.predict(data[0], previous[::-1]))


def test_same_seed_same_beliefs(data, first):
    again = small().fit(data[0], None, data[1])
    np.testing.assert_array_equal(again.predict(data[0][:2]), first.predict(data[0][:2]))
    other = small(random_state=1).fit(data[0], None, data[1])
    assert (other.predict(data[0][:2]) != first.predict(data[0][:2])).any()


def test_state_round_trip(data, previous, second):
    state = second.get_state()
    assert all(array.dtype in (np.int32, np.float32) for array in state.values())
    rebuilt = clone(second)
    rebuilt.n_parts_, rebuilt.skeleton_, rebuilt.uses_beliefs_ = 3, SIDES, True
    rebuilt.set_state(state)
    ours, theirs = (stage.predict(data[0][:3], previous[:3]) for stage in (rebuilt, second))
    np.testing.assert_array_equal(ours, theirs)
    assert rebuilt.complexity() == second.complexity()
    assert second.complexity()["nodes"] > second.n_trees


def test_given_features_change_nothing(data, first, second, previous):
    assert first.feature_key == second.feature_key != clone(first).set_params(stride=8).feature_key
    maps = first.features(data[0][:2])
    assert maps.shape == (2, 39, 4, 7)
    np.testing.assert_array_equal(
        second.predict(data[0][:2], previous[:2], features=maps), second.predict(data[0][:2], previous[:2])
    )


def test_unlabelled_joints_teach_nothing(data):
    """Coordinates of unlabelled joints are not read, and their people give no background."""
    images, joints = data[0], data[1].copy()
    joints[::2, 1, 2] = 0
    moved = joints.copy()
    moved[::2, 1, :2] = 6, 6
    stages = [small(n_trees=2).fit(images, None, labels) for labels in (joints, moved)]
    np.testing.assert_array_equal(*(stage.predict(images[:2]) for stage in stages))
    stage = stages[0]
    cells, classes = stage._draw(False, stage._labels(images, joints), None, 1000, np.random.RandomState(0))
    assert not (cells[classes == 3, 0] % 2 == 0).any()
    assert (cells[classes == 0, 0] % 2 == 0).any()


def test_a_part_that_is_never_labelled_is_never_believed(data):
    joints = data[1].copy()
    joints[:, 1, 2] = 0
    beliefs = small(n_trees=2).fit(data[0], None, joints).predict(data[0][:2])
    assert not beliefs[:, 1].any()


def test_mirrored_people_are_cells_of_the_mirrored_picture(data, previous, second):
    stage, images, joints = second, data[0], data[1]
    mirrored = images[:, :, ::-1].copy()
    maps, beliefs = stage._view(images, previous, mirror=True)
    np.testing.assert_array_equal(maps, stage._features(mirrored))
    np.testing.assert_array_equal(beliefs, flip_beliefs(previous, (0, 2, 1)))
    cells, classes = stage._draw(True, stage._labels(images, joints), previous, 1000, np.random.RandomState(0))
    assert set(classes) == {0, 1, 2, 3}
    for cell, part in zip(cells, classes, strict=True):
        if part < 3:
            x, y = joints[cell[0], (0, 2, 1)[part], :2]
            assert ((27 - x) // 4, y // 4) == (cell[2], cell[1])


@pytest.mark.parametrize("stride", [4, 8])
def test_other_sizes_and_strides(stride):
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 16, 3), dtype=np.uint8)
    joints = np.array([[[3, 3, 1], [12, 20, 1]]] * 2)
    stage = small(stride=stride, n_trees=2).fit(images, None, joints)
    assert stage.predict(images[:, :16]).shape == (2, 3, 16 // stride, 16 // stride)


def test_threads_do_not_change_beliefs(data, first):
    two = clone(first).set_params(n_jobs=2).fit(data[0], None, data[1])
    np.testing.assert_array_equal(two.predict(data[0][:2]), first.predict(data[0][:2]))


def test_progress_is_shown_when_verbose(capsys, data):
    small(n_trees=1, verbose=True).fit(data[0][:2], None, data[1][:2])
    shown = capsys.readouterr().err
    assert "descriptors" in shown
    assert "trees" in shown
    small(n_trees=1).fit(data[0][:2], None, data[1][:2])
    assert not "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learner", "boosting"),
        ("n_trees", 0),
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
        small(**{name: value}).fit(*[data[0][:2], None, data[1][:2]])


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

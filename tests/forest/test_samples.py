import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemachines.forest import samples

SHAPE = 6, 9
STRIDE = 4
BACKGROUND = 3


def at(*cells):
    """Joints (1, P, 3) at the centres of cells (row, column); None is not labelled."""
    joints = np.zeros((1, len(cells), 3), np.float32)
    for part, cell in enumerate(cells):
        if cell is not None:
            joints[0, part] = cell[1] * STRIDE + 1.5, cell[0] * STRIDE + 1.5, 1
    return joints


def label(joints, positive=0.75, background=2):
    return samples.label_cells(joints, SHAPE, stride=STRIDE, positive_radius=positive, background_radius=background)


def draw(labels, previous=None, n_background=5, hard_share=1.0, max_cells=1000, n_near=None):
    return samples.draw_cells(
        labels,
        previous,
        n_background,
        background=BACKGROUND,
        hard_share=hard_share,
        max_cells=max_cells,
        random=np.random.RandomState(0),
        n_near=n_near,
    )


def test_joints_are_surrounded_by_ambiguous_cells():
    labels = label(at((2, 3), None, None))[0]
    assert labels[2, 3] == 0
    assert labels[2, 4] == labels[2, 5] == labels[1, 2] == samples.AMBIGUOUS
    assert labels[2, 6] == labels[0, 0] == BACKGROUND
    assert (labels == 0).sum() == 1


def test_cells_belong_to_the_nearest_joint():
    labels = label(at((2, 3), (2, 4), (5, 8)), positive=1.5)[0]
    assert labels[2, 2] == labels[2, 3] == 0
    assert labels[2, 4] == labels[2, 5] == 1
    assert labels[5, 8] == 2


def test_a_joint_between_cells_has_four():
    joints = at((2.5, 3.5), None, None)
    assert (label(joints) == 0).sum() == 4


def test_a_joint_outside_the_crop_has_no_cell():
    assert (label(at((-3, 3), None, None)) == BACKGROUND).all()


def test_unlabelled_joints_have_no_cell():
    joints = at((2, 3), (0, 7), (5, 0))
    joints[0, 1:, 2] = 0
    assert set(np.unique(label(joints))) == {samples.AMBIGUOUS, 0, BACKGROUND}


def test_subjects_with_an_unlabelled_part():
    joints = np.ones((3, 4, 3))
    joints[1, 2, 2] = 0
    joints[:, 3, 2] = 0  # labelled in no subject: disregarded
    assert samples.incompletely_labelled(joints).tolist() == [False, True, False]


def test_no_subject_is_excluded_if_all_are_incomplete():
    joints = np.ones((2, 2, 3))
    joints[[0, 1], [0, 1], 2] = 0
    assert not samples.incompletely_labelled(joints).any()


def test_all_positives_and_some_background_are_drawn():
    labels = label(np.concatenate([at((1, 1), (3, 4), (5, 8)), at((5, 5), (3, 0), (0, 8))]))
    cells = draw(labels)
    drawn = labels[tuple(cells.T)]
    assert np.bincount(drawn).tolist() == [2, 2, 2, 10]
    assert (np.diff(cells[:, 0]) >= 0).all()
    assert len(np.unique(cells, axis=0)) == len(cells)


def test_as_many_ambiguous_cells_are_drawn_as_wanted():
    labels = label(np.concatenate([at((1, 1), (3, 4), (5, 8)), at((5, 5), (3, 0), None), at((2, 2), None, None)]))
    labels[2][labels[2] == BACKGROUND] = samples.EXCLUDED
    cells = draw(labels, n_near=np.array([5, 0, 999]))
    of_subjects = [labels[tuple(cells[cells[:, 0] == subject].T)] for subject in range(3)]
    number = [(own == samples.AMBIGUOUS).sum() for own in of_subjects]
    assert number == [5, 0, (labels[2] == samples.AMBIGUOUS).sum()]
    assert not (labels[tuple(cells.T)] == samples.EXCLUDED).any()
    assert len(np.unique(cells, axis=0)) == len(cells)


def test_background_of_excluded_subjects_is_taken_from_others():
    labels = label(np.concatenate([at((1, 1), (3, 4), (5, 8)), at((5, 5), (3, 0), None)]))
    labels[1][labels[1] == BACKGROUND] = samples.EXCLUDED
    cells = draw(labels, np.zeros((2, BACKGROUND, *SHAPE), np.float32))
    drawn = labels[tuple(cells.T)]
    assert (drawn == BACKGROUND).sum() == 10
    assert (cells[drawn == BACKGROUND, 0] == 0).all()


@pytest.mark.parametrize("share", [0, 0.4])
def test_hard_negatives_are_the_strongest_false_peaks(share):
    previous = np.zeros((1, BACKGROUND, *SHAPE), np.float32)
    previous[0, 0, 1, 1] = 0.9  # a true positive
    previous[0, 0, 5, 1] = 0.8
    previous[0, 1, 0, 8] = 0.7
    labels = label(at((1, 1), (3, 4), (5, 8)))
    cells = draw(labels, previous, hard_share=share).tolist()
    assert ([0, 5, 1] in cells and [0, 0, 8] in cells) == (share > 0)
    assert np.bincount(labels[tuple(np.transpose(cells))])[BACKGROUND] == 5


def test_the_number_of_cells_is_limited():
    labels = label(at((1, 1), (3, 4), (5, 8)))
    assert len(draw(labels, max_cells=4)) == 4
    assert len(draw(labels, n_background=10**6)) == (labels >= 0).sum()


def share(joints, *cells, sigma=0.7):
    return samples.share_cells(joints, np.array(cells), stride=STRIDE, sigma=sigma)


def test_a_joint_shares_cells_with_the_background_by_their_distance():
    found = share(at((2, 3), None, None), (0, 2, 3), (0, 2, 4), (0, 3, 4), (0, 2, 8))
    near, diagonal = np.exp(-1 / 0.98), np.exp(-2 / 0.98)
    np.testing.assert_allclose(found[:, 0], [1, near, diagonal, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, BACKGROUND], [0, 1 - near, 1 - diagonal, 1], atol=1e-5)
    assert not found[:, 1:BACKGROUND].any()


def test_two_joints_at_one_place_have_half_a_cell_each():
    np.testing.assert_allclose(share(at((2, 3), (2, 3), None), (0, 2, 3)), [[0.5, 0.5, 0, 0]], atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3))
@settings(max_examples=30, deadline=None)
def test_shares_sum_to_one_and_peak_at_the_joint(seed, sigma):
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-5, 40, (3, BACKGROUND, 3)).astype(np.float32)
    joints[..., 2] = rng.random((3, BACKGROUND)) < 0.7
    found = samples.share_cells(joints, np.argwhere(np.ones((3, *SHAPE))), stride=STRIDE, sigma=sigma)
    assert found.dtype == np.float32
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert not found.reshape(3, -1, BACKGROUND + 1)[..., :BACKGROUND][..., :][
        joints[:, None, :, 2].repeat(SHAPE[0] * SHAPE[1], axis=1) == 0
    ].any()
    alone = joints[:1].copy()
    alone[0, 1:, 2] = 0
    if alone[0, 0, 2]:
        alone[0, 0, :2] = alone[0, 0, :2].clip(0, [35, 23])
        maps = samples.share_cells(alone, np.argwhere(np.ones((1, *SHAPE))), stride=STRIDE, sigma=sigma)[:, 0]
        row, column = np.divmod(maps.argmax(), SHAPE[1])
        assert max(abs(column * 4 + 1.5 - alone[0, 0, 0]), abs(row * 4 + 1.5 - alone[0, 0, 1])) <= 2.01


def test_crops_without_joints_are_rejected():
    with pytest.raises(ValueError, match="no labelled joint is inside the crops"):
        draw(label(at((-9, 3), (-9, 4), None)), n_background=0)


def test_a_composite_is_at_the_mean_of_its_labelled_parts():
    joints = np.zeros((3, 4, 3), np.float32)
    joints[0] = (2, 4, 1), (6, 8, 1), (10, 0, 1), (50, 50, 0)
    joints[1] = (2, 4, 1), (60, 80, 0), (10, 0, 0), (50, 50, 1)
    found = samples.composite_joints(joints, ((0, 1), (1, 2, 3), (0, 1, 2, 3)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], [(4, 6, 1), (8, 4, 1), (6, 4, 1)])
    np.testing.assert_allclose(found[1], [(2, 4, 1), (0, 0, 0), (26, 27, 1)], err_msg="half of the parts suffice")
    assert not found[2].any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_composites_do_not_depend_on_unlabelled_coordinates(seed):
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-9, 99, (4, 5, 3)).astype(np.float32)
    joints[..., 2] = rng.random((4, 5)) < 0.6
    moved = np.where(joints[..., 2:] > 0, joints, rng.uniform(-9, 99, joints.shape) * [1, 1, 0])
    composites = [rng.choice(5, rng.integers(1, 6), replace=False) for _ in range(3)]
    found = samples.composite_joints(joints, composites)
    np.testing.assert_allclose(found, samples.composite_joints(moved, composites), rtol=1e-5)
    for m, parts in enumerate(composites):
        np.testing.assert_array_equal(found[:, m, 2], joints[:, parts, 2].mean(1) >= 0.5)


def test_a_composite_of_one_part_is_the_part(rng):
    joints = rng.uniform(0, 30, (3, 2, 3)).astype(np.float32)
    joints[..., 2] = [[1, 0], [0, 1], [1, 1]]
    found = samples.composite_joints(joints, ((0,), (1,)))
    np.testing.assert_allclose(found, joints * joints[..., 2:])


@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.floats(0, 1), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_cells_are_unique_sorted_and_not_ignored(seed, n_background, hard_share, max_cells):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, BACKGROUND + 1, (3, *SHAPE)).astype(np.int16)
    previous = rng.random((3, BACKGROUND, *SHAPE), dtype=np.float32)
    cells = draw(labels, previous, n_background, hard_share, max_cells)
    assert cells.dtype == np.int32
    assert len(cells) == len(np.unique(cells, axis=0)) <= max_cells
    assert cells.tolist() == sorted(cells.tolist())
    assert (labels[tuple(cells.T)] >= 0).all()


def turned(degrees):
    """Three parts (1, 3, 3) on a line of 20 px centred on (30, 40)."""
    way = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    return np.append([30, 40] + np.array([[-10], [0], [10]]) * way, np.ones((3, 1)), axis=1)[None].astype(np.float32)


def test_mixtures_depend_on_orientation_and_not_on_position():
    joints = np.concatenate([turned(degrees) for degrees in (0, 90, 3, 88, -4, 93)])
    joints[1:3, :, :2] += 25, -7
    poses = samples.composite_poses(joints, ((0, 1, 2), (2, 0)), 2, np.random.RandomState(0))
    assert poses.shape == (6, 2)
    for of_composite in poses.T:
        flat, upright = of_composite[[0, 2, 4]], of_composite[[1, 3, 5]]
        assert {*flat, *upright} == {0, 1}
        assert (flat == flat[0]).all()
        assert (upright == upright[0]).all()


def test_incomplete_subjects_are_assigned_by_their_labelled_parts():
    joints = np.concatenate([turned(degrees) for degrees in (0, 90, 2, 92, 1, 91)])
    joints[4:, 1] = 0
    poses = samples.composite_poses(joints, ((0, 1, 2),), 2, np.random.RandomState(0))[:, 0]
    assert poses[4] == poses[0] != poses[1] == poses[5]


def test_at_most_as_many_mixtures_as_complete_subjects():
    joints = np.concatenate([turned(degrees) for degrees in (0, 90, 45)])
    joints[2, 0] = 0
    poses = samples.composite_poses(joints, ((0, 1, 2),), 5, np.random.RandomState(0))
    assert set(poses[:2, 0]) == {0, 1}
    joints[1:, 1] = 0
    assert not samples.composite_poses(joints, ((0, 1, 2),), 5, np.random.RandomState(0)).any()


def test_a_composite_of_one_part_has_one_mixture():
    joints = np.concatenate([turned(degrees) for degrees in (0, 90, 45)])
    poses = samples.composite_poses(joints, ((1,), (0, 2)), 2, np.random.RandomState(0))
    assert len(set(poses[:, 0])) == 1
    assert len(set(poses[:, 1])) == 2

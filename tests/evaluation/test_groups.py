import numpy as np
import pytest

from posemachines.evaluation import accuracy_by, body_size, bootstrap_interval, pose_rarity, quartiles


def test_accuracy_of_groups_of_subjects(rng):
    distances = rng.exponential(0.2, (80, 5))
    distances[3, 1] = np.nan
    groups = np.arange(80) % 3 - 1
    found = accuracy_by(distances, groups, ("even", "odd", "nobody"))
    for index, entry in enumerate(found[:2]):
        own = distances[groups == index]
        assert entry["n_joints"] == np.isfinite(own).sum()
        assert entry["n_people"] == len(own)
        assert entry["pck"][0.2] == pytest.approx(
            100 * np.nanmean(np.where(np.isnan(own), np.nan, own <= 0.2)), abs=0.01
        )
        low, high = entry["interval"][0.2]
        assert low < entry["pck"][0.2] < high
        alone = bootstrap_interval(own, 0.2)
        assert high - low == pytest.approx(alone[1] - alone[0], rel=0.25)
    assert [found[2][key] for key in ("n_people", "n_joints")] == [0, 0]
    assert found[2]["pck"] == found[2]["interval"] == {0.1: None, 0.2: None}


def test_accuracy_of_groups_of_joints():
    distances = np.array([[0.0, 0.15, 1.0], [0.2, np.nan, 0.1]])
    occluded = np.array([[0, 1, 1], [0, 1, 0]])
    visible, hidden = accuracy_by(distances, occluded, ("visible", "occluded"), n_resamples=50)
    assert (visible["n_people"], visible["n_joints"], hidden["n_people"], hidden["n_joints"]) == (2, 3, 1, 2)
    assert visible["pck"] == {0.1: pytest.approx(66.67), 0.2: 100}
    assert hidden["pck"] == {0.1: 0, 0.2: 50}


def test_wrong_groups():
    with pytest.raises(ValueError, match=r"groups must be \(2,\) or \(2, 3\); got \(3,\)"):
        accuracy_by(np.zeros((2, 3)), np.zeros(3, int), ("one",))
    with pytest.raises(ValueError, match="groups go up to 1 but there are 1 names"):
        accuracy_by(np.zeros((2, 3)), np.ones(2, int), ("one",))


def test_quartiles():
    groups, edges = quartiles([8, 1, np.nan, 2, 7, 3, 6, 4, 5, np.inf])
    assert groups.tolist() == [3, 0, -1, 0, 3, 1, 2, 1, 2, -1]
    assert edges.tolist() == [1, 2.75, 4.5, 6.25, 8]
    assert quartiles([3.0, 3.0])[0].tolist() == [0, 0], "equal values belong together"
    groups, edges = quartiles([np.nan])
    assert groups.tolist() == [-1]
    assert np.isnan(edges).all()


def test_body_size():
    joints = np.array([[[1, 2, 1], [4, 9, 1], [90, 90, 0]], [[5, 5, 1], [0, 0, 0], [0, 0, 0]]], float)
    np.testing.assert_array_equal(body_size(joints), [7, np.nan])


def slow_distance(one, other):
    """Distance of two poses over their common joints, step by step."""
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    vectors = []
    for pose in (one, other):
        places = pose[both, :2].astype(float)
        places = places - places.mean(0)
        vectors.append(places / np.sqrt((places**2).sum()))
    return np.linalg.norm(vectors[0] - vectors[1])


def test_rarity_is_the_mean_distance_to_the_nearest(rng):
    poses = np.concatenate([rng.uniform(0, 60, (9, 6, 2)), rng.random((9, 6, 1)) < 0.8], -1).astype(np.float32)
    poses[:, :3, 2] = 1
    people, training = poses[:2], poses[2:]
    expected = [np.sort([slow_distance(one, other) for other in training])[:3].mean() for one in people]
    np.testing.assert_allclose(pose_rarity(people, training, n_neighbours=3), expected, rtol=1e-6)


def test_rarity_ignores_place_and_size_but_not_orientation(rng):
    training = np.concatenate([rng.uniform(0, 60, (4, 5, 2)), np.ones((4, 5, 1))], -1)
    moved = training * [3, 3, 1] + [700, -40, 0]
    np.testing.assert_allclose(pose_rarity(moved, training, n_neighbours=1), 0, atol=1e-3)
    upside_down = training * [-1, -1, 1]
    assert (pose_rarity(upside_down, training, n_neighbours=1) > 0.3).all()
    assert pose_rarity(upside_down[:1], training[:1], n_neighbours=1) == pytest.approx([2])


def test_rarity_of_too_few_joints(rng):
    training = np.concatenate([rng.uniform(0, 60, (4, 5, 2)), np.ones((4, 5, 1))], -1)
    people = training[:3].copy()
    people[0, 2:, 2] = 0
    people[1, :, :2] = 7
    rarity = pose_rarity(people, training, n_neighbours=2)
    assert np.isnan(rarity[:2]).all()
    assert np.isfinite(rarity[2])
    with pytest.raises(ValueError, match="between 1 and the 4 training poses; got 5"):
        pose_rarity(people, training)
    with pytest.raises(ValueError, match="has 5 parts but 4 are expected"):
        pose_rarity(people[:, :4], training)

"""Machines that find their subject first."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone

import posemachines
from posemachines import ConvPoseMachine, ForestStage, LocatedMachine, PoseDataset, PoseMachine, SequentialMachine
from posemachines.inference import predict_dataset
from posemachines.inference.locating import Placement, box_of_joints, halves
from tests.inference.finders import Finder, far, small_subjects


@pytest.fixture(scope="module")
def people():
    return small_subjects(24)


@pytest.fixture(scope="module")
def machine(people):
    return LocatedMachine(Finder(), crop_shape=64).fit(people)


def test_subjects_are_found_without_labels_or_boxes(machine, people):
    new = small_subjects(8, seed=5)
    truth = new.joints.copy()
    new.joints = np.zeros_like(new.joints)
    joints, scores = machine.predict_dataset(new)
    new.joints = truth
    assert far(joints, new) < 0.7
    assert scores.shape == (8, 3)
    one = machine.predict_photo(new.photo(3))
    np.testing.assert_allclose(one.joints[0], joints[3], atol=0.01)
    assert one.notes == ()
    np.testing.assert_allclose(predict_dataset(machine, new)[0], joints)


def test_labels_play_no_part_in_prediction(machine, people):
    moved = people[:]
    moved.joints = people.joints + np.float32([30, 20, 0])
    np.testing.assert_array_equal(machine.located(people).centre, machine.located(moved).centre)
    np.testing.assert_array_equal(machine.predict_dataset(people)[0], machine.predict_dataset(moved)[0])


def test_how_it_is_trained(machine, people):
    record = machine.crop_record_
    assert record.rule == "located"
    assert record.shape == (64, 64)
    assert 1 / 0.7 <= record.padding <= 2
    assert machine.crop_shape_ == (64, 64)
    assert machine.locator_.crop_shape_ == (112, 160)  # of the photos' shape, 210 x 150
    assert machine.machine_.n_seen_ == machine.locator_.n_seen_ == 24
    assert machine.placement_.error < 2
    assert machine.size() == {"parameters": 6}
    located = machine.located(people)
    assert located.crop_rule == "located"
    assert np.abs(located.centre - people.centre).max() < 3
    assert np.abs(located.person_size / people.person_size - 1).max() < 0.2


def test_a_box_replaces_the_locator(machine, people):
    low, high = people.joints[4, :, :2].min(0), people.joints[4, :, :2].max(0)
    pose = machine.predict_photo(people.photo(4), boxes=[(*low, *(high - low))])
    assert np.linalg.norm(pose.joints[0] - people.joints[4, :, :2], axis=-1).max() < 0.7
    pose = machine.predict_photo(people.photo(4), joints=people.joints[4])
    assert np.linalg.norm(pose.joints[0] - people.joints[4, :, :2], axis=-1).max() < 0.7


def test_crops_of_another_shape(people):
    wide = LocatedMachine(Finder(), crop_shape=(48, 96), padding=1.7).fit(people)
    assert wide.crop_shape_ == (48, 96)
    assert wide.crop_record_.padding == 1.7
    assert far(wide.predict_dataset(people)[0], people) < 0.7


def test_a_second_pass_mends_a_shifted_locator(people):
    once = LocatedMachine(Finder(), locator=Finder(shift=4.0), crop_shape=64).fit(people)
    twice = clone(once).set_params(n_passes=2).fit(people)
    off = [np.linalg.norm(each.located(people).centre - people.centre, axis=1).max() for each in (once, twice)]
    assert off[0] > 4
    assert off[1] < 1


def test_implausible_places_are_noted(machine):
    joints = np.array([[10.0, 20.0], [190.0, 25.0], [100.0, 140.0]])
    photo = small_subjects(1).photo(0) * 0 + 120
    from tests.inference.finders import draw

    pose = machine.predict_photo(draw(joints))
    assert "located with a length of" in pose.notes[0]
    assert machine.predict_photo(photo).joints.shape == (1, 3, 2)  # nothing there: an answer, not an error


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_file(people, suffix, tmp_path):
    small = PoseMachine(1, stage=ForestStage(n_rounds=1), random_state=0)
    machine = LocatedMachine(small, crop_shape=(48, 64), n_passes=2).fit(people)
    file = tmp_path / f"located.{suffix}"
    machine.save(file)
    loaded = posemachines.load(file)
    assert isinstance(loaded, LocatedMachine)
    assert loaded.crop_record_ == machine.crop_record_
    assert loaded.placement_ == machine.placement_
    assert (loaded.n_passes, loaded.crop_shape) == (2, (48, 64))
    for mine, theirs in zip(machine.predict_dataset(people[:4]), loaded.predict_dataset(people[:4]), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    refitted = clone(loaded)
    assert not hasattr(refitted, "machine_")
    assert refitted.machine.get_params()["n_stages"] == 1


def test_damaged_files_are_refused(machine, tmp_path):
    from posemachines.io.composite_files import write_composite

    write_composite(tmp_path / "none.npz", "LocatedMachine", {}, {}, {})
    with pytest.raises(ValueError, match="holds no machine"):
        posemachines.load(tmp_path / "none.npz")
    with pytest.raises(TypeError, match="dict has no method save"):
        write_composite(tmp_path / "none.npz", "LocatedMachine", {}, {"machine": {}}, {})


def test_what_it_refuses(people):
    machine = LocatedMachine(Finder())
    with pytest.raises(ValueError, match="needs whole photos"):
        machine.fit(people.crops(64))
    twice = PoseDataset([people.photos[0]] * 2, people.joints[:2])
    with pytest.raises(ValueError, match="several subjects, but a LocatedMachine finds one"):
        machine.fit(twice)
    unlabelled = people[:]
    unlabelled.joints = people.joints.copy()
    unlabelled.joints[3] = 0
    with pytest.raises(ValueError, match="1 subjects of 'dots' have no labelled joint"):
        machine.fit(unlabelled)
    with pytest.raises(ValueError, match="n_passes"):
        LocatedMachine(Finder(), n_passes=0).fit(people)
    with pytest.raises(Exception, match="call fit first"):
        machine.predict_photo(people.photo(0))


def test_groups_are_not_divided_between_locators(people):
    grouped = people.with_groups(np.arange(24) % 3)
    divided = halves(grouped)
    assert all(len(set(divided[grouped.groups == group])) == 1 for group in range(3))
    assert 8 <= divided.sum() <= 16
    assert 0 < halves(people).sum() < 24


def test_coarse_machines_are_cheaper():
    net = ConvPoseMachine(3, epochs=40, network="cpm-lite")
    assert net.coarse(100).epochs == 6
    assert ConvPoseMachine(network="cpm-lite").coarse(100).epochs == 15  # of 100 passes over 100 subjects
    assert net.epochs == 40
    assert PoseMachine(3).coarse(100).n_stages == 1
    assert len(SequentialMachine([ForestStage(), ForestStage()]).coarse(100).stages) == 1


def test_boxes_without_outliers():
    joints = np.array([[[10.0, 10], [20, 12], [15, 30], [200, 200]], [[0, 0], [np.nan, np.nan], [4, 8], [2, 2]]])
    centre, extent = box_of_joints(joints, usual=25)
    np.testing.assert_allclose(centre, [[15, 20], [2, 4]])
    np.testing.assert_allclose(extent, [[10, 20], [4, 8]])
    assert np.isnan(box_of_joints(np.full((1, 2, 2), np.nan))[0]).all()


def test_sizes_are_trusted_as_far_as_they_hold(rng):
    true = np.exp(rng.normal(4, 0.3, (400, 1))) * np.array([[1.0, 0.5]])
    middle = np.zeros((400, 2))
    start = Placement.of(true)
    good = start.calibrated(middle, true, middle, 0.8 * true)
    assert good.trust == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(good.frame(middle, 0.8 * true)[1], true, rtol=0.03)
    noise = start.calibrated(middle, true, middle, np.exp(rng.normal(4, 0.3, (400, 1))) * np.array([[1.0, 0.5]]))
    assert noise.trust < 0.2
    constant = start.calibrated(middle, np.full((400, 2), 30.0), middle, true)
    assert constant.trust == pytest.approx(0, abs=0.01)
    assert np.isnan(start.error)
    assert dataclasses.replace(start).doubts(np.array([-5.0, 3]), np.array([60.0, 30]), (100, 100))


def test_few_subjects(people):
    """Too few to see how far off the locator is."""
    machine = LocatedMachine(Finder(), crop_shape=64).fit(people[:1])
    assert machine.crop_record_.padding == pytest.approx(1 / 0.7)
    assert far(machine.predict_dataset(people[:1])[0], people[:1]) < 1

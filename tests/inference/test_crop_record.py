"""A machine remembers how its crops were cut, and new photos are cut in the same way."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import posemachines
from posemachines import ForestStage, PoseDataset, PoseMachine
from posemachines.geometry import crop_transform
from posemachines.inference import CropRecord, crop_size, locate_subjects, predict_dataset, predict_subjects
from posemachines.inference.photos import photo_crops

from .finders import Finder, far, small_subjects


def transforms(machine, photo, boxes=None, **options):
    where = locate_subjects(machine, photo, boxes, **options)
    return photo_crops(photo, where.centre, where.person_size, size=crop_size(machine), padding=where.padding)[1]


@pytest.fixture(scope="module")
def people():
    return small_subjects(12)


def boxes_of(dataset):
    low, high = dataset.joints[..., :2].min(1), dataset.joints[..., :2].max(1)
    return np.concatenate([low, high - low], 1)


@pytest.mark.parametrize("shape", [64, (48, 80), (80, 48)])
@pytest.mark.parametrize("padding", [None, 2.2])
def test_a_photo_is_cut_as_the_training_photos_were(people, shape, padding):
    """Boxes were filled to 0.8 of the crop at prediction, and to 0.7 in training."""
    boxes = boxes_of(people)
    for rule in ("joints", "box"):
        data = PoseDataset(people.photos, people.joints, crop_rule=rule, boxes=boxes, padding=padding)
        machine = Finder(shape).fit(data)
        expected = data.crops(shape).transforms
        for index in (0, 5):
            given_box = boxes[index] + ((0.5, 0.5, 0, 0) if rule == "joints" else (0, 0, 0, 0))  # edges, or middles
            found = transforms(machine, data.photo(index), given_box)
            np.testing.assert_allclose(found[0], expected[index], rtol=1e-4, atol=1e-2)
        if rule == "joints":
            np.testing.assert_allclose(
                transforms(machine, data.photo(3), joints=data.joints[3])[0], expected[3], rtol=1e-4, atol=1e-2
            )


@pytest.mark.parametrize("shape", [64, (48, 80)])
def test_a_machine_of_whole_photos_needs_no_box(people, shape):
    data = people.with_crop_rule("photo")
    machine = Finder(shape).fit(data)
    np.testing.assert_allclose(transforms(machine, data.photo(0))[0], data.crops(shape).transforms[0], rtol=1e-5)
    assert locate_subjects(machine, data.photo(0)).notes == ()
    with pytest.raises(ValueError, match=r"trained on whole photos.* leave joints out"):
        locate_subjects(machine, data.photo(0), joints=data.joints[0])


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "joints",
            r"crops around the box of the labelled landmarks \(padding 1.43\).*around the landmarks of each subject",
        ),
        ("box", r"around the bounding boxes of its data set \(padding 1.25\).*around each subject, drawn as"),
        ("cpm", r"the rule 'cpm' \(padding 1.43\).*around the whole of each subject"),
    ],
)
def test_a_machine_of_crops_refuses_a_photo_without_a_box(people, rule, told):
    """It took the whole photo, in which the subject is several times too small."""
    given_frame = {"centre": people.centre, "person_size": people.person_size} if rule == "cpm" else {}
    data = PoseDataset(people.photos, people.joints, crop_rule=rule, boxes=boxes_of(people), **given_frame)
    machine = Finder().fit(data)
    with pytest.raises(ValueError, match=told + r".* \(\d+ x \d+ px in the training photos\)"):
        locate_subjects(machine, data.photo(0))


def test_a_real_machine_keeps_its_record_in_its_file(people, tmp_path):
    machine = PoseMachine(1, stage=ForestStage(n_rounds=1), random_state=0, crop_size=(64, 96)).fit(people)
    record = machine.crop_record_
    assert (record.rule, record.padding, record.shape) == ("joints", people.padding, (64, 96))
    assert record.median_size == pytest.approx(np.median(people.person_size))
    assert machine.crop_shape_ == machine.crop_size_ == (64, 96)
    machine.save(tmp_path / "m.npz")
    loaded = posemachines.load(tmp_path / "m.npz")
    assert loaded.crop_record_ == record
    assert loaded.crop_shape_ == loaded.crop_size_ == (64, 96)
    with pytest.raises(ValueError, match=r"pass boxes=\[\(x, y, width, height\)\]"):
        loaded.predict_photo(people.photo(0))
    boxes = boxes_of(people)
    pose = loaded.predict_photo(people.photo(0), boxes[:1] + (0.5, 0.5, 0, 0))
    by_crops, scores = predict_dataset(loaded, people)
    np.testing.assert_allclose(pose.joints[0], by_crops[0], atol=0.05)
    np.testing.assert_allclose(pose.scores[0], scores[0], atol=0.02)
    again = (
        machine.fit(people.crops(64).X, people.crops(64).y) if machine.set_params(skeleton=people.skeleton) else None
    )
    assert again.crop_record_ is None, "arrays do not say how they were cut"


def test_without_a_record_the_whole_photo_is_taken_with_a_warning(people):
    machine = Finder().fit(people)
    machine.crop_record_ = None
    with pytest.warns(UserWarning, match="does not know how its training crops were cut"):
        pose = predict_subjects(machine, people.photo(0))
    assert pose.notes
    boxes = boxes_of(people)
    predict_subjects(machine, people.photo(0), boxes[:1])  # as before: 1.25 times as long as the box
    side = max(boxes[0, 2:])
    assert transforms(machine, people.photo(0), boxes[0])[0, 0, 0] == pytest.approx(64 / (1.25 * side))


def test_boxes_of_an_unusual_size_are_noted(people):
    machine = Finder().fit(people)
    assert locate_subjects(machine, people.photo(0), boxes_of(people)[0]).notes == ()
    (note,) = locate_subjects(machine, people.photo(0), (0, 0, 210, 150)).notes
    assert "box 1 is 210 px long, but the training subjects were" in note


def test_predictions_for_a_data_set(people):
    machine = Finder().fit(people)
    joints, scores = predict_dataset(machine, people)
    assert joints.shape == (12, 3, 2)
    assert far(joints, people) < 0.7
    assert np.isnan(scores).all()
    for other in (people.with_crop_rule("photo"), people.with_crop_rule("joints", padding=3.0)):
        with pytest.raises(ValueError, match=r"trained on crops around.*use dataset.with_crop_rule\('joints'"):
            predict_dataset(machine, other)
    joints, _ = predict_dataset(machine, people.with_crop_rule("joints", padding=3.0), any_frame=True)
    assert far(joints, people) < 1.5


def test_machines_without_beliefs_take_no_options(people):
    machine = Finder().fit(people)
    pose = predict_subjects(machine, people.photo(2), boxes_of(people)[2])
    assert np.linalg.norm(pose.joints[0] - people.joints[2, :, :2], axis=-1).max() < 0.7
    assert np.isnan(pose.scores).all()
    with pytest.raises(ValueError, match="Finder predicts joints without beliefs; leave out threshold"):
        predict_subjects(machine, people.photo(2), boxes_of(people)[2], threshold=0.5)


@given(
    st.sampled_from(["joints", "box", "photo", "located", "cpm"]),
    st.floats(0.3, 5),
    st.tuples(st.integers(1, 500), st.integers(1, 500)),
    st.none() | st.tuples(*[st.floats(1, 1e4)] * 3),
)
def test_records_survive_json(rule, padding, shape, sizes):
    record = CropRecord(rule, padding, shape, sizes, (3.0, 4.0), "by percentiles")
    assert CropRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert CropRecord.from_dict({**record.to_dict(), "of a later version": 1}) == record


def test_damaged_records_are_refused():
    assert CropRecord.from_dict(None) is None
    for values in ({}, {"rule": "box", "padding": -1, "shape": [3, 4]}, {"rule": "box", "padding": 1, "shape": 4.5}):
        with pytest.raises(ValueError, match=r"not how crops were cut|size must be"):
            CropRecord.from_dict(values)


def test_shipped_machines_take_whole_people_and_whole_photos(people):
    machine = PoseMachine.from_pretrained()
    where = locate_subjects(machine, people.photo(0), (40, 30, 60, 90))
    expected = crop_transform((69.5, 74.5), 90, 128, padding=1.25)
    np.testing.assert_allclose(transforms(machine, people.photo(0), (40, 30, 60, 90))[0], expected)
    assert len(where) == 1
    whole = locate_subjects(machine, people.photo(0))
    assert whole.person_size[0] * whole.padding == 210
    assert "whole photo is taken as one subject" in whole.notes[0]

"""Datasets: their fields, selections and splits."""

import numpy as np
import pytest

from posemachines import PoseDataset
from posemachines.skeleton import LSP

from .formats import FORK


def test_rules(photos, joints):
    whole = PoseDataset(photos, joints, FORK, crop_rule="photo")
    transforms = whole.crops(64).transforms
    np.testing.assert_allclose(whole.centre[1], [(87 - 1) / 2, (65 - 1) / 2])
    assert whole.person_size[1] == 87
    np.testing.assert_allclose(transforms[1][0, 0], 64 / 87)
    boxed = PoseDataset(photos, joints, FORK, crop_rule="box", boxes=[[10, 20, 30, 41]] * 6)
    np.testing.assert_allclose(boxed.centre[0], [24.5, 40])
    assert boxed.person_size[0] == 41
    given = PoseDataset(photos, joints, FORK, crop_rule="given", centre=[[30, 40]] * 6, person_size=[50] * 6, padding=2)
    np.testing.assert_allclose(given.crops(64).transforms[0][:, :2], np.eye(2) * 0.5 * 64 / 50)


def test_selecting(people):
    assert len(people[1:3]) == 2
    assert len(people[np.arange(6) % 2 == 0]) == 3
    np.testing.assert_array_equal(people[[4, 0]].joints, people.joints[[4, 0]])
    assert len(people[-1]) == 1
    assert [len(person) for person in people] == [1] * 6
    assert "6 subjects, 3 parts (fork)" in repr(people)
    assert "\n" not in repr(people)
    for broken in (lambda: people[6:], lambda: people[np.zeros(6, bool)]):
        with pytest.raises(ValueError, match=r"selection .* is empty"):
            broken()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"photos": []}, "is empty"),
        ({"photos": "photo.jpg"}, "single path"),
        ({"joints": np.zeros((2, 3, 3))}, "give one photo per subject"),
        ({"joints": np.zeros((6, 3))}, r"must be \(N, P, 3\)"),
        ({"skeleton": "lsp"}, "the skeleton 'lsp' has 14"),
        ({"crop_rule": "guess"}, "crop_rule='guess' needs centre.*; the rules without them are joints, box, photo"),
        ({"crop_rule": "box"}, "needs boxes"),
        ({"crop_rule": "cpm", "centre": [[1, 2]], "person_size": [3]}, "for 6 subjects"),
        ({"padding": 0}, "the crop's side divided by the subject's size"),
    ],
)
def test_bad_datasets(arguments, message, photos, joints):
    with pytest.raises(ValueError, match=message):
        PoseDataset(**{"photos": photos, "joints": joints, "skeleton": FORK, **arguments})


def test_what_belongs_to_a_person_follows_the_person(photos, joints):
    hidden = np.zeros((6, 3), bool)
    hidden[4, 1] = True
    given = {"occluded": hidden, "reference_length": range(6), "photo_ids": list("abcdef")}
    people = PoseDataset(photos, joints, FORK, side_convention="observer", **given)
    some = people[[4, 0]]
    np.testing.assert_array_equal(some.occluded, [[False, True, False], [False] * 3])
    assert list(some.reference_length) == [4, 0]
    assert list(some.photo_ids) == ["e", "a"]
    assert some.side_convention == "observer"
    ends = people.select_parts(["right", "tip"])
    assert ends.skeleton.parts == ("right", "tip")
    np.testing.assert_array_equal(ends.joints, people.joints[:, [2, 0]])
    np.testing.assert_array_equal(ends.occluded, hidden[:, [2, 0]])
    np.testing.assert_array_equal(ends.centre, people.centre)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"side_convention": "mine"}, "side_convention must be one of person, observer"),
        ({"occluded": np.zeros((6, 2))}, r"occluded must have shape \(6, 3\)"),
        ({"reference_length": [1]}, r"reference_length must have shape \(6,\)"),
    ],
)
def test_bad_fields(photos, joints, given, message):
    with pytest.raises(ValueError, match=message):
        PoseDataset(photos, joints, FORK, **given)


def test_further_people_of_a_photo(photos, joints):
    people = PoseDataset([photos[0], photos[1], photos[0], photos[0]], joints[:4], FORK)
    others = people.others()
    assert others.shape == (4, 2, 3, 3)
    np.testing.assert_array_equal(others[0], people.joints[[2, 3]])
    np.testing.assert_array_equal(others[2], people.joints[[0, 3]])
    assert not others[1].any()
    assert PoseDataset(photos, joints, FORK).others().shape == (6, 0, 3, 3)


def _photos_of(dataset):
    return {id(photo) for photo in dataset.photos}


@pytest.mark.parametrize("test", [0.33, 1])
def test_split_divides_photos(pairs, test):
    train, held_out = pairs.split(test=test)
    assert (len(train), len(held_out)) == (4, 2)
    assert not _photos_of(train) & _photos_of(held_out)


def test_split_keeps_groups_together(pairs):
    pairs.groups = np.array(["a", "a", "a", "b", "c", "c"])  # the second photo shows a and b
    for seed in range(5):
        train, test = pairs.split(test=0.5, random_state=seed)
        assert not {*train.groups} & {*test.groups}
        assert not _photos_of(train) & _photos_of(test)
        assert {len(train), len(test)} == {4, 2}
    with pytest.raises(ValueError, match="cannot test on 2 of 2 groups"):
        pairs.split(test=2)


def test_split_by_seed():
    people = PoseDataset([np.zeros((8, 8, 3), np.uint8) for _ in range(10)], np.ones((10, 3, 3)), FORK)
    order = np.random.default_rng(7).permutation(10)
    train, test = people.split(random_state=7)
    numbers = {id(photo): index for index, photo in enumerate(people.photos)}
    assert {numbers[id(photo)] for photo in train.photos} == {*order[:8]}
    assert {numbers[id(photo)] for photo in test.photos} == {*order[8:]}


@pytest.mark.parametrize("test", [0, 3, 0.01, 1.0])
def test_neither_part_of_a_split_is_empty(pairs, test):
    with pytest.raises(ValueError, match=r"of 3 photos: training and test data both need some"):
        pairs.split(test=test)


def test_sides_of_an_observer():
    front = np.zeros((2, 14, 3), np.float32)
    for part, place in {
        "right shoulder": (10, 10),
        "left shoulder": (30, 10),
        "right hip": (12, 40),
        "left hip": (28, 40),
    }.items():
        front[:, LSP.index(part)] = *place, 1
    front[1] = front[1][list(LSP.flip_order)]  # seen from behind
    hidden = np.zeros((2, 14), bool)
    hidden[1, LSP.index("left hip")] = True
    photo = np.zeros((50, 50, 3), np.uint8)
    people = PoseDataset([photo] * 2, front, LSP, occluded=hidden)
    seen = people.observer_centric()
    assert (people.side_convention, seen.side_convention) == ("person", "observer")
    np.testing.assert_array_equal(seen.joints[0], front[0])
    np.testing.assert_array_equal(seen.joints[1], front[0])
    assert seen.occluded[1, LSP.index("right hip")]
    assert seen.occluded.sum() == 1
    with pytest.raises(ValueError, match="observer-centric already"):
        seen.observer_centric()


def test_another_crop_rule(photos, joints):
    boxes = np.array([[10, 20, 30, 41]] * 6)
    data = PoseDataset(photos, joints, FORK, boxes=boxes, groups=list("aabbcc"), groups_source="letters")
    assert data.crop_rule == "joints"
    np.testing.assert_array_equal(data.boxes, boxes)
    boxed = data.with_crop_rule("box")
    assert (boxed.crop_rule, boxed.padding) == ("box", 1.25)
    np.testing.assert_allclose(boxed.centre[0], [24.5, 40])
    np.testing.assert_allclose(boxed.extent[0], [30, 41])
    assert boxed.person_size[0] == 41
    assert data.crop_rule == "joints", "the original stays as it is"
    whole = boxed.with_crop_rule("photo")
    np.testing.assert_allclose(whole.extent[1], [87, 65])
    given = whole.with_crop_rule("cpm", centre=[[30, 40]] * 6, person_size=[[50, 20]] * 6, padding=2)
    np.testing.assert_allclose(given.extent[0], [50, 20])
    assert given.person_size[0] == 50
    wider = given.with_crop_rule("cpm", padding=3)
    np.testing.assert_array_equal(wider.centre, given.centre)
    assert wider.padding == 3
    assert given.with_crop_rule("cpm").padding == 2
    np.testing.assert_array_equal(given.with_crop_rule("joints").person_size, data.person_size)
    np.testing.assert_array_equal(boxed[2:4].boxes, boxes[2:4])
    with pytest.raises(ValueError, match="needs boxes"):
        PoseDataset(photos, joints, FORK).with_crop_rule("box")
    with pytest.raises(ValueError, match="needs centre"):
        data.with_crop_rule("cpm")
    with pytest.raises(ValueError, match="padding is"):
        data.with_crop_rule("photo", padding=0)


def test_other_groups(photos, joints):
    data = PoseDataset(photos, joints, FORK, groups=list("aabbcc"), groups_source="letters")
    other = data.with_groups(range(6), "numbers")
    assert (data.groups_source, other.groups_source) == ("letters", "numbers")
    np.testing.assert_array_equal(other[2:].groups, [2, 3, 4, 5])
    assert data.with_groups(None).groups is None
    with pytest.raises(ValueError, match="groups must have shape"):
        data.with_groups([1, 2])


def test_notes_and_spacing(photos, joints):
    data = PoseDataset(photos, joints, FORK, mm_per_pixel=[0.1, 0.2, np.nan, 0.4, 0.5, 0.6], notes=["two", "notes"])
    assert data.notes == ("two", "notes")
    assert data[1].notes == ("two", "notes")
    np.testing.assert_allclose(data[3:].mm_per_pixel, [0.4, 0.5, 0.6])
    assert PoseDataset(photos, joints, FORK, notes="one").notes == ("one",)
    assert PoseDataset(photos, joints, FORK).notes == ()
    with pytest.raises(ValueError, match="mm_per_pixel must be positive"):
        PoseDataset(photos, joints, FORK, mm_per_pixel=[0.0] * 6)
    with pytest.raises(ValueError, match=r"boxes must have shape \(6, 4\)"):
        PoseDataset(photos, joints, FORK, boxes=[[1, 2, 3, 4]])

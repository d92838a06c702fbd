"""Frames of one video, photos of one animal and near-duplicates stay together; folds test every subject once."""

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemachines.datasets import Groups, PoseDataset, find_groups, folds, time_blocks


def dataset(photos, joints=None, **fields):
    if joints is None:
        joints = np.random.default_rng(0).uniform(5, 60, (len(photos), 3, 2))
    return PoseDataset(photos, joints, **fields)


def members(found):
    """The groups as sets of indices."""
    return sorted(tuple(np.flatnonzero(found.values == name).tolist()) for name in np.unique(found.values))


# -- what is found by itself ------------------------------------------------------------------------------------------


def test_labels_come_first():
    data = dataset(["a/1.png", "a/2.png", "b/1.png"], groups=["x", "y", "y"])
    found = find_groups(data)
    assert (found.kind, found.source) == ("file", "as the labels say")
    assert members(found) == [(0,), (1, 2)]


def test_folders_with_slashes_either_way():
    found = find_groups(dataset(["root/A/img0.png", "root\\A\\img1.png", "root/B/img0.png"]))
    assert found.kind == "folder"
    assert found.source == "folder of the photo"
    assert found.values.tolist() == ["A", "A", "B"]


def test_folders_of_a_published_split_are_no_groups():
    photos = [f"{part}/images/mouse{mouse}_{number}.png" for part in ("train", "val2017") for mouse in (1, 2, 3)
              for number in (1, 2)]  # fmt: skip
    found = find_groups(dataset(photos))
    assert found.kind == "name"
    assert found.n_groups == 3, "mouse 1 is the same in both"


def test_frames_of_videos():
    found = find_groups(dataset(["v/a.mp4#frame=3", "v/a.mp4#frame=9", "v/b.mp4#frame=3"]))
    assert found.kind == "video"
    assert members(found) == [(0, 1), (2,)]
    pages = find_groups(dataset(["a.tif#page=0&stored", "a.tif#page=1&stored", "b.tif#page=0"]))
    assert pages.values.tolist() == ["a.tif", "a.tif", "b.tif"]
    one = find_groups(dataset([f"a.mp4#frame={number}" for number in range(4)]))
    assert one.is_single
    assert one.kind == "one recording"


def test_seconds_apart_belong_together():
    names = ["00-01-10_right.jpg_7", "00-01-54_left.jpg_15", "00-07-27_right.jpg_21", "23-59-50_right.jpg_1"]
    photos = [f"fish/2022-04-11-{name}.png" for name in names] + ["fish/2022-04-12-00-00-05_right.jpg_1.png"]
    found = find_groups(dataset(photos))
    assert found.kind == "time"
    assert members(found) == [(0, 1), (2,), (3, 4)]


def test_dates_alone():
    found = find_groups(dataset([f"ray_2021{month:02d}05_{number}.png" for month in (1, 2, 3) for number in range(4)]))
    assert found.kind == "time"
    assert members(found) == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)]


def test_names_without_their_last_number():
    photos = [f"UTI_test_set_{speaker:03d}-img{frame:04d}.png" for speaker in range(6) for frame in (8, 127, 192)]
    found = find_groups(dataset(photos))
    assert found.kind == "name"
    assert found.n_groups == 6


def test_options_of_a_photo_are_not_its_name():
    found = find_groups(dataset(["x1_1.jpg#stored", "x1_2.jpg#stored", "x2_1.jpg#stored", "x2_2.jpg"]))
    assert members(found) == [(0, 1), (2, 3)]


def test_names_that_all_differ_are_no_groups():
    found = find_groups(dataset([f"{word}.png" for word in ("ant", "bee", "cat", "dog", "elk")]))
    assert found.kind == "none"
    assert found.n_groups == 5


def test_one_group_in_the_labels_is_a_recording_if_it_is_a_video():
    words = [f"labeled-data/m4s1/{word}.png" for word in ("ant", "bee", "cat", "dog")]
    assert find_groups(dataset(words, groups=["m4s1"] * 4)).kind == "one recording"
    assert find_groups(dataset(words, groups=["m4s1.AVI"] * 4)).kind == "one recording"
    task = find_groups(dataset(words, groups=["task 7"] * 4))
    assert (task.kind, task.n_groups) == ("none", 4)
    assert any("one group for all photos, task 7" in note for note in task.notes)


def test_few_groups_are_pointed_out():
    found = find_groups(dataset([f"{sex}_{number}.png" for sex in ("male", "female") for number in range(6)]))
    assert any("only 2 groups" in note for note in found.notes)


@pytest.fixture
def arena(tmp_path):
    """Files img000.png and so on, of a fixed camera; a spot at random places, or other scenes."""

    def write(folder, fixed, n=24):
        rng = np.random.default_rng(3)
        (tmp_path / folder).mkdir()
        scene = rng.integers(0, 255, (60, 80), dtype=np.uint8)
        files, joints = [], rng.uniform(8, 50, (n, 3, 2))
        for number in range(n):
            picture = scene.copy() if fixed else rng.integers(0, 255, (60, 80), dtype=np.uint8)
            cv2.circle(picture, tuple(joints[number, 0].astype(int).tolist()), 6, 255, -1)
            files.append(tmp_path / folder / f"img{number:03d}.png")
            cv2.imwrite(str(files[-1]), picture)
        return dataset(files, joints)

    return write


def test_a_fixed_camera_is_one_recording(arena):
    found = find_groups(arena("fixed", fixed=True))
    assert found.is_single
    assert found.kind == "one recording"
    assert "share their background" in found.source
    assert any("hold for this recording" in note for note in found.notes)


def test_numbered_photos_of_other_scenes_are_independent(arena):
    found = find_groups(arena("other", fixed=False))
    assert found.kind == "none"
    assert found.n_groups == 24
    assert any("do not tell" in note for note in found.notes)


def walk(n=60, step=2, **fields):
    """Frames of a subject that moves slowly, numbered in steps; the photos do not exist."""
    rng = np.random.default_rng(1)
    path = np.cumsum(rng.normal(0, 2, (n, 1, 2)), 0) + rng.normal(0, 0.5, (n, 3, 2)) + 200
    return dataset([f"img{step * number:04d}.png" for number in range(n)], path, **fields)


def test_slow_movement_is_one_recording():
    found = find_groups(walk())
    assert found.is_single
    assert "successive numbers have similar joints" in found.source


# -- what is asked for ------------------------------------------------------------------------------------------------


def test_given_groups_and_columns():
    data = dataset(["a.png", "b.png", "c.png"], photo_ids=["p", "q", "q"])
    assert members(find_groups(data, [1, 2, 1])) == [(0, 2), (1,)]
    assert members(find_groups(data, "photo_ids")) == [(0,), (1, 2)]
    assert members(find_groups(data, "none")) == [(0,), (1,), (2,)]
    with pytest.raises(ValueError, match="groups must have 3 values"):
        find_groups(data, [1, 2])
    for missing in (None, float("nan")):
        with pytest.raises(ValueError, match="missing values"):
            find_groups(data, [1, missing, 2])


def test_patterns():
    data = dataset(["a/rat1_x.png", "b/rat2_x.png", "b/rat1_y.png"])
    found = find_groups(data, r"rat(\d)")
    assert (found.kind, found.values.tolist()) == ("pattern", ["1", "2", "1"])
    assert find_groups(data, r"rat\d").values.tolist() == ["rat1", "rat2", "rat1"]
    with pytest.raises(ValueError, match=re.escape("without a match: b/rat1_y.png")):
        find_groups(data, r"(\w)_x")
    with pytest.raises(ValueError, match="nor a regular expression"):
        find_groups(data, "rat(")
    with pytest.raises(ValueError, match="they are arrays"):
        find_groups(dataset([np.zeros((9, 9, 3), np.uint8)] * 2), "rat")


@pytest.mark.parametrize(("groups", "message"), [("file", "no groups"), ("video", "not frames"), ("time", "a date")])
def test_what_is_missing_is_said(groups, message):
    with pytest.raises(ValueError, match=message):
        find_groups(dataset(["a.png", "b.png"]), groups)


def test_subjects_of_one_photo_and_duplicates_stay_together():
    data = dataset(["a.png", "a.png", "b.png", "c.png", "d.png"])
    assert members(find_groups(data, [1, 2, 2, 3, 4])) == [(0, 1, 2), (3,), (4,)]
    found = find_groups(data, "none", near_duplicates=[(0, 3)])
    assert members(found) == [(0, 1, 3), (2,), (4,)]
    assert found.kind == "duplicates"
    assert any("join 4 groups to 3" in note for note in found.notes)
    with pytest.raises(ValueError, match="pairs of indices below 5"):
        find_groups(data, near_duplicates=[(0, 5)])


def test_arrays_without_names_are_independent():
    photos = [np.full((9, 9, 3), value, np.uint8) for value in range(3)]
    assert find_groups(dataset([*photos, photos[0]])).n_groups == 3


# -- blocks of time ---------------------------------------------------------------------------------------------------


def test_blocks_are_successive_frames_and_neighbours_are_left_out():
    data = walk()[np.random.default_rng(0).permutation(60)]
    frames = np.array([int(re.search(r"\d+", photo)[0]) for photo in data.photos])
    blocks = time_blocks(data, 6, gap=5)
    assert blocks.kind == "one recording"
    for name in np.unique(blocks.values):
        inside = np.sort(frames[blocks.values == name])
        assert len(inside) == 10
        assert (np.diff(inside) == 2).all()
    for _, _, train, test in folds(blocks, 3, 4):
        distance = np.abs(frames[train][:, None] - frames[test]).min()
        assert distance > 5
        assert not set(train) & set(test)


def test_the_gap_follows_the_movement():
    slow, random = walk(), walk()
    random.joints[..., :2] = np.random.default_rng(0).uniform(0, 99, random.joints[..., :2].shape)
    assert time_blocks(slow, 6).gap > time_blocks(random, 6).gap > 0


def test_blocks_without_frame_numbers_follow_the_labels():
    blocks = time_blocks(dataset([f"{word}.png" for word in "abcdef"]), 3)
    assert members(blocks) == [(0, 1), (2, 3), (4, 5)]
    assert any("order of the labels" in note for note in blocks.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_blocks": 1}, "n_blocks must be between 2 and the number of photos, 60"),
        ({"n_blocks": 61}, "got 61"),
        ({"n_blocks": 5, "gap": -1}, "gap is a number of frames"),
        ({"n_blocks": 5, "order": [1, 2]}, "order must have 60"),
    ],
)
def test_impossible_blocks(options, message):
    with pytest.raises(ValueError, match=message):
        time_blocks(walk(), **options)


# -- folds ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=60).filter(lambda values: len(set(values)) > 1),
    st.integers(2, 6),
    st.integers(1, 3),
    st.integers(0, 5),
)
def test_folds_share_no_group_and_test_every_subject_once(values, n_folds, n_repeats, seed):
    groups = Groups(np.array(values).astype(str), "as given", "given")
    found = folds(groups, n_folds, n_repeats, random_state=seed)
    assert found.n_folds == min(n_folds, groups.n_groups)
    assert bool(found.notes) or found.n_repeats == n_repeats
    tested = np.zeros((found.n_repeats, len(values)), int)
    for repeat, _, train, test in found:
        assert len(train)
        assert len(test)
        assert not set(groups.values[train]) & set(groups.values[test])
        assert len(train) + len(test) == len(values)
        tested[repeat, test] += 1
    assert (tested == 1).all()
    assert np.array_equal(found.numbers, folds(groups, n_folds, n_repeats, random_state=seed).numbers)


def test_folds_are_balanced_and_repeats_differ():
    sizes = np.random.default_rng(0).integers(1, 30, 40)
    groups = Groups(np.repeat(np.arange(40), sizes).astype(str), "as given", "given")
    found = folds(groups, 5, 4)
    shares = np.array([np.bincount(each) for each in found.numbers]) / sizes.sum()
    assert shares.min() > 0.17
    assert shares.max() < 0.23
    together = [found.numbers[repeat][:, None] == found.numbers[repeat] for repeat in range(4)]
    assert not np.array_equal(together[0], together[1])
    assert not np.array_equal(found.numbers, folds(groups, 5, 4, random_state=1).numbers)


def test_fewer_groups_than_folds_and_uneven_ones_are_said():
    groups = Groups(np.repeat(["a", "b", "c"], [50, 5, 5]), "folder of the photo", "folder")
    found = folds(groups, 5, 2)
    assert (found.n_folds, found.n_repeats) == (3, 1)
    assert "3 folds instead of 5" in found.notes[0]
    assert "1 repeat instead of 2" in found.notes[1]
    assert "the group 'a' has 83 %" in found.notes[2]


def test_what_folds_refuse():
    one = Groups(np.full(9, "a"), "one recording", "one recording")
    with pytest.raises(ValueError, match="time_blocks"):
        folds(one)
    with pytest.raises(ValueError, match="n_folds must be at least 2"):
        folds(one, 1)
    with pytest.raises(ValueError, match="nothing to train on"):
        folds(time_blocks(walk(), 4, gap=500), 2)
    with pytest.raises(ValueError, match="kind must be one of"):
        Groups(np.full(9, "a"), "one", "single")
    with pytest.raises(ValueError, match="order must have shape"):
        Groups(np.full(9, "a"), "one", "given", order=np.zeros(3))


def test_groups_of_some_subjects():
    blocks = time_blocks(walk(), 6)
    some = blocks[np.arange(10)]
    assert len(some) == len(some.order) == 10
    assert some.is_single

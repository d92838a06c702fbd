import cv2
import numpy as np
import pytest

from posemachines import PoseDataset, Skeleton
from posemachines.datasets import pose_dataset as people_module
from posemachines.geometry import to_photo
from posemachines.skeleton import LSP

FORK = Skeleton("fork", ("tip", "left", "right"), pairs=(("right", "left"),))


@pytest.fixture
def photos(rng):
    return [rng.integers(0, 255, (60 + 5 * i, 90 - 3 * i, 3), np.uint8) for i in range(6)]


@pytest.fixture
def joints(rng):
    joints = rng.uniform(5, 55, (6, 3, 3)).astype(np.float32)
    joints[..., 2] = 1
    joints[2, 1] = np.nan, -400, 0
    return joints


@pytest.fixture
def people(photos, joints):
    return PoseDataset(photos, joints, FORK)


def test_crops_and_the_way_back(people, joints):
    X, y, transforms = people.crops(48)
    assert X.shape == (6, 48, 48, 3)
    assert X.dtype == np.uint8
    assert y.shape == (6, 3, 3)
    assert y.dtype == np.float32
    labelled = joints[..., 2] > 0
    np.testing.assert_allclose(to_photo(y[..., :2], transforms)[labelled], joints[..., :2][labelled], atol=1e-3)
    assert not y[~labelled].any()
    for person in range(6):
        box = y[person, labelled[person], :2]
        assert (box.max(0) - box.min(0)).max() == pytest.approx(0.7 * 48, rel=1e-4)
        assert (box.max(0) + box.min(0)) / 2 == pytest.approx([23.5, 23.5], abs=1e-3)


def test_rules(photos, joints):
    whole = PoseDataset(photos, joints, FORK, rule="photo")
    transforms = whole.crops(64).transforms
    np.testing.assert_allclose(whole.centre[1], [(87 - 1) / 2, (65 - 1) / 2])
    assert whole.scale[1] == 87
    np.testing.assert_allclose(transforms[1][0, 0], 64 / 87)
    boxed = PoseDataset(photos, joints, FORK, rule="box", boxes=[[10, 20, 30, 41]] * 6)
    np.testing.assert_allclose(boxed.centre[0], [24.5, 40])
    assert boxed.scale[0] == 41
    given = PoseDataset(photos, joints, FORK, rule="given", centre=[[30, 40]] * 6, scale=[50] * 6, fill=0.5)
    np.testing.assert_allclose(given.crops(64).transforms[0][:, :2], np.eye(2) * 0.5 * 64 / 50)


def test_photos_from_files(photos, joints, tmp_path):
    for index, photo in enumerate(photos):
        cv2.imencode(".png", photo[..., ::-1])[1].tofile(tmp_path / f"{index}.png")
    paths = sorted(tmp_path.glob("*.png"))
    from_files = PoseDataset(paths, joints, FORK).crops(32, n_jobs=2)
    in_memory = PoseDataset(photos, joints, FORK).crops(32, n_jobs=1)
    np.testing.assert_array_equal(from_files.X, in_memory.X)
    np.testing.assert_array_equal(
        PoseDataset(paths, joints, FORK, rule="photo").scale, PoseDataset(photos, joints, FORK, rule="photo").scale
    )
    paths[3].write_bytes(paths[3].read_bytes()[:200])
    with pytest.raises(ValueError, match="truncated"):
        PoseDataset(paths, joints, FORK).crops(32)
    paths[4].unlink()
    with pytest.raises(FileNotFoundError, match="no photo at"):
        PoseDataset(paths[4:5], joints[4:5], FORK).crops(32)
    with pytest.raises(FileNotFoundError, match="no photo at"):
        PoseDataset(paths[4:], joints[4:], FORK, rule="photo")


def test_sideways_photos_stand_up(joints, tmp_path):
    from PIL import Image

    picture = Image.fromarray(np.zeros((40, 70, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    turned = PoseDataset([tmp_path / "turned.jpg"], joints[:1], FORK, rule="photo")
    assert turned.photo(0).shape == (70, 40, 3)
    np.testing.assert_allclose(turned.centre[0], [19.5, 34.5])


def test_grey_and_transparent_photos_are_converted(photos, joints):
    mixed = [photos[0][..., 0], np.dstack([photos[1], np.full(photos[1].shape[:2], 255, np.uint8)])]
    X = PoseDataset(mixed, joints[:2], FORK).crops(32).X
    assert (X[0] == X[0][..., :1]).all()
    np.testing.assert_array_equal(X[1], PoseDataset(photos[1:2], joints[1:2], FORK).crops(32).X[0])


def test_selecting_and_splitting(people):
    assert len(people[1:3]) == 2
    assert len(people[np.arange(6) % 2 == 0]) == 3
    np.testing.assert_array_equal(people[[4, 0]].joints, people.joints[[4, 0]])
    assert len(people[-1]) == 1
    assert [len(person) for person in people] == [1] * 6
    first, second = people.split(4)
    assert (len(first), len(second)) == (4, 2)
    one, two = people.split(0.5, random_state=3)
    together = np.concatenate([one.scale, two.scale])
    assert sorted(together) == sorted(people.scale)
    assert not np.array_equal(together, people.scale)
    assert "6 people" in repr(people)
    for broken in (lambda: people[6:], lambda: people[np.zeros(6, bool)]):
        with pytest.raises(ValueError, match=r"selection .* is empty"):
            broken()
    for n in (0, 6, 0.01):
        with pytest.raises(ValueError, match="both parts must have somebody"):
            people.split(n)


def test_joints_outside_the_photo_are_left_out(photos, joints):
    joints[0, 0, :2] = 200, 10
    joints[1, 2, :2] = -0.4, 3
    with pytest.warns(UserWarning, match="1 labelled joints lie outside"):
        y = PoseDataset(photos, joints, FORK).crops(32).y
    assert not y[0, 0].any()
    assert y[1, 2, 2] == 1, "the edge belongs to the photo"


def test_a_person_without_labels(photos, joints):
    joints[3] = 0
    people = PoseDataset(photos, joints, FORK)
    with pytest.raises(ValueError, match="1 people, number 3 first, have no frame"):
        people.crops(32)
    assert people[people.labelled].crops(32).X.shape == (5, 32, 32, 3)
    assert PoseDataset(photos, joints, FORK, rule="photo").crops(32).X.shape == (6, 32, 32, 3)


def test_people_without_joints_can_be_cropped(photos):
    people = PoseDataset(photos, skeleton=FORK, rule="photo")
    assert people.crops(32).y.shape == (6, 3, 3)
    assert not people.labelled.any()


def test_the_cache_serves_and_notices_changes(people, tmp_path, monkeypatch):
    first = people.crops(32, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(people_module, "cut_crop", lambda *_: pytest.fail("crops were cut again"))
    again = people.crops(32, cache=tmp_path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.undo()
    people[:3].crops(32, cache=tmp_path)
    people.crops(40, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3, "other people and sizes have other keys"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.warns(UserWarning, match="are cut again"):
        again = people.crops(32, cache=tmp_path)
    np.testing.assert_array_equal(again.X, first.X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"photos": []}, "is empty"),
        ({"photos": "photo.jpg"}, "single path"),
        ({"joints": np.zeros((2, 3, 3))}, "give one photo a person"),
        ({"joints": np.zeros((6, 3))}, r"must be \(N, P, 3\)"),
        ({"skeleton": "lsp"}, "the skeleton 'lsp' has 14"),
        ({"rule": "guess"}, "rule must be one of joints, box, photo, given"),
        ({"rule": "box"}, "needs boxes"),
        ({"rule": "given"}, "needs centre"),
        ({"rule": "given", "centre": [[1, 2]], "scale": [3]}, "for 6 people"),
        ({"fill": 0}, "share of the crop's side"),
    ],
)
def test_bad_datasets(arguments, message, photos, joints):
    with pytest.raises(ValueError, match=message):
        PoseDataset(**{"photos": photos, "joints": joints, "skeleton": FORK, **arguments})


@pytest.mark.parametrize("size", [0, -4, 12.5, "128"])
def test_bad_sizes(people, size):
    with pytest.raises(ValueError, match="positive integer"):
        people.crops(size)


def test_what_belongs_to_a_person_follows_the_person(photos, joints):
    hidden = np.zeros((6, 3), bool)
    hidden[4, 1] = True
    given = {"occluded": hidden, "reference": range(6), "photo_ids": list("abcdef")}
    people = PoseDataset(photos, joints, FORK, side_convention="observer", **given)
    some = people[[4, 0]]
    np.testing.assert_array_equal(some.occluded, [[False, True, False], [False] * 3])
    assert list(some.reference) == [4, 0]
    assert list(some.photo_ids) == ["e", "a"]
    assert some.view == "observer"
    ends = people.select_parts(["right", "tip"])
    assert ends.skeleton.parts == ("right", "tip")
    np.testing.assert_array_equal(ends.joints, people.joints[:, [2, 0]])
    np.testing.assert_array_equal(ends.occluded, hidden[:, [2, 0]])
    np.testing.assert_array_equal(ends.centre, people.centre)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"view": "mine"}, "view must be one of person, observer"),
        ({"occluded": np.zeros((6, 2))}, r"occluded must have shape \(6, 3\)"),
        ({"reference": [1]}, r"reference must have shape \(6,\)"),
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


def test_split_by_photos(photos, joints):
    people = PoseDataset([photos[index // 2] for index in range(6)], joints, FORK)
    first, second = people.split_photos(0.67)
    assert (len(first), len(second)) == (4, 2)
    assert not {id(photo) for photo in first.photos} & {id(photo) for photo in second.photos}
    with pytest.raises(ValueError, match="both parts must have some"):
        people.split_photos(0.01)


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
    assert (people.side_convention, seen.view) == ("person", "observer")
    np.testing.assert_array_equal(seen.joints[0], front[0])
    np.testing.assert_array_equal(seen.joints[1], front[0])
    assert seen.occluded[1, LSP.index("right hip")]
    assert seen.occluded.sum() == 1
    with pytest.raises(ValueError, match="observer-centric already"):
        seen.observer_centric()

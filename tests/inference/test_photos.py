import cv2
import numpy as np
import pytest
from PIL import Image

from posemachines import PoseDataset, SequentialMachine
from posemachines.beliefs import decode, gaussian_beliefs
from posemachines.geometry import crop_transform, to_photo
from posemachines.inference import (
    PUBLISHED_SCALES,
    crop_size,
    frame_of_box,
    frame_of_photo,
    photo_beliefs,
    photo_crops,
    predict_photo,
)
from posemachines.skeleton import Skeleton
from posemachines.testing import SKELETON, make_dots
from tests.test_stage import ColourStage
from tests.toys import HEIGHT, JOINTS, WIDTH, dotted


class Spotter:
    """A machine that sees the dots of :func:`dotted`; stage 1 believes half as much as stage 2, at another place."""

    skeleton_ = SKELETON

    def __init__(self, stride=4, flip=False, tta_scales=(1.0,)):
        self.stride_ = stride
        self.flip = flip
        self.tta_scales = tta_scales
        self.stages_ = [None, None]
        self.asked = []  # one (flip, scales, number and size of crops) a call

    def predict_beliefs(self, crops):
        *_, last = self.staged_beliefs(crops)
        return last

    def staged_beliefs(self, crops):
        self.asked.append((self.flip, self.tta_scales, crops.shape[:2]))
        joints = np.stack([_spots(crop) for crop in crops])
        grid = crops.shape[1] // self.stride_, crops.shape[2] // self.stride_
        for move, belief in ((3 * self.stride_, 0.5), (0, 1)):
            moved = joints + np.array([move, 0, 0])
            beliefs = gaussian_beliefs(moved, grid, stride=self.stride_, sigma=2 * self.stride_)
            beliefs[:, :-1] *= belief
            yield beliefs


def _spots(crop):
    """Joints (3, 3) of one crop: the middles of green spots, the leftmost first, and of the red one."""
    red, green, blue = crop.astype(int).transpose(2, 0, 1)
    found = np.zeros((3, 3))
    for excess, places in ((green - np.maximum(red, blue), (0, 1)), (red - np.maximum(green, blue), (2,))):
        n, labels = cv2.connectedComponents((excess > 10).astype(np.uint8))
        weights = [np.where(labels == spot, excess, 0) for spot in range(1, n)]
        largest = sorted(weights, key=np.sum)[-len(places) :]
        middles = [(each.sum(0) @ np.arange(each.shape[1]), each.sum(1) @ np.arange(len(each))) for each in largest]
        middles = [(x / each.sum(), y / each.sum(), 1) for (x, y), each in zip(middles, largest, strict=True)]
        found[list(places[: len(middles)])] = sorted(middles) or np.zeros((0, 3))
    return found


def far(found, truth=JOINTS):
    return np.linalg.norm(found - truth, axis=-1).max()


BOXES = {
    "around": (65, 45, 85, 90),
    "off-centre": (30, 40, 110, 100),
    "beyond the border": (20, -60, 150, 240),
    "beyond a corner": (-60, -60, 210, 200),
    "twice the photo": (-100, -80, 500, 340),
    "wide": (60, 80, 100, 20),
}


@pytest.mark.parametrize("factors", [(1.0,), (0.8,), (0.9, 1.0, 1.1)])
@pytest.mark.parametrize("flip", [None, True, False])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_joints_come_back_to_their_places(box, flip, factors):
    joints, scores = predict_photo(Spotter(), dotted(), *frame_of_box(box), tta_scales=factors, flip=flip)
    assert joints.shape == (3, 2)
    assert joints.dtype == scores.dtype == np.float32
    assert far(joints) < 1
    assert scores.min() > 0.85  # sides that a flip forgot to exchange would halve the beliefs in them


@pytest.mark.parametrize("times", [0.5, 3.0])
def test_the_size_of_the_photo_does_not_matter(times):
    joints = (JOINTS + 0.5) * times - 0.5
    photo = dotted(joints, shape=(round(HEIGHT * times), round(WIDTH * times)), radius=6 * times)
    box = np.array(BOXES["off-centre"]) * times
    for factors in ((1.0,), (0.8, 1.2)):
        found, _ = predict_photo(Spotter(), photo, *frame_of_box(box), tta_scales=factors)
        assert far(found, joints) < max(times, 1)


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("box", [BOXES["around"], BOXES["beyond the border"]])
def test_published_procedure(box, stride):
    machine = Spotter(stride, flip=True, tta_scales=(0.9, 1.1))
    joints, scores = predict_photo(machine, dotted(), *frame_of_box(box), protocol="cpm2016")
    assert machine.asked == [(False, (1.0,), (7, 368))]
    assert (machine.flip, machine.tta_scales) == (True, (0.9, 1.1))
    np.testing.assert_array_equal(joints, joints.round())  # the pixel of the maximum
    assert far(joints) < 1
    assert scores.min() > 0.9


def test_published_procedure_with_changes():
    machine = Spotter()
    machine.crop_size_ = 96
    frame = frame_of_box(BOXES["around"])
    changes = {"flip": True, "subpixel": True, "tta_scales": (1.0, 1.1)}
    joints, _ = predict_photo(machine, dotted(), *frame, protocol="cpm2016", **changes)
    assert machine.asked == [(False, (1.0,), (4, 96))]
    assert far(joints) < 0.5
    assert (joints != joints.round()).any()
    one, _ = predict_photo(machine, dotted(), *frame, protocol="cpm2016", tta_scales=(1.0,))
    np.testing.assert_array_equal(one, one.round())  # in the photo, of one size too
    assert PUBLISHED_SCALES == (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


def test_mirroring_is_asked_for_once():
    for own, flip, expected in ((True, None, (True, 1)), (True, True, (False, 2)), (True, False, (False, 1))):
        machine = Spotter(flip=own)
        predict_photo(machine, dotted(), *frame_of_box(BOXES["around"]), flip=flip)
        ((asked_flip, scales, (n, _)),) = machine.asked
        assert (asked_flip, n) == expected
        assert scales == (1.0,)
        assert machine.flip is own


def test_scales_of_the_machine_are_cut_from_the_photo():
    """Test-time augmentation of the machine gives what the same scales give as an option."""
    frame = frame_of_box(BOXES["off-centre"])
    machine = Spotter(tta_scales=(0.9, 1.1))
    by_machine, by_option = (
        predict_photo(one, dotted(), *frame, **options)
        for one, options in ((machine, {}), (Spotter(), {"tta_scales": (0.9, 1.1)}))
    )
    np.testing.assert_array_equal(by_machine[0], by_option[0])
    assert machine.asked == [(False, (1.0,), (2, 128))]
    assert machine.tta_scales == (0.9, 1.1)


def test_size_is_that_of_training():
    machine = Spotter()
    assert crop_size(machine) == 128
    machine.crop_size_ = 96
    assert crop_size(machine) == 96
    frame = frame_of_box(BOXES["around"])
    predict_photo(machine, dotted(), *frame)
    predict_photo(machine, dotted(), *frame, size=160)
    assert [size for _, _, (_, size) in machine.asked] == [96, 160]


@pytest.mark.parametrize("factors", [(1.0,), (0.9, 1.1)])
def test_threshold_leaves_joints_out(factors):
    photo = dotted()
    photo[JOINTS[2, 1].astype(int) - 12 :] = 120  # hides the middle
    frame = frame_of_box(BOXES["around"])
    joints, scores = predict_photo(Spotter(), photo, *frame, tta_scales=factors, threshold=0.5)
    assert np.isnan(joints[2]).all()
    assert scores[2] == 0
    assert far(joints[:2], JOINTS[:2]) < 1
    kept, _ = predict_photo(Spotter(), photo, *frame, tta_scales=factors)
    assert np.isfinite(kept).all()
    exactly, _ = predict_photo(Spotter(), photo, *frame, tta_scales=factors, threshold=float(scores[0]))
    assert np.isnan(exactly[0]).all()  # not above


def test_earlier_stages():
    frame = frame_of_box(BOXES["around"])
    first, scores = predict_photo(Spotter(), dotted(), *frame, stage=1)
    last, _ = predict_photo(Spotter(), dotted(), *frame, stage=2)
    assert far(last) < 1
    assert scores.max() < 0.6
    assert far(first) > 5
    with pytest.raises(ValueError, match="stage 3 is requested"):
        predict_photo(Spotter(), dotted(), *frame, stage=3)


@pytest.mark.parametrize("options", [{}, {"tta_scales": (0.9, 1.1)}, {"protocol": "cpm2016", "size": 96}])
def test_several_people(options):
    apart = np.array([[0, 0], [200.0, 20.0]])
    first, second = (dotted(JOINTS + place, shape=(200, 520)) for place in apart)
    photo = np.where(first == 120, second, first)
    boxes = np.array([BOXES["around"], BOXES["around"]], float) + np.pad(apart, [(0, 0), (0, 2)])
    joints, scores = predict_photo(Spotter(), photo, *frame_of_box(boxes), **options)
    assert joints.shape == (2, 3, 2)
    assert scores.shape == (2, 3)
    for person in (0, 1):
        assert far(joints[person], JOINTS + apart[person]) < 1
        alone, score = predict_photo(Spotter(), photo, *frame_of_box(boxes[person]), **options)
        np.testing.assert_allclose(alone, joints[person], atol=1e-4)
        np.testing.assert_allclose(score, scores[person], atol=1e-6)


def test_agrees_with_the_machine_on_the_crops_of_a_dataset():
    (images, joints), skeleton = make_dots(40, grid=(8, 8)), SKELETON
    machine = SequentialMachine([ColourStage()], skeleton=skeleton, flip=True).fit(images, joints)
    photos = list(make_dots(3, grid=(11, 15), random_state=5)[0])
    boxes = np.array([[4, 3, 50, 38], [-5, 0, 40, 50], [20, 10, 30, 20]])
    people = PoseDataset(photos, None, skeleton, crop_rule="box", boxes=boxes)
    X, _, transforms = people.crops(32)
    expected = to_photo(machine.predict(X), transforms)
    for photo, box, crop, transform, where in zip(photos, boxes, X, transforms, expected, strict=True):
        found, _ = predict_photo(machine, photo, *frame_of_box(box), size=32)
        np.testing.assert_allclose(found, where, atol=1e-3)
        same, same_transforms = photo_crops(photo, *frame_of_box(box), size=32)
        np.testing.assert_array_equal(same, crop[None])
        np.testing.assert_allclose(same_transforms, transform[None], atol=1e-6)
        mirrored, _ = predict_photo(machine, photo, *frame_of_box(box), size=32, flip=True)
        np.testing.assert_allclose(mirrored, where, atol=1e-3)


# -- frames ---------------------------------------------------------------------------------------------------------


def test_frames_are_those_of_datasets():
    photo = dotted()
    for rule, frame in (("photo", frame_of_photo(photo)), ("box", frame_of_box(BOXES["off-centre"]))):
        people = PoseDataset([photo], None, SKELETON, crop_rule=rule, boxes=[BOXES["off-centre"]])
        expected = people.crops(64).transforms[0]
        np.testing.assert_allclose(crop_transform(*frame, 64, padding=1 / 0.7), expected, atol=1e-4)
    centres, scales = frame_of_box([BOXES["around"], BOXES["wide"]])
    assert centres.shape == (2, 2)
    assert scales.shape == (2,)
    np.testing.assert_allclose(centres[1], frame_of_box(BOXES["wide"])[0])


def test_published_frame(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), dotted())
    for photo in (dotted(), path, str(path)):
        centre, scale = frame_of_photo(photo, protocol="cpm2016")
        transform = crop_transform(centre, scale, 368, padding=1 / 0.7)
        assert transform[0, 0] == pytest.approx(0.8 * 368 / HEIGHT)
        np.testing.assert_allclose(centre, [(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    joints, _ = predict_photo(Spotter(), dotted(), *frame_of_photo(dotted(), protocol="cpm2016"), protocol="cpm2016")
    assert far(joints) < 1


# -- maps in the photo ----------------------------------------------------------------------------------------------


class Fixed:
    """A machine that believes the same of every crop, whatever it shows."""

    skeleton_ = SKELETON
    stride_ = 4

    def __init__(self, beliefs):
        self.beliefs = beliefs

    def predict_beliefs(self, crops):
        return np.repeat(self.beliefs[None], len(crops), axis=0)


@pytest.fixture
def random_beliefs(rng):
    beliefs = rng.random((4, 16, 16)).astype(np.float32)
    return beliefs / beliefs.sum(0)


@pytest.mark.parametrize("upsample", ["cubic", "linear"])
def test_enlarging_is_that_of_pillow_and_opencv(upsample, random_beliefs):
    photo = np.zeros((60, 52, 3), np.uint8)  # the crop begins at (-4, -7) and ends within
    maps, offset = photo_beliefs(
        Fixed(random_beliefs), photo, (27.5, 24.5), 0.7 * 64, size=64, upsample=upsample, tta_scales=(1.0,)
    )
    assert offset == (0, 0)
    assert maps.shape == (4, 57, 52)
    for found, cells in zip(maps, random_beliefs, strict=True):
        if upsample == "linear":
            np.testing.assert_allclose(found, cv2.resize(cells, (64, 64))[7:, 4:56], atol=1e-5)
        else:
            enlarged = np.asarray(Image.fromarray(cells).resize((64, 64), Image.Resampling.BICUBIC))
            np.testing.assert_allclose(found[:-6, 2:], enlarged[7:-6, 6:56], atol=1e-5)  # but for the border


def test_a_whole_cell_is_where_it_belongs():
    beliefs = np.zeros((4, 16, 16), np.float32)
    beliefs[1, 5, 9] = 1
    centre, scale = (140.2, 90.7), 80.0
    transform = crop_transform(centre, scale, 64, padding=1 / 0.7)
    expected = to_photo(np.array([[4 * 9 + 1.5, 4 * 5 + 1.5]]), transform)[0]
    maps, offset = photo_beliefs(Fixed(beliefs), dotted(), centre, scale, size=64)
    peaks, _ = decode(maps[None], stride=1)
    np.testing.assert_allclose(peaks[0, 1] + offset, expected, atol=0.2)


def test_outside_a_crop_there_is_background(random_beliefs):
    machine, frame = Fixed(random_beliefs), ((200.0, 60.0), 70.0)
    narrow, start = photo_beliefs(machine, dotted(), *frame, size=64, tta_scales=(1.25,))
    both, offset = photo_beliefs(machine, dotted(), *frame, size=64, tta_scales=(0.8, 1.25))
    wide, wide_start = photo_beliefs(machine, dotted(), *frame, size=64, tta_scales=(0.8,))
    assert offset == wide_start
    assert both.shape == wide.shape
    x, y = np.subtract(start, offset)
    assert x > 0
    assert y > 0
    expected = np.zeros_like(wide)
    expected[-1] = 1
    expected[:, y : y + narrow.shape[1], x : x + narrow.shape[2]] = narrow
    np.testing.assert_allclose(both, (wide + expected) / 2, atol=1e-5)
    np.testing.assert_allclose(both.sum(0), 1, atol=1e-5)
    crop_sides = np.array([0.8, 1.25]) ** -1 * 70 / 0.7
    assert wide.shape[1] == pytest.approx(min(crop_sides[0], 60 + crop_sides[0] / 2), abs=1)
    assert narrow.shape[1:] == pytest.approx((crop_sides[1], crop_sides[1]), abs=1)


def test_maps_and_joints_agree():
    frame, factors = frame_of_box(BOXES["off-centre"]), (0.8, 1.1)
    maps, offset = photo_beliefs(Spotter(), dotted(), *frame, tta_scales=factors, flip=True)
    joints, scores = decode(maps[None], stride=1)
    found, found_scores = predict_photo(Spotter(), dotted(), *frame, tta_scales=factors, flip=True)
    np.testing.assert_allclose(joints[0] + offset, found, atol=1e-4)
    np.testing.assert_allclose(scores[0], found_scores, atol=1e-6)


def test_grey_and_transparent_photos(tmp_path):
    grey = np.full((40, 60), 90, np.uint8)
    maps, _ = photo_beliefs(Spotter(), grey, (30, 20), 30.0, size=64)
    assert maps[:3].max() == 0
    maps, _ = photo_beliefs(Spotter(), np.dstack([dotted(), np.full((HEIGHT, WIDTH), 255, np.uint8)]), (130, 85), 200.0)
    assert maps[:3].max() > 0.5


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 130}, "not a multiple of the machine's stride 4; pass size=128"),
        ({"size": 0}, "a positive integer"),
        ({"size": 64.0}, "a positive integer"),
        ({"tta_scales": ()}, "between 0.1 and 10"),
        ({"tta_scales": (1, 20)}, "between 0.1 and 10"),
        ({"tta_scales": (np.nan,)}, "between 0.1 and 10"),
        ({"threshold": np.nan}, "threshold is a belief"),
        ({"stage": 0}, "counted from 1"),
        ({"stage": 1.5}, "counted from 1"),
        ({"centre": (np.nan, 3)}, "finite"),
        ({"person_size": 0}, "must be positive"),
        ({"padding": 0}, "must be positive"),
        ({"centre": (3, 4, 5)}, r"or \(N, 2\) and \(N,\)"),
        ({"centre": np.zeros((2, 2))}, r"got \(2, 2\) and \(\)"),
        ({"centre": np.zeros((0, 2)), "person_size": np.zeros(0)}, r"got \(0, 2\)"),
        ({"centre": (-500, 40)}, "outside the photo of 260 x 170 px; check centre and person_size"),
        ({"centre": (-500, 40), "protocol": "cpm2016"}, "outside the photo"),
        ({"photo": np.zeros((5, 5))}, "must be uint8"),
    ],
)
def test_errors_say_what_to_do(change, message):
    arguments = {"machine": Spotter(), "photo": dotted(), "centre": (100, 80), "person_size": 60.0, **change}
    with pytest.raises(ValueError, match=message):
        predict_photo(**arguments)


def test_more_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        predict_photo(Spotter(), tmp_path / "none.jpg", (3, 3), 5)
    with pytest.raises(ValueError, match="cubic, linear"):
        photo_beliefs(Spotter(), dotted(), (100, 80), 60.0, upsample="quintic")
    with pytest.raises(ValueError, match="positive width"):
        frame_of_box((3, 4, 0, 5))
    with pytest.raises(ValueError, match="x, y, width, height"):
        frame_of_box((3, 4, 5))
    machine = Spotter()
    machine.skeleton_ = Skeleton.unnamed(3)
    with pytest.raises(ValueError, match="lacks; pass flip=False"):
        predict_photo(machine, dotted(), (100, 80), 60.0, flip=True)

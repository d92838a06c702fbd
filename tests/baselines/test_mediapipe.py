"""MediaPipe's pose model as a peer: the mapping of its landmarks with a fake detector, and the model itself."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from baselines.mean_pose import MeanPose
from baselines.mediapipe_pose import LANDMARKS, STORED, MediaPipePose, affine_combination, find_landmarks
from posemachines.datasets import load_lspet
from posemachines.evaluation import evaluate_stages
from posemachines.skeleton import COCO, CPM, FLIC, LSP, MPII, Skeleton

N, HEIGHT, WIDTH = 40, 24, 32
HIDDEN = 3  # in one subject of three the fake detector finds nothing


@pytest.fixture
def people(monkeypatch, rng):
    """(X, y, landmarks, detector); the detector reads the index of a subject from the first pixel."""
    landmarks = rng.normal(12, 5, (N, len(LANDMARKS), 2))
    landmarks[::HIDDEN] = np.nan
    X = np.zeros((N, HEIGHT, WIDTH, 3), np.uint8)
    X[:, 0, 0, 0] = np.arange(N)

    def detect(images, *, border, size, confidence):
        detect.n_seen += len(images)
        return landmarks[images[:, 0, 0, 0]]

    detect.n_seen = 0
    monkeypatch.setattr("baselines.mediapipe_pose.find_landmarks", detect)
    y = np.ones((N, LSP.n_parts, 3), np.float32)
    y[..., :2] = rng.normal(12, 5, (N, LSP.n_parts, 2))
    combination = np.zeros(len(LANDMARKS))
    combination[[LANDMARKS.index("left shoulder"), LANDMARKS.index("right shoulder"), 0]] = 0.75, 0.75, -0.5
    y[1::HIDDEN, LSP.index("neck"), :2] = combination @ landmarks[1::HIDDEN]
    y[2::HIDDEN, LSP.index("neck"), :2] = combination @ landmarks[2::HIDDEN]
    return X, y, landmarks, detect


def test_parts_with_a_landmark_are_that_landmark(people):
    X, y, landmarks, _ = people
    poses = MediaPipePose(skeleton=LSP).fit(X, y).predict(X)
    assert poses.dtype == np.float32
    seen = np.arange(N) % HIDDEN > 0
    for name in ("right ankle", "left shoulder", "left wrist"):
        expected = landmarks[seen, LANDMARKS.index(name)]
        np.testing.assert_allclose(poses[seen, LSP.index(name)], expected, atol=1e-4)


def test_planted_combination_is_found(people):
    X, y, _, _ = people
    machine = MediaPipePose(strength=1e-9, skeleton=LSP).fit(X, y)
    np.testing.assert_allclose(machine.weights_.sum(1), 1)
    seen = np.arange(N) % HIDDEN > 0
    neck = LSP.index("neck")
    np.testing.assert_allclose(machine.predict(X)[seen, neck], y[seen, neck, :2], atol=1e-3)


def test_undetected_subjects_get_the_mean_pose(people):
    X, y, landmarks, _ = people
    machine = MediaPipePose(skeleton=LSP).fit(X, y)
    mean = MeanPose(skeleton=LSP).fit(X, y).predict(X)
    np.testing.assert_allclose(machine.predict(X)[::HIDDEN], mean[::HIDDEN], atol=1e-4)
    assert float(machine.found_) == pytest.approx(np.isfinite(landmarks[:, 0, 0]).mean())
    undetected = MediaPipePose(n_adapt=1, skeleton=LSP).fit(X, y)  # the first subject is not detected
    assert float(undetected.found_) == 0
    neck = LSP.index("neck")
    np.testing.assert_allclose(undetected.predict(X)[:, neck], mean[:, neck], atol=1e-4)
    np.testing.assert_allclose(undetected.predict(X)[1, 0], landmarks[1, LANDMARKS.index("right ankle")], atol=1e-4)


def test_unlabelled_joints_do_not_count(people):
    X, y, _, _ = people
    hidden = y.copy()
    hidden[::2, LSP.index("neck")] = (1e6, -1e6, 0)
    assert np.abs(MediaPipePose(skeleton=LSP).fit(X, hidden).predict(X)).max() < 100
    hidden[1 : N - 1, LSP.index("neck"), 2] = 0  # labelled only in the last subject, which is not detected
    poses = MediaPipePose(skeleton=LSP).fit(X, hidden).predict(X)
    np.testing.assert_allclose(poses[:, LSP.index("neck")], np.tile(hidden[-1, LSP.index("neck"), :2], (N, 1)))


def test_n_adapt_limits_the_detections(people):
    X, y, _, detect = people
    MediaPipePose(n_adapt=7, skeleton=LSP).fit(X, y)
    assert detect.n_seen == 7


@pytest.mark.parametrize(
    ("skeleton", "others"),
    [(LSP, {"neck", "head top"}), (CPM, {"neck", "head top"}), (FLIC, set()), (COCO, set()),
     (MPII, {"pelvis", "thorax", "upper neck", "head top"}),
     (Skeleton("another spelling", ("Right_Ankle", "tail")), {"tail"})],
)  # fmt: skip
def test_names_of_the_skeletons(people, skeleton, others):
    X, _, _, _ = people
    y = np.ones((N, skeleton.n_parts, 3))
    weights = MediaPipePose(skeleton=skeleton).fit(X, y).weights_
    assert {part for part, row in zip(skeleton.parts, weights, strict=True) if row.max() < 1} == others


def test_saved_and_read_again(people, tmp_path):
    X, y, _, _ = people
    machine = MediaPipePose(n_adapt=30, border=0.5, skeleton=LSP).fit(X, y)
    machine.save(tmp_path / "some.npz")
    again = MediaPipePose.load(tmp_path / "some.npz")
    assert again.get_params() == {**machine.get_params(), "skeleton": LSP}
    np.testing.assert_array_equal(again.predict(X), machine.predict(X))
    assert float(again.found_) == float(machine.found_)
    assert again.size() == machine.size()
    assert again.size()["parameters"] > STORED
    assert not hasattr(clone(again), "weights_")


def test_errors(people):
    X, y, _, detect = people
    for skeleton in (None, Skeleton("fork", ("tip", "left", "right"))):
        joints = y if skeleton is None else y[:, :3]
        with pytest.raises(ValueError, match=r"is a landmark of MediaPipe; pass a skeleton=\.\.\. .*left shoulder"):
            MediaPipePose(skeleton=skeleton).fit(X, joints)
    for wrong in ({"n_adapt": 0}, {"input_size": 0}, {"strength": -1.0}, {"border": float("nan")}, {"confidence": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            MediaPipePose(skeleton=LSP, **wrong).fit(X, y)
    with pytest.raises(ValueError, match=r"crops must be \(24, 32\) px"):
        MediaPipePose(skeleton=LSP).fit(X, y).predict(X[:, :16])
    assert detect.n_seen == N


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe.python.solutions.pose", None)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ImportError, match=r'numpy < 2.*pip install "posemachines\[mediapipe\]"'):
        MediaPipePose(skeleton=FLIC).fit(np.zeros((2, 8, 8, 3), np.uint8), np.ones((2, 9, 3)))


# -- the affine combination -----------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 9), st.floats(0, 1), st.floats(-50, 50))
def test_combination_moves_along(seed, n_people, n_points, strength, shift):
    rng = np.random.default_rng(seed)
    points, target = rng.normal(20, 9, (n_people, n_points, 2)), rng.normal(20, 9, (n_people, 2))
    weights = affine_combination(points, target, strength)
    assert weights.sum() == pytest.approx(1)
    moved = points + rng.normal(0, abs(shift) + 1, (n_people, 1, 2))
    change = moved[:, :1] - points[:, :1]
    np.testing.assert_allclose(weights @ moved, weights @ points + change[:, 0], atol=1e-6)
    again = affine_combination(moved, target + change[:, 0], strength)
    np.testing.assert_allclose(again @ points, weights @ points, atol=1e-3)


def test_combination_is_recovered_and_drawn_to_equal_weights(rng):
    points = rng.normal(20, 9, (50, 5, 2))
    planted = np.array([0.7, -0.4, 0.0, 0.5, 0.2])
    target = planted @ points
    np.testing.assert_allclose(affine_combination(points, target, 0.0), planted, atol=1e-8)
    np.testing.assert_allclose(affine_combination(points, target, 1e9), 0.2, atol=1e-6)
    np.testing.assert_allclose(affine_combination(np.ones((3, 5, 2)), np.ones((3, 2)), 1e-3), 0.2)


# -- the model itself -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mediapipe():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax and protobuf, on being imported
        return pytest.importorskip("mediapipe.python.solutions.pose", exc_type=ImportError)


def test_landmarks_have_the_models_order(mediapipe):
    swapped = {"mouth left": "left mouth", "mouth right": "right mouth"}
    names = [mark.name.lower().replace("_", " ") for mark in mediapipe.PoseLandmark]
    assert tuple(swapped.get(name, name) for name in names) == LANDMARKS


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:SymbolDatabase.GetPrototype:UserWarning")
def test_photographs(mediapipe, lspet_root, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # labels outside their photo
        people = load_lspet(lspet_root)[:60].crops(128, n_jobs=1)
    machine = MediaPipePose(skeleton=LSP).fit(people.X, people.y)
    poses = machine.predict(people.X)
    mean = MeanPose(skeleton=LSP).fit(people.X, people.y).predict(people.X)
    reached, not_looking = (
        evaluate_stages([found], people.y, LSP, n_resamples=10).stages[-1].pck[0.2] for found in (poses, mean)
    )
    assert reached > not_looking + 30
    assert 0.8 < machine.found_ <= 1
    np.testing.assert_array_equal(machine.predict(people.X[::-1]), poses[::-1])
    assert len(capfd.readouterr().err.splitlines()) < 3


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:SymbolDatabase.GetPrototype:UserWarning")
def test_landmarks_are_in_pixels_of_the_crop(mediapipe, lspet_root):
    """Cropping rows off does not move the landmarks relative to the image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = load_lspet(lspet_root)[:12].crops(128, n_jobs=1).X
    whole, wide = (find_landmarks(crops, border=0.375, size=256, confidence=0.5) for crops in (X, X[:, 16:-24]))
    both = np.isfinite(whole).all((1, 2)) & np.isfinite(wide).all((1, 2))
    assert both.sum() > 5
    shoulder = LANDMARKS.index("left shoulder")
    away = np.linalg.norm(whole[both, shoulder] - wide[both, shoulder] - (0, 16), axis=-1)
    assert np.median(away) < 2

import cv2
import numpy as np
import pytest
import scipy.io

from posemachines.datasets import load_lsp, load_lspet
from posemachines.skeleton import LSP


def _write(root, joints, n_files, digits):
    (root / "images").mkdir(parents=True)
    scipy.io.savemat(root / "joints.mat", {"joints": joints})
    for number in range(1, n_files + 1):
        cv2.imwrite(str(root / "images" / f"im{number:0{digits}d}.jpg"), np.full((50, 40, 3), number, np.uint8))


@pytest.fixture
def truth(rng):
    joints = rng.uniform(1, 40, (5, 14, 3))
    joints[..., 2] = rng.random((5, 14)) < 0.8
    joints[:, 0, 2] = 1
    return joints


def test_lspet_layout(truth, tmp_path):
    _write(tmp_path / "lspet", truth.transpose(1, 2, 0), n_files=4, digits=5)
    people = load_lspet(tmp_path / "lspet")
    assert len(people) == 4, "labels without a photo are left out"
    assert people.skeleton is LSP
    assert people.crop_rule == "joints"
    labelled = truth[:4, :, 2] > 0
    np.testing.assert_allclose(people.joints[..., :2][labelled], truth[:4, :, :2][labelled] - 1, rtol=1e-6)
    np.testing.assert_array_equal(people.joints[..., 2] > 0, labelled)
    assert people.photos[3].name == "im00004.jpg"
    assert people.crops(32).X.shape == (4, 32, 32, 3)


def test_lsp_layout(truth, tmp_path):
    _write(tmp_path / "lsp", truth.transpose(2, 1, 0), n_files=5, digits=4)
    people = load_lsp(tmp_path / "lsp")
    assert len(people) == 5
    assert people.joints[..., 2].all(), "occluded joints are labelled in this set"
    np.testing.assert_allclose(people.joints[..., :2], truth[..., :2] - 1, rtol=1e-6)


def test_what_is_missing_is_named(truth, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_lspet(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"no joints\.mat"):
        load_lsp(tmp_path)
    _write(tmp_path / "lspet", truth.transpose(1, 2, 0), n_files=0, digits=5)
    with pytest.raises(FileNotFoundError, match=r"none of im00001\.jpg \.\. im00005\.jpg"):
        load_lspet(tmp_path / "lspet")


def test_damaged_labels(truth, tmp_path):
    _write(tmp_path / "lsp", truth.transpose(1, 2, 0), n_files=5, digits=4)
    with pytest.raises(ValueError, match="14 joints on axis 1"):
        load_lsp(tmp_path / "lsp")
    file = tmp_path / "lsp" / "joints.mat"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="is not a readable MATLAB file"):
        load_lsp(tmp_path / "lsp")
    scipy.io.savemat(file, {"others": truth})
    with pytest.raises(ValueError, match="no variable 'joints'; its variables are others"):
        load_lsp(tmp_path / "lsp")


@pytest.mark.data
def test_the_photographs(lspet_root):
    people = load_lspet(lspet_root)
    assert len(people) == 9000
    assert people.labelled.all()
    X, y, transforms = people[8000:8008].crops(128)
    assert X.shape == (8, 128, 128, 3)
    labelled = y[..., 2] > 0
    box = np.where(labelled[..., None], y[..., :2], np.nan)
    extent = (np.nanmax(box, 1) - np.nanmin(box, 1)).max(-1)
    np.testing.assert_allclose(extent, 0.7 * 128, rtol=1e-3)
    assert transforms.shape == (8, 2, 3)


def test_the_frame_of_convolutional_pose_machines(rng, tmp_path):
    joints = np.ones((6, 14, 3))
    joints[..., :2] = rng.uniform(8, 40, (14, 2)) * np.arange(1, 7)[:, None, None] / 6
    joints[5, LSP.index("head top"), :2] = 400, 1  # a wrong label
    _write(tmp_path / "lspet", joints.transpose(1, 2, 0), n_files=6, digits=5)
    people = load_lspet(tmp_path / "lspet", crop_rule="cpm")
    assert people.crop_rule == "cpm"
    assert people.padding == pytest.approx(368 / 41)
    neck, top = LSP.index("neck"), LSP.index("head top")
    lengths = np.linalg.norm(people.joints[:, neck, :2] - people.joints[:, top, :2], axis=1)
    extents = np.ptp(people.joints[..., :2], axis=1).max(1)
    np.testing.assert_allclose(people.person_size[:5], np.maximum(lengths, extents * 41 / 304)[:5], rtol=1e-5)
    assert people.person_size[5] == pytest.approx(extents[5] * 41 / 304), "all joints fit into the crop"
    crops = people[:5].crops(368)
    assert np.ptp(crops.y[:, :, :2], axis=1).max() <= 304.01


def test_frame_and_occlusion_of_lsp(truth, tmp_path):
    _write(tmp_path / "lsp", truth.transpose(2, 1, 0), n_files=5, digits=4)
    people = load_lsp(tmp_path / "lsp", crop_rule="cpm", side_convention="observer")
    np.testing.assert_array_equal(people.occluded, truth[..., 2] > 0)
    np.testing.assert_allclose(people.centre, [[19.5, 24.5]] * 5)
    assert list(people.person_size) == [50] * 5
    assert people.padding == 1.25
    assert people.side_convention == "observer"
    with pytest.raises(ValueError, match="crop_rule must be one of 'joints', 'cpm'"):
        load_lsp(tmp_path / "lsp", crop_rule="hourglass")

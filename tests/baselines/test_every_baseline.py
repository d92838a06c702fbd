"""Properties of every baseline."""

import numpy as np
import pytest

from baselines import CascadedRegression, MeanPose, NearestNeighbourHOG, PictorialStructures, RidgeHOG
from posemachines import PoseMachine
from posemachines.datasets import Crops
from posemachines.evaluation import evaluate_stages
from posemachines.skeleton import LSP

FOREST = PoseMachine(1, n_rounds=4, max_depth=4, n_jobs=1, random_state=0)
MAKE = {
    "mean": lambda: MeanPose(skeleton=LSP),
    "neighbour": lambda: NearestNeighbourHOG(skeleton=LSP),
    "ridge": lambda: RidgeHOG(skeleton=LSP),
    "cascade": lambda: CascadedRegression(n_levels=5, depth=3, sample=1.0, skeleton=LSP),
    "structures": lambda: PictorialStructures(FOREST, skeleton=LSP),
}
MARGIN = {"neighbour": 4, "ridge": 2, "cascade": 2, "structures": 6}  # PCK@0.2 above the mean pose
ON_WHOLE_CROPS = ("mean", "neighbour", "ridge", "cascade")


@pytest.fixture(scope="module")
def fitted(crops):
    X, y = crops
    return {name: make().fit(X[:400], y[:400]) for name, make in MAKE.items()}


def score(poses, y):
    return evaluate_stages([poses], y, LSP, n_resamples=10).stages[-1].pck[0.2]


@pytest.mark.parametrize("name", MARGIN)
def test_better_than_the_mean_pose(fitted, crops, name):
    X, y = crops
    mean = score(MeanPose(skeleton=LSP).fit(X[:400], y[:400]).predict(X[400:]), y[400:])
    assert score(fitted[name].predict(X[400:]), y[400:]) > mean + MARGIN[name]
    assert score(fitted[name].predict(X[:400]), y[:400]) > score(fitted[name].predict(X[400:]), y[400:])


@pytest.mark.parametrize("name", MAKE)
def test_saved_and_read_again(fitted, crops, name, tmp_path):
    X, _ = crops
    fitted[name].save(tmp_path / "some.npz")
    again = type(fitted[name]).load(tmp_path / "some.npz")
    np.testing.assert_array_equal(again.predict(X[:5]), fitted[name].predict(X[:5]))
    assert again.size() == fitted[name].size()
    assert sum(again.size().values()) > 0
    assert again.skeleton_ == LSP
    (poses,) = again.staged_predict(X[:5])
    assert poses.shape == (5, LSP.n_parts, 2)
    assert poses.dtype == np.float32
    other = MeanPose if name != "mean" else RidgeHOG
    with pytest.raises(ValueError, match=f"not a {other.__name__}"):
        other.load(tmp_path / "some.npz")


def test_a_file_of_another_version_is_refused(fitted, tmp_path, monkeypatch):
    fitted["mean"].save(tmp_path / "mean.npz")
    monkeypatch.setattr(MeanPose, "STATE", ("mean", "spread"))
    with pytest.raises(ValueError, match="written by another version of MeanPose; fit it anew"):
        MeanPose.load(tmp_path / "mean.npz")


@pytest.mark.parametrize("name", MAKE)
def test_fitting_is_repeatable(fitted, crops, name):
    X, y = crops
    again = MAKE[name]().fit(X[:400], y[:400])
    np.testing.assert_array_equal(again.predict(X[400:]), fitted[name].predict(X[400:]))


@pytest.mark.parametrize("name", ON_WHOLE_CROPS)
def test_unlabelled_joints_do_not_count(crops, name):
    X, y = crops
    hidden = y[:400].copy()
    hidden[::2, 3] = (1e6, -1e6, 0)
    poses = MAKE[name]().fit(X[:400], hidden).predict(X[400:])
    assert np.abs(poses).max() < 300
    never = y[:400].copy()
    never[:, 3, 2] = 0
    with pytest.raises(ValueError, match=f"never labelled: {LSP.parts[3]};"):
        MAKE[name]().fit(X[:400], never)


def test_crops_bring_their_joints_and_skeleton(fitted, crops):
    X, y = crops
    data = Crops(X[:400], y[:400], skeleton=LSP)
    made = MeanPose().fit(data)
    assert made.skeleton_ == LSP
    np.testing.assert_array_equal(made.predict(data[:3]), fitted["mean"].predict(X[:3]))
    with pytest.raises(ValueError, match="leave y out"):
        MeanPose().fit(data, y[:400])
    with pytest.raises(ValueError, match="y is missing"):
        MeanPose().fit(X)


@pytest.mark.parametrize("name", ON_WHOLE_CROPS)
def test_crops_of_another_size_are_refused(fitted, crops, name):
    with pytest.raises(ValueError, match=r"crops must be \(64, 64\) px"):
        fitted[name].predict(np.zeros((1, 32, 32, 3), np.uint8))

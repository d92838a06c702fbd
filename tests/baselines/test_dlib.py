"""dlib's shape predictor as a peer."""

import numpy as np
import pytest

import posemachines
from baselines import DlibPredictor
from tests.baselines.shapes import error, mean_error
from tests.toys import TRIANGLE, triangles

pytest.importorskip("dlib")
SMALL = {"cascade_depth": 4, "n_trees": 40, "oversampling": 10, "skeleton": TRIANGLE}


@pytest.fixture(scope="module")
def people():
    return triangles(120)


def test_better_than_the_mean_pose_and_the_same_from_its_file(people, tmp_path):
    X, y = people
    machine = DlibPredictor(**SMALL).fit(X[:80], y[:80])
    assert error(machine.predict(X[80:]), y[80:]) < 0.7 * mean_error(y[:80], y[80:])
    machine.save(tmp_path / "dlib.npz")
    read = posemachines.load(tmp_path / "dlib.npz")
    np.testing.assert_array_equal(read.predict(X[80:]), machine.predict(X[80:]))
    assert machine.size()["bytes"] > 1000


def test_subjects_that_are_not_whole_are_left_out(people):
    X, y = people
    some = y.copy()
    some[::4, 0] = 0
    machine = DlibPredictor(**SMALL).fit(X[:80], some[:80])
    whole = (some[:80, :, 2] > 0).all(1)
    alone = DlibPredictor(**SMALL).fit(X[:80][whole], some[:80][whole])
    np.testing.assert_array_equal(machine.predict(X[80:]), alone.predict(X[80:]))
    some = y.copy()
    some[1:80, 0] = 0
    some[0, 1] = 0
    with pytest.raises(ValueError, match="every landmark labelled"):
        DlibPredictor(**SMALL).fit(X[:80], some[:80])

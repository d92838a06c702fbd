import numpy as np
import pytest

from posemachines.evaluation import ERROR_TYPES, calibration, error_shares, error_types
from posemachines.skeleton import Skeleton

FORK = Skeleton("fork", ("tip", "right", "left"), pairs=(("right", "left"),), reference=("right", "left"))
GOOD, JITTER, SWAP, OTHER, MISS = range(5)
TRUTH = np.array([[[0, 0, 1], [100, 0, 1], [200, 0, 1]], [[0, 50, 1], [100, 50, 1], [200, 50, 0]]], float)
SCALE = np.array([100.0, 100.0])


def types_of(places, others=None, **settings):
    """Codes of the first subject, predicted at `predicted`; the second is predicted perfectly."""
    predicted = TRUTH[..., :2].copy()
    predicted[0] = places
    codes = error_types(predicted, TRUTH, SCALE, FORK, others=others, **settings)
    assert codes[1].tolist() == [GOOD, GOOD, -1], "the joint that is not labelled is not scored"
    return codes[0].tolist()


def test_types():
    assert ERROR_TYPES == ("good", "jitter", "left-right swap", "other person", "miss")
    assert types_of([[0, 0], [100, 20], [200, 21]]) == [GOOD, GOOD, JITTER]
    assert types_of([[0, 50], [100, 50.1], [700, 0]]) == [JITTER, MISS, MISS]
    assert types_of([[100, 0], [200, 15], [100, 20]]) == [MISS, SWAP, SWAP], "the tip has no other side"
    assert types_of([[0, 20], [200, 21], [0, 0]]) == [GOOD, MISS, MISS]


def test_thresholds_are_arguments():
    places = [[0, 30], [200, 25], [200, 80]]
    assert types_of(places) == [JITTER, MISS, MISS]
    assert types_of(places, threshold=0.3, jitter=0.8) == [GOOD, SWAP, JITTER]


def test_no_swap_with_an_unlabelled_side():
    predicted = TRUTH[..., :2].copy()
    predicted[1, 1] = TRUTH[1, 2, :2]
    assert error_types(predicted, TRUTH, SCALE, FORK)[1].tolist() == [GOOD, MISS, -1]


def test_a_swap_of_close_sides_is_not_jitter():
    narrow = TRUTH.copy()
    narrow[0, 2, 0] = 130
    predicted = narrow[..., :2].copy()
    predicted[0, [1, 2]] = narrow[0, [2, 1], :2]
    assert error_types(predicted, narrow, SCALE, FORK)[0].tolist() == [GOOD, SWAP, SWAP]


def test_other_subjects():
    others = np.zeros((2, 2, 3, 3))
    others[0, 1] = [[400, 400, 1], [500, 400, 1], [208, 0, 1]]
    assert types_of([[400, 410], [500, 400], [500, 400]], others) == [OTHER] * 3, (
        "the other side of another subject, too"
    )
    assert types_of([[500, 400], [208, 0], [400, 400]], others) == [MISS, OTHER, MISS], (
        "only the part or its other side"
    )
    assert types_of([[0, 0], [203, 0], [205, 0]], others) == [GOOD, SWAP, GOOD], "the nearer joint decides"
    assert types_of([[0, 0], [0, 0], [0, 0]], np.zeros((2, 0, 3, 3))) == [GOOD, MISS, MISS]
    with pytest.raises(ValueError, match=r"others must be \(N, K, P, 3\) with N = 2 and P = 3"):
        types_of(np.zeros((3, 2)), np.zeros((2, 3, 3)))


def test_subjects_without_scale_are_not_scored():
    codes = error_types(TRUTH[..., :2], TRUTH, [np.nan, 100], FORK)
    assert codes.tolist() == [[-1, -1, -1], [GOOD, GOOD, -1]]
    with pytest.raises(ValueError, match=r"jitter not smaller; got 0\.2 and 0\.1"):
        error_types(TRUTH[..., :2], TRUTH, SCALE, FORK, jitter=0.1)


def test_shares(rng):
    codes = rng.integers(0, 5, (60, 4))
    codes[:, 3], codes[7, 0] = -1, -1
    found = error_shares(codes)
    scored = codes[codes >= 0]
    assert found["share"] == pytest.approx([100 * (scored == code).mean() for code in range(5)], abs=0.01)
    assert sum(found["share"]) == pytest.approx(100, abs=0.05)
    for share, (low, high) in zip(found["share"], found["interval"], strict=True):
        assert low < share < high
    assert found["parts"][3] is found["part_intervals"][3] is None
    first = codes[codes[:, 0] >= 0, 0]
    assert found["parts"][0] == pytest.approx([100 * (first == code).mean() for code in range(5)], abs=0.01)
    assert all(
        low <= share <= high for share, (low, high) in zip(found["parts"][0], found["part_intervals"][0], strict=True)
    )
    nothing = error_shares(np.full((2, 2), -1))
    assert nothing["share"] is nothing["interval"] is None
    assert nothing["parts"] == [None, None]


def test_calibrated_scores(rng):
    scores = rng.random((400, 14))
    distances = np.where(rng.random((400, 14)) < scores, 0.1, 0.9)
    distances[:5, 3] = np.nan
    found = calibration(scores, distances)
    assert found["threshold"] == 0.2
    assert sum(found["count"]) == 400 * 14 - 5
    assert found["error"] < 0.03
    assert found["error_interval"][0] <= found["error"]
    inside = [low <= score <= high for score, (low, high) in zip(found["score"], found["rate_interval"], strict=True)]
    assert sum(inside) >= 8
    assert all(low <= rate <= high for rate, (low, high) in zip(found["rate"], found["rate_interval"], strict=True))


def test_overconfident_scores(rng):
    distances = np.where(rng.random((300, 5)) < 0.5, 0.1, 0.9)
    found = calibration(np.full((300, 5), 1.3), distances)
    assert found["score"] == [1], "beliefs beyond 1 count as 1"
    assert found["error"] == pytest.approx(0.5, abs=0.03)
    assert found["error_interval"][0] < found["error"] < found["error_interval"][1]


def test_calibration_without_joints():
    assert calibration(np.zeros((2, 3)), np.full((2, 3), np.nan)) is None
    with pytest.raises(ValueError, match=r"scores must be \(2, 3\)"):
        calibration(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="not finite"):
        calibration(np.full((2, 3), np.nan), np.zeros((2, 3)))

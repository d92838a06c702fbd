import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import MeanPose
from posemachines import SequentialMachine
from posemachines.crops import crop_transform
from posemachines.evaluation import bootstrap_difference, bootstrap_interval, evaluate, evaluate_predictions
from tests.test_stage import ColourStage


@pytest.fixture
def machine(dots):
    images, joints, skeleton = dots
    return SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton).fit(images, joints)


def test_every_stage_is_measured(machine, dots):
    images, joints, _ = dots
    result = evaluate(machine, images, joints)
    assert [stage.stage for stage in result.stages] == [1, 2]
    last = result.stages[-1]
    assert last.pck["0.2"] == pytest.approx(machine.score(images, joints), abs=1e-3)
    assert last.interval["0.2"][0] <= last.pck["0.2"] <= last.interval["0.2"][1]
    assert last.curve[5] == last.pck["0.1"]
    assert last.curve[10] == last.pck["0.2"]
    assert len(last.parts["0.2"]) == 3
    assert result.n_joints == np.isfinite(result.distances[0]).sum()
    assert result.n_people == np.isfinite(result.distances[0]).any(1).sum()
    plain = result.to_dict()
    assert "distances" not in plain
    assert plain["stages"][1]["pck"] == last.pck


def test_the_photo_frame_gives_the_same_figures(machine, dots):
    images, joints, _ = dots
    transforms = np.stack([crop_transform((90 + i, 40), 55.0 + i, 28, fill=0.7) for i in range(len(images))])
    one, other = evaluate(machine, images, joints), evaluate(machine, images, joints, transforms=transforms)
    for stage, same in zip(one.distances, other.distances, strict=True):
        np.testing.assert_allclose(stage, same, rtol=1e-5)


def test_nobody_to_score(dots):
    _, joints, skeleton = dots
    with pytest.raises(ValueError, match="nobody can be scored"):
        evaluate_predictions([joints[..., :2]], joints * 0, skeleton)


def test_the_mean_pose(dots):
    images, joints, skeleton = dots
    mean = MeanPose(skeleton=skeleton).fit(images, joints)
    labelled = joints[..., 2] > 0
    expected = [joints[labelled[:, part], part, :2].mean(0) for part in range(3)]
    np.testing.assert_allclose(mean.predict(images[:2]), [expected] * 2, rtol=1e-5)
    assert len(evaluate(mean, images, joints).stages) == 1
    with pytest.raises(ValueError, match="never labelled"):
        MeanPose().fit(images, joints * [[[1], [0], [1]]])


def test_intervals_are_over_people_not_joints(rng):
    """Joints of one person fail together, so the interval is as wide as for one joint a person."""
    person = rng.random(200) < 0.5
    together = np.where(person[:, None], 0.0, 1.0).repeat(14, 1)
    alone = together[:, :1]
    wide, same = bootstrap_interval(together, 0.2), bootstrap_interval(alone, 0.2)
    assert wide == pytest.approx(same)
    assert wide[1] - wide[0] == pytest.approx(2 * 1.96 * 100 * 0.5 / np.sqrt(200), rel=0.15)


@given(st.integers(0, 500))
def test_intervals_hold_the_figure(seed):
    distances = np.random.default_rng(seed).exponential(0.2, (60, 3))
    low, high = bootstrap_interval(distances, 0.2)
    assert 0 <= low <= 100 * (distances <= 0.2).mean() <= high <= 100


def test_differences_are_paired(rng):
    worse = rng.exponential(0.3, (200, 5))
    better = worse * 0.8
    worse[3, 2] = better[3, 2] = np.nan
    result = bootstrap_difference(better, worse, 0.2)
    assert result["difference"] == pytest.approx(
        100 * (np.nanmean(better <= 0.2) - np.nanmean(worse <= 0.2)) * 1000 / 999, abs=1e-3
    )
    assert 0 < result["interval"][0] < result["difference"] < result["interval"][1]
    nothing = bootstrap_difference(worse, worse, 0.2)
    assert nothing == {"difference": 0, "interval": (0, 0)}
    with pytest.raises(ValueError, match="same joints"):
        bootstrap_difference(better[:, :4], worse, 0.2)


def test_without_anybody_there_is_no_interval():
    assert np.isnan(bootstrap_interval(np.full((3, 2), np.nan), 0.2)).all()

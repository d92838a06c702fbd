import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines import SequentialMachine
from posemachines.datasets import Crops
from posemachines.evaluation import (
    THRESHOLDS,
    bootstrap_difference,
    bootstrap_interval,
    evaluate,
    evaluate_stages,
)
from posemachines.geometry import crop_transform
from posemachines.skeleton import Skeleton
from tests.evaluation.machines import MeanMachine
from tests.test_stage import ColourStage


@pytest.fixture
def machine(dots):
    images, joints, skeleton = dots
    return SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton).fit(images, joints)


def test_every_stage_is_measured(machine, dots):
    images, joints, _ = dots
    result = evaluate(machine, (images, joints))
    assert [stage.stage for stage in result.stages] == [1, 2]
    last = result.stages[-1]
    assert last.pck[0.2] == pytest.approx(machine.score(images, joints), abs=1e-3)
    assert last.interval[0.2][0] <= last.pck[0.2] <= last.interval[0.2][1]
    assert last.curve[5] == last.pck[0.1]
    assert last.curve[10] == last.pck[0.2]
    assert len(last.parts[0.2]) == 3
    assert result.n_joints == np.isfinite(result.distances[0]).sum()
    assert result.n_people == np.isfinite(result.distances[0]).any(1).sum()
    assert f"{last.pck[0.2]:.1f}" in str(result).splitlines()[-1]


def test_the_photo_frame_gives_the_same_figures(machine, dots):
    images, joints, _ = dots
    transforms = np.stack([crop_transform((90 + i, 40), 55.0 + i, 28, padding=1 / 0.7) for i in range(len(images))])
    one, other = (
        evaluate(machine, (images, joints)),
        evaluate(machine, Crops(images, joints, transforms)),
    )
    for stage, same in zip(one.distances, other.distances, strict=True):
        np.testing.assert_allclose(stage, same, rtol=1e-5)


def test_no_subject_to_score(dots):
    _, joints, skeleton = dots
    with pytest.raises(ValueError, match="no subject can be scored"):
        evaluate_stages([joints[..., :2]], joints * 0, skeleton)


def test_a_machine_without_scores_or_stages(dots):
    images, joints, skeleton = dots
    result = evaluate(MeanMachine(skeleton).fit(images, joints), (images, joints), n_resamples=10)
    assert len(result.stages) == 1
    assert result.stages[0].calibration is None


def test_intervals_are_over_subjects_not_joints(rng):
    """Joints of one subject fail together, so the interval is as wide as for one joint per subject."""
    subject = rng.random(200) < 0.5
    together = np.where(subject[:, None], 0.0, 1.0).repeat(14, 1)
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
    assert nothing == {"difference": 0, "interval": (0, 0), "p_bootstrap": 1}
    with pytest.raises(ValueError, match="same joints"):
        bootstrap_difference(better[:, :4], worse, 0.2)


def test_no_scored_joint_no_interval():
    assert np.isnan(bootstrap_interval(np.full((3, 2), np.nan), 0.2)).all()


@pytest.fixture
def whole(machine, dots):
    """An evaluation with every optional input."""
    images, joints, _ = dots
    transforms = np.stack([crop_transform((90 + i, 40), 55.0 + i, 28, padding=1 / 0.7) for i in range(len(images))])
    others = np.zeros((len(images), 1, 3, 3))
    occluded = np.arange(joints[..., 0].size).reshape(joints.shape[:2]) % 4 == 0
    crops = Crops(images, joints, transforms, others=others, occluded=occluded)
    return evaluate(machine, crops, n_resamples=100, training=joints[::-1])


def test_every_figure_has_an_interval(whole):
    for stage in whole.stages:
        low, high = stage.curve_interval["low"], stage.curve_interval["high"]
        assert len(low) == len(high) == len(stage.curve) == len(THRESHOLDS)
        assert all(a <= b + 0.01 and b <= c + 0.01 for a, b, c in zip(low, stage.curve, high, strict=True))
        assert stage.interval[0.1] == pytest.approx((low[5], high[5]), abs=0.01)
        for part, curve in enumerate(stage.part_curves):
            band = stage.part_curve_intervals[part]
            assert all(a <= b <= c for a, b, c in zip(band["low"], curve, band["high"], strict=True))
            assert stage.part_intervals[0.2][part] == [band["low"][10], band["high"][10]]
            assert stage.parts[0.2][part] == pytest.approx(curve[10], abs=0.01)


def test_where_it_fails(whole, machine, dots):
    images, joints, _ = dots
    last = whole.stages[-1]
    assert last.errors["share"][0] == pytest.approx(last.pck[0.2], abs=0.01), "a good joint is one that PCK counts"
    assert (last.errors["threshold"], last.errors["jitter"]) == (0.2, 0.5)
    assert sum(group["n_joints"] for group in last.by_visibility) == whole.n_joints
    sized, rare = (sum(group["n_people"] for group in by["groups"]) for by in (last.by_scale, last.by_rarity))
    assert sized == whole.n_people
    assert rare == (joints[..., 2].sum(1) == 3).sum() < whole.n_people, "a pose needs three joints"
    pooled = sum(group["n_joints"] * group["pck"][0.2] for group in last.by_scale["groups"]) / whole.n_joints
    assert pooled == pytest.approx(last.pck[0.2], abs=0.02)
    assert last.by_rarity["edges"][0] < last.by_rarity["edges"][-1]
    assert last.by_rarity["quantity"] == "distance to the 5 nearest training poses"
    assert last.by_scale["quantity"] == "size in the photo, px"
    assert sum(last.calibration["count"]) == whole.n_joints
    scores = list(machine.staged_predict_scores(images))[-1][1]
    known = np.isfinite(whole.distances[-1])
    mean = np.average(last.calibration["score"], weights=last.calibration["count"])
    assert mean == pytest.approx(np.clip(scores, 0, 1)[known].mean(), abs=1e-3)


def test_what_is_not_known_is_none(machine, dots):
    images, joints, skeleton = dots
    stage = evaluate_stages([joints[..., :2]], joints, skeleton, n_resamples=10).stages[0]
    assert stage.by_visibility is stage.by_rarity is stage.by_scale is stage.calibration is None
    assert stage.errors["share"] == [100, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"occluded must be \(40, 3\), one value per joint; got \(40,\)"):
        evaluate(machine, Crops(images, joints, occluded=np.zeros(40, bool)))


def test_a_part_that_is_never_scored(dots):
    _, joints, skeleton = dots
    joints = joints.copy()
    joints[:, 1, 2] = 0
    without = Skeleton("dots", skeleton.parts)
    stage = evaluate_stages([joints[..., :2]], joints, without, n_resamples=10).stages[0]
    for values in (stage.part_curves, stage.part_curve_intervals, stage.part_intervals[0.1], stage.parts[0.1]):
        assert [value is None for value in values] == [False, True, False]


def test_other_subjects_move_to_the_photo(dots):
    """A joint predicted on another subject is recognised in both frames, crop and photo."""
    _, joints, skeleton = dots
    predicted = joints[..., :2] + np.float32(100)
    others = np.concatenate([predicted, joints[..., 2:]], -1)[:, None]
    transforms = np.stack([crop_transform((90 + i, 40), 55.0 + i, 28, padding=1 / 0.7) for i in range(len(joints))])
    for frame in (None, transforms):
        result = evaluate_stages([predicted], joints, skeleton, transforms=frame, others=others, n_resamples=10)
        assert result.stages[0].errors["share"][3] == 100

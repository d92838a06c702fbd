import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.metrics import (
    AREA_RANGES,
    COCO_SIGMAS,
    Detections,
    LabelledPeople,
    coco_ap,
    match,
    oks,
    oks_ap,
    oks_pairs,
)

SIGMAS = np.array([0.05, 0.1, 0.2])


def crowds(seed, *, n_images=12, n_parts=17, most=6, tie=False):
    """Images with several people of all sizes, some crowds or unlabelled; predictions near them and elsewhere."""
    rng = np.random.default_rng(seed)
    truth = {"image": [], "joints": [], "areas": [], "boxes": [], "crowd": []}
    found = {"image": [], "joints": [], "scores": []}
    for image in range(10, 10 + 3 * n_images, 3):
        for _ in range(rng.integers(0, most)):
            size = rng.choice([20.0, 32.0, 60.0, 96.0, 200.0])
            corner = rng.uniform(0, 300, 2)
            pose = corner + rng.uniform(0, size, (n_parts, 2))
            seen = rng.integers(0, 3, n_parts) * (rng.random() > 0.15)
            truth["image"].append(image)
            truth["joints"].append(np.column_stack([pose, seen]))
            truth["areas"].append(size**2 * rng.choice([0.5, 1.0]))
            truth["boxes"].append([*corner, size, size])
            truth["crowd"].append(rng.random() < 0.1)
            for _ in range(rng.integers(0, 7)):
                found["image"].append(image)
                found["joints"].append(pose + rng.normal(0, rng.choice([0.005, 0.05, 0.2]) * size, pose.shape))
                found["scores"].append(rng.integers(0, 4) / 4 if tie else rng.random())
        for _ in range(rng.integers(0, 3)):
            found["image"].append(image)
            found["joints"].append(rng.uniform(0, 400, (n_parts, 2)))
            found["scores"].append(rng.random())
    people = LabelledPeople(
        np.array(truth["image"], int),
        np.array(truth["joints"]).reshape(-1, n_parts, 3),
        np.array(truth["areas"]),
        np.array(truth["boxes"]).reshape(-1, 4),
        np.array(truth["crowd"], bool),
        np.arange(10, 10 + 3 * n_images, 3),
    )
    order = rng.permutation(len(found["image"]))
    arrays = (
        np.array(found["image"], int),
        np.array(found["joints"]).reshape(-1, n_parts, 2),
        np.array(found["scores"]),
    )
    return Detections(*(array[order] for array in arrays)), people


# -- similarity -----------------------------------------------------------------------------------------------------


def test_by_hand():
    truth = np.zeros((2, 3, 2))
    predicted = truth.copy()
    predicted[0, 0] = [0.1 * 10, 0]  # off by 2 sigma, for a person of 10 x 10
    expected = [(np.exp(-0.5) + 2) / 3, 1]
    np.testing.assert_allclose(oks(predicted, truth, [100, 100], sigmas=SIGMAS), expected)
    labelled = [[True, False, False], [False, False, False]]
    np.testing.assert_allclose(
        oks(predicted, truth, [100, 1], sigmas=SIGMAS, labelled=labelled), [np.exp(-0.5), np.nan]
    )


def test_pairs_agree_with_oks_and_boxes_replace_missing_joints():
    rng = np.random.default_rng(0)
    joints = np.dstack([rng.uniform(0, 20, (2, 3, 2)), [[1, 2, 0], [0, 0, 0]]])
    predicted = rng.uniform(0, 20, (4, 3, 2))
    boxes = np.array([[0, 0, 20, 20], [100, 100, 10, 10]], float)
    pairs = oks_pairs(predicted, joints, boxes, [400, 100], sigmas=SIGMAS)
    alone = oks(predicted, np.repeat(joints[:1, :, :2], 4, 0), np.full(4, 400), sigmas=SIGMAS, labelled=[[1, 1, 0]] * 4)
    np.testing.assert_allclose(pairs[:, 0], alone)
    assert (pairs[:, 1] < 1e-3).all()
    inside = np.full((1, 3, 2), 91.0)  # in the enlarged box
    assert oks_pairs(inside, joints, boxes, [400, 100], sigmas=SIGMAS)[0, 1] == 1


@given(st.integers(0, 10_000), st.floats(0.1, 20), st.floats(-50, 50))
def test_similarity_does_not_depend_on_the_frame(seed, zoom, shift):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (2, 17, 2))
    predicted = truth + rng.normal(0, 5, truth.shape)
    one = oks(predicted, truth, [2000, 9000])
    other = oks(predicted * zoom + shift, truth * zoom + shift, np.array([2000, 9000]) * zoom**2)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert ((one > 0) & (one <= 1)).all()
    assert (oks(truth, truth, [1, 1]) == 1).all()


# -- average precision ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tie", [False, True])
def test_agrees_with_pycocotools(seed, tie):
    pytest.importorskip("pycocotools")
    detections, people = crowds(seed, tie=tie)
    for area_range in AREA_RANGES.values():
        mine = oks_ap(match(detections, people, area_range=area_range))
        theirs = coco_ap(detections, people, area_range=area_range)
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert 5 < mine[0].mean() < 95


def test_agrees_with_pycocotools_on_ties_and_more_than_twenty_predictions():
    pytest.importorskip("pycocotools")
    detections, people = crowds(3, most=14)
    double = LabelledPeople(*(np.concatenate([value, value]) for value in vars(people).values()))
    assert np.bincount(detections.image).max() > 20
    np.testing.assert_allclose(oks_ap(match(detections, double)), coco_ap(detections, double), atol=1e-6)


def test_perfect_is_100_and_nothing_is_0():
    _, people = crowds(1)
    kept = ~people.crowd & people.joints[..., 2].any(1)
    perfect = Detections(people.image[kept], people.joints[kept, :, :2], np.ones(kept.sum()))
    precision, recall = oks_ap(match(perfect, people))
    np.testing.assert_allclose(precision, 100)
    np.testing.assert_allclose(recall, 100)
    none = Detections(np.zeros(0, int), np.zeros((0, 17, 2)), np.zeros(0))
    np.testing.assert_array_equal(oks_ap(match(none, people)), 0)
    nobody = LabelledPeople(
        np.zeros(0, int), np.zeros((0, 17, 3)), np.zeros(0), np.zeros((0, 4)), np.zeros(0, bool), people.images
    )
    assert np.isnan(oks_ap(match(perfect, nobody))).all()


@given(st.integers(0, 1000))
def test_order_does_not_matter_and_weights_repeat_images(seed):
    detections, people = crowds(seed, n_images=4, most=4)
    matches = match(detections, people)
    order = np.random.default_rng(seed).permutation(len(detections.image))
    turned = Detections(*(value[order] for value in vars(detections).values()))
    np.testing.assert_allclose(oks_ap(matches), oks_ap(match(turned, people)))
    np.testing.assert_allclose(oks_ap(matches, np.full(4, 3)), oks_ap(matches), atol=1e-9)
    recall = matches.found.sum(1)
    assert (np.diff(recall) <= 0).all()  # a stricter threshold finds fewer


def test_weights_are_a_resample():
    detections, people = crowds(5, n_images=4)
    images = np.unique(people.images)
    weights, parts = np.array([0, 2, 1, 1]), {"image": [], "joints": [], "scores": []}
    truth = {name: [] for name in ("image", "joints", "areas", "boxes", "crowd")}
    for copy, index in enumerate(np.repeat(np.arange(4), weights)):
        for name in parts:
            values = getattr(detections, name)[detections.image == images[index]]
            parts[name].append(np.full(len(values), copy) if name == "image" else values)
        for name in truth:
            values = getattr(people, name)[people.image == images[index]]
            truth[name].append(np.full(len(values), copy) if name == "image" else values)
    again = Detections(*(np.concatenate(values) for values in parts.values()))
    drawn = LabelledPeople(*(np.concatenate(values) for values in truth.values()), np.arange(4))
    np.testing.assert_allclose(oks_ap(match(detections, people), weights), oks_ap(match(again, drawn)), atol=0.5)


# -- errors ---------------------------------------------------------------------------------------------------------


def test_malformed():
    pose = np.zeros((1, 3, 2))
    for arguments, message in [
        ((pose, pose[:, :2], [1]), r"\(N, P, 2\)"),
        ((pose, pose, [0]), "positive and finite"),
        ((pose, pose, [1, 1]), "area must be"),
        ((pose * np.nan, pose, [1]), "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            oks(*arguments, sigmas=SIGMAS)
    with pytest.raises(ValueError, match="each of the 3 parts"):
        oks(pose, pose, [1], sigmas=COCO_SIGMAS)
    with pytest.raises(ValueError, match="every sigma"):
        oks(pose, pose, [1], sigmas=[0, 1, 1])
    with pytest.raises(ValueError, match="labelled must be"):
        oks(pose, pose, [1], sigmas=SIGMAS, labelled=[[1, 1]])
    detections, people = crowds(0)
    with pytest.raises(ValueError, match="not in the ground truth"):
        match(Detections(np.array([1]), np.zeros((1, 17, 2)), np.ones(1)), people)
    with pytest.raises(ValueError, match="predictions have 3 parts"):
        match(Detections(np.array([10]), pose, np.ones(1)), people)
    with pytest.raises(ValueError, match="one per image"):
        oks_ap(match(detections, people), [1, 2])
    with pytest.raises(ValueError, match="not finite"):
        Detections(np.array([10]), pose * np.nan, np.ones(1))
    with pytest.raises(ValueError, match="disagree"):
        Detections(np.array([10, 11]), pose, np.ones(1))
    with pytest.raises(ValueError, match="not among"):
        LabelledPeople(
            np.array([1]), np.zeros((1, 3, 3)), np.ones(1), np.ones((1, 4)), np.zeros(1, bool), np.array([2])
        )


def test_without_pycocotools(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(ImportError, match=r"posemachines\[coco\]"):
        coco_ap(*crowds(0))

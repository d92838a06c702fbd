import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from posemachines.evaluation import evaluate
from posemachines.evaluation.ground_truth import GroundTruth, Truth, observer_centric
from posemachines.evaluation.protocols import COCO, FLIC, LSP_OC, LSP_PC, MPII, PROTOCOLS, Protocol, get_protocol
from posemachines.metrics import COCO_SIGMAS, Detections, LabelledPeople, pck, pooled_pck
from posemachines.skeleton import LSP, Skeleton

FORK = Protocol("fork", "pck", ("tip", "left", "right"), ("left", "right"), unscored=("tip",), also=(0.1,))


def people(n=5, n_parts=14, seed=0):
    return np.random.default_rng(seed).uniform(1, 100, (n, n_parts, 2))


def noisy(truth, seed=1, spread=8.0):
    return truth + np.random.default_rng(seed).normal(0, spread, truth.shape)


# -- protocols ------------------------------------------------------------------------------------------------------


def test_ready_ones():
    assert get_protocol("lsp-pc") is LSP_PC
    assert get_protocol("LSP_OC") is LSP_OC
    assert get_protocol(FORK) is FORK
    assert (LSP_PC.side_convention, LSP_OC.side_convention, FLIC.side_convention) == ("person", "observer", "observer")
    assert (FLIC.parts.index("left shoulder"), FLIC.parts.index("right hip")) == (6, 5)
    assert MPII.unscored == (MPII.parts[6], MPII.parts[7])
    assert COCO.sigmas == COCO_SIGMAS
    with pytest.raises(ValueError, match="lsp-pc, lsp-oc, flic, mpii, coco"):
        get_protocol("lsp")


@pytest.mark.parametrize("protocol", [*PROTOCOLS.values(), FORK], ids=lambda protocol: protocol.name)
def test_round_trip_through_json(protocol):
    assert Protocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol
    assert protocol.source or protocol is FORK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "iou"}, "metric must be one of"),
        ({"mean": "all"}, "mean must be one of"),
        ({"side_convention": "camera"}, "side_convention must be one of"),
        ({"labelled": "some"}, "labelled must be one of"),
        ({"reference": ("left", "middle")}, "has no part 'middle'"),
        ({"reference": "torso"}, "reference must be two parts"),
        ({"unscored": ("nose",)}, "has no part 'nose'"),
        ({"threshold": 0.25}, "0.25 is not among"),
        ({"thresholds": (0.2,)}, "at least two"),
        ({"metric": "oks-ap"}, "a sigma for each of 3"),
    ],
)
def test_wrong_protocols(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(FORK, **changes)


def test_wrong_dict():
    with pytest.raises(ValueError, match=r"missing fields \['metric', .*unknown fields \['nam'\]"):
        Protocol.from_dict({"nam": "x", "name": "x"})


# -- evaluate -------------------------------------------------------------------------------------------------------


def test_perfect():
    truth = people()
    scores = evaluate(truth, truth, "lsp-pc")
    assert (scores.score.value, scores.score.low, scores.score.high) == (100, 100, 100)
    assert scores.auc.value == 100
    assert set(scores.parts) == set(LSP.parts)
    assert (scores.n_people, scores.n_joints, scores.notes) == (5, 70, ())


def test_figures_are_those_of_the_metrics():
    truth, length = people(40, 3), None
    predicted = noisy(truth)
    scores = evaluate(predicted, truth, FORK)
    length = np.linalg.norm(truth[:, 1] - truth[:, 2], axis=-1)
    distances = np.linalg.norm(predicted - truth, axis=-1) / length[:, None]
    assert scores.score.value == pytest.approx(pooled_pck(distances[:, 1:], 0.2))
    assert scores.at[0.1].value == pytest.approx(pooled_pck(distances[:, 1:], 0.1))
    by_part = pck(predicted, truth, length)
    assert [figure.value for figure in scores.parts.values()] == pytest.approx(by_part[1:].tolist())
    assert list(scores.parts) == ["left", "right"]
    curve = [figure.value for figure in scores.curve]
    assert curve == sorted(curve)
    assert scores.auc.value == pytest.approx(np.mean([(a + b) / 2 for a, b in pairwise(curve)]))
    for figure in (scores.score, scores.auc, *scores.parts.values(), *scores.curve[5:]):
        assert figure.low <= figure.value <= figure.high
    assert 5 < scores.score.high - scores.score.low < 40
    assert evaluate(predicted, truth, FORK, n_resamples=0).score.low is None


def test_pooled_and_parts():
    truth = np.dstack([people(30, 3), np.ones((30, 3))])
    truth[10:, 1, 2] = 0
    predicted = noisy(truth[..., :2])
    protocol = replace(FORK, labelled="visible", reference=("tip", "right"), unscored=())
    pooled = evaluate(predicted, truth, protocol)
    parts = evaluate(predicted, truth, replace(protocol, mean="parts"))
    assert pooled.n_joints == 70
    assert parts.parts == pooled.parts
    values = [figure.value for figure in parts.parts.values()]
    assert parts.score.value == pytest.approx(np.mean(values))
    assert pooled.score.value == pytest.approx(np.average(values, weights=[30, 10, 30]))
    assert parts.score.value != pooled.score.value


def test_what_is_labelled():
    truth = np.dstack([people(4, 3), np.zeros((4, 3))])
    truth[0, 1] = 0  # (0, 0): not labelled in MPII's files
    truth[1, 0, 0] = np.nan
    counts = {
        rule: GroundTruth(truth).scored(replace(FORK, labelled=rule)).sum() for rule in ("all", "positive", "visible")
    }
    assert counts == {"all": 11, "positive": 10, "visible": 0}
    assert GroundTruth(truth, labelled=np.eye(4, 3)[[1, 0, 2, 3]]).scored(FORK).sum() == 2  # one of three is NaN


def test_missing_predictions_are_wrong_and_subjects_without_length_left_out():
    truth = people(4, 3)
    predicted = truth.copy()
    predicted[0, 1] = np.nan
    truth[3, 1] = truth[3, 2]
    scores = evaluate(predicted, truth, FORK)
    assert scores.score.value == pytest.approx(100 * 5 / 6)
    assert (scores.n_people, scores.n_joints) == (3, 6)
    assert "1 predictions are missing" in scores.notes[0]
    assert "1 subjects are left out" in scores.notes[1]
    with pytest.raises(ValueError, match="no joint of the truth can be scored"):
        evaluate(predicted, truth * 0, FORK)


def test_head_lengths():
    truth = people(6, 16)
    predicted = noisy(truth)
    scores = evaluate(predicted, GroundTruth(truth, reference_length=np.full(6, 20.0)), "mpii")
    expected = np.linalg.norm(predicted - truth, axis=-1) / 20 <= 0.5
    expected = np.delete(expected, [6, 7], axis=1)
    assert scores.score.value == pytest.approx(100 * expected.mean())
    assert "pelvis" not in scores.parts
    with pytest.raises(ValueError, match="divides by the head length of each subject"):
        evaluate(truth, truth, "mpii")


def test_layouts_of_flic():
    ten, eleven = people(6, 10), people(6, 11, seed=3)
    assert evaluate(eleven, eleven, "flic").n_joints == 66
    for index, part in enumerate(FLIC.layouts[0][:8]):
        eleven[:, index] = ten[:, FLIC.parts.index(part)]
    scores = evaluate(eleven, ten, "flic")
    assert scores.score.value == 100
    assert scores.n_joints == 48
    assert "predictions have 11 joints and the truth 10: matched by name, 8 in common" in scores.notes[0]


@pytest.mark.parametrize(
    ("predicted", "truth", "protocol", "message"),
    [
        (people(5), people(4), "lsp-pc", "predictions have 5 subjects but the truth has 4; 2000 labelled and 1000"),
        (
            people(5, 16),
            people(5),
            "lsp-pc",
            "there are 16 joints per subject but protocol 'lsp-pc' knows 14: right ankle",
        ),
        (people(5), people(5, 12), "lsp-pc", "there are 12 joints"),
        (people(5, 12), people(5), "flic", "knows 10 or 11 or 9"),
        (people(5)[0], people(5), "lsp-pc", r"\(N, P, 2\)"),
        (people(5), people(5)[0], "lsp-pc", r"\(N, P, 3\)"),
        (
            people(5),
            GroundTruth(people(5), side_convention="person"),
            "lsp-oc",
            r"person-centric but .* observer_centric\(joints\)",
        ),
        (
            people(5),
            GroundTruth(people(5), side_convention="observer"),
            "lsp-pc",
            "observer-centric but protocol 'lsp-pc' is person",
        ),
    ],
)
def test_disagreement(predicted, truth, protocol, message):
    with pytest.raises(ValueError, match=message):
        evaluate(predicted, truth, protocol)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reference_length": np.ones(4)}, "one per subject"),
        ({"labelled": np.ones((5, 3))}, "labelled must be"),
        ({"side_convention": "camera"}, "side_convention must be one of"),
        ({"people": ("a",)}, "must be 5 identifiers"),
    ],
)
def test_wrong_truth(fields, message):
    with pytest.raises(ValueError, match=message):
        GroundTruth(people(5), **fields)


def test_table():
    scores = evaluate(noisy(people(30)), people(30), "lsp-pc", n_resamples=50)
    lines = str(scores).splitlines()
    assert lines[0].startswith("PCK@0.2 (left shoulder to right hip), pooled over 14 parts  ")
    assert len(lines) == 1 + 1 + 1 + 14 + 1


def test_truth_is_a_deprecated_name():
    with pytest.warns(DeprecationWarning, match="GroundTruth"):
        old = Truth(people(5), reference=np.ones(5))
    assert isinstance(old, GroundTruth)
    np.testing.assert_array_equal(old.reference_length, 1)


# -- OKS-AP ---------------------------------------------------------------------------------------------------------


def coco_people(n=8):
    joints = np.dstack([people(n, 17), np.full((n, 17), 2)])
    image = np.arange(n) // 2
    boxes = np.tile([0.0, 0, 100, 100], (n, 1))
    return LabelledPeople(image, joints, np.full(n, 5000.0), boxes, np.zeros(n, bool), np.arange(n // 2))


def test_average_precision():
    truth = coco_people()
    detections = Detections(truth.image, truth.joints[..., :2] + 3, np.linspace(0.2, 0.9, 8))
    scores = evaluate(detections, truth, "coco", n_resamples=30)
    assert 20 < scores.score.value < 100
    assert scores.score.value == pytest.approx(np.mean([figure.value for figure in scores.curve]))
    assert scores.score.low <= scores.score.value <= scores.score.high
    assert set(scores.at) == {0.5, 0.75}
    assert scores.other["AP large"].value is None
    assert scores.other["AP medium"].value == pytest.approx(scores.score.value)
    assert (scores.n_people, scores.n_joints) == (8, 136)
    assert "AP large" in str(scores)
    perfect = Detections(truth.image, truth.joints[..., :2], np.ones(8))
    assert evaluate(perfect, truth, "coco", n_resamples=0).score.value == pytest.approx(100)


def test_average_precision_refuses_arrays():
    with pytest.raises(TypeError, match="takes Detections and LabelledPeople"):
        evaluate(people(5, 17), people(5, 17), "coco")
    with pytest.raises(TypeError, match="arrays"):
        evaluate(people(5), coco_people(), "lsp-pc")
    with pytest.raises(ValueError, match="n_resamples must be 0 or more"):
        evaluate(people(5), people(5), "lsp-pc", n_resamples=-1)


# -- whose left -----------------------------------------------------------------------------------------------------


def test_observer_centric():
    front = np.zeros((1, 14, 2))
    for part, x, y in (("shoulder", 10, 20), ("hip", 6, 50), ("wrist", 20, 50), ("ankle", 6, 100)):
        front[0, LSP.index(f"right {part}")] = [-x, y]
        front[0, LSP.index(f"left {part}")] = [x, y]
    np.testing.assert_array_equal(observer_centric(front), front)
    back = front * [-1, 1]
    np.testing.assert_array_equal(observer_centric(back), back[:, LSP.flip_order])
    np.testing.assert_array_equal(observer_centric(-front), -front)  # upside down does not mean from behind
    twisted = front.copy()
    twisted[:, :6] = back[:, :6]
    np.testing.assert_array_equal(observer_centric(twisted)[:, 6:], front[:, 6:])
    np.testing.assert_array_equal(observer_centric(twisted)[:, :6], front[:, :6])
    with pytest.raises(ValueError, match=r"\(N, 14, 2 or 3\)"):
        observer_centric(front[:, :5])
    with pytest.raises(ValueError, match="no part"):
        observer_centric(front, Skeleton.unnamed(14))

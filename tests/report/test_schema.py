import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from posemachines.evaluation import Protocol, compare_machines, evaluate, evaluate_stages
from posemachines.report import (
    Report,
    comparison_to_json,
    describe_machine,
    differences_to_json,
    evaluation_to_json,
    machine_to_json,
    scores_to_json,
)
from posemachines.report.schema import settings_to_json
from posemachines.skeleton import LSP

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.uniform(10, 90, (20, LSP.n_parts, 2)), np.ones((20, LSP.n_parts, 1))], -1)
    truth[:, 3, 2] = 0
    staged = [truth[..., :2] + rng.normal(0, sigma, truth[..., :2].shape) for sigma in (9, 4)]
    skeleton = LSP.select([part for part in range(LSP.n_parts) if part != 3])
    keep = [part for part in range(LSP.n_parts) if part != 3]
    scores = [np.full((20, len(keep)), 0.5)] * 2
    joints = [each[:, keep] for each in staged]
    return evaluate_stages(joints, truth[:, keep], skeleton, scores=scores, n_resamples=20)


def test_thresholds_become_text(evaluation):
    plain = evaluation_to_json(evaluation)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {*plain} == {"n_people", "n_joints", "reference", "stages"}
    for name in ("pck", "interval", "parts", "part_intervals"):
        assert [*plain["stages"][0][name]] == ["0.1", "0.2"]
        assert [*getattr(evaluation.stages[0], name)] == [0.1, 0.2]
    assert plain["stages"][1]["pck"]["0.2"] == evaluation.stages[1].pck[0.2]
    (found, *_) = differences_to_json(compare_machines({"a": evaluation.distances[0], "b": evaluation.distances[1]}))
    assert found["threshold"] == "0.1"


@pytest.mark.parametrize("name", ["compare_synthetic", "compare_lspet"])
def test_the_layout_is_that_of_the_published_results(name, evaluation):
    known = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    machine = known["machines"]["pm"]
    ours = machine_to_json(
        None, evaluation, {"ms_per_image": {"median": 1.0, "p95": 2.0}, "complexity": {}}, label="A machine"
    )
    assert {*machine} <= {*ours}
    assert [*machine["cost"]] == [*ours["cost"]]
    assert [*machine["accuracy"]] == [*ours["accuracy"]]
    stages = machine["accuracy"]["stages"][0], ours["accuracy"]["stages"][0]
    assert [*stages[0]] == [*stages[1]]
    for key in ("pck", "interval", "parts", "part_intervals", "errors", "calibration", "curve_interval"):
        assert [*stages[0][key]] == [*stages[1][key]]
    whole = comparison_to_json(
        settings={}, dataset={"name": "x", "parts": []}, reference="torso", machines={"pm": ours}, command="python ..."
    )
    assert [key for key in known if key in whole] == [*whole]
    assert [*known["protocol"]] == [*whole["protocol"]]
    assert Report(whole).summary()
    assert Report(known).summary()
    assert describe_machine is machine_to_json


def test_scores_of_predictions():
    truth = np.random.default_rng(0).uniform(1, 100, (30, 14, 2))
    scores = evaluate(truth + np.random.default_rng(1).normal(0, 8, truth.shape), truth, "lsp-pc", n_resamples=50)
    content = json.loads(json.dumps(scores_to_json(scores)))
    assert Protocol.from_dict(content["protocol"]) == scores.protocol
    assert content["score"]["low"] < content["score"]["value"] < content["score"]["high"]
    assert [*content["at"]] == ["0.1"]
    assert len(content["curve"]) == len(content["thresholds"]) == 21


@dataclass(frozen=True)
class Sampling:
    radius: float = 2.0


class Stage(BaseEstimator):
    def __init__(self, depth=3, sampling=Sampling()):
        self.depth = depth
        self.sampling = sampling


def test_nested_settings_are_flat():
    assert settings_to_json(Stage()) == {"depth": 3, "sampling": "Sampling", "sampling__radius": 2.0}

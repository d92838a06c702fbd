"""Scores of published predictions, to the second decimal."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from posemachines.__main__ import main
from posemachines.evaluation import evaluate
from posemachines.evaluation.ground_truth import observer_centric
from posemachines.evaluation.protocols import get_protocol
from posemachines.io.predictions import read_predictions, read_truth
from posemachines.metrics import average, normalised_distances, pck
from posemachines.skeleton import LSP

CASES = [  # predictions, truth, protocol, figure, at another threshold
    ("lsp/cpm-mpii-lsp-6s.mat", "lsp/joints-PC.mat", "lsp-pc", 90.50, {0.1: 78.75}),
    ("lsp/yang2016-pc.mat", "lsp/joints-PC.mat", "lsp-pc", 73.56, {}),
    ("lsp/yang2016-oc.mat", "lsp/joints-OC.mat", "lsp-oc", 81.50, {}),
    ("flic/yang2016-oc.mat", "flic/joints-test-oc.mat", "flic", 93.56, {}),
    ("mpii/tompson.h5", "mpii/valid.h5", "mpii", 82.31, {}),
    ("mpii/hg-s8.mat", "mpii/valid.h5", "mpii", 89.08, {}),
]


@pytest.fixture(scope="module")
def published():
    for place in (os.environ.get("POSEMACHINES_DATA"), Path(__file__).parents[3] / "shared" / "data"):
        if place and (Path(place) / "published").is_dir():
            return Path(place) / "published"
    pytest.skip("no published predictions: set POSEMACHINES_DATA to the folder that holds published/")


def _needs(*names):
    if any(name.endswith(".h5") for name in names):
        pytest.importorskip("h5py")


@pytest.mark.parametrize(("predictions", "truth", "protocol", "figure", "also"), CASES)
def test_evaluate(published, predictions, truth, protocol, figure, also):
    _needs(predictions, truth)
    labelled = read_truth(published / truth, protocol)
    scores = evaluate(read_predictions(published / predictions, protocol).joints, labelled, protocol, n_resamples=50)
    assert round(scores.score.value, 2) == figure
    assert scores.score.low < figure < scores.score.high
    assert scores.score.high - scores.score.low < 4
    for threshold, value in also.items():
        assert round(scores.at[threshold].value, 2) == value


@pytest.mark.parametrize(("predictions", "truth", "protocol", "figure", "also"), CASES)
def test_command(published, predictions, truth, protocol, figure, also, tmp_path, capsys):
    _needs(predictions, truth)
    files = ["--predictions", str(published / predictions), "--truth", str(published / truth)]
    output = tmp_path / "result.json"
    assert main(["evaluate", *files, "--protocol", protocol, "--resamples", "20", "--output", str(output)]) == 0
    out = capsys.readouterr().out
    assert f"{figure:.2f}" in out.splitlines()[0]
    assert ("1001..2000 of the 2000 in the truth" in out) == protocol.startswith("lsp")
    content = json.loads(output.read_text())
    assert round(content["score"]["value"], 2) == figure
    assert content["protocol"]["name"] == protocol
    for threshold, value in also.items():
        assert round(content["at"][f"{threshold:g}"]["value"], 2) == value


def test_two_thousand_predictions_are_cut_to_the_test_set(published):
    predicted = read_predictions(published / "lsp/cpm-mpii-lsp-6s.mat", "lsp-pc").joints
    truth = read_truth(published / "lsp/joints-PC.mat", "lsp-pc")
    scores = evaluate(np.concatenate([np.zeros_like(predicted), predicted]), truth, "lsp-pc", n_resamples=0)
    assert round(scores.score.value, 2) == 90.50
    assert len(scores.notes) == 2
    same = evaluate(predicted, truth.take(slice(1000, 2000)), "lsp-pc", n_resamples=0)
    assert same.score == scores.score


def test_the_metric_alone_and_the_traps(published):
    """The metric alone gives the same scores, and every other choice in its definition different ones."""
    pytest.importorskip("h5py")
    truth = read_truth(published / "mpii/valid.h5", "mpii")
    predicted = read_predictions(published / "mpii/tompson.h5", "mpii").joints
    labelled = truth.scored(get_protocol("mpii"))
    distances = normalised_distances(predicted, truth.joints[..., :2], truth.reference_length, labelled=labelled)
    kept = [index for index in range(16) if index not in (6, 7)]
    hits = np.where(np.isnan(distances), np.nan, 100.0 * (distances <= 0.5))[:, kept]
    assert round(average(hits, mean="pooled"), 2) == 82.31
    assert round(average(hits, mean="parts"), 2) == 81.45
    by_part = pck(predicted, truth.joints[..., :2], truth.reference_length, threshold=0.5, labelled=labelled)[kept]
    assert by_part.mean() == pytest.approx(average(hits, mean="parts"))


def test_observer_centric_is_the_published_one(published):
    person = read_truth(published / "lsp/joints-PC.mat", "lsp-pc").joints
    observer = read_truth(published / "lsp/joints-OC.mat", "lsp-oc").joints
    assert (person != observer).any()
    np.testing.assert_array_equal(observer_centric(person, LSP)[..., :2], observer[..., :2])

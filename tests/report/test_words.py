import numpy as np
import pytest

from posemachines._utils import formatting as form
from posemachines.evaluation import compare_machines, evaluate_stages
from posemachines.report import differences_to_json, evaluation_to_json
from posemachines.report import wording as words
from posemachines.skeleton import LSP
from tests.report.made import difference


def test_summary_gives_the_difference_but_claims_no_winner_after_one_training(report):
    text = words.summary(report).replace(form.NO_BREAK_SPACE, " ")
    assert text.startswith("Convolutional <Pose> Machine scored 21.3 points higher than Pose Machine (forest)")
    assert "95 % interval over test subjects" in text
    assert "one training each, so the luck of training is not counted" in text
    assert "PCK@0.2" in text
    assert "19.0 to 23.5" in text
    (other,) = words.other_findings(report)
    assert "9.0 points higher" in other
    assert "1.0 to 12.0" in other


def test_of_many_pairs_only_the_first_are_listed(report):
    listed = words.MOST_FINDINGS
    report["differences"] = [difference("cpm", "pm", 5.0, 2.0, 8.0)] * (1 + listed)
    assert len(words.other_findings(report)) == listed
    assert "more pairs" not in words.other_findings(report)[-1]
    report["differences"] *= 2
    findings = words.other_findings(report)
    assert len(findings) == listed
    assert f"{1 + 2 * listed - (listed - 1)} more pairs" in findings[-1]


def test_summary_inverts_a_negative_difference(report):
    report["differences"] = [difference("cpm", "pm", -5.0, -8.0, -2.0)]
    assert words.summary(report).startswith("Pose Machine (forest) scored 5.0 points higher than Convolutional")
    assert "2.0 to 8.0" in words.summary(report)


@pytest.mark.parametrize(("low", "high"), [(-1.2, 1.8), (0.0, 1.8), (-1.2, 0.0)])
def test_summary_names_no_winner_where_the_interval_holds_0(report, low, high):
    report["differences"] = [difference("cpm", "pm", 0.3, low, high, p_holm=0.4, significant=False)] * 2
    for text in (words.summary(report), *words.other_findings(report)):
        assert "ot significant: the interval contains 0" in text


def test_summary_names_no_winner_if_the_test_is_not_significant(report):
    report["differences"] = [difference("cpm", "pm", 5.4, 1.2, 9.4, p_holm=0.054, significant=False)] * 2
    for text in (words.summary(report), *words.other_findings(report)):
        assert "ot significant: p = 0.054 after correction for 4 comparisons" in text


@pytest.mark.parametrize("sign", [1, -1])
def test_a_winner_is_named_only_if_significant(sign):
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.uniform(10, 90, (60, LSP.n_parts, 2)), np.ones((60, LSP.n_parts, 1))], -1)
    good, bad, same = (truth[..., :2] + rng.normal(0, sigma, truth[..., :2].shape) for sigma in (2, 12, 2))
    first, second = (good, bad) if sign > 0 else (bad, good)
    for others, expected in (({"a": first, "b": second}, "A" if sign > 0 else "B"), ({"a": good, "b": same}, None)):
        known = {key: evaluate_stages([joints], truth, LSP, n_resamples=200) for key, joints in others.items()}
        report = {
            "machines": {
                key: {"label": key.upper(), "kinds": ["forest"], "accuracy": evaluation_to_json(each)}
                for key, each in known.items()
            },
            "differences": differences_to_json(
                compare_machines({key: each.distances[-1] for key, each in known.items()}, n_resamples=200)
            ),
            "protocol": {"reference": "torso"},
        }
        text = words.summary(report)
        assert "the luck of training is not counted" in text
        if expected is None:
            assert "Not significant" in text
        else:
            assert "ot significant" not in text
            assert text.startswith(f"{expected} scored ")
            assert f"higher than {'B' if expected == 'A' else 'A'}" in text


@pytest.mark.parametrize("unknown", [float("nan"), None])
def test_summary_names_no_winner_without_an_interval(report, unknown):
    report["differences"] = [difference("cpm", "pm", 5.0, unknown, unknown)]
    assert "No winner is named" in words.summary(report)
    assert "Pose Machine (forest)" in words.summary(report)


def test_saturated_thresholds_are_not_what_machines_are_compared_by(report):
    stage = report["machines"]["mean"]["accuracy"]["stages"][-1]
    stage["pck"] = {"0.1": 60.0, "0.2": 99.2}
    report["differences"] = [difference("cpm", "pm", 5.0, 2.0, 8.0, threshold=limit) for limit in ("0.1", "0.2")]
    assert "PCK@0.1" in words.summary(report)
    assert "PCK@0.2" not in words.summary(report)
    stage["pck"]["0.1"] = 95.3
    text = words.summary(report).replace(form.NO_BREAK_SPACE, " ")
    assert "PCK@0.2 says nothing here: the mean pose reaches 99.2 %" in text
    assert "PCK@0.1 says nothing here: the mean pose reaches 95 %" in text
    assert "higher" not in text
    assert words.other_findings(report) == []


def test_remarks_on_unfinished_and_quick_runs(report):
    assert words.remarks(report) == []
    report["finished"], report["settings"]["quick"] = False, True
    unfinished, quick = words.remarks(report)
    assert "incomplete" in unfinished
    assert "quick" in quick


def test_equal_stages_share_their_settings():
    assert words.settings([{"a": 1}, {"a": 1}, {"a": 2}]) == "stage 1, 2\n  a = 1\nstage 3\n  a = 2"

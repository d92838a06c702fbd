import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines._utils import formatting as form
from posemachines.comparison.table import answer_text, table
from posemachines.report import Report, plot_learning_curve
from posemachines.report import wording as words
from posemachines.report.answer import answer_sentences, protocol_text
from posemachines.report.answer_tables import all_verdicts, error_bars, error_rows, saturated_pck, verdict_matrix
from posemachines.report.verdicts import Quantities, Verdicts
from tests.report.answers import MEANS, answered, made_answer, verdict
from tests.report.made import FORK, Page, made_examples, made_report


def said(answer):
    return {each.about: each.text.replace(form.NO_BREAK_SPACE, " ") for each in answer_sentences(answer)}


@pytest.fixture(scope="module")
def examples():
    return made_examples(FORK)


@pytest.fixture
def answered_report(examples):
    return answered(made_report(examples))


def test_answer_says_which_machine_how_far_off_and_how_sure():
    text = said(made_answer())
    assert text["Lowest error"].startswith(
        "Convolutional Pose Machine has the lowest mean error: 2.1 px (95 % interval 1.8 to 2.5) on photos that it was "
        "not trained on; half of the landmarks are within 1.6 px, 95 % within 6.1 px"
    )
    assert (
        "Pose Machine (forests) is worse: its mean error is 1.5 px higher (95 % interval 0.9 to 2.1)"
        in (text["The others"])
    )
    assert "worse by all 6 other measures" in text["The others"]
    assert "5.5 ms with Convolutional Pose Machine, 3.5 ms with Pose Machine (forests)" in text["Time"]
    assert "1.3 px apart" in text["Noise of the labels"]
    assert "2.1 px with 93, and about 1.7 px (1.3 to 2.0) with 186" in text["More labels"]
    assert "beyond the data" in text["More labels"]
    assert "2 labels look wrong" in text["Labels to check"]
    assert "1 warning." in text["Labels to check"]


@given(st.sets(st.sampled_from(sorted(MEANS)), min_size=2), st.booleans())
def test_answer_is_short(keys, human):
    if not keys - {"mean"} or len(keys - {"mean"}) < 2:
        return
    answer = made_answer(tuple(keys), **({} if human else {"human": None}))
    sentences = answer_sentences(answer)
    assert 1 <= len(sentences) <= 6
    assert sum(len(each.text) for each in sentences) < 1200
    assert all(each.text.endswith(".") for each in sentences)


@pytest.mark.parametrize("turned", [False, True])
def test_a_difference_that_is_not_established_is_called_so_at_every_measure(turned):
    pair = ("cpm", "pm") if turned else ("pm", "cpm")
    sign = -1 if turned else 1
    found = [
        verdict(*pair, "mean error", sign * 0.3, reach=2.0),
        verdict(*pair, "median error", sign * 0.2, reach=2.0),
        verdict(*pair, "within 2 px", sign * -9.0, kind="success", threshold=2.0),
        verdict(*pair, "PCK@0.2", sign * -0.1, kind="pck", threshold=0.2, saturated=True),
    ]
    answer = made_answer(("pm", "cpm"), verdicts=found)
    text = said(answer)["The others"]
    assert "Whether Pose Machine (forests) is worse is not established: its mean error is 0.3 px higher" in text
    assert "(95 % interval −0.3 to 0.9)" in text
    assert "it is worse within 2 px, the remaining 1 are open" in text
    states = [one["state"] for one in Verdicts(answer).between("pm").values()]
    assert states == ["open", "open", "worse", "saturated"]


def test_an_interval_without_zero_that_establishes_nothing_is_explained():
    one = verdict("pm", "cpm", "mean error", 1.5) | {"significant": False, "better": None, "p_holm": 0.07}
    text = said(made_answer(("pm", "cpm"), verdicts=[one]))["The others"]
    assert "is worse is not established" in text
    assert "(95 % interval 0.9 to 2.1, if only these two were compared)" in text


def test_a_worse_machine_that_is_better_by_one_measure_is_reported_as_such():
    found = [
        verdict("pm", "cpm", "mean error", 1.5),
        verdict("pm", "cpm", "within 2 px", -9.0, kind="success", threshold=2.0),
        verdict("pm", "cpm", "PCK@0.1", 3.0, kind="pck", threshold=0.1),
    ]
    text = said(made_answer(("pm", "cpm"), verdicts=found))["The others"]
    assert "it is worse within 2 px but better by PCK@0.1" in text


def test_one_training_establishes_nothing():
    unknown = {"interval": [None, None], "p": None, "p_holm": None, "significant": False, "better": None}
    unknown |= {"reason": "one training each: the luck of training is not known"}
    found = [verdict("pm", "cpm", "mean error", 1.5) | unknown]
    answer = made_answer(("pm", "cpm"), verdicts=found, training_variance=False)
    text = said(answer)["The others"]
    assert "is worse" not in text
    assert "1.5 px higher; with one training of each machine" in text
    assert "one training each" in all_verdicts(answer)[0]["word"]


def test_the_mean_pose_is_named_if_it_is_not_worse():
    def text(difference, reach):
        found = [verdict("cpm", "mean", "mean error", difference, reach=reach)]
        return said(made_answer(("mean", "cpm", "pm"), verdicts=found))["The others"]

    assert "ignores the photo" not in text(-20.0, 0.4)
    assert "the mean pose" in text(-20.0, 0.4)
    assert "Nor is it established that it is better than the mean pose, which ignores the photo" in text(-2.0, 2)
    assert "Mean pose, which ignores the photo, has a lower error" in text(2.0, 0.4)


@pytest.mark.parametrize(
    ("outcome", "expected"), [("flat", "More would hardly help"), ("unclear", "Whether more would help is unclear")]
)
def test_learning_curve_in_words(outcome, expected):
    answer = made_answer()
    answer["curve"]["outcome"] = outcome
    assert said(answer)["More labels"].startswith(expected)


def test_units_are_the_users():
    answer = made_answer(units={"name": "% of the wing's length", "short": "%", "decimals": 2})
    assert "2.10 % of the wing's length (95 % interval" in said(answer)["Lowest error"]
    quantities = Quantities({"name": "mm", "short": "mm", "decimals": 2})
    assert quantities(0.934) == f"0.93{form.NO_BREAK_SPACE}mm"
    assert quantities.full(0.934) == quantities(0.934)


def test_an_answer_may_lack_everything_optional():
    none = dict.fromkeys(("human", "curve", "label_check", "final", "second", "title", "protocol"))
    empty = {"suspects": [], "notes": [], "next": [], "verdicts": [], "speed": {}, "saturated": []}
    answer = made_answer(("mean", "cpm", "pm"), **none, **empty)
    for machine in answer["machines"].values():
        machine |= {"boxed": None, "success": []}
        machine["mean"]["interval"] = [None, None]
    assert [each.about for each in answer_sentences(answer)] == ["Lowest error", "The others"]
    assert said(answer)["The others"] == "Not established for Pose Machine (forests)."
    assert "interval" not in said(answer)["Lowest error"]
    report = made_report(made_examples(FORK)) | {"answer": answer}
    assert protocol_text(report) == ""
    assert verdict_matrix(report) is None
    assert answer_text(report)


def test_saturated_thresholds_are_marked_with_what_the_mean_pose_reaches(answered_report, tmp_path):
    expected = f"says nothing here: the mean pose reaches 99.1{form.NO_BREAK_SPACE}%"
    assert saturated_pck(answered_report) == {"0.2": expected}
    matrix = verdict_matrix(answered_report)
    notes = {measure["name"]: measure["note"] for measure in matrix["measures"]}
    assert notes.pop("PCK@0.2") == expected
    assert set(notes.values()) == {""}
    assert {row["cells"][-1]["state"] for row in matrix["rows"]} == {"saturated"}
    page = Page(Report(answered_report).to_html(tmp_path / "report.html"))
    assert "PCK@0.2 says nothing here: the mean pose reaches 99.1" in page.text.replace(form.NO_BREAK_SPACE, " ")
    assert f"PCK@0.2 {expected}" in Report(answered_report).to_markdown()
    assert "PCK@0.2 says nothing here" in table(answered_report)


def test_matrix_is_seen_from_the_chosen_machine(answered_report):
    matrix = verdict_matrix(answered_report)
    assert [row["key"] for row in matrix["rows"]] == ["pm", "mean"]
    cells = dict(zip([one["name"] for one in matrix["measures"]], matrix["rows"][0]["cells"], strict=True))
    assert cells["mean error"] == {
        "state": "worse", "word": "worse", "difference": f"+1.5{form.NO_BREAK_SPACE}px", "interval": "+0.9 to +2.1",
    }  # fmt: skip
    assert cells["within 2 px"]["difference"] == "−4.5 points"
    assert cells["within 2 px"]["interval"] == "−6.3 to −2.7"


def test_rows_of_errors_end_with_two_annotators(answered_report):
    rows = error_rows(answered_report["answer"])
    assert [row["key"] for row in rows] == ["cpm", "pm", "mean", None]
    assert rows[-1]["mean"] == "1.3"
    assert len({len(row["success"]) for row in rows}) == 1


def test_axis_of_errors_suits_the_machines_not_the_mean_pose():
    bars = error_bars(made_answer())
    assert {row["key"]: row["beyond"] for row in bars["rows"]} == {"cpm": False, "pm": False, "mean": True}
    places = {row["key"]: row["at"] for row in bars["rows"]}
    assert places["pm"] / places["cpm"] == pytest.approx(3.6 / 2.1)
    assert bars["human"] / places["cpm"] == pytest.approx(1.3 / 2.1)
    close = error_bars(made_answer(("mean", "cascade", "ridge")))
    assert all(0 <= row["low"] <= row["at"] <= row["high"] <= 100 for row in close["rows"])


def test_protocol_names_a_single_recording(answered_report):
    assert "this recording only" not in protocol_text(answered_report)
    answered_report["answer"]["protocol"]["one_recording"] = True
    assert "One recording: the figures hold for this recording only." in protocol_text(answered_report)
    answered_report["answer"]["protocol"] |= {"kind": "held-out test set", "repeats_done": 3}
    assert "trained on 93 subjects, 3 times with different seeds, and tested on" in protocol_text(answered_report)


def test_summary_is_the_answer(answered_report):
    text = words.summary(answered_report)
    assert text.startswith("Convolutional Pose Machine has the lowest mean error")
    assert "is worse" in text
    assert any("More labels" in finding for finding in words.other_findings(answered_report))


# -- page, Markdown, terminal -----------------------------------------------------------------------------------------


def test_page_begins_with_the_answer(answered_report, examples, tmp_path):
    page = Page(Report(answered_report, examples).to_html(tmp_path / "report.html"))
    order = ["has the lowest mean error", "What to do next", "Each of 23 subjects was tested", "Are the others worse?",
             "How many more labels?", "Labels that look wrong", "PCK by stage"]  # fmt: skip
    places = [*(page.text.index(text) for text in order[:-1]), page.text.rindex(order[-1])]
    assert places == sorted(places)
    assert places[0] < 300
    command = "python -m posemachines predict PHOTO --machine answer/machine.npz"
    assert command in page.text
    assert [button["data-copy"] for button in page.all("button", "data-copy")] == [command]
    assert "day 2/wing_017.png (subject 17)" in page.text
    assert "luck of training is not counted" not in page.text


def test_page_has_ones_own_title_and_no_people(answered_report, tmp_path):
    answered_report["answer"]["title"] = "Veins of <wings>"
    answered_report["dataset"] |= {"name": "wings", "view": "person"}
    path = Report(answered_report).to_html(tmp_path / "report.html")
    page = Page(path)
    assert "<title>Veins of &lt;wings&gt;</title>" in page.content
    assert "Veins of <wings>" in page.text
    assert "Pose machines on" not in page.text
    assert not re.search(r"\b(people|persons?)\b", page.text)
    assert Report(answered_report).to_markdown().startswith("# Veins of \\<wings\\>\n")
    assert answer_text(answered_report).startswith("Veins of <wings>\n")


def test_markdown_begins_with_the_answer(answered_report):
    text = Report(answered_report).to_markdown()
    lines = text.splitlines()
    assert lines[2].startswith("**Convolutional Pose Machine has the lowest mean error")
    assert "   python -m posemachines predict PHOTO --machine answer/machine.npz" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert any(line.startswith("| Convolutional Pose Machine | 2.1 (1.8 to 2.5) | 1.6 | 6.1 |") for line in rows)
    assert any(line.startswith("| Pose Machine (forests) | worse: +1.5") for line in rows)
    assert "| 186 (extrapolated) | 1.7 | 1.3 to 2.0 |" in rows
    assert "## Differences after the last stage" not in text
    assert text.index("## Errors") < text.index("## Are the others worse?") < text.index("## Accuracy by stage")


@pytest.mark.parametrize("keys", [("mean", "pm", "cpm"), tuple(MEANS)])
def test_text_for_the_terminal_fits_and_ends_with_commands(examples, keys):
    report = made_report(examples) | {"answer": made_answer(keys)}
    long = (
        "python -m posemachines predict PHOTO --machine '/a long/path of/the answer/machine.npz' --box X,Y,W,H --half"
    )
    report["answer"]["next"].append({"text": "Predict " + "one more " * 20, "command": long})
    text = answer_text(report)
    assert max(map(len, text.splitlines())) <= 100
    assert form.NO_BREAK_SPACE not in text
    assert "has the lowest mean error: 2.1 px" in text
    joined = re.sub(r"\s+", " ", text.replace("\\\n", ""))
    assert long in joined
    assert text.splitlines()[-1].strip().startswith("--half") or long.split()[-1] in text.splitlines()[-1]
    last = text[text.index("Worse than Convolutional Pose Machine?") :]
    names = last.splitlines()
    head = next(line for line in names if "mean error" in line)
    marks = next(line for line in names if line.startswith("Pose Machine (forests)"))
    assert marks[head.index("mean error") : head.index("mean error") + 10].strip() == "+"
    assert "/" in next(line for line in reversed(names) if line.startswith("Pose Machine (forests)"))


def test_text_without_an_answer_is_the_main_finding(examples):
    report = made_report(examples)
    assert "luck of training is not counted" in answer_text(report).replace("\n", " ")
    assert max(map(len, answer_text(report).splitlines())) <= 100
    assert answer_text(report | {"machines": {}}).startswith("No machine was finished")


def test_chart_of_the_learning_curve():
    answer = made_answer()
    ax = plot_learning_curve(answer).axes[0]
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "Mean error [px]"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["12", "23", "46", "93", "186", "372"]
    measured = next(line for line in ax.lines if list(line.get_ydata()) == answer["curve"]["errors"])
    np.testing.assert_array_equal(measured.get_xdata(), answer["curve"]["sizes"])
    dashed = [line for line in ax.lines if line.is_dashed() and min(line.get_xdata()) >= 93]
    assert len(dashed) == 1, "what is extrapolated is dashed"
    assert {"extrapolated", "two annotators"} <= {text.get_text() for text in ax.texts}
    with pytest.raises(ValueError, match="no learning curve"):
        plot_learning_curve(made_answer(curve=None))


def test_pictures_hold_the_learning_curve(answered_report, tmp_path):
    names = [file.name for file in Report(answered_report).write_pictures(tmp_path)]
    assert names == ["pck_curves.png", "stage_bars.png", "learning_curve.png"]

import json
import os
import sys

import cv2
import numpy as np
import pytest

from posemachines._utils import formatting as form
from posemachines.evaluation import evaluate_stages
from posemachines.report import Examples, Report
from posemachines.skeleton import LSP
from tests.report.made import FORK, Page, made_examples, viewer_of


def test_markdown_holds_every_table(report, examples, tmp_path):
    whole = Report(report, examples)
    text = whole.to_markdown(tmp_path / "report.md")
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text
    assert text.startswith("# Pose machines on figures & \\<friends\\>\n")
    assert whole.summary() in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = {}
    for line in rows:
        widths.setdefault(line.count("|") - line.count("\\|"), []).append(line)
    last = report["machines"]["cpm"]["accuracy"]["stages"][-1]
    expected = f"|  | 2 | {form.number(last['pck']['0.1'])} ({form.number(last['interval']['0.1'][0])} to "
    assert any(line.startswith(expected) for line in rows)
    for index, part in enumerate(examples.skeleton.parts):
        values = [each["accuracy"]["stages"][-1]["parts"]["0.2"][index] for each in report["machines"].values()]
        assert f"| {part} | {' | '.join(map(form.number, values))} |" in rows
    assert (
        "| Convolutional \\<Pose\\> Machine | Pose Machine (forest) | 0.2 | 21.3 (19.0 to 23.5) | p = 0.001 | yes |"
        in rows
    )


def test_markdown_of_an_unfinished_report(report):
    report["machines"], report["differences"], report["finished"] = {}, [], False
    text = Report(report).to_markdown()
    assert "No machine was finished" in text
    assert "> This report is incomplete" in text
    assert "|" not in text


def test_json_is_read_back(report, tmp_path):
    report["machines"]["pm"]["cost"]["peak_memory_mib"] = float("nan")
    again = Report.read(Report(report).to_json(tmp_path / "report.json"))
    assert again.data["machines"]["pm"]["cost"]["peak_memory_mib"] is None
    assert again.data["machines"]["cpm"] == json.loads(json.dumps(report["machines"]["cpm"]))
    assert again.summary() == Report(report).summary()
    assert again.to_markdown() == Report(report).to_markdown()


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not readable JSON"), ("[]", "report.json"), ("{}", "report.json")]
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        Report.read(path)


def test_report_of_fitted_machines(fitted, tmp_path):
    machines, test = fitted
    report = Report.of(machines, test, name="four figures", labels={"mean": "Mean pose"}, n_examples=2, n_timed=2)
    page = Page(report.to_html(tmp_path / "report.html"))
    assert "Mean pose" in page.text
    assert "four figures" in page.text
    assert [person["number"] for person in viewer_of(page)["subjects"]] == [1, 4]
    assert len(report.data["differences"]) == 2
    assert report.data["machines"]["forest"]["kinds"] == ["forest"]
    found = evaluate_stages(list(machines["forest"].staged_predict(test.X)), test.y, LSP).stages[-1].pck[0.2]
    assert report.data["machines"]["forest"]["accuracy"]["stages"][-1]["pck"]["0.2"] == pytest.approx(found)
    with pytest.raises(ValueError, match="machines is empty"):
        Report.of({}, test)


def test_failure_leaves_the_older_file(report, examples, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        Report(report, examples).to_html(path)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_pictures(report, examples, tmp_path):
    files = Report(report, examples).write_pictures(tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["pck_curves.png", "stage_bars.png", "subjects.png", "stages.png"]
    for file in files:
        assert min(cv2.imread(str(file)).shape[:2]) > 100
    assert len(Report(report).write_pictures(tmp_path)) == 2
    assert Report({**report, "machines": {}}, examples).write_pictures(tmp_path) == []


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib.figure"])
def test_missing_extras_are_named(report, examples, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"posemachines\[report\]"):
        Report(report, examples).to_html(tmp_path / "report.html")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 3}, "not a multiple of the stride 3"),
        ({"numbers": (1,)}, "numbers must be 2"),
        ({"truth": np.zeros((2, 4, 3))}, "has 4 parts but 3 are expected"),
        ({"joints": {"pm": [np.zeros((2, 3, 3))]}}, r"joints\['pm'\]\[0\] must be \(2, 3, 2\)"),
        ({"joints": {"pm": [np.full((2, 3, 2), np.nan)]}}, "NaN"),
        ({"beliefs": {"pm": [np.zeros((2, 3, 5, 7))]}}, r"beliefs\['pm'\]\[0\] must be .* = \(2, 4, 5, 7\)"),
        ({"beliefs": {"x": [np.zeros((2, 4, 5, 7))]}}, "'x' has beliefs of 1 stages and joints of 0"),
    ],
)
def test_examples_say_what_is_wrong(change, message):
    good = made_examples(FORK)
    fields = {name: getattr(good, name) for name in ("images", "truth", "skeleton", "stride", "beliefs", "joints")}
    with pytest.raises(ValueError, match=message):
        Examples(**{**fields, **change})


def test_examples_are_spread_evenly_and_keep_their_numbers(fitted):
    machines, test = fitted
    some = Examples.of(machines, test.X, test.y, n_people=3)
    assert some.numbers == (0, 2, 3)
    np.testing.assert_array_equal(some.images, test.X[[0, 2, 3]])
    assert some.stride_of("forest") == machines["forest"].stride_
    assert list(some.beliefs) == ["forest"]
    assert some.first(2).numbers == (0, 3)

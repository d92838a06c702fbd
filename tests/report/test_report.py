import base64
import copy
import json
import os
import re
import sys
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from baselines.mean_pose import MeanPose
from posemachines import ForestStage, PoseMachine
from posemachines.beliefs import decode, gaussian_beliefs
from posemachines.datasets import make_synthetic
from posemachines.evaluation import compare_machines, evaluate_stages
from posemachines.report import Examples, Report
from posemachines.report import wording as words
from posemachines.report.report import MOST_BYTES
from posemachines.skeleton import LSP, Skeleton
from tests.browser import CHROMIUM, Browser

FORK = Skeleton("fork", ("tip", "right", "left"), (("tip", "right"), ("right", "left")), pairs=(("right", "left"),))
STRIDE, ROWS, COLUMNS = 4, 5, 7
VOID = {"img", "input", "meta", "link", "br", "hr", "use", "path"}


def made_people(skeleton, n=2, rows=ROWS, columns=COLUMNS):
    """Examples of three machines whose later stages are surer."""
    rng = np.random.default_rng(0)
    shape = n, skeleton.n_parts, 2
    truth = np.concatenate([rng.uniform(2, STRIDE * np.array([columns, rows]) - 3, shape), np.ones(shape)[..., :1]], -1)
    beliefs = {}
    for key in ("pm", "cpm"):
        noise = rng.uniform(0, 0.2, (n, skeleton.n_parts + 1, rows, columns)).astype(np.float32)
        maps = [gaussian_beliefs(truth, (rows, columns), stride=STRIDE, sigma=sigma) + noise for sigma in (6, 3)]
        beliefs[key] = [each.astype(np.float32) for each in maps]
    joints = {"mean": [np.full(shape, 8.0)]}
    joints.update({key: [decode(maps, stride=STRIDE)[0] for maps in stages] for key, stages in beliefs.items()})
    truth[0, 0, 2] = 0
    images = rng.integers(0, 256, (n, STRIDE * rows, STRIDE * columns, 3), dtype=np.uint8)
    return Examples(images, truth, skeleton, STRIDE, beliefs, joints)


def made_report(examples, n_resamples=20):
    labels = {"mean": "Mean pose", "pm": "Pose Machine (forest)", "cpm": "Convolutional <Pose> Machine"}
    kinds = {"mean": [], "pm": ["forest"] * 2, "cpm": ["conv"] * 2}
    machines = {}
    for key, joints in examples.joints.items():
        scores = None if key == "mean" else [maps[:, :-1].max((2, 3)) for maps in examples.beliefs[key]]
        accuracy = evaluate_stages(joints, examples.truth, examples.skeleton, scores=scores, n_resamples=n_resamples)
        machines[key] = {
            "label": labels[key],
            "kinds": kinds[key],
            "accuracy": accuracy.to_dict(),
            "cost": {
                "training_seconds": 91.2,
                "training_cpu_seconds": 180.1,
                "ms_per_image": {"median": 9.1, "p95": 12.0},
                "peak_memory_mib": 1812.3,
                "complexity": {"nodes": 1345678} if key == "pm" else {},
                "file_bytes": 5123456,
            },
            "settings": [{"depth": 3}] * len(kinds[key]),
            "history": [],
        }
    return {
        "format": "posemachines comparison",
        "version": 1,
        "command": "benchmarks/compare_pm_cpm.py --root '</script><script>alert(1)</script>'",
        "finished": True,
        "settings": {"train": 10, "test": 2, "machines": ["pm", "cpm"], "quick": False},
        "dataset": {"name": "figures & <friends>", "parts": list(examples.skeleton.parts), "rule": "joints"},
        "protocol": {
            "reference": "right to left",
            "mean": "all labelled joints pooled",
            "thresholds": [round(0.02 * step, 2) for step in range(26)],
        },
        "computer": {"processor": "an abacus", "cores": 2},
        "versions": {"numpy": "2.4"},
        "machines": machines,
        "differences": [difference("pm", "mean", 9.0, 1.0, 12.0), difference("cpm", "pm", 21.3, 19.0, 23.5)],
    }


def difference(a, b, value, low, high, threshold="0.2", p_holm=0.001, significant=True):
    known = {"p_value": p_holm / 2, "p_holm": p_holm, "family": 4, "significant": significant}
    return {"a": a, "b": b, "threshold": threshold, "difference": value, "interval": [low, high], **known}


@pytest.fixture(scope="module", params=[FORK, LSP], ids=["fork", "lsp"])
def examples(request):
    return made_people(request.param)


@pytest.fixture(scope="module")
def _shared_report(examples):
    return made_report(examples)


@pytest.fixture
def report(_shared_report):
    return copy.deepcopy(_shared_report)


class Page(HTMLParser):
    """Tags with their attributes, the text that is shown, and scripts, of an HTML file."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], [], [], []
        self.content = path.read_text(encoding="utf-8")
        self.feed(self.content)
        self.text = re.sub(r"\s+", " ", " ".join(self.text))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        innermost = next((tag for tag in reversed(self.inside) if tag not in VOID), None)
        (self.scripts if innermost == "script" else [] if innermost == "style" else self.text).append(data)

    def all(self, tag, name=None):
        return [attributes for found, attributes in self.tags if found == tag and (name is None or name in attributes)]


# -- the page -------------------------------------------------------------------------------------------------------


def test_page_needs_nothing_else(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = attributes.get(name) or "data:"
            assert address.startswith(("data:", "#")), (name, address)
    assert "http" not in page.content
    assert "@import" not in page.content
    assert "url(" not in page.content.replace("url(#", "")


def test_ids_are_unique_and_references_lead_somewhere(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"|aria-labelledby=\"([^\"]+)\"", page.content)
    assert {name for names in wanted for name in names if name} <= set(ids)


def test_every_machine_stage_and_part_is_in_the_page(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    for machine in report["machines"].values():
        assert machine["label"] in page.text
        for stage in machine["accuracy"]["stages"]:
            assert words.number(stage["pck"]["0.1"]) in page.text
            assert words.number(stage["interval"]["0.2"][1]) in page.text
    for part in examples.skeleton.parts:
        assert part in page.text
    for expected in ("1 min 31 s", "3 min 0 s", "1.35 million nodes", "1.8 GiB", "4.9 MiB", "an abacus", "2.4"):
        assert expected in page.text


def test_text_is_escaped(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    assert "alert(1)" in page.text
    assert not any("alert(1)" in script for script in page.scripts)
    assert "figures & <friends>" in page.text
    assert not page.all("friends")
    assert not page.all("pose")


def viewer_of(page):
    return next(json.loads(script) for script in page.scripts if script.lstrip().startswith("{"))


def test_belief_maps_travel_as_small_pictures(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    viewer = viewer_of(page)
    assert [machine["key"] for machine in viewer["machines"]] == ["mean", "pm", "cpm"]
    found = viewer["people"][1]["machines"]["pm"]
    content = np.frombuffer(base64.b64decode(found["maps"].partition(",")[2]), np.uint8)
    n_parts = examples.skeleton.n_parts
    levels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED).reshape(2, ROWS, n_parts, COLUMNS).transpose(0, 2, 1, 3)
    for stage, beliefs in enumerate(examples.beliefs["pm"]):
        maps = levels[stage] / 255 * np.array(found["peaks"][stage])[:, None, None]
        np.testing.assert_allclose(maps, beliefs[1, :-1], atol=0.005)
        np.testing.assert_allclose(found["joints"][stage], examples.joints["pm"][stage][1], atol=0.051)
        np.testing.assert_allclose(found["off"][stage], examples.distances(examples.joints["pm"][stage])[1], atol=0.001)
    assert viewer["people"][0]["truth"][0] is None, "not labelled"
    assert viewer["people"][0]["machines"]["pm"]["off"][0][0] is None


def test_report_without_examples_or_machines(report, tmp_path):
    page = Page(Report(report).to_html(tmp_path / "report.html"))
    assert not page.all("canvas")
    assert "What the stages believe" not in page.text
    report["machines"], report["differences"], report["finished"] = {}, [], False
    page = Page(Report(report).to_html(tmp_path / "report.html"))
    assert "No machine was finished" in page.text


def test_machines_that_the_report_lacks_are_left_out(report, examples, tmp_path):
    del report["machines"]["cpm"]
    report["finished"] = False
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    assert "Convolutional" not in page.text
    assert "interrupted" in page.text
    assert "Missing: cpm" in page.text


def test_forty_people_fit_into_the_page(tmp_path, caplog):
    people = made_people(LSP, n=40, rows=32, columns=32)
    report = made_report(people)
    path = Report(report, people).to_html(tmp_path / "report.html")
    assert path.stat().st_size < MOST_BYTES == 8 * 2**20
    assert len(viewer_of(Page(path))["people"]) == 40
    assert not any("of 40 people" in record.getMessage() for record in caplog.records)


def test_people_that_do_not_fit_are_left_out_with_a_warning(tmp_path, caplog):
    people = made_people(LSP, n=12, rows=32, columns=32)
    most = 1_200_000
    path = Report(made_report(people), people).to_html(tmp_path / "report.html", most_bytes=most)
    shown = viewer_of(Page(path))["people"]
    assert 1 < len(shown) < 12
    assert path.stat().st_size < most
    assert [person["number"] for person in shown] == sorted({person["number"] for person in shown})
    assert any(f"shows {len(shown)} of 12 people" in record.getMessage() for record in caplog.records)


def test_groups_errors_and_calibration_are_shown(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    for heading in ("Where it fails", "Is a belief worth believing?", "What it costs", "Which differences are more"):
        assert heading in page.text
    shares = report["machines"]["pm"]["accuracy"]["stages"][-1]["errors"]["share"]
    described = [each["aria-label"] for each in page.all("span", "aria-label") if "all parts" in each["aria-label"]]
    assert len(described) == 3
    for share in shares:
        assert f"{words.number(share)} %" in described[1]


# -- other forms ----------------------------------------------------------------------------------------------------


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
    expected = f"|  | 2 | {words.number(last['pck']['0.1'])} ({words.number(last['interval']['0.1'][0])} to "
    assert any(line.startswith(expected) for line in rows)
    for index, part in enumerate(examples.skeleton.parts):
        values = [each["accuracy"]["stages"][-1]["parts"]["0.2"][index] for each in report["machines"].values()]
        assert f"| {part} | {' | '.join(map(words.number, values))} |" in rows
    assert (
        "| Convolutional \\<Pose\\> Machine | Pose Machine (forest) | 0.2 | 21.3 (19.0 to 23.5) | p = 0.001 | yes |"
        in rows
    )


def test_markdown_of_an_unfinished_report(report):
    report["machines"], report["differences"], report["finished"] = {}, [], False
    text = Report(report).to_markdown()
    assert "No machine was finished" in text
    assert "> This run was interrupted" in text
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


@pytest.fixture(scope="module")
def fitted():
    crops = make_synthetic(14, random_state=3, size=64).crops(64)
    X, y = crops.X, crops.y
    forest = PoseMachine(1, stage=ForestStage(n_rounds=2, max_depth=3, n_jobs=1), skeleton=LSP, random_state=0)
    mean = MeanPose(skeleton=LSP)
    return {"mean": mean.fit(X[:10], y[:10]), "forest": forest.fit(X[:10], y[:10])}, X[10:], y[10:]


def test_report_of_fitted_machines(fitted, tmp_path):
    machines, X, y = fitted
    report = Report.of(machines, X, y, name="four figures", labels={"mean": "Nobody"}, n_examples=2, n_timed=2)
    page = Page(report.to_html(tmp_path / "report.html"))
    assert "Nobody" in page.text
    assert "four figures" in page.text
    assert [person["number"] for person in viewer_of(page)["people"]] == [1, 4]
    assert len(report.data["differences"]) == 2
    assert report.data["machines"]["forest"]["kinds"] == ["forest"]
    found = evaluate_stages(list(machines["forest"].staged_predict(X)), y, LSP).stages[-1].pck["0.2"]
    assert report.data["machines"]["forest"]["accuracy"]["stages"][-1]["pck"]["0.2"] == pytest.approx(found)
    with pytest.raises(ValueError, match="machines is empty"):
        Report.of({}, X, y)


# -- words ----------------------------------------------------------------------------------------------------------


def test_summary_names_the_better_machine_with_the_interval(report):
    text = words.summary(report).replace(words.SPACE, " ")
    assert text.startswith("Convolutional <Pose> Machine finds more joints than Pose Machine (forest): ")
    assert "21.3 points (95 % interval 19.0 to 23.5)" in text
    assert words.other_findings(report) == ["Pose Machine (forest) over Mean pose: 9.0 points (1.0 to 12.0)."]


def test_of_many_pairs_only_the_first_are_told(report):
    told = words.MOST_FINDINGS
    report["differences"] = [difference("cpm", "pm", 5.0, 2.0, 8.0)] * (1 + told)
    assert len(words.other_findings(report)) == told
    assert "more pairs" not in words.other_findings(report)[-1]
    report["differences"] *= 2
    findings = words.other_findings(report)
    assert len(findings) == told
    assert findings[-1] == f"{1 + 2 * told - (told - 1)} more pairs of machines stand in the table of differences."


def test_summary_turns_a_negative_difference_round(report):
    report["differences"] = [difference("cpm", "pm", -5.0, -8.0, -2.0)]
    assert words.summary(report).startswith("Pose Machine (forest) finds more joints than Convolutional")
    assert "5.0 points" in words.summary(report)
    assert "2.0 to 8.0" in words.summary(report)


@pytest.mark.parametrize(("low", "high"), [(-1.2, 1.8), (0.0, 1.8), (-1.2, 0.0)])
def test_summary_names_no_winner_where_the_interval_holds_0(report, low, high):
    report["differences"] = [difference("cpm", "pm", 0.3, low, high, p_holm=0.4, significant=False)] * 2
    for text in (words.summary(report), *words.other_findings(report)):
        assert "cannot be told apart" in text
        assert "contains 0" in text
        assert "more joints" not in text


def test_summary_names_no_winner_where_only_the_test_says_chance(report):
    report["differences"] = [difference("cpm", "pm", 5.4, 1.2, 9.4, p_holm=0.054, significant=False)] * 2
    for text in (words.summary(report), *words.other_findings(report)):
        assert "cannot be told apart" in text
        assert "not significant among 4 comparisons (p = 0.054)" in text
        assert "more joints" not in text


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clear_win_of_either_side_is_named_and_chance_is_not(sign):
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.uniform(10, 90, (60, LSP.n_parts, 2)), np.ones((60, LSP.n_parts, 1))], -1)
    good, bad, same = (truth[..., :2] + rng.normal(0, sigma, truth[..., :2].shape) for sigma in (2, 12, 2))
    first, second = (good, bad) if sign > 0 else (bad, good)
    for others, expected in (({"a": first, "b": second}, "A" if sign > 0 else "B"), ({"a": good, "b": same}, None)):
        known = {key: evaluate_stages([joints], truth, LSP, n_resamples=200) for key, joints in others.items()}
        report = {
            "machines": {
                key: {"label": key.upper(), "kinds": ["forest"], "accuracy": each.to_dict()}
                for key, each in known.items()
            },
            "differences": compare_machines({key: each.distances[-1] for key, each in known.items()}, n_resamples=200),
            "protocol": {"reference": "torso"},
        }
        text = words.summary(report)
        if expected is None:
            assert "cannot be told apart" in text
        else:
            assert text.startswith(f"{expected} finds more joints than {'B' if expected == 'A' else 'A'}: ")


@pytest.mark.parametrize("unknown", [float("nan"), None])
def test_summary_names_no_winner_without_an_interval(report, unknown):
    report["differences"] = [difference("cpm", "pm", 5.0, unknown, unknown)]
    assert "no winner is named" in words.summary(report)
    assert "Pose Machine (forest)" in words.summary(report)


def test_remarks_tell_of_interrupted_and_quick_runs(report):
    assert words.remarks(report) == []
    report["finished"], report["settings"]["quick"] = False, True
    interrupted, quick = words.remarks(report)
    assert "interrupted" in interrupted
    assert "not how well" in quick


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (words.duration, 0.0123, "12 ms"),
        (words.duration, 59.96, "1 min 0 s"),
        (words.duration, 312.4, "5 min 12 s"),
        (words.duration, 3599.7, "1 h 0 min"),
        (words.duration, 7500, "2 h 5 min"),
        (words.duration, None, "–"),
        (words.milliseconds, 0.004, "< 0.01 ms"),
        (words.duration, 0.0, "< 0.01 ms"),
        (words.significance, 0.0004, "p < 0.001"),
        (words.significance, 0.054, "p = 0.054"),
        (words.significance, 0.4, "p = 0.40"),
        (words.significance, None, "–"),
        (words.mebibytes, 1812.3, "1.8 GiB"),
        (words.mebibytes, None, "–"),
        (words.joules, None, "–"),
        (words.milliseconds, 9.1, "9.1 ms"),
        (words.milliseconds, 38.4, "38 ms"),
        (words.milliseconds, 1234, "1.2 s"),
        (words.byte_size, 500, "500 B"),
        (words.byte_size, 5123456, "4.9 MiB"),
        (words.byte_size, 2.2 * 2**30, "2.2 GiB"),
        (words.byte_size, float("nan"), "–"),
        (words.number, -0.04, "0.0"),
        (words.number, -1.24, "−1.2"),
        (words.complexity, {}, "–"),
        (words.complexity, {"nodes": 345678, "parameters": 1234567}, "345\xa0678 nodes, 1.23 million parameters"),
    ],
)
def test_numbers_in_words(function, value, expected):
    assert function(value) == expected


def test_settings_of_equal_stages_are_told_once():
    assert words.settings([{"a": 1}, {"a": 1}, {"a": 2}]) == "stage 1, 2\n  a = 1\nstage 3\n  a = 2"


# -- files ----------------------------------------------------------------------------------------------------------


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
    assert [file.name for file in files] == ["pck_curves.png", "stage_bars.png", "people.png", "stages.png"]
    for file in files:
        assert min(cv2.imread(str(file)).shape[:2]) > 100
    assert len(Report(report).write_pictures(tmp_path)) == 2
    assert Report({**report, "machines": {}}, examples).write_pictures(tmp_path) == []


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib.figure"])
def test_missing_extra_is_told(report, examples, tmp_path, monkeypatch, missing):
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
    good = made_people(FORK)
    fields = {name: getattr(good, name) for name in ("images", "truth", "skeleton", "stride", "beliefs", "joints")}
    with pytest.raises(ValueError, match=message):
        Examples(**{**fields, **change})


def test_examples_are_spread_evenly_and_keep_their_numbers(fitted):
    machines, X, y = fitted
    some = Examples.of(machines, X, y, n_people=3)
    assert some.numbers == (0, 2, 3)
    np.testing.assert_array_equal(some.images, X[[0, 2, 3]])
    assert some.stride_of("forest") == machines["forest"].stride_
    assert list(some.beliefs) == ["forest"]
    assert some.first(2).numbers == (0, 3)


# -- in a browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def opened(browser, report, examples, tmp_path):
    """The browser with the page open, and complaints and requests gathered from now on."""
    grey = Examples(
        np.full_like(examples.images, 128), examples.truth, examples.skeleton, examples.stride, examples.beliefs,
        examples.joints,
    )  # fmt: skip
    path = Report(report, grey).to_html(tmp_path / "report.html")
    browser.complaints.clear()
    browser.requests.clear()

    def open_page(where="", **how):
        browser.open(path.as_uri() + where, **how)
        return browser

    open_page()
    yield browser, open_page
    own = "willReadFrequently"  # the browser's advice on how these tests read the canvas
    assert [complaint for complaint in browser.complaints if own not in complaint] == []
    assert [address for address in browser.requests if not address.startswith(("data:", "file:", "about:"))] == []
    assert browser.run("document.body.dataset.error || ''") == ""


def shown(browser, **wanted):
    """Wait until the viewer shows what is wanted."""
    known = "JSON.parse(document.body.dataset.shown || '{}')"
    browser.wait(" && ".join(f"{known}.{name} === {json.dumps(value)}" for name, value in wanted.items()))


BRIGHTEST = """(() => {
  for (const name of ["prediction", "truth"]) if (document.getElementById("show-" + name).checked)
    document.getElementById("show-" + name).click();
  const canvas = document.getElementById("canvas-SIDE");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let most = -1;
  for (let i = 0; i < data.length; i += 4) most = Math.max(most, data[i] + data[i + 1] + data[i + 2]);
  let n = 0, x = 0, y = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i] + data[i + 1] + data[i + 2] >= most - 6) {
    n += 1; x += (i / 4) % canvas.width; y += Math.floor(i / 4 / canvas.width);
  }
  return [(x / n + 0.5) / canvas.width, (y / n + 0.5) / canvas.height];
})()"""


def test_slider_and_parts_show_the_beliefs_of_that_stage_and_part(opened, examples):
    browser, _ = opened
    shown(browser, stage=1, part=-1, person=0)
    browser.run("document.getElementById('stage').value = 1")
    browser.run("document.getElementById('stage').dispatchEvent(new Event('input', {bubbles: true}))")
    shown(browser, stage=0)
    assert browser.run("document.getElementById('stage-number').textContent") == "1 of 2"
    for part, stage in ((1, 0), (2, 0), (2, 1)):
        browser.run(f"document.querySelectorAll('input[name=part]')[{part + 1}].click()")
        browser.run(f"viewer = document.getElementById('stage'); viewer.value = {stage + 1};")
        browser.run("viewer.dispatchEvent(new Event('input', {bubbles: true}))")
        shown(browser, stage=stage, part=part)
        for side, key in (("a", "pm"), ("b", "cpm")):
            x, y = browser.run(BRIGHTEST.replace("SIDE", side))
            row, column = np.unravel_index(examples.beliefs[key][stage][0, part].argmax(), (ROWS, COLUMNS))
            assert abs(x * COLUMNS - 0.5 - column) < 0.6
            assert abs(y * ROWS - 0.5 - row) < 0.6


def test_keys_move_through_stages_parts_and_people(opened, examples):
    browser, _ = opened
    browser.run("document.getElementById('viewer').focus()")
    for key, wanted in (
        ("ArrowLeft", {"stage": 0}), ("ArrowLeft", {"stage": 0}), ("ArrowRight", {"stage": 1}),
        ("n", {"person": 1}), ("n", {"person": 0}), ("p", {"person": 1}),
        ("j", {"part": 0}), ("k", {"part": -1}), ("k", {"part": examples.skeleton.n_parts - 1}),
    ):  # fmt: skip
        browser.press(key)
        shown(browser, **wanted)
    before = browser.run("document.getElementById('canvas-a').toDataURL()")
    browser.press("b")
    browser.wait(f"document.getElementById('canvas-a').toDataURL() !== {json.dumps(before)}")
    assert not browser.run("document.getElementById('show-beliefs').checked")
    assert browser.run("document.querySelectorAll('#strip [aria-selected=true]').length") == 1


def test_address_remembers_what_is_shown(opened, examples):
    browser, open_page = opened
    part = examples.skeleton.parts[1]
    open_page(f"#person=2&stage=1&part={part.replace(' ', '+')}&a=cpm&b=mean")
    shown(browser, person=1, stage=0, part=1, a=2, b=0)
    browser.press("x")
    browser.run("document.getElementById('previous').click()")
    shown(browser, person=0)
    assert "person=1" in browser.run("location.hash")
    assert browser.run("document.getElementById('machine-a').selectedOptions[0].text") == "Convolutional <Pose> Machine"
    assert "no belief maps" in browser.run("document.getElementById('caption-b').textContent")


def test_caption_says_how_far_a_joint_is_off(opened, examples):
    browser, _ = opened
    browser.run("document.querySelectorAll('input[name=part]')[3].click()")
    shown(browser, part=2)
    caption = browser.run("document.getElementById('caption-b').textContent")
    off = examples.distances(examples.joints["cpm"][1])[0, 2]
    peak = examples.beliefs["cpm"][1][0, 2].max()
    assert f"{off:.2f} reference lengths off" in caption
    assert ("found" if off <= 0.2 else "missed") in caption
    assert f"belief {peak:.2f}" in caption
    browser.run("document.querySelectorAll('input[name=part]')[1].click()")
    shown(browser, part=0)
    assert "not labelled" in browser.run("document.getElementById('caption-a').textContent")


def test_click_on_a_joint_picks_its_part(opened, examples):
    browser, _ = opened
    browser.run("document.getElementById('canvas-b').scrollIntoView({block: 'center'})")
    x, y = map(float, examples.joints["cpm"][1][0, 1])
    left, top, width, height = browser.run(
        "(({left, top, width, height}) => [left, top, width, height])"
        "(document.getElementById('canvas-b').getBoundingClientRect())"
    )
    size = examples.images.shape[1:3]
    browser.click(left + (x + 0.5) / size[1] * width, top + (y + 0.5) / size[0] * height)
    browser.wait("JSON.parse(document.body.dataset.shown).part >= 0")
    picked = browser.run("JSON.parse(document.body.dataset.shown).part")
    known = [examples.joints["cpm"][1][0, picked], examples.truth[0, picked, :2]]
    assert min(np.hypot(*(place - [x, y])) for place in known) < 0.5


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_the_window(opened, width, dark):
    browser, open_page = opened
    open_page(width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    ink, paper = browser.run("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (light[0] > light[1]) == dark, "light letters on a dark page and the other way round"
    before = paper
    browser.run("document.getElementById('theme').click()")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != before

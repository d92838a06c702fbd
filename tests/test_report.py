import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from posemachines import _wording as words
from posemachines.beliefs import decode, gaussian_beliefs
from posemachines.evaluation import evaluate_stages
from posemachines.report import Examples, write_html, write_pictures
from posemachines.skeleton import LSP, Skeleton

FORK = Skeleton("fork", ("tip", "right", "left"), (("tip", "right"), ("right", "left")), pairs=(("right", "left"),))
STRIDE, ROWS, COLUMNS = 4, 5, 7
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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


def made_report(examples):
    labels = {"mean": "Mean pose", "pm": "Pose Machine (forest)", "cpm": "Convolutional <Pose> Machine"}
    kinds = {"mean": [], "pm": ["forest"] * 2, "cpm": ["conv"] * 2}
    machines = {}
    for key, joints in examples.joints.items():
        evaluation = evaluate_stages(joints, examples.truth, examples.skeleton, n_resamples=20)
        accuracy = {"n_people": 2, "n_joints": 5, "stages": [vars(each) for each in evaluation.stages]}
        machines[key] = {
            "label": labels[key],
            "kinds": kinds[key],
            "accuracy": accuracy,
            "cost": {
                "training_seconds": 91.2,
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


def difference(a, b, value, low, high, threshold="0.2"):
    return {"a": a, "b": b, "threshold": threshold, "difference": value, "interval": [low, high]}


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
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = attributes.get(name) or "data:"
            assert address.startswith(("data:", "#")), (name, address)
    assert "http" not in page.content
    assert "@import" not in page.content
    assert "url(" not in page.content.replace("url(#", "")


def test_ids_are_unique_and_references_lead_somewhere(report, examples, tmp_path):
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"|aria-labelledby=\"([^\"]+)\"", page.content)
    assert {name for names in wanted for name in names if name} <= set(ids)


def test_every_machine_stage_and_part_is_in_the_page(report, examples, tmp_path):
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    for machine in report["machines"].values():
        assert machine["label"] in page.text
        for stage in machine["accuracy"]["stages"]:
            assert words.number(stage["pck"]["0.1"]) in page.text
            assert words.number(stage["interval"]["0.2"][1]) in page.text
    for part in examples.skeleton.parts:
        assert part in page.text
    tiles = page.all("figure", "data-kind")
    assert len(tiles) == 2 * (1 + 1 + 2 + 2)  # the truth, the baseline and two machines of two stages, of two people
    assert "Convolutional <Pose> Machine, stage 2" in {tile["data-name"] for tile in tiles}
    assert len(page.all("img")) == len(tiles) + 2
    for expected in ("1 min 31 s", "1.35 million nodes", "1.8 GiB", "4.9 MiB", "an abacus", "2.4"):
        assert expected in page.text


def test_text_is_escaped(report, examples, tmp_path):
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    assert "alert(1)" in page.text
    assert not any("alert(1)" in script for script in page.scripts)
    assert "figures & <friends>" in page.text
    assert not page.all("friends")
    assert not page.all("pose")


def test_belief_maps_travel_as_small_pictures(report, examples, tmp_path):
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    tiles = [json.loads(script) for script in page.scripts if script.lstrip().startswith('{"distances"')]
    tile = next(tile for tile in tiles if "maps" in tile)  # the first person, the first stage of pm
    content = np.frombuffer(base64.b64decode(tile["maps"].partition(",")[2]), np.uint8)
    levels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED).reshape(-1, ROWS, COLUMNS)
    maps = levels / 255 * np.array(tile["peaks"])[:, None, None]
    np.testing.assert_allclose(maps, examples.beliefs["pm"][0][0, :-1], atol=0.005)
    np.testing.assert_allclose(tile["joints"], examples.joints["pm"][0][0], atol=0.051)


def test_report_without_examples_or_machines(report, tmp_path):
    page = Page(write_html(report, None, tmp_path / "report.html"))
    assert not page.all("figure", "data-kind")
    report["machines"], report["differences"], report["finished"] = {}, [], False
    page = Page(write_html(report, None, tmp_path / "report.html"))
    assert "No machine was finished" in page.text


def test_machines_that_the_report_lacks_are_left_out(report, examples, tmp_path):
    del report["machines"]["cpm"]
    report["finished"] = False
    page = Page(write_html(report, examples, tmp_path / "report.html"))
    assert "Convolutional" not in page.text
    assert "interrupted" in page.text
    assert "Missing: cpm" in page.text


def test_page_of_the_usual_size_stays_small(tmp_path):
    people = made_people(LSP, n=12, rows=32, columns=32)
    path = write_html(made_report(people), people, tmp_path / "report.html")
    assert path.stat().st_size < 6 * 2**20


# -- words ----------------------------------------------------------------------------------------------------------


def test_summary_names_the_better_machine_with_the_interval(report):
    text = words.summary(report).replace(words.SPACE, " ")
    assert text.startswith("Convolutional <Pose> Machine finds more joints than Pose Machine (forest): ")
    assert "21.3 points (95 % interval 19.0 to 23.5)" in text
    assert words.other_findings(report) == ["Pose Machine (forest) over Mean pose: 9.0 points (1.0 to 12.0)."]


def test_summary_turns_a_negative_difference_round(report):
    report["differences"] = [difference("cpm", "pm", -5.0, -8.0, -2.0)]
    assert words.summary(report).startswith("Pose Machine (forest) finds more joints than Convolutional")
    assert "5.0 points" in words.summary(report)
    assert "2.0 to 8.0" in words.summary(report)


@pytest.mark.parametrize(("low", "high"), [(-1.2, 1.8), (0.0, 1.8), (-1.2, 0.0)])
def test_summary_names_no_winner_where_the_interval_holds_0(report, low, high):
    report["differences"] = [difference("cpm", "pm", 0.3, low, high)] * 2
    for text in (words.summary(report), *words.other_findings(report)):
        assert "cannot be told apart" in text
        assert "contains 0" in text
        assert "more joints" not in text


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
        write_html(report, examples, path)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_pictures(report, examples, tmp_path):
    files = write_pictures(report, examples, tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["pck_curves.png", "stage_bars.png", "people.png", "stages.png"]
    for file in files:
        assert min(cv2.imread(str(file)).shape[:2]) > 100
    assert len(write_pictures(report, None, tmp_path)) == 2
    assert write_pictures({**report, "machines": {}}, examples, tmp_path) == []


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib.figure"])
def test_missing_extra_is_told(report, examples, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"posemachines\[report\]"):
        write_html(report, examples, tmp_path / "report.html")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 3}, "not a multiple of the stride 3"),
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


# -- in a browser ---------------------------------------------------------------------------------------------------


def opened(path, folder):
    """The page's elements after its script has run."""
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += f" --disable-component-update --disable-sync --virtual-time-budget=20000 --user-data-dir={folder}"
    command = [CHROMIUM, *options.split(), "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page with")
def test_script_draws_every_tile_and_switches_parts(report, examples, tmp_path):
    path = write_html(report, examples, tmp_path / "report.html")
    page, ending = path.read_text(encoding="utf-8"), 'document.body.dataset.ready = "yes";'
    assert page.count(ending) == 1
    look = "JSON.stringify(tiles.map((tile) => tile.canvas.toDataURL()))"
    actions = f"""{ending}
      const before = {look}, radio = document.querySelectorAll("input[name=part]")[2];
      radio.click();
      document.body.dataset.changed = before !== {look};
      document.querySelector("input[name=part]").click();
      document.body.dataset.same = before === {look};
      tiles[2].canvas.click();
      document.body.dataset.large = document.querySelector("dialog").open;"""
    path.write_text(page.replace(ending, actions), encoding="utf-8")
    body = re.search("<body[^>]*>", opened(path, tmp_path / "browser")).group()
    assert "data-error" not in body, body
    for expected in ('ready="yes"', 'tiles="12"', 'changed="true"', 'same="true"', 'large="true"', 'part="-1"'):
        assert f"data-{expected}" in body, body

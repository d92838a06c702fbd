import json
import re

import numpy as np
import pytest

from posemachines.report import Examples, Report
from tests.browser import CHROMIUM, Browser
from tests.report.answers import MEANS, crowded
from tests.report.made import COLUMNS, ROWS


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def opened(browser, report, examples, tmp_path):
    """The browser with the page open, recording complaints and requests."""
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
    """Wait until the viewer is in a state."""
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
    shown(browser, stage=1, part=-1, subject=0)
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


def test_keys_move_through_stages_parts_and_subjects(opened, examples):
    browser, _ = opened
    browser.run("document.getElementById('viewer').focus()")
    for key, wanted in (
        ("ArrowLeft", {"stage": 0}), ("ArrowLeft", {"stage": 0}), ("ArrowRight", {"stage": 1}),
        ("n", {"subject": 1}), ("n", {"subject": 0}), ("p", {"subject": 1}),
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
    open_page(f"#subject=2&stage=1&part={part.replace(' ', '+')}&a=cpm&b=mean")
    shown(browser, subject=1, stage=0, part=1, a=2, b=0)
    browser.press("x")
    browser.run("document.getElementById('previous').click()")
    shown(browser, subject=0)
    assert "subject=1" in browser.run("location.hash")
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
    assert ("correct" if off <= 0.2 else "wrong") in caption
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
    assert (light[0] > light[1]) == dark, "light text on a dark page and vice versa"
    before = paper
    browser.run("document.getElementById('theme').click()")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != before


CUT = """[...document.querySelectorAll(".plot svg text, .multiples svg text")].filter((text) => {
  const box = text.getBoundingClientRect(), edge = text.ownerSVGElement.getBoundingClientRect();
  return box.width && (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1
    || box.bottom > edge.bottom + 1);
}).map((text) => text.textContent)"""
OUTSIDE = """[...document.querySelectorAll("main *")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !each.closest(".scroll, .strip, .chips, .plot > div");
}).map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module", params=[(("mean", "pm", "cpm"), 4), (tuple(MEANS), 32)], ids=["few", "many"])
def answer_page(request, tmp_path_factory):
    report, shown_examples = crowded(*request.param)
    return Report(report, shown_examples).to_html(tmp_path_factory.mktemp("answer") / "report.html")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_of_an_answer_is_cut_or_runs_off_the_edge(browser, answer_page, width):
    browser.open(answer_page.as_uri(), width=width)
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(CUT) == []
    assert browser.run(OUTSIDE) == []
    assert browser.run("document.querySelector('.answer').getBoundingClientRect().top") < 300, "the answer comes first"
    assert browser.run("document.body.dataset.error || ''") == ""


def test_a_command_is_copied_or_selected(browser, answer_page):
    browser.open(answer_page.as_uri(), width=1280)
    browser.run("document.querySelector('button.copy').click()")
    copied = "document.querySelector('button.copy').textContent === 'Copied'"
    browser.wait(f"{copied} || getSelection().toString().startsWith('python')")

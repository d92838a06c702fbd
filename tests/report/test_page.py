import base64
import re

import cv2
import numpy as np

from posemachines._utils import formatting as form
from posemachines.report import Report
from posemachines.report.report import MOST_BYTES
from posemachines.skeleton import LSP
from tests.report.made import COLUMNS, ROWS, Page, made_examples, made_report, viewer_of


def test_page_is_self_contained(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = attributes.get(name) or "data:"
            assert address.startswith(("data:", "#")), (name, address)
    assert "http" not in page.content
    assert "@import" not in page.content
    assert "url(" not in page.content.replace("url(#", "")


def test_ids_are_unique_and_references_resolve(report, examples, tmp_path):
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
            assert form.number(stage["pck"]["0.1"]) in page.text
            assert form.number(stage["interval"]["0.2"][1]) in page.text
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


def test_belief_maps_are_small_pictures(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    viewer = viewer_of(page)
    assert [machine["key"] for machine in viewer["machines"]] == ["mean", "pm", "cpm"]
    found = viewer["subjects"][1]["machines"]["pm"]
    content = np.frombuffer(base64.b64decode(found["maps"].partition(",")[2]), np.uint8)
    n_parts = examples.skeleton.n_parts
    levels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED).reshape(2, ROWS, n_parts, COLUMNS).transpose(0, 2, 1, 3)
    for stage, beliefs in enumerate(examples.beliefs["pm"]):
        maps = levels[stage] / 255 * np.array(found["peaks"][stage])[:, None, None]
        np.testing.assert_allclose(maps, beliefs[1, :-1], atol=0.005)
        np.testing.assert_allclose(found["joints"][stage], examples.joints["pm"][stage][1], atol=0.051)
        np.testing.assert_allclose(found["off"][stage], examples.distances(examples.joints["pm"][stage])[1], atol=0.001)
    assert viewer["subjects"][0]["truth"][0] is None, "not labelled"
    assert viewer["subjects"][0]["machines"]["pm"]["off"][0][0] is None


def test_report_without_examples_or_machines(report, tmp_path):
    page = Page(Report(report).to_html(tmp_path / "report.html"))
    assert not page.all("canvas")
    report["machines"], report["differences"], report["finished"] = {}, [], False
    page = Page(Report(report).to_html(tmp_path / "report.html"))
    assert "No machine was finished" in page.text


def test_machines_that_the_report_lacks_are_left_out(report, examples, tmp_path):
    del report["machines"]["cpm"]
    report["finished"] = False
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    assert "Convolutional" not in page.text
    assert "Missing: cpm" in page.text


def test_forty_subjects_fit_into_the_page(tmp_path, caplog):
    subjects = made_examples(LSP, n=40, rows=32, columns=32)
    report = made_report(subjects)
    path = Report(report, subjects).to_html(tmp_path / "report.html")
    assert path.stat().st_size < MOST_BYTES == 8 * 2**20
    assert len(viewer_of(Page(path))["subjects"]) == 40
    assert not any("of 40 subjects" in record.getMessage() for record in caplog.records)


def test_subjects_that_do_not_fit_are_left_out_with_a_warning(tmp_path, caplog):
    subjects = made_examples(LSP, n=12, rows=32, columns=32)
    most = 1_200_000
    path = Report(made_report(subjects), subjects).to_html(tmp_path / "report.html", most_bytes=most)
    shown = viewer_of(Page(path))["subjects"]
    assert 1 < len(shown) < 12
    assert path.stat().st_size < most
    assert [each["number"] for each in shown] == sorted({each["number"] for each in shown})
    assert any(f"shows {len(shown)} of 12 subjects" in record.getMessage() for record in caplog.records)


def test_groups_errors_and_calibration_are_shown(report, examples, tmp_path):
    page = Page(Report(report, examples).to_html(tmp_path / "report.html"))
    assert {"accuracy", "subjects", "errors", "calibration", "cost", "differences"} <= {
        each["id"] for each in page.all("h2", "id")
    }
    titles = re.findall(r"<title>belief (0.\d\d): (\d+) % correct, (\d+) joints</title>", page.content)
    calibration = report["machines"]["pm"]["accuracy"]["stages"][-1]["calibration"]
    assert [int(count) for *_, count in titles[: len(calibration["count"])]] == calibration["count"]
    shares = report["machines"]["pm"]["accuracy"]["stages"][-1]["errors"]["share"]
    described = [each["aria-label"] for each in page.all("span", "aria-label") if "all parts" in each["aria-label"]]
    assert len(described) == 3
    for share in shares:
        assert f"{form.number(share)} %" in described[1]

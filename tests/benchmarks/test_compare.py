"""The comparison script, from end to end at tiny sizes."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

import posemachines
from benchmarks import compare_pm_cpm
from benchmarks.publishing import tables
from posemachines import ConvPoseMachine
from posemachines.comparison import options
from posemachines.comparison.table import table

BASELINES = ["mean", "deep-pose", "cascade", "neighbour", "ridge", "structures", "net-structures"]
NETS = {"one-stage": ["conv"], "encoder-decoder": ["encoderdecoder"]}  # of one stage
MACHINES = [
    "mean", "pm", "cpm", "hybrid", "reverse", "one-stage", "encoder-decoder", "deep-pose", "cascade", "neighbour",
    "ridge", "structures", "net-structures",
]  # fmt: skip
TINY = ["--quick", "--train", "12", "--test", "4", "--rounds", "2", "--epochs", "1", "--jobs", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    arguments = [*TINY, "--machines", ",".join(MACHINES[1:]), "--stages", "2", "--output", str(folder), "--parts"]
    arguments += ["--trained", str(folder / "trained")]
    assert compare_pm_cpm.main(arguments) == 0
    return folder, json.loads((folder / "report.json").read_text())


def test_every_machine_and_stage_is_in_the_report(run):
    _, report = run
    assert report["finished"]
    assert list(report["machines"]) == MACHINES
    kinds = {name: machine["kinds"] for name, machine in report["machines"].items()}
    both = {"hybrid": ["forest", "conv"], "reverse": ["conv", "forest"]}
    assert kinds == {name: [] for name in BASELINES} | {"pm": ["forest"] * 2, "cpm": ["conv"] * 2} | both | NETS
    for name, machine in report["machines"].items():
        stages = machine["accuracy"]["stages"]
        assert [stage["stage"] for stage in stages] == [1] if name in (*BASELINES, *NETS) else [1, 2]
        for stage in stages:
            assert 0 <= stage["pck"]["0.1"] <= stage["pck"]["0.2"] <= 100
            assert len(stage["curve"]) == len(report["protocol"]["thresholds"])
            assert len(stage["parts"]["0.2"]) == len(report["dataset"]["parts"]) == 14
        cost = machine["cost"]
        assert cost["training_seconds"] >= 0
        assert cost["training_cpu_seconds"] >= 0
        assert cost["ms_per_image"]["median"] > 0
        assert cost["file_bytes"] > 0
        assert sum(cost["complexity"].values()) > 0
    assert report["settings"]["seed"] == 0
    assert {"processor", "cores"} <= {*report["computer"]}
    assert report["versions"]["numpy"] == np.__version__
    assert len(report["differences"]) == 2 * 78, "each pair of machines at both thresholds"


def test_files_of_the_report(run):
    folder, report = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    parser = HTMLParser()
    parser.feed(page)
    for machine in report["machines"].values():
        assert machine["label"] in page
    assert {"pck_curves.png", "stage_bars.png", "subjects.png", "stages.png"} <= {
        file.name for file in folder.iterdir()
    }
    assert not list(folder.glob("*.tmp"))
    assert not list(folder.glob("*.checkpoint"))


def test_the_trained_machines_are_kept(run):
    folder, report = run
    for name in ("pm", "cpm", "hybrid", "reverse"):
        machine = posemachines.load(folder / f"{name}.npz")
        assert machine.size() == report["machines"][name]["cost"]["complexity"]
        assert all(getattr(stage, "checkpoint", None) is None for stage in machine.stages_)


def test_tables_of_a_report(run):
    _, report = run
    text = table(report, parts=True)
    for word in ("Mean pose", "Pose Machine (forest)", "left wrist", "ms/image", "nodes", "parameters"):
        assert word in text
    rows = tables.accuracy_rows(report)
    assert len(rows) == len(BASELINES) + len(NETS) + 2 * (len(MACHINES) - len(BASELINES) - len(NETS))
    assert "| Mean pose | 1 |" in tables.markdown(tables.HEADS, rows)
    assert tables.list_table(tables.HEADS, rows).count("* -") == 1 + len(rows)


def test_an_interruption_keeps_what_is_finished(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ConvPoseMachine, "fit", interrupt)
    assert compare_pm_cpm.main([*TINY, "--stages", "1", "--output", str(tmp_path), "--trained", str(tmp_path)]) == 130
    report = json.loads((tmp_path / "report.json").read_text())
    assert not report["finished"]
    assert list(report["machines"]) == ["mean", "pm", "pm-pretrained"]
    assert (tmp_path / "report.html").is_file()
    captured = capsys.readouterr()
    assert "interrupted" in captured.err
    assert "Pose Machine (forest)" in captured.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--machines", "pm,tree"], "got tree"),
        (["--machines", ""], "got nothing"),
        (["--dataset", "lspet"], "needs --root"),
        (["--train", "1"], "--train must be at least 2"),
        (["--stages", "0"], "at least 1"),
        (["--dataset", "imagenet"], "invalid choice"),
    ],
)
def test_bad_options(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_peer_that_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(options, "installed", lambda: ["mean", "pm"])
    with pytest.raises(SystemExit):
        options.parse(["--machines", "pm,mediapipe"])
    assert 'pip install "posemachines[mediapipe]"' in capsys.readouterr().err
    monkeypatch.setattr(options, "installed", lambda: ["pm", "mediapipe"])
    assert options.parse(["--machines", "pm,mediapipe"]).machines == ["pm", "mediapipe"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "lspet", "--root", "/no/such/folder"], "no folder /no/such/folder"),
        (["--device", "cuda:99", "--machines", "cpm"], "cuda:99"),
        (["--device", "toaster", "--machines", "cpm"], "toaster"),
    ],
)
def test_invalid_input_gives_a_one_line_error(arguments, message, tmp_path, capsys):
    assert compare_pm_cpm.main([*arguments, *TINY[:-2], "--output", str(tmp_path), "--trained", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


@pytest.mark.data
def test_photographs(lspet_root, tmp_path):
    options = ["--dataset", "lspet", "--root", str(lspet_root), "--machines", "pm", "--stages", "1"]
    assert compare_pm_cpm.main([*options, *TINY, "--output", str(tmp_path), "--trained", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["dataset"]["name"] == "lspet"
    assert report["dataset"]["rule"] == "joints"


@pytest.mark.data
def test_more_people_than_there_are(lspet_root, tmp_path, capsys):
    arguments = ["--dataset", "lspet", "--root", str(lspet_root), "--train", "9000", "--output", str(tmp_path)]
    assert compare_pm_cpm.main(arguments) == 2
    assert "has 8000 such photos" in capsys.readouterr().err


@pytest.mark.parametrize("name", tables.TABLES)
def test_committed_results(name):
    """Both machines far above the mean pose, stages that help, and the net ahead on photos."""
    report = tables.read(name)
    assert report["finished"]
    assert report["dataset"]["name"] == name
    assert not report["settings"]["quick"]
    assert report["settings"]["total_seconds"] <= 60 * {"synthetic": 8, "lspet": 40}[name]
    last = {key: machine["accuracy"]["stages"][-1]["pck"]["0.2"] for key, machine in report["machines"].items()}
    assert last["pm"] >= last["mean"] + 10
    assert last["cpm"] >= last["mean"] + 10
    assert name != "lspet" or last["cpm"] > last["pm"]
    for key in ("pm", "cpm"):
        by_stage = [stage["pck"]["0.2"] for stage in report["machines"][key]["accuracy"]["stages"]]
        assert by_stage[-1] > by_stage[0]
        assert name != "lspet" or by_stage == sorted(by_stage)

"""The script that times the convolutional networks: runs at tiny sizes and agrees with its competitors."""

import json

import numpy as np
import pytest
import torch

RIVALS = ("ONNX Runtime", "PyTorch")


@pytest.fixture(scope="module")
def conv_speed():
    for package in ("onnxruntime", "onnxscript"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install posemachines[bench,onnx]")
    from benchmarks.speed import conv_speed

    return conv_speed


def test_quick_run(conv_speed, tmp_path, capsys):
    file = tmp_path / "speed.json"
    before = torch.get_num_threads()
    assert conv_speed.main(["--quick", "--repetitions", "3", "--output", str(file)]) == 0
    assert torch.get_num_threads() == before
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["command"].startswith("python benchmarks/speed/conv_speed.py --quick")
    assert {"settings", "computer", "versions", "tolerance", "comparisons", "layers", "peak_gflops"} <= {*report}
    assert {"onnxruntime", "torch"} <= {*report["versions"]}
    assert report["settings"]["quick"]
    assert report["settings"]["threads"] == 2
    titles = ["net A, 1 at a time", "cpm-lite, 1 at a time", "cpm-lite, 2 at a time"]
    expected = [(title, rival) for title in titles for rival in RIVALS]
    expected.append(("net A, a step of training on 1 people", "PyTorch"))
    assert [(entry["work"], entry["against"]) for entry in report["comparisons"]] == expected
    for entry in report["comparisons"]:
        assert entry["ratio"] == pytest.approx(entry["theirs_ms"] / entry["ours_ms"])
        assert entry["theirs_ms"] == entry["all_ms"][entry["against"]]
        assert len(entry["ratio_by_turn"]) == 3
        assert entry["at_least"] == (1.0 if entry["work"].startswith("cpm-lite") else 1.5)
        assert entry["compared"]
        assert entry["difference"] <= report["tolerance"] == 1e-4
    training = report["comparisons"][-1]
    assert {*training["all_ms"]} == {"ours", "PyTorch", "PyTorch, bfloat16, channels last"}
    assert training["gradient_difference"] < 1e-3
    assert sum(layer["times"] for layer in report["layers"]) == 12  # two trunks of 3, and heads of 2 and 4
    for layer in report["layers"]:
        assert layer["chosen"] in ("direct", "fft")
        assert layer["ms"]["chosen"] == layer["ms"][layer["chosen"]]
        assert layer["ratio"] == pytest.approx(layer["ms"]["direct"] / layer["ms"]["chosen"])
        assert layer["difference"] < 1e-4
        assert layer["gflops"]["direct"] == pytest.approx(layer["gflops_as_if_direct"]["direct"])
        assert layer["maps"][1] == layer["kernels"][1]
    assert report["peak_gflops"] > 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*titles, *RIVALS, "bfloat16", "9x9, 3 -> 128", "product of matrices"))


def test_too_few_repetitions(conv_speed, capsys):
    with pytest.raises(SystemExit) as stop:
        conv_speed.main(["--repetitions", "2"])
    assert stop.value.code == 2
    assert "at least 3; got 2" in capsys.readouterr().err


def test_different_beliefs_stop_the_run(conv_speed):
    with pytest.raises(AssertionError, match="the same weights differ"):
        conv_speed.largest_difference({"ours": lambda: np.zeros(2), "theirs": lambda: np.array([0, 1e-3])})


def test_multiplications_of_one_tile(conv_speed):
    axis = conv_speed.spectra.Axis(size=2, kernel=3, step=2)  # a tile of 4 x 4: 3 x 4 frequencies
    tiling = conv_speed.spectra.Tiling(axis, axis)
    into = 6 * 4 * 4 + 3 * 12 * 8
    back = 3 * 4 * 8 + 2 * 6 * 2
    found = conv_speed.multiplications(torch.Size((1, 5, 2, 2)), torch.Size((7, 5, 3, 3)), tiling)
    assert found == 5 * into + 7 * back + 4 * 12 * 5 * 7

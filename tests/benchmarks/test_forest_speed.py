"""The script that times the forest kernels: runs at tiny sizes and agrees with its competitors."""

import json

import numba
import numpy as np
import pytest

from posemachines.forest.trees import join, lay_out

WORKS = {
    "whole machine, one image": 1,
    "forest alone": 2,
    "psi": 1,
    "features, 4 px": 1,
    "features, 8 px": 1,
    "features, 16 px": 1,
    "features, all sizes": 3,
}


@pytest.fixture(scope="module")
def forest_speed():
    for package in ("onnxruntime", "skl2onnx"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install posemachines[bench]")
    from benchmarks.speed import forest_speed

    return forest_speed


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="times compiled kernels")
def test_quick_run(forest_speed, tmp_path, capsys):
    file = tmp_path / "speed.json"
    threads = numba.get_num_threads()
    assert forest_speed.main(["--quick", "--repetitions", "3", "--output", str(file)]) == 0
    assert numba.get_num_threads() == threads
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["command"].startswith("python benchmarks/speed/forest_speed.py --quick")
    assert {"settings", "computer", "versions", "threads", "threading_layer", "tolerance"} <= {*report}
    assert {"onnxruntime", "skl2onnx", "numba"} <= {*report["versions"]}
    assert report["settings"]["quick"]
    works = [entry["work"] for entry in report["comparisons"]]
    assert {work: works.count(work) for work in works} == WORKS
    for entry in report["comparisons"]:
        assert entry["ratio"] == pytest.approx(entry["theirs_ms"] / entry["ours_ms"])
        assert entry["theirs_ms"] == min(entry["rivals_ms"].values())
        assert len(entry["ratio_by_turn"]) == 3
        assert 0 < entry["at_least"] < entry["aim_for"]
        assert entry["compared"]
        if not entry["work"].startswith("features"):
            assert entry["difference"] <= report["tolerance"] == 1e-5
    steps = {"features", "packing and psi", "smoothing", "decoding", "rest", "whole"}
    steps |= {f"walking, level {level}" for level in (1, 2, 3)}
    for kind in ("one_image", "batch"):
        assert {*report["default_machine"][kind]["steps_ms"]} == steps
        assert report["default_machine"][kind]["images_per_second"] > 0
    sizes = {name: len(times) for name, times in report["growth"].items()}
    assert sizes == {"machine by crop, px": 3, "machine by stages": 3, "walk by trees": 3, "walk by depth": 4}
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*WORKS, "scikit-learn", "ONNX Runtime", "images per second"))


def test_too_few_repetitions(forest_speed, capsys):
    with pytest.raises(SystemExit) as stop:
        forest_speed.main(["--repetitions", "2"])
    assert stop.value.code == 2
    assert "at least 3; got 2" in capsys.readouterr().err


def test_different_beliefs_stop_the_run(forest_speed):
    with pytest.raises(AssertionError, match="the same trees differ"):
        forest_speed.difference(np.zeros(2), [0, 1e-4])


@pytest.mark.parametrize(
    ("depth", "leaves"), [(0, [0, 0, 0, 0]), (1, [0, 0, 2, 2]), (2, [0, 1, 2, 3]), (3, [0, 1, 2, 3])]
)
def test_forest_cut_off(forest_speed, depth, leaves):
    tree = lay_out(np.array([0, 1, 1]), np.array([1.0, 0, 2]), np.array([1, ~0, ~2]), np.array([2, ~1, ~3]))
    forest = join([(*tree, np.eye(4))] * 2, np.zeros(4), softmax=False)
    shallow = forest_speed.cut_off(forest, depth)
    descriptors = np.array([[0, 0], [0, 1], [2, 2], [2, 3]], np.uint8)
    assert shallow.scores(descriptors).argmax(1).tolist() == leaves

"""The scripts behind "What we found", at tiny sizes."""

import json

import cv2
import numpy as np
import pytest
import torch

from benchmarks.publishing import figures as figures_script
from benchmarks.studies import (
    context,
    cost,
    gradient_flow,
    receptive_field,
    robustness,
    sample_efficiency,
    stages,
    training_strategies,
)
from benchmarks.studies.disturbances import DISTURBANCES, disturbed
from posemachines.comparison.machines import PEERS, installed
from posemachines.datasets import make_synthetic
from posemachines.geometry import to_photo

ALL = (context, cost, gradient_flow, receptive_field, robustness, sample_efficiency, stages, training_strategies)
SCRIPTS = {script.__name__.rpartition(".")[2]: script for script in ALL}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that the scripts share, so that each reads what others have trained."""
    return tmp_path_factory.mktemp("trained")


def run(name, folder, trained):
    arguments = ["--quick", "--train", "12", "--test", "6", "--jobs", "1", "--device", "cpu", "--trained", str(trained)]
    arguments += ["--results", str(folder), "--images", str(folder)]
    assert SCRIPTS[name].main(arguments) == 0
    assert min(cv2.imread(str(folder / f"{name}.png")).shape[:2]) > 200
    result = json.loads((folder / f"{name}.json").read_text())
    assert result["finished"]
    assert result["command"].startswith(f"python benchmarks/studies/{name}.py --quick")
    assert result["dataset"] == "synthetic"
    assert {"settings", "computer", "versions"} <= set(result)
    assert result["measuring_minutes"] > 0
    assert set(result["training_cpu_minutes"]) <= {file.name for file in trained.iterdir()}
    return result


def check_stage(figures):
    for threshold in ("0.1", "0.2"):
        low, high = figures["interval"][threshold]
        assert 0 <= low <= figures["pck"][threshold] <= high <= 100


def test_training_strategies(tmp_path, trained):
    result = run("training_strategies", tmp_path, trained)
    assert list(result["strategies"]) == list(training_strategies.LABELS)
    for each in result["strategies"].values():
        assert len(each["stages"]) == 3
        check_stage(each["stages"][-1])
    assert len(result["differences"]) == 2 * 6


def test_stages(tmp_path, trained):
    result = run("stages", tmp_path, trained)
    for name in ("pm", "cpm"):
        assert [row["n_stages"] for row in result["machines"][name]] == [1, 2, 3]
        for row in result["machines"][name]:
            check_stage(row)
        assert [(step["a"], step["b"]) for step in result["steps"][name]] == [("2", "1")] * 2 + [("3", "2")] * 2


def test_sample_efficiency(tmp_path, trained):
    result = run("sample_efficiency", tmp_path, trained)
    assert [row["people"] for row in result["sizes"]] == [12, 24]
    assert {(each["people"], each["a"], each["b"]) for each in result["differences"]} == {
        (12, "cpm", "pm"),
        (24, "cpm", "pm"),
    }


def test_receptive_field(tmp_path, trained):
    result = run("receptive_field", tmp_path, trained)
    fields = [row["receptive_field"] for row in result["nets"]]
    assert fields == sorted(fields)
    assert fields[-1] > fields[0] + 32
    parameters = [row["parameters"] for row in result["nets"]]
    assert max(parameters) < 1.1 * min(parameters)
    assert result["nets"][0]["receptive_field_in_torsos"] == pytest.approx(fields[0] / result["torso_px"])


def test_nets_of_the_real_run_have_equal_parameters():
    from posemachines.conv import build_network

    counts = []
    for n_blocks in receptive_field.BLOCKS:
        width = receptive_field.widest(n_blocks, 14, receptive_field.PARAMETERS)
        with torch.device("meta"):
            network = build_network("cpm-lite", n_maps=15, n_stages=1, widths=(64, width, 0, n_blocks, 0, 96, 0, 0, 0))
        counts.append(sum(weights.numel() for weights in network.parameters()))
    assert len(counts) >= 6
    assert max(counts) < 1.1 * min(counts)


def test_gradient_flow(tmp_path, trained):
    result = run("gradient_flow", tmp_path, trained)
    for net, found in result["nets"].items():
        for each in found.values():
            assert list(each["epochs"].values()) == [1, 2, 3]
            for layers in each["layers"].values():
                assert len(layers) > 10
                for layer in layers:
                    assert layer["zeros"] == 1 or sum(layer["histogram"]) == pytest.approx(1, abs=1e-3)
        early = {supervision: each["layers"]["early"] for supervision, each in found.items()}
        assert [layer["name"] for layer in early["all"]] == [layer["name"] for layer in early["last"]], net


def test_context(tmp_path, trained):
    result = run("context", tmp_path, trained)
    for found in result["machines"].values():
        assert [(row["target"], row["stage"]) for row in found["corrections"]] == [
            ("elbows", 2), ("elbows", 3), ("wrists", 2), ("wrists", 3),
        ]  # fmt: skip
        for row in found["corrections"]:
            before, after = row["pck_before"]["value"], row["pck_after"]["value"]
            gained = (100 - before) / 100 * (row["corrected"]["value"] or 0) - before / 100 * (
                row["lost"]["value"] or 0
            )
            assert after - before == pytest.approx(gained, abs=1e-6)
        for rows in found["withheld"].values():
            names = [row["withheld"] for row in rows]
            assert names[: len(result["parts"])] == result["parts"]
            assert names[-3:] == ["its own", "all but its own", "everything"]
            assert all(row["interval"][0] <= row["points"] <= row["interval"][1] for row in rows)


def test_robustness(tmp_path, trained):
    result = run("robustness", tmp_path, trained)
    assert list(result["disturbances"]) == list(DISTURBANCES)
    for rows in [*result["disturbances"].values(), [result["clean"]]]:
        for row in rows:
            check_stage(row["pm"])
            check_stage(row["cpm"])


def test_cost(tmp_path, trained):
    result = run("cost", tmp_path, trained)
    points = result["points"]
    assert {point["machine"] for point in points} == set(installed())
    assert [point["stages"] for point in points if point["machine"] == "pm"] == [1, 2, 3, 3], "last: fewer subjects"
    stages = {name: [point["stages"] for point in points if point["machine"] == name] for name in ("hybrid", "reverse")}
    assert stages == {"hybrid": [3], "reverse": [2, 3]}, "with stages of one kind it is another machine"
    for what, front in result["fronts"].items():
        assert front
        chosen = [points[number] for number in front]
        accuracies = [point["pck"]["0.2"] for point in chosen]
        assert accuracies == sorted(set(accuracies))
        for point in points:
            if point[what] is not None and point["machine"] not in PEERS:
                better = [each for each in chosen if each[what] <= point[what]]
                assert max(each["pck"]["0.2"] for each in better) >= point["pck"]["0.2"]
    assert all(point["ms"] > 0 for point in points)


def test_a_peer_is_on_no_front():
    points = [{"machine": name, "ms": ms, "pck": {"0.2": pck}} for name, ms, pck in (
        ("pm", 2.0, 30.0), ("mediapipe", 1.0, 60.0), ("cpm", 3.0, 40.0), ("ridge", 4.0, 10.0),
    )]  # fmt: skip
    assert cost._front(points, "ms") == [0, 2]


# -- disturbances ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def subjects():
    data = make_synthetic(3, random_state=2)
    return data, data.crops(128)


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_disturbances_grow_and_repeat(subjects, kind):
    data, crops = subjects
    off = []
    for severity in DISTURBANCES[kind].severities:
        found = disturbed(crops, data, kind, severity)
        again = disturbed(crops, data, kind, severity)
        np.testing.assert_array_equal(found.X, again.X)
        assert found.X.shape == crops.X.shape
        assert found.X.dtype == np.uint8
        off.append(np.abs(found.X.astype(float) - crops.X).mean())
        before, after = (to_photo(each.y[..., :2], each.transforms) for each in (crops, found))
        np.testing.assert_allclose(after, before, atol=1e-3, err_msg="joints do not move in the photo")
    assert off[0] > 0.3
    assert off[-1] > off[0]


def test_frames_move_by_the_severity(subjects):
    data, crops = subjects
    shifted = disturbed(crops, data, "centre", 0.1).y - crops.y
    np.testing.assert_allclose(np.linalg.norm(shifted[..., :2], axis=-1), 12.8, rtol=1e-4)
    small = disturbed(crops, data, "smaller", 0.5)
    lengths = [np.linalg.norm(each.y[:, 0, :2] - each.y[:, 13, :2], axis=-1) for each in (crops, small)]
    np.testing.assert_allclose(lengths[1], 0.5 * lengths[0], rtol=1e-4)


def test_figures_estimate_their_time(tmp_path, capsys, monkeypatch):
    known = {"measuring_minutes": 2.0, "training_cpu_minutes": {"there.npz": 50.0, "gone.npz": 30.0}}
    for name in ("stages", "context"):
        (tmp_path / f"{name}.json").write_text(json.dumps(known))
    (tmp_path / "there.npz").touch()
    minutes = figures_script.expected(["stages", "context"], tmp_path, tmp_path, cores=2)
    assert minutes == {"stages": 2 + 30 / 2, "context": 2.0}, "what one script has trained, the next reads"
    assert figures_script.expected(["cost"], tmp_path, tmp_path, cores=2) == {"cost": None}
    ran = []
    monkeypatch.setattr(figures_script, "run_script", lambda name, arguments: ran.append((name, arguments)) or 0)
    assert figures_script.main(["--only", "stages,context", "--quick"]) == 0
    assert ran == [("stages", ["--quick"]), ("context", ["--quick"])]
    assert figures_script.main(["--only", "stages", "--dry-run"]) == 0
    assert len(ran) == 2
    assert "stages" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        figures_script.main(["--only", "nothing"])


def test_bad_sizes_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        stages.main(["--quick", "--train", "1"])
    assert "--train must be at least 2" in capsys.readouterr().err
    assert stages.main(["--root", str(tmp_path), "--results", str(tmp_path), "--images", str(tmp_path)]) == 2
    assert "error:" in capsys.readouterr().err

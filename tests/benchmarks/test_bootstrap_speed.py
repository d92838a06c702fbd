import json

from benchmarks.speed import bootstrap_speed


def test_quick_run_writes_its_figures(tmp_path, capsys):
    assert bootstrap_speed.main(["--quick", "--output", str(tmp_path / "speed.json")]) == 0
    result = json.loads((tmp_path / "speed.json").read_text())
    assert result["settings"] == bootstrap_speed.QUICK
    assert 0 < result["seconds"] < result["goal_seconds"]
    assert result["ratio"] > 0
    assert result["command"].startswith("python benchmarks/speed/bootstrap_speed.py --quick")
    assert "times as long" in capsys.readouterr().out


def test_committed_figures_reach_the_goal():
    result = json.loads(bootstrap_speed.OUTPUT.read_text())
    assert result["settings"] == bootstrap_speed.SIZES
    assert result["seconds"] < result["goal_seconds"] == 2

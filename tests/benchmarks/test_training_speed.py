"""The script that times training: runs at tiny sizes, and its competitors do the same work."""

import json

import numba
import pytest

from benchmarks.speed import training_speed


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="times compiled kernels")
def test_quick_run(tmp_path, capsys):
    file = tmp_path / "speed.json"
    assert training_speed.main(["--quick", "--repetitions", "3", "--output", str(file)]) == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    works = [one["work"] for one in report["comparisons"]]
    assert len(works) == 4
    assert works[0] == "growing a tree on 500 cells"
    assert works[-1] == "training step of cpm-pretrained, 2 crops of 64 px"
    for one in report["comparisons"]:
        assert one["ratio"] == pytest.approx(one["theirs_ms"] / one["ours_ms"])
        assert len(one["ratio_by_turn"]) == 3
    printed = capsys.readouterr().out
    assert all(work in printed for work in works)


def test_too_few_repetitions_are_refused(capsys):
    with pytest.raises(SystemExit):
        training_speed.main(["--repetitions", "2"])
    assert "at least 3" in capsys.readouterr().err

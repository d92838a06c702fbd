"""The scripts that train forests on LSPET, at tiny sizes on synthetic people."""

import json

import pytest

from benchmarks.studies import forest_learners, pm_ablation
from benchmarks.training import pm_lspet
from posemachines import load
from posemachines.datasets import make_synthetic

TINY = ["--root", ".", "--train", "60", "--rounds", "2", "--jobs", "1"]


@pytest.fixture
def synthetic(monkeypatch):
    """Let the scripts load synthetic people."""
    data = make_synthetic(66, random_state=0)
    crops = data.crops(64, n_jobs=1)
    for script in (forest_learners, pm_ablation, pm_lspet):
        monkeypatch.setattr(script, "load", lambda _, photos, *__, **___: crops[:60] if 1 in photos else crops[60:])


def test_ablation(synthetic, tmp_path, capsys):
    files = ["--unfinished", str(tmp_path / "unfinished.json"), "--output", str(tmp_path / "ablation.json")]
    chosen = "no context,no stacking,no boosting,no refining,no mirrored people,no hard negatives,parts only"
    options = [*TINY, "--cells", "800", "--stages", "2", *files]
    assert pm_ablation.main([*options, "--variants", chosen]) == 0
    variants = json.loads((tmp_path / "ablation.json").read_text())["variants"]
    assert list(variants) == ["whole", *chosen.split(",")]
    found = {json.dumps([variant["nodes"], variant["stages"]]) for variant in variants.values()}
    assert len(found) == len(variants), "every variant is another machine"
    for name, variant in variants.items():
        assert [stage["stage"] for stage in variant["stages"]] == [1, 2]
        assert ("against_whole" in variant) == (name != "whole")
    assert "no stacking" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        pm_ablation.main([*options, "--variants", "no trees"])


def test_learners(synthetic, tmp_path, monkeypatch):
    known = {name: changes for name, changes in forest_learners.LEARNERS.items() if "xgboost" not in name}
    monkeypatch.setattr(forest_learners, "LEARNERS", known)
    assert forest_learners.main([*TINY, "--cells", "500", "--output", str(tmp_path / "learners.json")]) == 0
    result = json.loads((tmp_path / "learners.json").read_text())
    assert list(result["learners"]) == list(known)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("features", pm_lspet.NAMES)
def test_shipped_forests(synthetic, tmp_path, features):
    files = {name: str(tmp_path / name) for name in ("pm.npz", "pm.json", "checkpoint")}
    options = [*TINY, "--features", features, "--stages", "2"]
    options += ["--model", files["pm.npz"], "--output", files["pm.json"]]
    assert pm_lspet.main([*options, "--checkpoint", files["checkpoint"]]) == 0
    result = json.loads((tmp_path / "pm.json").read_text())
    assert (result["recipe"]["n_rounds"], result["recipe"]["features"]) == (2, features)
    assert [stage["stage"] for stage in result["flip"]["stages"]] == [1, 2]
    assert len(list((tmp_path / "checkpoint").iterdir())) == 4, "two copies of stage 1, and both stages"
    machine = load(tmp_path / "pm.npz")
    assert (machine.flip, machine.checkpoint, machine.verbose) == (True, None, False)
    assert pm_lspet.main([*options, "--measure"]) == 0
    again = json.loads((tmp_path / "pm.json").read_text())
    assert again["flip"] == result["flip"]

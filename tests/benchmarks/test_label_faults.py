"""The script that counts how many exchanged sides are found."""

import json

import pytest

from benchmarks.publishing.results_file import read
from benchmarks.studies import label_faults


def test_shares_of_found_and_suspected(tmp_path, capsys):
    file = tmp_path / "faults.json"
    assert label_faults.main(["--people", "120", "--output", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["spoilt"] == 10
    assert len(result["groups"]) == 9
    for row in result["groups"]:
        assert 0 <= row["others"] < 0.1
        assert row["found"] * 10 == pytest.approx(round(row["found"] * 10))
    assert capsys.readouterr().out.count("\n") == 10


def test_kept_result_is_of_the_script():
    kept = read("label_faults")
    assert kept["command"] == "python benchmarks/studies/label_faults.py"
    assert kept["clean"] < 0.02
    assert read("validate_lspet")["command"].startswith("python -m posemachines validate --dataset lspet")


def test_too_few_people_are_refused(capsys):
    with pytest.raises(SystemExit):
        label_faults.main(["--people", "50"])
    assert "at least 120" in capsys.readouterr().err

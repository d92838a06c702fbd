"""Findings in sentences, made from result files."""

import json

import pytest

from benchmarks import found, results_file


@pytest.mark.parametrize("name", found.PAGES)
def test_every_finding_is_a_sentence_with_its_table(name):
    text, known = found.sentence(name), found.table(name)
    assert text.endswith(".")
    assert (known is None) == (text == "Not measured yet.")
    if known is not None:
        heads, rows = known
        assert rows
        assert all(len(row) == len(heads) for row in rows)
        assert "nan" not in f"{text} {rows}"
        assert results_file.read(name)["command"].startswith(f"python benchmarks/{found.PAGES[name][0]}.py")


def strategies(differences):
    stage = {"pck": {"0.1": 20.0, "0.2": 40.0}, "interval": {"0.1": [19, 21], "0.2": [38, 42]}}
    names = ("joint", "stagewise+joint", "stagewise", "joint-without-supervision")
    content = {name: {"label": name, "stages": [stage] * 3} for name in names}
    return {"strategies": content, "differences": differences, "finished": True}


def step(a, b, difference, significant):
    ends = [difference - 1, difference + 1]
    return {"a": a, "b": b, "threshold": "0.2", "difference": difference, "interval": ends, "significant": significant}


@pytest.mark.parametrize("sign", [1, -1])
def test_claims_hold_only_where_differences_are_significant(sign, tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)

    def told(significant, last):
        steps = [
            step("stagewise", "joint", -9.0 * sign, significant),
            step("stagewise+joint", "joint", -3.0 * sign, significant),
        ]
        steps += [
            step("joint-without-supervision", "joint", last, True),
            step("joint-without-supervision", "stagewise", last, True),
        ]
        (tmp_path / "training_strategies.json").write_text(json.dumps(strategies(steps)))
        return found.sentence("training_strategies")

    assert ("beats greedy training held" in told(True, -20.0)) == (sign > 0)
    assert "did not hold" in told(False, -20.0)
    assert "cannot be told from it" in told(False, -20.0)
    assert "is the worst here, too" in told(True, -20.0)
    assert "is not the worst here" in told(True, 20.0)
    assert "20.0 points above joint training" in told(True, 20.0)


def test_what_is_not_finished_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "stages.json").write_text(json.dumps({"finished": False}))
    assert found.sentence("stages") == found.sentence("cost") == "Not measured yet."
    assert found.table("stages") is None

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


def fields(*significant, signs=None):
    """A result of one net more than there are steps, which are significant or not."""
    nets = [
        {"receptive_field": 16 * number, "receptive_field_in_torsos": 0.5 * number, "pck": {"0.2": 30.0 + number}}
        for number in range(1, len(significant) + 2)
    ]
    steps = [
        step(f"{16 * (number + 1)} px", f"{16 * number} px", 2.0 * sign, sure)
        for number, (sure, sign) in enumerate(zip(significant, signs or [1] * len(significant), strict=True), 1)
    ]
    return {"nets": nets, "steps": steps, "settings": {"crop_size": 128}, "finished": True}


def test_saturation_is_told_only_where_it_was_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)

    def told(*significant, signs=None):
        (tmp_path / "receptive_field.json").write_text(json.dumps(fields(*significant, signs=signs)))
        return found.sentence("receptive_field")

    saturating = told(True, True, False, False)
    assert saturating.startswith("The claim held: accuracy rises with the receptive field up to 48 px (1.5 torso")
    assert "beyond which no step is a significant gain; the best of 5 nets sees 80 px" in saturating
    rising = told(True, True, True, True)
    assert rising.startswith("The claim held in part: ")
    assert "up to 80 px (2.5 torso lengths) in crops of 128 px, but it was not seen to saturate" in rising
    assert "from 64 px, still gains 2.0 points (1.0 to 3.0)" in rising
    assert "did not hold" in told(False, False, False, False)
    assert "none of the 4 steps from 16 px to 80 px" in told(True, True, False, True, signs=(-1, -1, 1, -1))
    assert "up to 80 px (2.5 torso lengths), by a significant gain at 2 of 4 steps" in told(True, False, False, True)
    assert "up to 48 px" in told(True, True, False, True, signs=(1, 1, 1, -1)), "a loss is no gain"


def test_what_is_not_finished_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "stages.json").write_text(json.dumps({"finished": False}))
    assert found.sentence("stages") == found.sentence("cost") == "Not measured yet."
    assert found.table("stages") is None

"""What was found on four kinds of data, in tables and sentences made from the reports of comparisons."""

import json

import pytest

from benchmarks.publishing import kinds, kinds_words, pages, results_file

FILES = sorted((results_file.FOLDER / "domains").glob("*.json"))


def value(number, spread=0.2):
    return {"value": number, "interval": [number - spread, number + spread]}


def machine(label, mean, boxed=None):
    return {
        "label": label, "mean": value(mean), "median": value(mean - 0.5), "p95": value(3 * mean),
        "success": [
            {"threshold": 1.5, "saturated": False, **value(80 - mean)},
            {"threshold": 5.0, "saturated": True, **value(99.0)},
        ],
        "boxed": boxed,
    }  # fmt: skip


def verdict(a, b, difference, significant, spread=0.5):
    return {
        "a": a, "b": b, "measure": "mean error", "kind": "error", "threshold": None, "difference": difference,
        "interval": [difference - spread, difference + spread], "significant": significant, "better": None,
    }  # fmt: skip


def report(**changes):
    """A report of a comparison with the entries that are published."""
    answer = {
        "units": {"name": "pixels of the photo", "short": "px", "decimals": 1},
        "chosen": "cpm",
        "second": "ridge",
        "machines": {
            "mean": machine("Mean pose", 28.5),
            "ridge": machine("Ridge", 2.9, {"mean": 2.6, "median": 2.0}),
            "pm": machine("Forests", 3.65),
            "cpm": machine("Net", 2.1, {"mean": 1.9, "median": 1.4}),
        },
        "verdicts": [
            verdict("cpm", "ridge", -0.8, True), verdict("pm", "cpm", 1.55, False), verdict("cpm", "mean", -26.4, True)
        ],
        "test": "t-test over 5 folds x 2 repeats, corrected for the training subjects that they share, with Holm's "
        "correction",
        "human": None,
        "curve": None,
        "speed": {"cpm": {"ms": 7.25}},
        "protocol": {
            "kind": "cross-validation", "groups": "blocks of time", "n_groups": 10, "one_recording": True, "folds": 5,
            "repeats": 2, "repeats_done": 2, "n_train": 46, "n_test": 12, "crop_rule": "located",
            "crop_reason": "the subject's place varies", "crop_shape": [64, 256], "photo_px_per_crop_px": 2.5,
        },
    }  # fmt: skip
    return {
        "command": "python benchmarks/compare_pm_cpm.py labels", "finished": True, "answer": answer | changes,
        "computer": {"cores": 2, "processor": "a processor"}, "settings": {"total_seconds": 600.0},
        "dataset": {"train": 46, "test": 58},
    }  # fmt: skip


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Function that writes a result file into an empty folder."""
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    (tmp_path / "domains").mkdir()
    return lambda name, content: (tmp_path / "domains" / f"{name}.json").write_text(json.dumps(content))


def test_machines_are_ranked_and_compared_with_the_best():
    heads, rows = kinds.errors(report()["answer"])
    assert heads[1] == "Mean error (px)"
    assert [row[0] for row in rows] == ["Net", "Ridge", "Forests", "Mean pose"]
    assert rows[0] == ("Net", "2.1 (1.9 to 2.3)", "1.6 (1.4 to 1.8)", "6.3 (6.1 to 6.5)", "1.9, median 1.4", "lowest")
    assert rows[1][-1] == "yes: +0.8 (+0.3 to +1.3)", "the sign is that of the other machine minus the best"
    assert rows[2][-2:] == ("-", "not established: +1.6 (+1.1 to +2.0)")
    heads, rows = kinds.rates(report()["answer"])
    assert heads == ("Machine", "Within 1.5 px (%)", "Within 5 px (%)", "ms per photo")
    assert rows[0] == ("Net", "77.9", "99.0 (says nothing)", "7.2")
    assert rows[1][-1] == "-"


def test_the_verdict_names_only_what_is_established():
    text = kinds_words.verdict(report()["answer"])
    assert text.startswith("**Net** has the lowest mean error: 2.1 (1.9 to 2.3) px, median 1.6 px.")
    assert "Significantly worse: Ridge." in text
    assert "Not established: the difference from Forests." in text
    untested = verdict("cpm", "ridge", -0.8, False) | {"interval": [None, None]}
    answer = report(verdicts=[untested])["answer"]
    assert kinds.errors(answer)[1][1][-1] == "not tested"
    assert "Not established: the difference from Ridge and Forests." in kinds_words.verdict(answer)


def test_units_have_their_decimals():
    answer = report(units={"name": "mm", "short": "mm", "decimals": 2})["answer"]
    assert kinds.errors(answer)[1][0][1] == "2.10 (1.90 to 2.30)"


def test_the_learning_curve_is_called_an_extrapolation():
    curve = {
        "sizes": [6, 12, 23, 46], "errors": [6.0, 4.0, 3.0, 2.1], "outcome": "helps",
        "predictions": [{"labels": 92, "error": 1.7, "interval": [1.4, 1.9]}],
    }  # fmt: skip
    text = kinds_words.curve(report(curve=curve)["answer"])
    assert text == (
        "More labels would help: 2.1 px with 46 training subjects; the fitted curve, extrapolated, predicts 1.7 px "
        "(1.4 to 1.9) with 92."
    )
    assert kinds_words.curve(report()["answer"]) == ""
    human = kinds_words.human(report(human={"mean": 1.0, "median": 0.8, "p95": 2.0})["answer"])
    assert human == "Two people's labels lie 1.0 px apart in the mean, 0.8 px in the median."


def test_the_protocol_says_what_the_figures_hold_for():
    text = kinds_words.protocol(report())
    assert "Cross-validation of 58 subjects in 5 folds, 2 times, about 46 for training in each." in text
    assert "hold for this recording only" in text
    assert "64 px high and 256 px wide" in text
    held_out = report()["answer"]["protocol"] | {"kind": "held-out test set", "one_recording": False}
    text = kinds_words.protocol(report(protocol=held_out))
    assert text.startswith("Trained on 46 and tested on 12 subjects, 2 trainings with different seeds.")
    assert "only" not in text
    pattern = report()["answer"]["protocol"] | {"groups": r"'mouse_\d*' in the path"}
    assert r"10 groups ('mouse\_\\d\*' in the path)" in kinds_words.protocol(report(protocol=pattern))


def test_unfinished_and_missing_files_are_left_out(written):
    assert kinds.fragments() == {"kinds_summary": ["Not measured yet."], "kinds_of_data": ["Not measured yet."]}
    written("salmon", report() | {"finished": False})
    assert kinds.read("salmon") is None
    written("openfield", report())
    found = kinds.fragments()
    assert "A mouse in an arena" in found["kinds_summary"][0]
    text = "\n".join(found["kinds_of_data"])
    assert "Salmon" not in text
    assert "took 10.0 minutes on 2 cores of a processor. Reproduce with::\n\n    python benchmarks" in text
    assert "nan" not in text.lower()


def test_tongue_contours_stand_beside_the_published_ones(written):
    measured = {
        "machine": "ConvPoseMachine", "contours": 206, "recordings": 40, "contour_px": {"mean": 4.0, "sd": 2.0},
        "contour_mm": {"mean": 1.0, "sd": 0.5}, "mm_per_px": {"lowest": 0.25, "mean": 0.26, "highest": 0.3},
        "published_mm": 0.93, "labellers_mm": 0.96, "command": "python other.py", "note": "the files have none",
    }  # fmt: skip
    written("ultrasound", report())
    written(kinds.CONTOUR, measured)
    text = "\n".join(kinds.fragments()["kinds_of_data"])
    assert "On 206 labelled tongues of 40 recordings" in text
    assert "1.00 mm (s.d. 0.50) from the labelled ones in the mean, or 4.00 px (s.d. 2.00)" in text
    assert "at 0.250 to 0.300 mm per pixel" in text
    assert "On the scale: the files have none." in text
    assert "0.93 mm for DeepLabCut" in text
    assert "0.96 mm between two people." in text
    assert text.endswith("python benchmarks/compare_pm_cpm.py labels\n    python other.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_committed_file_is_shown(file):
    assert file.stem in {*kinds.KINDS, kinds.CONTOUR}
    content = json.loads(file.read_text(encoding="utf-8"))
    assert file.stem == kinds.CONTOUR or kinds.read(file.stem) is not None, "finished, with an answer"
    assert content["command"] in "\n".join(kinds.fragments()["kinds_of_data"])


def test_false_verdicts_are_tabulated(tmp_path, monkeypatch):
    monkeypatch.setattr(pages.results_file, "FOLDER", tmp_path)
    assert pages._false_verdicts() == ["Not measured yet."]
    rows = [
        {"data": "mice", "design": "5 folds x 2", "better_by": better,
         "called_different": {"mean error": share, "any other measure": 1.5}}
        for better, share in ((0.0, 3.2), (0.25, 71.0))
    ]  # fmt: skip
    result = {
        "command": "python benchmarks/studies/false_verdicts.py", "trials": 1000, "level": 0.05, "rows": rows,
        "measured": {"of_subjects": 0.21, "of_training": 0.04},
    }  # fmt: skip
    (tmp_path / "false_verdicts.json").write_text(json.dumps(result))
    about, table, command = pages._false_verdicts()
    assert "1,000 trials" in about
    assert "0.21 per training subject" in about
    assert [line.split("- ")[1] for line in table.splitlines()[-5:]] == [
        "mice",
        "5 folds x 2",
        "3.2 %",
        "1.5 %",
        "71.0 %",
    ]
    assert command.endswith("false_verdicts.py")

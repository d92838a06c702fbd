"""The study of learned features and convolutional stages: its analysis on drawn data, its findings, and tiny runs."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.publishing import found, found_features, pages, results_file
from benchmarks.studies import features_or_context, two_by_two
from benchmarks.studies.study import Study
from posemachines.datasets import Crops
from posemachines.metrics import pooled_pck

MACHINES = tuple(features_or_context.MACHINES)


def drawn_hits(rng, means, *, n_trainings=3, n_subjects=200, n_parts=14, luck=0.0):
    """Correct joints (S, M, N) of machines with these chances, which trainings change by `luck`."""
    chances = np.asarray(means) + rng.normal(0, luck, (n_trainings, len(means)))
    return rng.binomial(n_parts, chances.clip(0, 1)[..., None], (n_trainings, len(means), n_subjects))


def drawn_distances(medians, *, n_trainings=3, n_subjects=60, seed=0):
    """Distances of four machines in both views, log-normal around these medians; the same subjects are hard for all."""
    rng = np.random.default_rng(seed)
    hard = np.exp(rng.normal(0, 0.5, (n_subjects, 1)))
    return {
        (view, name): [median * hard * np.exp(rng.normal(0, 0.6, (n_subjects, 14))) for _ in range(n_trainings)]
        for view in features_or_context.VIEWS
        for name, median in zip(MACHINES, medians, strict=True)
    }


def drawn_result(*medians, sizes=(50, 8000)):
    """A finished result of the study, analysed from drawn distances."""
    found_here = {"accuracy": [], "effects": [], "differences": []}
    runs = []
    for number, (size, each) in enumerate(zip(sizes, medians, strict=True)):
        distances = drawn_distances(each, seed=number)
        features_or_context.analyse(size, distances, found_here, n_all=8000, n_resamples=200)
        stages = [{"stage": 3, "mean_error_px": 12.0}]
        runs += [{"people": size, "machine": name, "seed": 0, "cpu_seconds": 90.0, "crop": stages} for name in MACHINES]
    settings = {"command": "python benchmarks/studies/features_or_context.py", "finished": True, "sizes": list(sizes)}
    settings |= {"machines": features_or_context.MACHINES, "runs": runs, "best": features_or_context.best(found_here)}
    return json.loads(json.dumps(settings | found_here))


# -- effects --------------------------------------------------------------------------------------------------------


def test_effects_of_known_accuracies():
    hits = np.repeat(np.array([[[20], [30], [25], [60]]]), 2, 0).repeat(
        5, -1
    )  # two equal trainings, five alike subjects
    found_here = two_by_two.effects(two_by_two.Crossed(hits, np.full(5, 100), n_resamples=50))
    points = {name: effect["points"] for name, effect in found_here.items()}
    assert points == pytest.approx(
        {
            "distance": 40, "features": 22.5, "stages": 17.5, "interaction": 25, "features alone": 10,
            "stages alone": 5, "features last": 35, "stages last": 30,
        }
    )  # fmt: skip
    assert found_here["features"]["share"] == pytest.approx(22.5 / 40)
    for effect in found_here.values():
        assert effect["interval"] == pytest.approx([effect["points"]] * 2, abs=1e-9), "nothing varies"


def test_main_effects_add_up_to_the_distance():
    weights = {name: np.array(each) for name, each in two_by_two.EFFECTS.items()}
    np.testing.assert_allclose(weights["features"] + weights["stages"], weights["distance"])
    np.testing.assert_allclose(
        weights["features alone"] + weights["stages alone"] + weights["interaction"], weights["distance"]
    )
    for change in ("features", "stages"):
        alone, last = weights[f"{change} alone"], weights[f"{change} last"]
        np.testing.assert_allclose(last - alone, weights["interaction"])
        np.testing.assert_allclose((alone + last) / 2, weights[change])


@pytest.mark.parametrize("luck", [0.0, 0.04])
def test_intervals_contain_the_truth_as_often_as_they_say(luck):
    means, inside = (0.2, 0.3, 0.25, 0.45), 0
    for trial in range(200):
        hits = drawn_hits(np.random.default_rng(trial), means, luck=luck)
        crossed = two_by_two.Crossed(hits, np.full(200, 14), n_resamples=200, random_state=trial)
        low, high = crossed.estimate(two_by_two.EFFECTS["features"]).interval
        inside += low <= 15 <= high
    assert 0.90 <= inside / 200 <= 1.0


def test_the_luck_of_training_widens_intervals():
    still, lucky = (
        two_by_two.Crossed(drawn_hits(np.random.default_rng(0), (0.3, 0.3), luck=luck), np.full(200, 14)).accuracy(0)
        for luck in (0.0, 0.1)
    )
    width = [np.diff(each.interval)[0] for each in (still, lucky)]
    assert width[1] > 3 * width[0]


def test_accuracies_are_pooled_and_bounded():
    hits = np.array([[[2, 0]], [[1, 1]]])
    crossed = two_by_two.Crossed(hits, np.array([2, 1]), n_resamples=50)
    value, (low, high) = crossed.accuracy(0)
    assert value == pytest.approx(100 * 2 / 3)
    assert 0 <= low <= value <= high <= 100


def test_shares_are_withheld_where_the_distance_may_be_0():
    hits = drawn_hits(np.random.default_rng(1), (0.3,) * 4)
    found_here = two_by_two.effects(two_by_two.Crossed(hits, np.full(200, 14), n_resamples=100))
    assert found_here["features"]["share"] is None
    assert found_here["features"]["share_interval"] is None


@pytest.mark.parametrize(("n_trainings", "n_subjects"), [(1, 5), (2, 1)])
def test_one_training_or_subject_has_no_interval(n_trainings, n_subjects):
    hits = np.ones((n_trainings, 4, n_subjects), int)
    with pytest.raises(ValueError, match="at least 2 trainings and 2 scored test subjects"):
        two_by_two.Crossed(hits, np.full(n_subjects, 2))


# -- analysis -------------------------------------------------------------------------------------------------------


def test_the_best_is_named_with_those_below_it():
    result = drawn_result((0.5, 0.5, 0.5, 0.5), (0.5, 0.4, 0.3, 0.1))
    assert result["best"][0]["significantly_above"] == []
    assert result["best"][1] == {"people": 8000, "machine": MACHINES[3], "significantly_above": list(MACHINES[:3])}
    assert {each["family"] for each in result["differences"]} == {12}, "both numbers of subjects, six pairs each"
    for each in result["differences"]:
        assert each["p_holm"] >= each["p"]


def test_unscored_joints_do_not_count():
    distances = drawn_distances((0.5, 0.4, 0.3, 0.1))
    for trainings in distances.values():
        for each in trainings:
            each[:20, 3:] = np.nan
            each[20] = np.nan
    found_here = {"accuracy": [], "effects": [], "differences": []}
    features_or_context.analyse(50, distances, found_here, n_all=8000, n_resamples=50)
    for row in found_here["accuracy"]:
        trainings = distances[row["view"], row["machine"]]
        assert row["pck"] == pytest.approx(np.mean([pooled_pck(each, float(row["threshold"])) for each in trainings]))


def test_the_luck_of_subjects_is_added_only_where_all_trainings_share_them():
    distances = drawn_distances((0.5, 0.4, 0.3, 0.2), n_subjects=30)
    few, whole = (
        next(features_or_context._differences(size, n_all, distances)) for size, n_all in ((50, 8000), (50, 50))
    )
    assert few["difference"] == whole["difference"]
    assert np.diff(whole["interval"])[0] > np.diff(few["interval"])[0]


def test_subjects_of_a_seed_are_nested_and_differ_between_seeds():
    train = Crops(np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1).repeat(3, -1), np.zeros((40, 2, 3), np.float32))
    few, more, others = (
        features_or_context._subjects(train, size, seed).X[:, 0, 0, 0] for size, seed in ((5, 0), (20, 0), (5, 1))
    )
    assert set(few) < set(more)
    assert set(few) != set(others)
    np.testing.assert_array_equal(features_or_context._subjects(train, 40, 7).X, train.X)


@pytest.mark.parametrize(
    ("sizes", "train", "quick", "expected"),
    [
        (None, 8000, False, (50, 200, 1000, 8000)),
        (None, 1000, False, (50, 200, 1000)),
        (None, 24, True, (12, 24)),
        ("200,50", 8000, False, (50, 200)),
        (None, 40, False, "got none"),
        ("50,9000", 8000, False, "got 50, 9000"),
        ("1,50", 8000, False, "got 1, 50"),
    ],
)
def test_numbers_of_training_subjects(sizes, train, quick, expected):
    study = SimpleNamespace(options=SimpleNamespace(sizes=sizes, train=train), quick=quick)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=f"from 2 to --train, {train}; {expected}"):
            features_or_context._sizes(study)
    else:
        assert features_or_context._sizes(study) == expected


def test_the_four_machines_differ_in_both_changes():
    options = SimpleNamespace(jobs=1, device="cpu")
    study = SimpleNamespace(options=options, quick=False, people=lambda: SimpleNamespace(skeleton="lsp"))
    machines = [features_or_context.untrained(study, name, 5) for name in MACHINES]
    assert [type(machine).__name__ for machine in machines] == ["PoseMachine"] * 2 + ["ConvPoseMachine"] * 2
    assert [machine.stage.features for machine in machines[:2]] == ["hand-made", "efficientnet-lite0"]
    assert [machine.stage.network for machine in machines[2:]] == ["cpm-hand-made", "cpm-pretrained"]
    for machine in machines:
        assert (machine.n_stages, machine.random_state, machine.flip) == (3, 5, False)


# -- findings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ((0.5, 0.45, 0.4, 0.15), "(significantly above all others) with 8,000 subjects"),
        ((0.5, 0.45, 0.4, 0.15), "% of the distance; "),
        ((0.3, 0.3, 0.3, 0.3), "(significantly above none of the others) with 50 and 8,000 subjects"),
    ],
)
def test_findings_in_words(last, words):
    result = drawn_result((0.3, 0.3, 0.3, 0.3) if last[0] == 0.3 else (0.5, 0.4, 0.6, 0.4), last)
    if last[0] == 0.3:
        result["best"] = [row | {"machine": MACHINES[0]} for row in result["best"]]
    finding = found_features.features(result)
    assert finding.verdict == "answer"
    assert words in finding.sentence
    assert ("% of the distance" in finding.sentence) == (last[0] != 0.3)
    assert len(finding.short) < 200
    heads, rows = found_features.features_table(result)
    assert len(rows) == 8
    assert all(len(row) == len(heads) for row in rows)
    assert rows[0][-2:] == ("12.0", "1.5")


def test_the_page_shows_the_plot_once_there_is_a_result(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "FOLDER", tmp_path)
    monkeypatch.setattr(found, "PAGES", {"features_or_context": found.PAGES["features_or_context"]})
    assert pages._findings()["found_features_or_context"] == ["Not measured yet."]
    result = drawn_result((0.5, 0.4, 0.4, 0.3), (0.5, 0.4, 0.3, 0.2))
    (tmp_path / "features_or_context.json").write_text(json.dumps(result))
    *_, command, plot = pages._findings()["found_features_or_context"]
    assert command.endswith("python benchmarks/studies/features_or_context.py")
    assert plot.startswith(".. image:: images/features_or_context.png\n   :alt: ")


# -- runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Folder and result of a tiny run, and the options that repeat it."""
    folder = tmp_path_factory.mktemp("quick")
    options = ["--quick", "--train", "12", "--test", "6", "--jobs", "1", "--device", "cpu"]
    options += [word for name in ("trained", "results", "images") for word in (f"--{name}", str(folder))]
    assert features_or_context.main(options) == 0
    return folder, json.loads((folder / "features_or_context.json").read_text()), options


def test_a_tiny_run(quick_run):
    folder, result, _ = quick_run
    assert result["finished"]
    assert result["sizes"] == [6, 12]
    found_runs = [(run["people"], run["seed"], run["machine"]) for run in result["runs"]]
    assert found_runs == [(size, seed, name) for size in (6, 12) for seed in (0, 1) for name in MACHINES]
    for run in result["runs"]:
        assert run["cpu_seconds"] > 0
        for view in ("crop", "crop+mirror"):
            assert [stage["stage"] for stage in run[view]] == [1, 2, 3]
            for stage in run[view]:
                assert 0 <= stage["pck"]["0.1"] <= stage["pck"]["0.2"] <= 100
                assert stage["mean_error_px"] > 0
    assert any(run["crop"] != run["crop+mirror"] for run in result["runs"])
    assert len(result["accuracy"]) == 2 * 2 * 2 * 4
    assert len(result["effects"]) == 2 * 2 * 2 * len(two_by_two.EFFECTS)
    assert len(result["differences"]) == 2 * 6
    assert (folder / "features_or_context.png").is_file()


def test_accuracies_are_those_of_evaluate(quick_run):
    _, result, options = quick_run
    seen = {}

    def one(study: Study) -> None:
        seen["study"] = study

    add = features_or_context._add
    assert features_or_context.run_study("features_or_context", "", one, options, n_train=12, add=add) == 0
    study, name = seen["study"], MACHINES[0]
    crops = features_or_context._subjects(study.people().train, 6, 1)
    machine = study.trained(features_or_context.untrained(study, name, 1), name, crops=crops).machine
    for view, flip in features_or_context.VIEWS.items():
        evaluation = study.evaluated(machine.set_params(flip=flip))
        (run,) = (run for run in result["runs"] if (run["people"], run["seed"], run["machine"]) == (6, 1, name))
        for stage, each in zip(evaluation.stages, run[view], strict=True):
            assert {float(limit): value for limit, value in each["pck"].items()} == pytest.approx(stage.pck, abs=1e-3)


def test_a_repeated_run_neither_trains_nor_predicts(quick_run, monkeypatch):
    folder, result, options = quick_run

    def refuse(*_args, **_more):
        raise AssertionError("this was done before")

    monkeypatch.setattr(features_or_context, "compile_kernels", lambda jobs: None)
    for machine in (features_or_context.PoseMachine, features_or_context.ConvPoseMachine):
        monkeypatch.setattr(machine, "fit", refuse)
        monkeypatch.setattr(machine, "staged_predict", refuse)
    assert features_or_context.main(options) == 0
    again = json.loads((folder / "features_or_context.json").read_text())
    for key in ("runs", "accuracy", "effects", "differences", "best"):
        assert again[key] == result[key]


def test_predictions_of_another_training_are_not_used(quick_run):
    folder, result, options = quick_run
    kept = sorted((folder / "predictions").iterdir())
    assert len(kept) == 16
    kept[0].write_bytes(b"damaged")
    kept[1].write_bytes(kept[2].read_bytes())
    assert features_or_context.main(options) == 0
    again = json.loads((folder / "features_or_context.json").read_text())
    assert again["runs"] == result["runs"]


def test_an_interrupted_run_keeps_what_is_complete(quick_run, tmp_path, monkeypatch):
    _, result, options = quick_run
    options = [*options, "--results", str(tmp_path), "--images", str(tmp_path)]
    subjects = features_or_context._subjects

    def stop(train, size, seed):
        if size == 12:
            raise KeyboardInterrupt
        return subjects(train, size, seed)

    monkeypatch.setattr(features_or_context, "_subjects", stop)
    assert features_or_context.main(options) == 130
    part = json.loads((tmp_path / "features_or_context.json").read_text())
    assert not part["finished"]
    assert part["sizes"] == [6]
    assert part["runs"] == result["runs"][:8]


def test_bad_options_are_refused(tmp_path, capsys):
    quick = ["--quick", "--train", "12", "--test", "6", "--results", str(tmp_path), "--images", str(tmp_path)]
    assert features_or_context.main([*quick, "--seeds", "1"]) == 2
    assert "--seeds 1: at least 2 are needed" in capsys.readouterr().err
    assert features_or_context.main([*quick, "--sizes", "6,13"]) == 2
    assert "from 2 to --train, 12; got 6, 13" in capsys.readouterr().err
    assert features_or_context.main([*quick, "--sizes", "6,x"]) == 2
    assert "such as 50,200; got 6,x" in capsys.readouterr().err

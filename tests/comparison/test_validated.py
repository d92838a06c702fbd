"""Comparisons whose verdicts count the luck of training: plan, experiment, answer, command."""

import json
import shutil

import numpy as np
import pytest

import posemachines
from baselines import MeanPose
from posemachines import PoseDataset, PoseMachine, compare
from posemachines.comparison import tasks
from posemachines.comparison.command import run_command
from posemachines.comparison.experiment import Experiment
from posemachines.comparison.plan import join, make_plan
from posemachines.comparison.second_labels import match_labels
from posemachines.comparison.suspects import suspect_labels
from posemachines.datasets.writing import write_dataset
from posemachines.io.photo_files import photo_size
from posemachines.testing import SKELETON, make_dots

OFFSETS = np.random.default_rng(3).integers(0, 60, (48, 2))


def forest(**changes):
    return PoseMachine(**{"n_stages": 2, "n_rounds": 2, "max_depth": 3, "n_jobs": 1, "random_state": 0} | changes)


def dots(n=24, *, moving=False, **more):
    """Dots of three colours: as large as the photo, or somewhere in a larger one."""
    images, joints = make_dots(n)
    if moving:
        photos = np.full((n, images.shape[1] + 60, images.shape[2] + 60, 3), 90, np.uint8)
        for index, (x, y) in enumerate(OFFSETS[:n]):
            photos[index, y : y + images.shape[1], x : x + images.shape[2]] = images[index]
            joints[index, :, :2] += (x, y)
        images = photos
    return PoseDataset(list(images), joints, SKELETON, **more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A cross-validated comparison of two forests and the mean pose: folder and report."""
    folder = tmp_path_factory.mktemp("compared")
    machines = {"deep": forest(), "shallow": forest(n_stages=1, n_rounds=1, max_depth=1)}
    data = dots(24, mm_per_pixel=np.full(24, 0.5))
    report = compare(machines, data, folds=3, repeats=2, output=folder, n_timed=1, n_examples=2, title="Dots")
    return folder, report


def test_every_subject_is_tested_by_machines_that_had_not_seen_it():
    data = dots(24, groups=np.arange(24) // 2)
    plan = make_plan(data, n_folds=3, n_repeats=2)
    for repeat in range(2):
        tested = np.concatenate([test for number, _, _, test in plan if number == repeat])
        np.testing.assert_array_equal(np.sort(tested), np.arange(24))
    for _, _, train, test in plan:
        assert not {*data.groups[train]} & {*data.groups[test]}
    assert (plan.describe()["folds"], plan.describe()["repeats"]) == (3, 2)


def test_a_test_set_is_trained_for_several_times():
    data = dots(24)
    plan = make_plan(data[:18], data[18:], n_repeats=3)
    assert plan.held_out
    assert len([*plan]) == 3
    for _, _, train, test in plan:
        np.testing.assert_array_equal(train, np.arange(18))
        np.testing.assert_array_equal(test, np.arange(18, 24))


def test_groups_on_both_sides_of_a_given_split_are_pointed_out():
    data = dots(24, groups=np.arange(24) % 12)
    plan = make_plan(data[:12], data[12:])
    assert any("both training and test data" in note for note in plan.notes)


def test_joined_data_keep_what_both_know():
    first, second = dots(6, boxes=np.ones((6, 4)), groups=np.zeros(6)), dots(4, boxes=2 * np.ones((4, 4)))
    both = join(first, second)
    assert len(both) == 10
    np.testing.assert_array_equal(both.boxes[5:7, 0], [1, 2])
    assert both.groups is None
    with pytest.raises(ValueError, match="same crop rule"):
        join(first, second.with_crop_rule("photo"))


def test_the_answer(finished):
    folder, report = finished
    answer = report.data["answer"]
    assert answer["title"] == "Dots"
    assert answer["units"]["short"] == "mm"
    assert answer["chosen"] == "deep"
    assert answer["training_variance"]
    assert {*answer["machines"]} == {"mean", "ridge", "deep", "shallow"}
    deep, mean = answer["machines"]["deep"], answer["machines"]["mean"]
    assert deep["mean"]["interval"][0] < deep["mean"]["value"] < deep["mean"]["interval"][1]
    assert deep["mean"]["value"] < mean["mean"]["value"]
    assert len(deep["repeats"]) == 2
    assert len(deep["stages"]) == 2
    assert [part["part"] for part in deep["parts"]] == list(SKELETON.parts)
    decisive = [one for one in answer["verdicts"] if one["measure"] == "mean error"]
    assert len(decisive) == 6
    assert all(one["family"] == 6 for one in decisive)
    assert "3 folds x 2 repeats" in answer["test"]
    assert report.data["finished"]
    assert json.loads((folder / "report.json").read_text())["answer"]["chosen"] == "deep"
    assert "Dots" in (folder / "report.html").read_text(encoding="utf-8")


def test_errors_are_those_of_the_machines_of_the_folds(finished):
    """By hand: train the folds of the first repeat and measure."""
    _, report = finished
    data = dots(24, mm_per_pixel=np.full(24, 0.5))
    plan = make_plan(data, n_folds=3, n_repeats=2)
    errors = np.full((24, 3), np.nan)
    run = Experiment(plan, {"deep": forest()})
    for task in run.fold_tasks(0).values():
        result = tasks.run_task(task)
        place = [next(i for i in range(24) if data.photos[i] is photo) for photo in task.test.photos]
        errors[place] = 0.5 * np.linalg.norm(result.staged[-1] - task.test.joints[..., :2], axis=-1)
    labelled = data.joints[..., 2] > 0
    assert report.data["answer"]["machines"]["deep"]["repeats"][0] == pytest.approx(errors[labelled].mean())


def test_the_chosen_machine_is_ready_for_new_photos(finished):
    folder, report = finished
    assert report.data["answer"]["final"]["machine"] == "deep"
    machine = posemachines.load(folder / "machine.npz")
    data = dots(24)
    pose = machine.predict_photo(
        data.photos[0], boxes=None if machine.crop_record_.rule in ("photo", "located") else [[0, 0, 48, 48]]
    )
    assert np.linalg.norm(pose.joints[0] - data.joints[0, :, :2], axis=-1).mean() < 12
    assert "--machine" in report.data["answer"]["next"][0]["command"]


def test_every_row_of_the_table_is_a_usable_machine(finished):
    folder, report = finished
    for name in report.data["machines"]:
        machine = posemachines.load(folder / f"{name}.npz")
        assert machine.crop_record_ is not None, name


def test_nothing_is_trained_twice(finished, monkeypatch):
    folder, report = finished
    monkeypatch.setattr(tasks, "run_task", lambda task: pytest.fail(f"{task.name} is trained again"))
    monkeypatch.setattr("posemachines.comparison.experiment.run_task", tasks.run_task)
    machines = {"deep": forest(), "shallow": forest(n_stages=1, n_rounds=1, max_depth=1)}
    data = dots(24, mm_per_pixel=np.full(24, 0.5))
    again = compare(machines, data, folds=3, repeats=2, output=folder, n_timed=1, n_examples=2, title="Dots")
    assert again.data["answer"]["machines"] == report.data["answer"]["machines"]


def test_workers_give_the_figures_of_the_serial_run(tmp_path):
    data = dots(18)
    found = [
        compare({"deep": forest()}, data, folds=3, repeats=1, workers=workers, n_timed=1, n_examples=2).data["answer"]
        for workers in (1, 2)
    ]
    assert found[0]["machines"] == found[1]["machines"]
    assert found[0]["verdicts"] == found[1]["verdicts"]


def test_a_subject_that_moves_is_located(tmp_path):
    data = dots(30, moving=True)
    plan = make_plan(data, n_folds=2, n_repeats=1)
    assert plan.located, plan.rule
    report = compare({"deep": forest()}, data, folds=2, repeats=1, output=tmp_path, n_timed=1, n_examples=2)
    answer = report.data["answer"]
    assert answer["protocol"]["crop_rule"] == "located"
    assert answer["machines"]["deep"]["boxed"]["mean"] > 0
    machine = posemachines.load(tmp_path / "machine.npz")
    assert machine.predict_photo(data.photos[0]).joints.shape == (1, 3, 2)


def test_a_trained_machine_is_not_cross_validated(finished):
    data = dots(24)
    machine = MeanPose().fit(data.crops(48))
    with pytest.raises(ValueError, match="is trained already"):
        compare({"mean": machine}, data)


def test_time_that_is_short_leaves_out_what_is_not_needed(tmp_path):
    data = dots(24)
    report = compare({"deep": forest()}, data, folds=3, repeats=2, minutes=1e-6, n_timed=1, n_examples=2)
    answer = report.data["answer"]
    assert answer["protocol"]["repeats_done"] == 1
    assert answer["curve"] is None
    assert any("repeat 2 of 2 was left out" in note for note in answer["notes"])


def test_labels_that_all_machines_contradict(rng):
    truth = np.concatenate([rng.uniform(20, 80, (40, 3, 2)), np.ones((40, 3, 1))], -1)
    predicted = {name: truth[..., :2] + rng.normal(0, 1, (40, 3, 2)) for name in "ab"}
    truth[7, 1, :2] += 30
    found = suspect_labels(predicted, truth)
    assert [(one["subject"], one["part"]) for one in found] == [(7, 1)]
    assert found[0]["distance"] == pytest.approx(30 * np.sqrt(2), abs=3)
    predicted["b"][7, 1] += 60  # the machines disagree
    assert suspect_labels(predicted, truth) == []
    assert suspect_labels({"a": predicted["a"]}, truth) == []


def test_second_labels_are_matched_by_photo_and_part(tmp_path):
    data = dots(6)
    write_dataset(_saved(data, tmp_path), tmp_path / "first.csv", "landmark_csv")
    first = posemachines.load_dataset(tmp_path / "first.csv")
    second = first[[4, 2, 0]]
    second.joints = second.joints + np.array([1, 0, 0], np.float32)
    matched = match_labels(first, second)
    np.testing.assert_allclose(matched[2, :, 0], first.joints[2, :, 0] + 1)
    assert matched[[1, 3, 5]].sum() == 0
    second.skeleton = second.skeleton.select([0])
    second.joints = second.joints[:, :1]
    assert match_labels(first, second)[2, 1:].sum() == 0


def _saved(data, folder):
    """The data set with its photos in files."""
    from PIL import Image

    paths = []
    for index, photo in enumerate(data.photos):
        paths.append(folder / f"photo{index:03d}.png")
        Image.fromarray(photo).save(paths[-1])
    return PoseDataset(paths, data.joints, data.skeleton)


def test_the_command(tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    write_dataset(_saved(dots(20), tmp_path), labels, "landmark_csv")
    assert photo_size(tmp_path / "photo000.png")[0] > 0
    options = ["--machines", "pm", "--rounds", "2", "--stages", "1", "--folds", "2", "--repeats", "1", "--jobs", "1"]
    output = tmp_path / "out"
    arguments = [str(labels), *options, "--output", str(output), "--groups", "none", "--no-curve", "--no-check"]
    assert run_command("compare", arguments) == 0
    printed = capsys.readouterr().out
    assert "20 subjects, 3 landmarks" in printed
    content = json.loads((output / "report.json").read_text())
    assert content["answer"]["chosen"] in ("pm", "ridge")
    assert (output / "machine.npz").is_file()
    shutil.rmtree(output)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "1"], "--folds must be at least 2"),
        (["--crop-size", "big"], "give auto, a side in pixels"),
        (["--test-labels", "a", "--test-groups", "b"], "give one of them"),
        (["--train", "5"], "--train belongs to --dataset"),
        (["--thresholds", "2,x"], "not a list of positive numbers"),
        (["--pairs", "a"], "not a list of pairs"),
    ],
)
def test_wrong_options_are_named(options, message, capsys):
    with pytest.raises(SystemExit):
        run_command("compare", ["labels.csv", *options])
    assert message in capsys.readouterr().err


def test_a_test_set_of_one_group_is_looked_into():
    """Otherwise it would have no interval, and no verdict."""
    data = dots(24, groups=["first"] * 9 + ["second"] * 9 + ["test"] * 6)
    plan = make_plan(data[:18], data[18:])
    tested = plan.groups.values[18:]
    assert len({*tested}) == 6
    assert {*plan.groups.values[:18]} == {"first", "second"}
    assert all(value.startswith("test: ") for value in tested)

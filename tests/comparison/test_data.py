"""Datasets of every format in the comparison."""

import argparse
import json
import re

import pytest

from benchmarks import compare_pm_cpm
from posemachines.comparison import data as compare_data
from tests.datasets.formats import save_everything

TINY = ["--quick", "--rounds", "2", "--epochs", "1", "--stages", "2", "--jobs", "1", "--device", "cpu"]
DATASET = {
    "mpii matlab": "mpii",
    "mpii plain": "mpii",
    "mpii cpm": "mpii",
    "flic": "flic",
    "coco": "coco",
    "csv": "csv",
}
PARTS = {"mpii": 14, "flic": 9, "coco": 14, "csv": 14}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("formats")
    return root, *save_everything(root)


def arguments(root, files, layout):
    dataset = DATASET[layout]
    where = ["--root", str(root)]
    if dataset != "flic":
        where = ["--annotations", str(files[layout]), "--images", str(root / "images")]
    rule = ["--crop-rule", "joints"] if dataset == "flic" else []
    return ["--dataset", dataset, *where, *rule]


@pytest.mark.parametrize("layout", DATASET)
@pytest.mark.filterwarnings("ignore:left out because no training subject")
def test_every_format_is_compared(saved, layout, tmp_path, capsys):
    root, _, files = saved
    every = layout == "csv"  # the machines do not see the format: the forest stands for them
    options = [*arguments(root, files, layout), *TINY, "--output", str(tmp_path)]
    options += [] if every else ["--machines", "pm"]
    assert compare_pm_cpm.main([*options, "--trained", str(tmp_path)]) == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["finished"]
    assert list(report["machines"]) == ["mean", "pm", *(["pm-pretrained", "cpm"] if every else [])]
    data = report["dataset"]
    assert (data["train"], data["test"]) == (32, 8)
    assert len(data["parts"]) == PARTS[DATASET[layout]]
    assert data["view"] == ("observer" if layout == "flic" else "person")
    for machine in report["machines"].values():
        assert machine["accuracy"]["n_people"] == 8
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_parts_that_are_never_labelled_are_left_out(saved):
    root, _, files = saved
    with pytest.warns(UserWarning, match="left out because no training subject has them labelled: pelvis, thorax"):
        train, test = compare_data.load(parsed(*arguments(root, files, "mpii plain")))
    assert train.skeleton == test.skeleton
    assert "thorax" not in train.skeleton.parts
    assert train.joints.shape[1] == test.occluded.shape[1] == 14
    assert train.joints[..., 2].any(0).all()


def parsed(*given):
    parser = argparse.ArgumentParser()
    compare_data.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(quick=False)
    options = parser.parse_args([str(one) for one in given])
    compare_data.check(options, parser)
    return options


def test_own_data_are_split_by_photos(saved, tmp_path):
    root, _, files = saved
    content = json.loads(files["coco"].read_text())
    content["annotations"] += [one | {"id": one["id"] + 100} for one in content["annotations"]]  # two per photo
    file = tmp_path / "double.json"
    file.write_text(json.dumps(content))
    given = ("--dataset", "coco", "--annotations", file, "--images", root / "images")
    train, test = compare_data.load(parsed(*given))
    assert (len(train), len(test)) == (64, 16)
    assert not {*train.photos} & {*test.photos}
    again, _ = compare_data.load(parsed(*given))
    assert again.photos == train.photos
    other, _ = compare_data.load(parsed(*given, "--seed", 1))
    assert other.photos != train.photos
    few, fewer = compare_data.load(parsed(*given, "--train", 10, "--test", 4))
    assert (len(few), len(fewer)) == (10, 4)
    with pytest.raises(ValueError, match=r"--train 65: the coco data have 64 subjects"):
        compare_data.load(parsed(*given, "--train", 65))


def test_test_subjects_in_another_file(saved):
    root, _, files = saved
    images = ("--images", root / "images")
    train, test = compare_data.load(
        parsed("--dataset", "coco", "--annotations", files["coco"], "--test-annotations", files["coco"], *images)
    )
    assert len(train) == len(test) == 40
    with pytest.raises(ValueError, match="is not a list of"):
        compare_data.load(
            parsed(
                "--dataset", "mpii", "--annotations", files["mpii plain"], "--test-annotations", files["coco"], *images
            )
        )


@pytest.mark.filterwarnings("ignore:left out because no training subject")
def test_published_splits(saved):
    root, _, files = saved
    train, test = compare_data.load(parsed(*arguments(root, files, "mpii cpm")))
    assert [photo.name for photo in test.photos] == [f"figure{number}.png" for number in range(32, 40)]
    train, test = compare_data.load(parsed("--dataset", "flic", "--root", root))
    assert [int(photo.stem[-2:]) for photo in test.photos] == list(range(0, 40, 5))
    assert train.crop_rule == "cpm"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--dataset", "flic"), "needs --root"),
        (("--dataset", "coco", "--images", "."), "needs --annotations .* and --images"),
        (("--dataset", "csv", "--annotations", "a.csv"), "needs --annotations"),
        (("--dataset", "synthetic", "--test", "1"), "--test must be at least 2"),
    ],
)
def test_missing_options(given, message, capsys):
    with pytest.raises(SystemExit):
        parsed(*given)
    assert re.search(message, capsys.readouterr().err)


def test_former_names_of_options():
    old = parsed("--dataset", "figures", "--frame", "box", "--view", "observer")
    assert (old.dataset, old.crop_rule, old.side_convention) == ("synthetic", "box", "observer")
    new = parsed("--dataset", "synthetic", "--crop-rule", "box", "--side-convention", "observer")
    assert vars(old) == vars(new)

import json

import numpy as np
import pytest

from posemachines.__main__ import main

POSES = np.random.default_rng(0).uniform(1, 100, (20, 14, 2))


@pytest.fixture
def files(tmp_path):
    """Arguments with predictions that are one pixel off, and their ground truth."""
    np.savez(tmp_path / "p.npz", pred=POSES.transpose(2, 1, 0) + 1, other=POSES.transpose(1, 2, 0))
    np.savez(tmp_path / "t.npz", joints=POSES)
    return [
        "evaluate",
        "--predictions",
        str(tmp_path / "p.npz"),
        "--truth",
        str(tmp_path / "t.npz"),
        "--resamples",
        "20",
    ]


def one_error(capsys, arguments):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_output(files, tmp_path, capsys):
    assert main([*files, "--protocol", "lsp-pc", "--output", str(tmp_path / "r.json")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("PCK@0.2 (left shoulder to right hip), pooled over 14 parts")
    assert "note: predictions: pred (2, 14, 20) of p.npz" in out
    assert err == f"wrote {tmp_path / 'r.json'}\n"
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["truth"].endswith("t.npz")
    assert content["n_people"] == 20
    assert content["notes"]


def test_origins_and_variable(files, capsys):
    arguments = [*files, "--protocol", "lsp-pc"]
    assert main([*arguments, "--predictions-origin", "1", "--truth-origin", "0"]) == 0
    out = capsys.readouterr().out
    assert "shifted by -1 px" in out
    assert out.splitlines()[2].split()[:2] == ["AUC", "0..0.2"]
    assert "100.00" in out.splitlines()[2]
    assert main([*arguments, "--variable", "other"]) == 0
    assert "100.00" in capsys.readouterr().out.splitlines()[2]
    assert "or neither" in one_error(capsys, [*arguments, "--truth-origin", "0"])


def test_coco(tmp_path, capsys):
    poses = np.dstack([np.random.default_rng(1).uniform(0, 90, (4, 17, 2)), np.full((4, 17), 2)])
    people = [
        {"image_id": n // 2, "keypoints": pose.ravel().tolist(), "area": 2000, "bbox": [0, 0, 90, 90]}
        for n, pose in enumerate(poses)
    ]
    (tmp_path / "t.json").write_text(json.dumps({"images": [{"id": n} for n in range(3)], "annotations": people}))
    results = [{"image_id": p["image_id"], "keypoints": p["keypoints"], "score": 0.5} for p in people]
    (tmp_path / "p.json").write_text(json.dumps(results))
    files = ["--predictions", str(tmp_path / "p.json"), "--truth", str(tmp_path / "t.json")]
    assert main(["evaluate", *files, "--protocol", "coco", "--resamples", "10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("OKS-AP@0.5:0.95, 17 parts  100.00  [100.00, 100.00]")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "mpii"], "no array of people x 16 parts"),
        (["--protocol", "lsp-pc", "--variable", "none"], "no variable 'none'"),
        (["--protocol", "lsp-pc", "--side-convention", "observer"], "is person-centric"),
        (["--protocol", "lsp-pc", "--predictions", "none.mat"], "no file none.mat"),
        (["--protocol", "lsp-pc", "--output", "nowhere/x.json"], "no folder nowhere"),
        (["--protocol", "coco"], "reads COCO's JSON"),
    ],
)
def test_errors_are_one_line(files, options, message, capsys):
    assert message in one_error(capsys, [*files, *options])


def test_the_truth_is_not_overwritten(files, capsys):
    assert "would be overwritten" in one_error(capsys, [*files, "--protocol", "lsp-pc", "--output", files[4]])

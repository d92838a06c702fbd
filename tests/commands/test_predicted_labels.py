"""Predictions as labels for a labelling tool."""

import numpy as np
import pytest

from posemachines import load_dataset
from posemachines.__main__ import main
from posemachines.commands import files
from posemachines.commands import predict as command
from tests.inference.test_photos import Spotter
from tests.toys import JOINTS, dotted


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A temporary working directory with two photos, and a machine that finds their dots."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_machine", lambda name, kind: Spotter())
    for name in ("a.png", "b.png"):
        files.write_picture(tmp_path / name, dotted())
    return tmp_path


def test_joints_go_into_the_labelling_tool(folder, capsys):
    for name in ("a.png", "b.png"):
        words = ["predict", name, "--box", "65,45,85,90", "--labels", "out", "--format", "labelme"]
        assert main(words) == 0
    assert "wrote out" in capsys.readouterr().err
    found = load_dataset("out", folder)
    assert [photo.name for photo in found.photos] == ["a.png", "b.png"]
    np.testing.assert_allclose(found.joints[0, :, :2], JOINTS, atol=2)


def test_labels_are_not_replaced(folder, capsys):
    words = ["predict", "a.png", "--box", "65,45,85,90", "--labels", "out", "--format", "labelme"]
    assert main(words) == 0
    assert main(words) == 2
    assert "a.json exists" in capsys.readouterr().err


def test_what_the_format_does_not_hold_is_said(folder, capsys):
    assert main(["predict", "a.png", "--box", "65,45,85,90", "--labels", "out.tps"]) == 0
    assert "note: TPS has numbers instead of names" in capsys.readouterr().err
    np.testing.assert_allclose(load_dataset("out.tps").joints[0, :, :2], JOINTS, atol=2)

import json

import pytest

from posemachines.__main__ import main
from tests.datasets.formats import save_everything


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    root = tmp_path_factory.mktemp("labels")
    _, files = save_everything(root)
    return ["validate", "--dataset", "coco", "--annotations", str(files["coco"]), "--images", str(root / "images")]


@pytest.mark.parametrize("option", ["--crop-rule", "--frame"])
def test_findings_as_json(option, options, tmp_path, capsys):
    file = tmp_path / "labels.json"
    assert main([*options, option, "joints", "--json", str(file)]) in (0, 1)
    command = json.loads(file.read_text())["command"]
    assert command.startswith("python -m posemachines validate --dataset coco --annotations ")
    assert command.endswith(" --crop-rule joints")
    assert capsys.readouterr().err == f"wrote {file}\n"


def test_missing_labels(capsys):
    assert main(["validate", "--dataset", "lspet"]) == 2
    assert "--dataset lspet needs --root" in capsys.readouterr().err

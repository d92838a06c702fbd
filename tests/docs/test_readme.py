"""The example of the README runs as it is written, on a COCO file of synthetic people."""

import re
from pathlib import Path

from PIL import Image

from posemachines.datasets import PoseDataset, make_synthetic, write_coco

README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_the_readme(tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    drawn = make_synthetic(10, random_state=0)
    paths = [tmp_path / "photos" / f"{number}.png" for number in range(len(drawn))]
    for number, path in enumerate(paths):
        Image.fromarray(drawn.photo(number)).save(path)
    Image.fromarray(drawn.photo(0)).save(tmp_path / "new.jpg")
    write_coco(tmp_path / "labels.json", PoseDataset(paths, drawn.joints, drawn.skeleton))
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert "PCK@0.2 of left shoulder to right hip" in capsys.readouterr().out
    assert names["pose"].joints.shape == (1, 14, 2)
    assert (len(names["train"]), len(names["test"])) == (8, 2)
    assert {"forest", "net"} <= {*names["report"].data["machines"]}
    assert (tmp_path / "drawn.png").is_file()
    assert "PCK@0.2" in (tmp_path / "report.html").read_text(encoding="utf-8")

"""The example of the README runs as it is written, on a COCO file of synthetic people; machines train briefly."""

import re
from functools import partial
from pathlib import Path

from PIL import Image

from posemachines.comparison import plan, validated
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
    monkeypatch.setattr(validated, "build", partial(validated.build, stages=1, rounds=1, epochs=1))
    monkeypatch.setattr(plan, "N_REPEATS", 1)
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert capsys.readouterr().out.strip()
    assert names["pose"].joints.shape == (1, 14, 2)
    content = names["report"].data
    assert {"mean", "forest", "net"} <= {*content["machines"]}
    assert content["answer"]["chosen"] in ("ridge", "forest", "net")
    assert (tmp_path / "drawn.png").is_file()
    assert "pixels of the photo" in (tmp_path / "answer" / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "answer" / "report.html").is_file()

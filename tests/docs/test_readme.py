"""The example of the README runs as it is written, on a COCO file of synthetic people: in two folds, on small crops."""

import re
from functools import partial
from pathlib import Path

from PIL import Image

from posemachines import located_machine
from posemachines.comparison import plan, validated
from posemachines.datasets import PoseDataset, choose_crop_shape, folds, make_synthetic, write_coco

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
    monkeypatch.setattr(plan, "folds", lambda groups, *_, random_state: folds(groups, 2, random_state=random_state))
    monkeypatch.setattr(plan, "choose_crop_shape", partial(choose_crop_shape, budget=64 * 64))
    monkeypatch.setattr(located_machine, "COARSE_SIDES", (64, 64))
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(example, names)
    assert capsys.readouterr().out.strip()
    assert names["pose"].joints.shape == (1, 14, 2)
    content = names["report"].data
    assert {"mean", "forest", "net"} <= {*content["machines"]}
    assert content["answer"]["chosen"] in ("ridge", "forest", "net")
    assert (tmp_path / "drawn.png").is_file()
    assert content["answer"]["units"]["name"] == "pixels of the photo"
    assert {"report.html", "report.md", "report.json"} <= {each.name for each in (tmp_path / "answer").iterdir()}

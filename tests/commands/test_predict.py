import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

import posemachines
from posemachines import ForestStage, LocatedMachine, PoseMachine
from posemachines.__main__ import main
from posemachines.commands import COMMANDS, files
from posemachines.commands import predict as command
from posemachines.geometry import read_photo
from posemachines.testing import SKELETON, make_dots
from tests.inference.finders import Finder, small_subjects
from tests.inference.test_photos import Spotter, far
from tests.toys import HEIGHT, JOINTS, WIDTH, dotted

BOX = "65,45,85,90"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A temporary working directory that contains photo.png."""
    monkeypatch.chdir(tmp_path)
    files.write_picture(tmp_path / "photo.png", dotted())
    return tmp_path


@pytest.fixture
def spotter(monkeypatch):
    """The machine that is found under every name."""
    machine = Spotter()
    monkeypatch.setattr(command, "find_machine", lambda name, kind: machine)
    return machine


@pytest.fixture(scope="module")
def machine_file(tmp_path_factory):
    """File of a tiny machine with two stages."""
    images, joints = make_dots(40, grid=(8, 8))
    stage = ForestStage(n_rounds=2, min_samples_leaf=4)
    path = tmp_path_factory.mktemp("machine") / "tiny.npz"
    PoseMachine(2, stage=stage, n_jobs=1, skeleton=SKELETON, random_state=0).fit(images, joints).save(path)
    return path


def table(text):
    """Name, x, y and belief in every row of a table, without the headings."""
    lines = [line.rsplit(maxsplit=3) for line in text.splitlines() if line]
    return [(name, x, y, belief) for name, x, y, belief in lines if belief != "belief"]


def one_error(capsys, arguments):
    """The line that reports an error."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("python -m posemachines predict: error: ")
    return err


# -- what it writes -------------------------------------------------------------------------------------------------


def test_table_and_drawing(folder, spotter, capsys):
    before = (folder / "photo.png").read_bytes()
    assert main(["predict", "photo.png", "--box", BOX]) == 0
    out, err = capsys.readouterr()
    rows = table(out)
    assert [name for name, *_ in rows] == list(SKELETON.parts)
    assert far(np.array([[x, y] for _, x, y, _ in rows], float)) < 1
    assert all(0.8 < float(belief) <= 1 for *_, belief in rows)
    assert len({len(line) for line in out.splitlines()}) == 1  # of equal width
    assert err == "wrote photo_pose.png\n"
    assert sorted(path.name for path in folder.iterdir()) == ["photo.png", "photo_pose.png"]
    assert (folder / "photo.png").read_bytes() == before
    changed = (read_photo(folder / "photo_pose.png") != dotted()).any(-1)
    assert changed.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(changed)
    for x, y in JOINTS:
        assert changed[round(y), round(x)]
    assert JOINTS[:, 0].min() - 10 < columns.min() < columns.max() < JOINTS[:, 0].max() + 10
    assert JOINTS[:, 1].min() - 10 < rows.min() < rows.max() < JOINTS[:, 1].max() + 10


def test_without_a_box_the_photo_is_one(folder, spotter, capsys):
    assert main(["predict", "photo.png", "-o", "drawn.JPG"]) == 0
    assert far(np.array([[x, y] for _, x, y, _ in table(capsys.readouterr().out)], float)) < 1
    assert read_photo("drawn.JPG").shape == (HEIGHT, WIDTH, 3)


def test_several_people(folder, spotter, capsys):
    arguments = ["predict", "photo.png", "--box", BOX, "--box=-30,-20,250,200", "--json", "joints.json"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "subject 1 " in out
    assert "subject 2 " in out
    rows = np.array([[x, y] for _, x, y, _ in table(out)], float).reshape(2, 3, 2)
    assert far(rows) < 1
    content = json.loads((folder / "joints.json").read_text())
    assert [person["box"] for person in content["people"]] == [[65, 45, 85, 90], [-30, -20, 250, 200]]


def test_json(folder, spotter, capsys):
    photo = dotted()
    photo[100:] = 120  # hides the middle
    files.write_picture(folder / "hidden.png", photo)
    assert main(["predict", "hidden.png", "--box", BOX, "--json", "j.json", "--threshold", "0.5"]) == 0
    content = json.loads((folder / "j.json").read_text())
    people = content.pop("people")
    assert content == {"photo": "hidden.png", "machine": "lspet", "kind": "Spotter", "stage": 2}
    right, left, middle = people[0]["joints"]
    assert people[0]["box"] == [65, 45, 85, 90]
    assert np.hypot(right["x"] - JOINTS[0, 0], right["y"] - JOINTS[0, 1]) < 1
    assert left["part"] == "left"
    assert left["belief"] > 0.8
    assert middle == {"part": "middle", "x": None, "y": None, "belief": 0}
    assert table(capsys.readouterr().out)[2] == ("middle", "-", "-", "0.00")
    drawn = read_photo(folder / "hidden_pose.png")
    assert (drawn[100:] == 120).all()


def test_stage(folder, spotter, capsys):
    assert main(["predict", "photo.png", "--box", BOX, "--stage", "1", "--json", "j.json"]) == 0
    rows = table(capsys.readouterr().out)
    assert max(float(belief) for *_, belief in rows) <= 0.5
    assert json.loads((folder / "j.json").read_text())["stage"] == 1
    assert "stages 1 to 2" in one_error(capsys, ["predict", "photo.png", "--stage", "3"])


@pytest.mark.parametrize(("option", "expected"), [("--flip", True), ("--no-flip", False), (None, "own")])
def test_flip_is_the_machine_s_own(option, expected, folder, spotter):
    spotter.flip = "own"
    assert main(["predict", "photo.png", *([option] if option else [])]) == 0
    assert [flip for flip, *_ in spotter.asked] == [expected]


def test_beliefs_of_every_stage(folder, spotter):
    pytest.importorskip("matplotlib")
    heights = {}
    for name, options in {"one": ["--stage", "1"], "all": [], "two": ["--box", BOX, "--box", BOX]}.items():
        assert main(["predict", "photo.png", *options, "--beliefs", f"{name}.png"]) == 0
        heights[name] = read_photo(f"{name}.png").shape[0]
    assert heights["one"] < heights["all"] < heights["two"]
    assert heights["two"] == 2 * heights["all"]


def test_an_older_drawing_is_replaced_completely_or_not_at_all(folder, spotter, monkeypatch, capsys):
    (folder / "photo_pose.png").write_text("older")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert "disk full" in one_error(capsys, ["predict", "photo.png"])
    monkeypatch.undo()
    assert (folder / "photo_pose.png").read_text() == "older"
    assert len(list(folder.iterdir())) == 2


# -- machines -------------------------------------------------------------------------------------------------------


def test_machine_from_a_file(folder, machine_file, capsys):
    files.write_picture(folder / "dots.png", make_dots(1, grid=(10, 12), random_state=9)[0][0])
    arguments = ["predict", "dots.png", "--machine", str(machine_file)]
    assert main([*arguments, "--json", "j.json"]) == 0
    assert len(table(capsys.readouterr().out)) == 3
    content = json.loads((folder / "j.json").read_text())
    assert (content["kind"], content["stage"]) == ("PoseMachine", 2)
    assert main([*arguments, "--stage", "1"]) == 0
    capsys.readouterr()
    assert "leave --kind out" in one_error(capsys, [*arguments, "--kind", "forest"])


def test_nothing_overwrites_what_is_read(folder, machine_file, capsys):
    (folder / "link.png").symlink_to(folder / "photo.png")
    before = (folder / "photo.png").read_bytes(), machine_file.read_bytes()
    for options in (
        ["-o", "photo.png"],
        ["-o", str(folder / "photo.png")],
        ["-o", "link.png"],
        ["--beliefs", "photo.png"],
        ["--json", "photo.png"],
        ["--machine", str(machine_file), "--json", str(machine_file)],
    ):
        assert "would be overwritten" in one_error(capsys, ["predict", "photo.png", *options])
    assert before == ((folder / "photo.png").read_bytes(), machine_file.read_bytes())
    assert "two outputs" in one_error(capsys, ["predict", "photo.png", "-o", "x.png", "--beliefs", "./x.png"])


class Shipped:
    """A kind of machine that is shipped under these names."""

    def __init__(self, *names):
        self.names = names

    def from_pretrained(self, name):
        if name not in self.names:
            raise ValueError(f"no trained machine is called {name!r}")
        return self, name


def test_the_net_is_preferred(monkeypatch, capsys):
    net, forests = Shipped("both"), Shipped("both", "forests only")
    monkeypatch.setattr(posemachines, "ConvPoseMachine", net, raising=False)
    monkeypatch.setattr(posemachines, "PoseMachine", forests, raising=False)
    assert files.find_machine("both", None) == (net, "both")
    assert files.find_machine("both", "conv") == (net, "both")
    assert files.find_machine("both", "forest") == (forests, "both")
    assert capsys.readouterr().err == ""
    assert files.find_machine("forests only", None) == (forests, "forests only")
    assert "using the forests instead" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no trained machine"):
        files.find_machine("forests only", "conv")
    with pytest.raises(ValueError, match="no trained machine is called 'neither'"):
        files.find_machine("neither", None)
    assert capsys.readouterr().err == ""  # there are no forests either


def test_the_forests_that_ship(folder, capsys):
    assert main(["predict", "photo.png", "--kind", "forest", "--no-flip"]) == 0
    names = [name for name, *_ in table(capsys.readouterr().out)]
    assert names[0] == "right ankle"
    assert len(names) == 14


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png"], "no photo at none.png"),
        (["broken.png"], "broken.png is not a readable"),
        (["photo.png", "--box", "260,0,20,20"], "box 260,0,20,20 lies outside the photo of 260 x 170 px"),
        (["photo.png", "--box", BOX, "--box=-50,0,50,20"], "box -50,0,50,20 lies outside"),
        (["photo.png", "-o", "nowhere/x.png"], "no folder nowhere for x.png"),
        (["photo.png", "--json", "nowhere/x.json"], "no folder nowhere for x.json"),
        (["photo.png", "-o", "folder.png"], "is a folder"),
        (["photo.png", "--machine", "none.npz"], "no machine at none.npz"),
        (["photo.png", "--machine", "nowhere/none"], "no machine at nowhere/none"),
        (["photo.png", "--machine", "photo.png"], "not a machine's file"),
        (["photo.png", "--machine", "lspets", "--kind", "forest"], "no trained PoseMachine"),
        (["photo.png", "--kind", "forest", "--stage", "9"], "--stage 9: the machine has stages 1 to 3"),
        (["photo.png", "--kind", "forest", "--threshold", "nan"], "threshold is a belief"),
    ],
)
def test_errors_are_one_line(arguments, message, folder, capsys):
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "folder.png").mkdir()
    assert message in one_error(capsys, ["predict", *arguments])
    assert not list(folder.glob("*_pose.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: command"),
        (["divine"], "invalid choice: 'divine'"),
        (["predict"], "required: photo"),
        (["predict", "photo.png", "--box", "1,2,3"], "is not x,y,width,height"),
        (["predict", "photo.png", "--box", "1,2,3,0"], "is not x,y,width,height"),
        (["predict", "photo.png", "--box", "1,2,3,nan"], "is not x,y,width,height"),
        (["predict", "photo.png", "--box", "a,b,c,d"], "is not x,y,width,height"),
        (["predict", "photo.png", "-o", "drawn.gif"], "must end in .png, .jpg or .jpeg"),
        (["predict", "photo.png", "--kind", "tree"], "invalid choice: 'tree'"),
        (["predict", "photo.png", "--stage", "last"], "invalid int"),
    ],
)
def test_wrong_options_show_the_usage(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_help_lists_every_option(capsys):
    for arguments in (["--help"], ["predict", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert posemachines.__version__ in out
    for text in ("--box", "--no-flip", "--threshold", *(each.SUMMARY for each in COMMANDS)):
        assert text in out


def test_interrupted(folder, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "find_machine", interrupt)
    assert main(["predict", "photo.png"]) == 130


def test_as_a_program():
    run = subprocess.run([sys.executable, "-m", "posemachines", "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, f"posemachines {posemachines.__version__}\n")
    code = (
        "import sys; from posemachines.commands import make_parser; make_parser(); "
        "print([m for m in ('numpy', 'cv2', 'sklearn', 'torch', 'numba') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_pictures_keep_their_colours(tmp_path):
    picture = np.zeros((5, 7, 3), np.uint8)
    picture[..., 0] = 200
    files.write_picture(tmp_path / "red.PNG", picture)
    np.testing.assert_array_equal(read_photo(tmp_path / "red.PNG"), picture)
    assert cv2.imread(str(tmp_path / "red.PNG"))[0, 0].tolist() == [0, 0, 200]


def test_published_procedure(folder, spotter, capsys):
    assert main(["predict", "photo.png", "--box", BOX, "--protocol", "cpm2016"]) == 0
    assert far(np.array([[x, y] for _, x, y, _ in table(capsys.readouterr().out)], float)) < 1.5
    assert sum(shape[0] for *_, shape in spotter.asked) == 7, "seven scales"


# -- how the machine's training crops were cut ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def animals():
    return small_subjects(16)


@pytest.fixture(scope="module")
def of_crops(animals, tmp_path_factory):
    """File of a machine that was trained on crops around the joints."""
    path = tmp_path_factory.mktemp("machine") / "crops.npz"
    PoseMachine(1, stage=ForestStage(n_rounds=3, min_samples_leaf=3), crop_size=64, random_state=0).fit(animals).save(
        path
    )
    return path


def test_a_machine_of_crops_refuses_a_photo_without_a_box(folder, animals, of_crops, capsys):
    """It took the whole photo, on which the subject is several times too small, and was wrong without a word."""
    files.write_picture(folder / "animal.png", animals.photo(0))
    arguments = ["predict", "animal.png", "--machine", str(of_crops)]
    error = one_error(capsys, arguments)
    assert "trained on crops around the box of the labelled landmarks (padding 1.43)" in error
    assert "--box on the command line, around the landmarks of each subject" in error
    low, high = animals.joints[0, :, :2].min(0), animals.joints[0, :, :2].max(0)
    box = ",".join(f"{value:g}" for value in (*low, *(high - low)))
    assert main([*arguments, "--box", box]) == 0
    captured = capsys.readouterr()
    found = np.array([[x, y] for _, x, y, _ in table(captured.out)], float)
    expected = posemachines.load(of_crops).predict(animals.crops(64))[0]
    in_photo = posemachines.geometry.to_photo(expected, animals.crops(64).transforms[0])
    np.testing.assert_allclose(found, in_photo, atol=1)
    assert captured.err == "wrote animal_pose.png\n"
    assert main([*arguments, "--box", "0,0,210,150"]) == 0
    assert "note: box 1 is 210 px long, but the training subjects were" in capsys.readouterr().err


def test_a_machine_of_whole_photos_needs_no_box(folder, animals, tmp_path, capsys):
    files.write_picture(folder / "animal.png", animals.photo(0))
    machine = PoseMachine(1, stage=ForestStage(n_rounds=1), crop_size=(48, 64), random_state=0)
    machine.fit(animals.with_crop_rule("photo")).save(tmp_path / "photos.npz")
    assert main(["predict", "animal.png", "--machine", "photos.npz"]) == 0
    captured = capsys.readouterr()
    assert len(table(captured.out)) == 3
    assert captured.err == "wrote animal_pose.png\n"


def test_a_machine_that_finds_its_subject(folder, animals, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    files.write_picture(folder / "animal.png", animals.photo(0))
    small = PoseMachine(2, stage=ForestStage(n_rounds=2, min_samples_leaf=3), random_state=0)
    LocatedMachine(small, crop_shape=(48, 64)).fit(animals).save(tmp_path / "located.npz")
    arguments = ["predict", "animal.png", "--machine", "located.npz"]
    assert main([*arguments, "--json", "j.json", "--beliefs", "b.png", "--stage", "1"]) == 0
    assert len(table(capsys.readouterr().out)) == 3
    content = json.loads((folder / "j.json").read_text())
    assert (content["kind"], content["stage"]) == ("LocatedMachine", 1)
    assert "stages 1 to 2" in one_error(capsys, [*arguments, "--stage", "3"])


def test_a_machine_without_beliefs(folder, animals, monkeypatch, capsys):
    files.write_picture(folder / "animal.png", animals.photo(0))
    machine = Finder().fit(animals.with_crop_rule("photo"))
    monkeypatch.setattr(command, "find_machine", lambda name, kind: machine)
    assert main(["predict", "animal.png", "--json", "j.json"]) == 0
    rows = table(capsys.readouterr().out)
    assert {belief for *_, belief in rows} == {"-"}
    assert far(np.array([[x, y] for _, x, y, _ in rows], float), animals.joints[0, :, :2]) < 3
    assert json.loads((folder / "j.json").read_text())["people"][0]["joints"][0]["belief"] is None
    assert "has no belief maps; leave out --threshold" in one_error(
        capsys, ["predict", "animal.png", "--threshold", "1"]
    )


def test_a_page_of_a_file(folder, spotter, capsys):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(folder / "stack.tif", np.stack([dotted() * 0, dotted()]), photometric="rgb")
    assert main(["predict", "stack.tif#page=1", "--box", BOX]) == 0
    captured = capsys.readouterr()
    assert far(np.array([[x, y] for _, x, y, _ in table(captured.out)], float)) < 1
    assert captured.err == "wrote stack_pose.png\n"

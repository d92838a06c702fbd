"""DeepLabCut's tables and projects: what they look like in the wild."""

import csv

import h5py
import numpy as np
import pytest
from PIL import Image

from posemachines import PoseDataset, Skeleton
from posemachines.datasets import load_dataset
from posemachines.io.deeplabcut import (
    read_deeplabcut,
    read_landmark_table,
    recognise_deeplabcut,
    write_deeplabcut,
)

PARTS = ("snout", "earL", "earR")


def table(scorer="me", parts=PARTS, likelihood=False):
    kinds = ["x", "y", *["likelihood"] * likelihood]
    return [
        ["scorer", *[scorer] * (len(parts) * len(kinds))],
        ["bodyparts", *[part for part in parts for _ in kinds]],
        ["coords", *kinds * len(parts)],
    ]


def write_table(path, rows, *, delimiter=",", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def write_photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30)).save(path)


@pytest.fixture
def project(tmp_path):
    """Two labelled videos of the same photo names, one folder without labels, and tables that are no labels."""
    root = tmp_path / "mice"
    for video, start in (("A", 1), ("B", 11)):
        folder = root / "labeled-data" / video
        rows = [[f"labeled-data\\{video}\\img{k}.png", start + k, 2, 3, 4, "", ""] for k in range(2)]
        write_table(folder / "CollectedData_me.csv", table() + rows)
        for k in range(2):
            write_photo(folder / f"img{k}.png")
    write_table(root / "labeled-data" / "A" / "machinelabels.csv", table("DLC_resnet50_x") + [["img0.png", *[9] * 6]])
    write_photo(root / "labeled-data" / "C" / "img0.png")
    (root / "labeled-data" / "A_labeled").mkdir()
    (root / "config.yaml").write_text(
        "Task: running\nscorer: me\nvideo_sets:\n  C:\\elsewhere\\A.mp4: {crop: 0, 1, 0, 1}\n"
        "bodyparts: [earR, snout, earL, tail]\nskeleton:\n- [snout, earL]\n- [snout, earR]\n- [snout, tail]\n"
    )
    return root


def test_a_project_joins_its_videos(project):
    for path in (project, project / "config.yaml", project / "labeled-data"):
        found = read_deeplabcut(path)
        assert found.name == "running"
        assert found.skeleton.parts == ("earR", "snout", "earL"), "in the order of the config"
        assert found.skeleton.limbs == ((1, 2), (1, 0))
        assert found.skeleton.pairs == ((0, 2),)
        assert found.photos == [f"labeled-data/{video}/img{k}.png" for video in "AB" for k in range(2)]
        assert found.groups == ["A", "A", "B", "B"]
        np.testing.assert_array_equal(found.joints[:, 1, 0], [1, 2, 11, 12])
        text = " ".join(found.notes)
        for words in ("photos but no labels: C", "not read: machinelabels.csv", "lists the parts tail", "skeleton of"):
            assert words in text


def test_a_project_is_loaded_by_its_path(project):
    data = load_dataset(project)
    assert [photo.parent.name for photo in data.photos] == ["A", "A", "B", "B"]
    assert list(data.groups) == ["A", "A", "B", "B"]
    assert "left-right pairs by name: earR/earL" in data.notes
    assert len(load_dataset(project.parent)) == 4, "the only labels in a folder"
    one = load_dataset(project / "labeled-data" / "B" / "CollectedData_me.csv")
    assert [photo.parent.name for photo in one.photos] == ["B", "B"]


def test_folders_of_videos_need_no_config(project):
    (project / "config.yaml").unlink()
    found = read_deeplabcut(project / "labeled-data")
    assert (len(found), found.groups) == (4, ["A", "A", "B", "B"])
    assert found.skeleton.limbs == ()


def test_a_renamed_folder_keeps_its_photos(project):
    (project / "labeled-data" / "B").rename(project / "labeled-data" / "new")
    found = read_deeplabcut(project)
    assert found.photos[2:] == ["labeled-data/new/img0.png", "labeled-data/new/img1.png"]
    assert any("calls its folder B" in note for note in found.notes)


def test_a_table_in_another_folder_keeps_its_photos(project):
    """The photos of A are meant, although photos of these names lie beside the table."""
    folder = project / "labeled-data"
    (folder / "A" / "CollectedData_me.csv").replace(folder / "B" / "CollectedData_me.csv")
    assert read_deeplabcut(folder / "B" / "CollectedData_me.csv").photos[0] == "labeled-data/A/img0.png"


def test_one_table_at_the_root_of_the_project(tmp_path):
    rows = [[f"labeled-data/img{k}.png", *[k] * 6] for k in range(3)]
    write_table(tmp_path / "CollectedData.csv", table() + rows)
    for k in range(3):
        write_photo(tmp_path / "labeled-data" / f"img{k}.png")
    for path in (tmp_path, tmp_path / "CollectedData.csv"):
        data = load_dataset(path)
        assert [photo.name for photo in data.photos] == ["img0.png", "img1.png", "img2.png"]
        assert data.groups is None, "all photos are of one video"


def test_several_labellers_of_a_video(project):
    path = project / "labeled-data" / "A" / "CollectedData_me.csv"
    write_table(path.with_name("CollectedData_you.csv"), table("you") + [["img0.png", *[7] * 6]])
    assert len(read_deeplabcut(project)) == 4, "the scorer of the config"
    (project / "config.yaml").unlink()
    with pytest.raises(ValueError, match=r"several people: CollectedData_me\.csv, CollectedData_you\.csv; pass"):
        read_deeplabcut(project)
    assert read_deeplabcut(path.parent, scorer="you").joints[0, 0, 0] == 7


def test_several_scorers_in_one_table(tmp_path):
    heads = [["scorer", *["me"] * 2, *["you"] * 2], ["bodyparts", *["a"] * 4], ["coords", *["x", "y"] * 2]]
    path = write_table(tmp_path / "CollectedData.csv", [*heads, ["img0.png", 1, 2, 3, 4]])
    assert read_deeplabcut(path, scorer="you").joints[0, 0, 0] == 3
    for scorer in (None, "he"):
        with pytest.raises(ValueError, match=r"has the scorers me, you: pass scorer="):
            read_deeplabcut(path, scorer=scorer)


def test_predictions_are_no_labels(tmp_path):
    scorer = "DLC_resnet50_openfieldOct30shuffle1_30000"
    rows = [[str(k), *[k, k, 0.9] * 3] for k in range(3)]
    path = write_table(tmp_path / f"video{scorer}.csv", table(scorer, likelihood=True) + rows)
    with pytest.raises(ValueError, match=r"predictions of a network \(scorer 'DLC_.*pass format='csv'"):
        load_dataset(path)
    found = read_deeplabcut(path, predictions=True)
    assert any("as if they were labels" in note for note in found.notes)
    numbered = write_table(tmp_path / "v.csv", table("resnet", likelihood=True) + rows)
    assert read_landmark_table(numbered).is_prediction, "numbered frames with likelihoods"
    named = [[f"img{k}.png", *[k, k, 0.9] * 3] for k in range(3)]
    assert not read_landmark_table(write_table(tmp_path / "w.csv", table("me", likelihood=True) + named)).is_prediction


@pytest.mark.parametrize(
    ("delimiter", "encoding", "comma"),
    [(";", "utf-8", True), (";", "utf-8-sig", False), (",", "utf-8-sig", True), ("\t", "utf-16", True)],
)
def test_tables_saved_by_spreadsheets(tmp_path, delimiter, encoding, comma):
    one = "1,5" if comma else "1.5"
    rows = [["labeled-data\\v\\Größe.png", one, 2, one, 4, "", "", "", ""], [""] * 9]
    heads = [[*row, "", ""] for row in table()]
    path = write_table(tmp_path / "CollectedData_me.csv", heads + rows, delimiter=delimiter, encoding=encoding)
    assert recognise_deeplabcut(path)
    found = read_deeplabcut(path)
    assert found.photos == ["labeled-data/v/Größe.png"]
    np.testing.assert_array_equal(found.joints[0], [[1.5, 2, 1], [1.5, 4, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"imageData": "' + b"A" * 200_000 + b'"}', "begins with '.{1,60}', not with DeepLabCut's rows"),
        (b"scorer,a\0b", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        (b"scorer,me,me\nbodyparts,a,a\nimg.png,1,2\n", "lacks DeepLabCut's rows of heads bodyparts and coords"),
        (b"scorer,me\nbodyparts,a,a\ncoords,x,y\nimg.png,1,2\n", "row scorer has 2 columns, and its row coords 3"),
    ],
)
def test_other_content_is_named(tmp_path, content, message):
    (tmp_path / "CollectedData.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_deeplabcut(tmp_path / "CollectedData.csv")


def several_animals(path):
    heads = [
        ["scorer", *["me"] * 10],
        ["individuals", *["a"] * 4, *["b"] * 4, *["single"] * 2],
        ["bodyparts", *["snout", "snout", "tail", "tail"] * 2, "corner", "corner"],
        ["coords", *["x", "y"] * 5],
    ]
    rows = [["img0.png", 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], ["img1.png", *[""] * 4, 5, 6, 7, 8, 9, 9]]
    return write_table(path, heads + rows)


def test_unique_landmarks_are_not_dropped_in_silence(tmp_path):
    path = several_animals(tmp_path / "CollectedData.csv")
    found = read_deeplabcut(path)
    assert (found.subjects, found.skeleton.parts) == (["a", "b", "b"], ("snout", "tail"))
    assert any("unique landmarks corner" in note and "animal='single'" in note for note in found.notes)
    scene = read_deeplabcut(path, animal="single")
    assert (scene.skeleton.parts, len(scene), scene.notes) == (("corner",), 2, ())
    assert read_deeplabcut(path, animal=["b"]).subjects == ["b", "b"]
    assert len(load_with_photos(path, animal="a")) == 1
    data = load_with_photos(path, groups="subjects")
    assert list(data.subjects) == ["a", "b", "b"]
    assert len({*data.groups}) == 1, "both animals are in one photo"
    with pytest.raises(ValueError, match="no animal 'c'; it has 'a', 'b', 'single'"):
        read_deeplabcut(path, animal="c")


def load_with_photos(path, **options):
    for name in ("img0.png", "img1.png"):
        write_photo(path.parent / name)
    return load_dataset(path, **options)


def write_fixed_h5(path, names, photos, values):
    """As pandas writes a table in its fixed layout."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["nblocks"] = 1
        for axis in ("axis0", "block0_items"):
            for level, column in enumerate(zip(*names, strict=True)):
                there = list(dict.fromkeys(column))
                group[f"{axis}_level{level}"] = np.array(there, "S")
                group[f"{axis}_label{level}"] = np.array([there.index(name) for name in column], np.int8)
        for level, column in enumerate(zip(*(photo.split("/") for photo in photos), strict=True)):
            there = list(dict.fromkeys(column))
            group[f"axis1_level{level}"] = np.array(there, "S")
            group[f"axis1_label{level}"] = np.array([there.index(name) for name in column], np.int8)
        group["block0_values"] = values


def write_appendable_h5(path, names, photos, values, pickled=None):
    """As pandas writes a table to which rows can be appended: the names of the columns are pickled."""
    import pickle

    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        kind = np.dtype([("index", "S40"), ("values_block_0", float, (len(names),))])
        rows = np.array([(photo.encode(), row) for photo, row in zip(photos, values, strict=True)], kind)
        group["table"] = rows
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0) if pickled is None else pickled)


@pytest.mark.parametrize("write", [write_fixed_h5, write_appendable_h5])
def test_h5_equals_csv(tmp_path, rng, write):
    photos = ["labeled-data/v/img0.png", "labeled-data/v/img1.png"]
    values = rng.uniform(0, 100, (2, 6))
    values[1, 2:4] = np.nan
    path = tmp_path / "labeled-data" / "v" / "CollectedData_me.h5"
    path.parent.mkdir(parents=True)
    write(path, [("me", part, kind) for part in PARTS for kind in "xy"], photos, values)
    rows = [[photo, *("" if value != value else value for value in row.tolist())] for photo, row in
            zip(photos, values, strict=True)]  # fmt: skip
    other = write_table(tmp_path / "CollectedData_me.csv", table() + rows)
    mine, same = read_landmark_table(path), read_landmark_table(other)
    assert (mine.photos, mine.parts, mine.scorer) == (same.photos, same.parts, "me")
    np.testing.assert_array_equal(mine.values, same.values)
    assert len(read_deeplabcut(path.parent)) == 2, "without a CSV file the H5 file is read"


def test_h5_files_run_nothing(tmp_path):
    code = b"cos\nsystem\n(S'true'\ntR."
    write_appendable_h5(tmp_path / "CollectedData.h5", ["a"], ["img.png"], np.zeros((1, 1)), pickled=code)
    with pytest.raises(ValueError, match=r"not a table of DeepLabCut \(it asks for os\.system"):
        read_deeplabcut(tmp_path / "CollectedData.h5")
    (tmp_path / "CollectedData.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a table of DeepLabCut"):
        read_deeplabcut(tmp_path / "CollectedData.h5")


@pytest.mark.parametrize("target", ["labels.csv", "project"])
def test_round_trip(tmp_path, rng, target):
    photos = [tmp_path / "videos" / video / f"img{k}.png" for video in "AB" for k in range(2)]
    if target == "labels.csv":
        photos = photos[:2]
    for photo in photos:
        write_photo(photo)
    photos = [*photos, photos[-1]]  # two subjects
    joints = np.concatenate([rng.uniform(0, 30, (len(photos), 3, 2)), np.ones((len(photos), 3, 1))], -1)
    joints[0, 1] = 0
    data = PoseDataset(photos, joints, Skeleton("mouse", PARTS))
    write_deeplabcut(tmp_path / target, data, scorer="me")
    found = read_deeplabcut(tmp_path / target)
    np.testing.assert_allclose(found.joints, data.joints, atol=1e-3)
    assert found.skeleton.parts == PARTS
    assert [name.split("/")[-1] for name in found.photos] == [photo.name for photo in photos]
    if target == "project":
        assert found.groups == ["A", "A", "B", "B", "B"]
        with pytest.raises(ValueError, match="in a file of another name; write a folder"):
            write_deeplabcut(tmp_path / "one.csv", data)
    with pytest.raises(ValueError, match="save arrays and frames of videos first"):
        write_deeplabcut(tmp_path / "one.csv", PoseDataset(["video.mp4#frame=3"], joints[:1]))


def test_folders_of_other_things(tmp_path):
    assert recognise_deeplabcut(tmp_path) is None
    (tmp_path / "config.yaml").write_text("{")
    assert recognise_deeplabcut(tmp_path) is None
    with pytest.raises(ValueError, match=r"holds no labels of DeepLabCut: neither CollectedData\*\.csv"):
        read_deeplabcut(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_deeplabcut(tmp_path / "none.csv")

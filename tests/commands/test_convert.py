"""Labels from one format to another on the command line."""

import pytest

from posemachines import load_dataset
from posemachines.__main__ import main
from posemachines.datasets import write_dataset

from ..io.toys import MOUSE, mice, same_labels


def test_conversion_says_what_it_does(tmp_path, capsys):
    data = mice(tmp_path / "photos", groups=["a", "a", "b"])
    write_dataset(data, tmp_path / "a.csv")
    assert main(["convert", str(tmp_path / "a.csv"), str(tmp_path / "b.tps")]) == 0
    said = capsys.readouterr()
    assert "read 3 subjects in 3 photos, 11 labelled joints" in said.out
    assert "parts (4): nose, left_ear, right_ear, tail" in said.out
    assert "left-right pairs: right_ear/left_ear" in said.out
    assert "groups: 2 (the file of the labels)" in said.out
    assert f"wrote {tmp_path / 'b.tps'}" in said.out
    assert "note: TPS does not hold which joints are hidden" in said.err
    same_labels(load_dataset(tmp_path / "b.tps"), data)


def test_formats_and_photos_may_be_given(tmp_path, capsys):
    data = mice(tmp_path / "photos")
    write_dataset(data, tmp_path / "labels" / "a.csv", "csv_long")
    words = ["convert", str(tmp_path / "labels" / "a.csv"), str(tmp_path / "out"), "--from", "landmark_csv"]
    assert main([*words, "--to", "labelme", "--images", str(tmp_path / "photos")]) == 0
    assert f"the photos are in {tmp_path / 'photos'}: pass it as images" in capsys.readouterr().err
    same_labels(load_dataset(tmp_path / "out", tmp_path / "photos"), data)
    assert main([*words, "--to", "labelme"]) == 2
    assert "overwrite=True" in capsys.readouterr().err
    assert main([*words, "--to", "labelme", "--overwrite"]) == 0


def test_what_is_read_is_not_replaced(tmp_path, capsys):
    data = mice(tmp_path)
    write_dataset(data, tmp_path / "a.csv")
    before = (tmp_path / "a.csv").read_bytes()
    assert main(["convert", str(tmp_path / "a.csv"), str(tmp_path / "a.csv"), "--overwrite"]) == 2
    assert "is what is read and would be overwritten" in capsys.readouterr().err
    write_dataset(data, tmp_path / "labelme", "labelme")
    one = tmp_path / "labelme" / "img0.json"
    assert main(["convert", str(tmp_path / "labelme"), str(one), "--to", "coco", "--overwrite"]) == 2
    assert main(["convert", str(one), str(tmp_path / "labelme"), "--to", "labelme", "--overwrite"]) == 2
    assert (tmp_path / "a.csv").read_bytes() == before


def test_labels_may_go_beside_those_that_are_read(tmp_path):
    data = mice(tmp_path)
    write_dataset(data, tmp_path / "all.json")
    assert main(["convert", str(tmp_path / "all.json"), str(tmp_path), "--to", "labelme"]) == 0
    same_labels(load_dataset(tmp_path / "img1.json", format="labelme").select_parts(MOUSE.parts), data[[1]])


@pytest.mark.parametrize("name", ["b.docx", "b"])
def test_names_that_tell_no_format(tmp_path, capsys, name):
    write_dataset(mice(tmp_path), tmp_path / "a.csv")
    assert main(["convert", str(tmp_path / "a.csv"), str(tmp_path / name)]) == 2
    assert "does not tell the format" in capsys.readouterr().err

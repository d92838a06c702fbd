"""dlib's XML."""

import numpy as np
import pytest

from posemachines import load_dataset
from posemachines.datasets import write_dataset
from posemachines.io.imglab import read_imglab, recognise_imglab, write_imglab

from .toys import mice, same_labels

HEAD = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<?xml-stylesheet type='text/xsl' href='x.xsl'?>\n"


def _file(folder, boxes, head=HEAD, image="<image file='a.png' width='30' height='20'>"):
    file = folder / "x.xml"
    text = f"{head}<dataset><name>n</name><images>{image}{boxes}</image></images></dataset>"
    file.write_bytes(text.encode("latin-1"))
    return file


def _box(*parts, attributes="", label=""):
    points = "".join(f"<part name='{name}' x='{x}' y='{y}'/>" for name, x, y in parts)
    name = f"<label>{label}</label>" if label else ""
    return f"<box top='2' left='1' width='10' height='8' {attributes}>{name}{points}</box>"


def test_names_are_text(tmp_path):
    found = read_imglab(_file(tmp_path, _box(("10", 5, 6), ("00", 3, 4), ("0", 1, 2), ("9", 7, 8))))
    assert found.skeleton.parts == ("0", "00", "9", "10")
    np.testing.assert_array_equal(found.joints[0], [[1, 2, 1], [3, 4, 1], [7, 8, 1], [5, 6, 1]])
    np.testing.assert_array_equal(found.boxes, [[1, 2, 10, 8]])
    np.testing.assert_array_equal(found.sizes, [[30, 20]])
    assert found.stored


def test_parts_may_be_missing(tmp_path):
    found = read_imglab(_file(tmp_path, _box(("b", 5, 6), ("a", 3, 4)) + _box(("b", 1, 2))))
    assert found.skeleton.parts == ("a", "b")
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 1], [0, 1]])
    assert any("'a' of 1" in note for note in found.notes)


def test_boxes_that_are_no_subjects(tmp_path):
    boxes = _box(("a", 3, 4)) + _box(("a", 5, 6), attributes="ignore='1'") + _box()
    found = read_imglab(_file(tmp_path, boxes))
    assert len(found) == 1
    assert found.notes[:2] == ("boxes that dlib ignores are left out: 1", "boxes without parts are left out: 1")


def test_labels_of_boxes(tmp_path):
    file = _file(tmp_path, _box(("a", 3, 4), label="cat") + _box(("a", 5, 6), label="dog"))
    assert "read as one kind of subject: 'cat' (1), 'dog' (1)" in read_imglab(file).notes[0]
    np.testing.assert_array_equal(read_imglab(file, category="dog").joints, [[[5, 6, 1]]])
    with pytest.raises(ValueError, match="no box with the label 'cow'; it has cat, dog"):
        read_imglab(file, category="cow")


def test_latin_1(tmp_path):
    found = read_imglab(_file(tmp_path, _box(("höcker", 3, 4)), image="<image file='käfer.png'>"))
    assert found.photos == ["käfer.png"]
    assert found.skeleton.parts == ("höcker",)


def test_document_types_are_refused(tmp_path):
    head = "<!DOCTYPE dataset [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>"
    with pytest.raises(ValueError, match="document type"):
        read_imglab(_file(tmp_path, _box(("&b;", 3, 4)), head=head))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (_box(), "no labelled point"),
        (_box(("a", "x", 3)), "box of a.png, part 'a': x is not a number: 'x'"),
        ("<box top='1' left='1' width='2'/>", "no attribute 'height'"),
        ("<box top='1' left='1' width='2' height='2'><part x='1' y='1'/></box>", "a part has no name"),
    ],
)
def test_damaged_files(tmp_path, boxes, message):
    with pytest.raises(ValueError, match=message):
        read_imglab(_file(tmp_path, boxes))


def test_other_xml(tmp_path):
    (tmp_path / "a.xml").write_text("<annotations><image/></annotations>")
    assert recognise_imglab(tmp_path / "a.xml") is None
    with pytest.raises(ValueError, match="expected <dataset>"):
        read_imglab(tmp_path / "a.xml")
    assert recognise_imglab(_file(tmp_path, _box(("a", 3, 4)))) == "read as dlib's XML: dataset and images"


def test_round_trip_in_whole_pixels(tmp_path):
    data = mice(tmp_path)
    exact = write_dataset(data, tmp_path / "x.xml")
    assert any("moved to whole pixels, by up to 0." in note for note in exact)
    found = load_dataset(tmp_path / "x.xml", tmp_path)
    order = [found.skeleton.index(part) for part in data.skeleton.parts]
    np.testing.assert_array_equal(found.joints[:, order, 2], data.joints[..., 2])
    assert 0.1 < np.abs(found.joints[:, order] - data.joints).max() <= 0.5
    assert "." not in "".join(line for line in (tmp_path / "x.xml").read_text().splitlines() if "<part" in line)


def test_round_trip_with_decimals(tmp_path):
    data = mice(tmp_path, boxes=[[1, 2, 30, 20], [3.5, 4, 20, 40], [5, 6, 7, 8]])
    write_imglab(tmp_path / "x.xml", data, decimals=True)
    found = load_dataset(tmp_path / "x.xml", tmp_path).select_parts(data.skeleton.parts)
    same_labels(found, data)
    np.testing.assert_allclose(found.boxes, data.boxes)


def test_whole_pixels_round_trip_exactly(tmp_path):
    data = mice(tmp_path)
    data.joints = np.rint(data.joints)
    notes = write_dataset(data, tmp_path / "x.xml")
    assert not any("moved" in note for note in notes)
    same_labels(load_dataset(tmp_path / "x.xml", tmp_path).select_parts(data.skeleton.parts), data)


def test_dlib_reads_what_is_written(tmp_path):
    dlib = pytest.importorskip("dlib")
    write_dataset(mice(tmp_path)[1:], tmp_path / "x.xml")
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = options.num_trees_per_cascade_level = 1
    dlib.train_shape_predictor(str(tmp_path / "x.xml"), str(tmp_path / "x.dat"), options)
    assert (tmp_path / "x.dat").is_file()

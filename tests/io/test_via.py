"""The VGG Image Annotator's JSON and CSV: files as the tool writes them, and one test per trap."""

import csv
import json

import numpy as np
import pytest

from posemachines.io.via import read_via, recognise_via


def point(x, y, **attributes):
    return {"shape_attributes": {"name": "point", "cx": x, "cy": y}, "region_attributes": attributes}


def rect(x, y, width, height, **attributes):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": attributes}


def photo(name, *regions, size=1234, **attributes):
    return {"filename": name, "size": size, "regions": list(regions), "file_attributes": attributes}


def listed(*photos):
    return {f"{each['filename']}{each['size']}": each for each in photos}


def project(*photos, folder="", attributes=None):
    return {
        "_via_settings": {"core": {"default_filepath": folder}}, "_via_img_metadata": listed(*photos),
        "_via_attributes": {"region": attributes or {}, "file": {}}, "_via_data_format_version": "2.0.10",
    }  # fmt: skip


def write(tmp_path, content, name="via.json"):
    file = tmp_path / name
    file.write_text(json.dumps(content))
    return file


A = photo("a.png", point(1, 2, part="nose"), point(3, 4, part="tail"))
B = photo("b.png", point(5, 6, part="tail"), point(7, 8, part="nose"))


@pytest.mark.parametrize("content", [project(A, B), listed(A, B)], ids=["project", "annotations"])
def test_points_are_numbers_of_pixels(tmp_path, content):
    file = write(tmp_path, content)
    assert recognise_via(file) == "read as VIA: photos with regions"
    found = read_via(file)
    assert found.photos == ["a.png", "b.png"]
    assert found.skeleton.parts == ("nose", "tail")
    np.testing.assert_array_equal(found.joints, [[[1, 2, 1], [3, 4, 1]], [[7, 8, 1], [5, 6, 1]]])
    assert found.notes == ("parts are named by the attribute 'part' (nose, tail)",)
    assert found.sizes is None
    np.testing.assert_array_equal(read_via(file, first_pixel=0.5).joints[0, 0], [0.5, 1.5, 1])


def test_the_project_says_the_folder_and_the_order_of_the_parts(tmp_path):
    attributes = {"part": {"type": "dropdown", "options": {"tail": "", "nose": "", "paw": ""}}}
    found = read_via(write(tmp_path, project(A, B, folder="mice\\monday", attributes=attributes)))
    assert found.photos == ["mice/monday/a.png", "mice/monday/b.png"]
    assert found.skeleton.parts == ("tail", "nose")


def test_version_1_has_a_mapping_of_regions(tmp_path):
    old = {**A, "fileref": "", "base64_img_data": "", "regions": dict(enumerate(A["regions"]))}
    assert read_via(write(tmp_path, listed(old))).skeleton.parts == ("nose", "tail")


def as_csv(tmp_path, *photos, first="filename"):
    heads = [
        "file_size",
        "file_attributes",
        "region_count",
        "region_id",
        "region_shape_attributes",
        "region_attributes",
    ]
    file = tmp_path / "via.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([first, *heads])
        for one in photos:
            regions = one["regions"] or [{"shape_attributes": {}, "region_attributes": {}}]
            for number, region in enumerate(regions):
                cells = (json.dumps(region[name]) for name in ("shape_attributes", "region_attributes"))
                row = [one["filename"], one["size"], json.dumps(one["file_attributes"]), len(one["regions"]), number]
                writer.writerow([*row, *cells])
    return file


@pytest.mark.parametrize("first", ["filename", "#filename"])
def test_csv(tmp_path, first):
    file = as_csv(tmp_path, A, photo("empty.png"), {**B, "file_attributes": {"animal": "m2"}}, first=first)
    assert recognise_via(file) == "read as VIA: the column region_shape_attributes"
    found = read_via(file)
    np.testing.assert_array_equal(found.joints, read_via(write(tmp_path, listed(A, B))).joints)
    assert found.groups == ["", "m2"]


def test_the_attribute_that_names_parts_is_found_among_others(tmp_path):
    regions = [point(1, 2, id=1, landmark="nose", quality="good"), point(3, 4, id=1, landmark="tail", quality="good")]
    assert read_via(write(tmp_path, listed(photo("a", *regions)))).skeleton.parts == ("nose", "tail")


def test_several_attributes_may_name_the_part(tmp_path):
    regions = [point(1, 2, part="nose", code="N"), point(3, 4, part="tail", code="T")]
    file = write(tmp_path, listed(photo("a", *regions), photo("b", *regions)))
    with pytest.raises(
        ValueError, match=r"several attributes may name the part; pass attribute=..., one of part \(nose"
    ):
        read_via(file)
    assert read_via(file, attribute="code").skeleton.parts == ("N", "T")
    with pytest.raises(ValueError, match=r"no attribute names the part .* 'what'; pass attribute"):
        read_via(file, attribute="what")


def test_no_attribute_names_the_part(tmp_path):
    regions = [point(1, 2, quality="good"), point(3, 4, quality="good")]
    with pytest.raises(ValueError, match=r"no attribute names the part of each point once; .*quality \(good\)"):
        read_via(write(tmp_path, listed(photo("a", *regions))))
    file = write(tmp_path, listed(photo("a", point(1, 2, part="nose"), *[point(3, 4)] * 3)))
    with pytest.raises(ValueError, match="3 points have no 'part', the first in a"):
        read_via(file, attribute="part")


def test_points_without_attributes_are_numbered(tmp_path):
    found = read_via(
        write(tmp_path, listed(photo("a", point(1, 2), point(3, 4)), photo("b", point(5, 6), point(7, 8))))
    )
    assert found.skeleton.parts == ("1", "2")
    assert "numbered in the order of drawing" in found.notes[0]
    with pytest.raises(ValueError, match="not all photos have the same number: most have 2, c has 1"):
        read_via(write(tmp_path, listed(photo("a", point(1, 2), point(3, 4)), photo("b", point(1, 2), point(3, 4)),
                                        photo("c", point(1, 2)))))  # fmt: skip


def test_an_attribute_tells_subjects_apart(tmp_path):
    regions = [point(1, 2, part="nose", animal="m1"), point(3, 4, part="tail", animal="m1"),
               point(5, 6, part="nose", animal="m2"), rect(1, 2, 3, 4, animal="m2")]  # fmt: skip
    found = read_via(write(tmp_path, listed(photo("a", *regions))))
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 1], [1, 0]])
    np.testing.assert_array_equal(found.boxes[1], [1, 2, 3, 4])
    file = write(tmp_path, listed(photo("a", *(point(n, n, part="nose", who=n) for n in range(2)))))
    assert len(read_via(file, attribute="part", subject="who")) == 2
    with pytest.raises(ValueError, match="no point has the attribute 'x'; there are part, who"):
        read_via(file, subject="x")


def test_several_subjects_without_such_an_attribute_are_refused(tmp_path):
    regions = [point(n, n, part=part) for n in range(2) for part in ("nose", "tail")]
    file = write(tmp_path, listed(photo("a", *regions)))
    with pytest.raises(ValueError, match="no attribute names the part of each point once"):
        read_via(file)
    with pytest.raises(ValueError, match="give regions an attribute such as animal"):
        read_via(file, attribute="part")


def test_checkboxes_other_shapes_and_the_only_rectangle(tmp_path):
    polygon = {
        "shape_attributes": {"name": "polygon", "all_points_x": [1], "all_points_y": [2]},
        "region_attributes": {},
    }
    regions = [point(1, 2, part={"nose": True, "tail": False}, occluded={"yes": True}),
               point(3, 4, part={"tail": True}), rect(0, 1, 8, 9), polygon]  # fmt: skip
    found = read_via(write(tmp_path, listed(photo("a", *regions))))
    assert found.skeleton.parts == ("nose", "tail")
    np.testing.assert_array_equal(found.occluded, [[True, False]])
    np.testing.assert_array_equal(found.boxes, [[0, 1, 8, 9]])
    assert "regions that are no points are left out (polygon): 1" in found.notes


def test_photos_of_one_name_cannot_be_told_apart(tmp_path):
    file = write(tmp_path, listed(A, {**A, "size": 99}))
    with pytest.raises(ValueError, match=r"two photos called a\.png, of 1234 and 99 bytes: VIA forgets their folders"):
        read_via(file)


def test_version_3_is_recognised_and_refused(tmp_path):
    content = {"project": {"pid": "x"}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}}
    file = write(tmp_path, content)
    assert recognise_via(file) == "read as VIA: a project of version 3"
    with pytest.raises(ValueError, match="is a project of VIA 3, which is not read"):
        read_via(file)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "not readable JSON"),
        ("a.json", "[]", "it has no photos"),
        ("a.json", '{"a": {"filename": "a"}}', "it has no photos"),
        ("a.json", json.dumps(listed(photo("a", rect(1, 2, 3, 4)))), "has 1 photos and no point"),
        ("a.json", json.dumps(listed(photo("a", point(1, None, part="x")))), "a point of a lacks one of cx, cy"),
        ("a.csv", "filename,region_attributes\n", "it has no column region_shape_attributes"),
        (
            "a.csv",
            "filename,region_shape_attributes,region_attributes\na,{,{}\n",
            "row 2, region_shape_attributes is not",
        ),
        ("a.csv", "filename,region_shape_attributes,region_attributes\na\n", "row 2 has 1 columns"),
        ("a.csv", "", "it has no column filename"),
    ],
)
def test_damaged_files(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_via(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_via(tmp_path / f"none{name}")


def test_other_files_are_not_recognised(tmp_path):
    for name, text in {
        "coco.json": '{"images": [], "annotations": [], "categories": []}',
        "other.json": '{"regions": 1}',
        "empty.json": "",
        "cut.json": '{"_via_img_metadata": {',
        "dlc.csv": "scorer,me\n",
        "empty.csv": "",
    }.items():
        (tmp_path / name).write_text(text)
        assert recognise_via(tmp_path / name) is None, name
    assert recognise_via(tmp_path) is None
    assert recognise_via(tmp_path / "none.json") is None

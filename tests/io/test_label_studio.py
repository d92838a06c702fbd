"""Label Studio's JSON and JSON-MIN: exports as the tool writes them, and one test per trap."""

import json

import numpy as np
import pytest

from posemachines.io.label_studio import read_label_studio, recognise_label_studio


def point(label, x, y, *, ident=None, parent=None, size=(200, 100), **more):
    result = {
        "id": ident or f"{label}{x}", "type": "keypointlabels", "from_name": "kp", "to_name": "image",
        "value": {"x": x, "y": y, "width": 0.27, "keypointlabels": [label]}, "origin": "manual",
        "original_width": size[0], "original_height": size[1], "image_rotation": 0, **more,
    }  # fmt: skip
    return result if parent is None else {**result, "parentID": parent}


def box(ident, x, y, width, height, rotation=0):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation, "rectanglelabels": ["mouse"]}
    return {"id": ident, "type": "rectanglelabels", "value": value, "original_width": 200, "original_height": 100}


def task(*results, image="a.jpg", number=1, by=1, more=(), **data):
    return {
        "id": number, "data": {"image": image, **data}, "predictions": [],
        "annotations": [{"id": 9, "completed_by": by, "was_cancelled": False, "result": list(results)}, *more],
    }  # fmt: skip


def write(tmp_path, *tasks):
    file = tmp_path / "export.json"
    file.write_text(json.dumps(list(tasks)))
    return file


def test_percentages_become_pixels(tmp_path):
    file = write(tmp_path, task(point("nose", 0.25, 0.5), point("tail", 50, 100)))
    found = read_label_studio(file)
    np.testing.assert_allclose(found.joints, [[[0, 0, 1], [99.5, 99.5, 1]]])
    np.testing.assert_array_equal(found.sizes, [[200, 100]])
    assert found.photos == ["a.jpg"]
    np.testing.assert_allclose(read_label_studio(file, first_pixel=0).joints[0, 0], [0.5, 0.5, 1])


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/1/1a2b3c4d-photo.jpg", "photo.jpg"),
        ("/data/upload/1/1a2b3c4d-my%20photo.jpg", "my photo.jpg"),
        ("/data/local-files/?d=mice/day%201/photo.jpg", "mice/day 1/photo.jpg"),
        ("s3://bucket/mice/photo.jpg", "mice/photo.jpg"),
        ("https://host.org/mice/photo.jpg?token=a%2Fb", "mice/photo.jpg"),
        ("/tasks/3/resolve/?fileuri=czM6Ly9idWNrZXQvbWljZS9waG90by5qcGc=", "mice/photo.jpg"),
        ("C:\\mice\\photo.jpg", "C:/mice/photo.jpg"),
        ("1a2b3c4d-photo.jpg", "1a2b3c4d-photo.jpg"),
    ],
)
def test_names_of_photos(tmp_path, address, name):
    assert read_label_studio(write(tmp_path, task(point("nose", 1, 1), image=address))).photos == [name]


def test_the_hash_of_an_upload_stays_where_the_file_has_it(tmp_path):
    file = write(tmp_path, task(point("nose", 1, 1), image="/data/upload/1/1a2b3c4d-photo.jpg"))
    assert "1a2b3c4d-photo.jpg: 1" in read_label_studio(file).notes[0]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1a2b3c4d-photo.jpg").write_bytes(b"")
    found = read_label_studio(file)
    assert found.photos == ["1a2b3c4d-photo.jpg"]
    assert found.notes == ()
    assert read_label_studio(file, images=tmp_path / "elsewhere").photos == ["photo.jpg"]


def test_uploads_of_one_name_are_not_mixed_up(tmp_path):
    tasks = [task(point("nose", 1, 1), image=f"/data/upload/1/{code * 8}-img.jpg", number=code) for code in "ab"]
    assert read_label_studio(write(tmp_path, *tasks)).photos == [
        "aaaaaaaa-img.jpg",
        "bbbbbbbb-img.jpg",
    ]


def test_other_columns_may_name_the_photo(tmp_path):
    file = write(tmp_path, {**task(point("nose", 1, 1)), "data": {"note": "x", "frame": "b.png"}})
    assert read_label_studio(file).photos == ["b.png"]
    file = write(tmp_path, {**task(point("nose", 1, 1)), "data": {"one": "a.png", "other": "b.png"}})
    with pytest.raises(ValueError, match="task 1 names several photos: one, other"):
        read_label_studio(file)
    file = write(tmp_path, {**task(point("nose", 1, 1)), "data": {"note": "x"}})
    with pytest.raises(ValueError, match="names no photo; its data have note"):
        read_label_studio(file)
    with pytest.raises(ValueError, match="in the task itself"):
        read_label_studio(write(tmp_path, task(point("nose", 1, 1), image="data:image/png;base64,AA")))


def test_points_belong_to_rectangles(tmp_path):
    results = [box("A", 0, 0, 50, 100), box("B", 50, 10, 25, 50), point("nose", 10, 10, parent="A"),
               point("nose", 60, 20, ident="n2"), point("tail", 70, 20, parent="B"),
               {"type": "relation", "from_id": "n2", "to_id": "B", "direction": "right"}]  # fmt: skip
    found = read_label_studio(write(tmp_path, task(*results)))
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 0], [1, 1]])
    np.testing.assert_allclose(found.boxes, [[0, 0, 100, 100], [100, 10, 50, 50]])


def test_the_only_rectangle_is_the_box_of_the_only_subject(tmp_path):
    found = read_label_studio(write(tmp_path, task(box("A", 10, 10, 50, 50), point("nose", 10, 10))))
    np.testing.assert_allclose(found.boxes, [[20, 10, 100, 50]])
    turned = read_label_studio(write(tmp_path, task(box("A", 10, 10, 50, 50, 30), point("nose", 10, 10))))
    assert turned.boxes is None
    assert "turned rectangles, which are no bounding boxes, are left out: 1" in turned.notes


def test_a_forgotten_link_does_not_make_a_subject(tmp_path):
    one = task(box("A", 0, 0, 50, 50), point("nose", 1, 1, parent="A"), point("tail", 2, 2))
    two = task(box("A", 0, 0, 50, 50), box("B", 0, 0, 50, 50), point("nose", 1, 1, parent="A"),
               point("nose", 3, 3, parent="B"), point("tail", 2, 2), number=2, image="b.jpg")  # fmt: skip
    found = read_label_studio(write(tmp_path, one, two))
    assert found.photos == ["a.jpg", "b.jpg", "b.jpg"]
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 1], [1, 0], [1, 0]])
    assert "points that belong to none of several rectangles are left out: 1" in found.notes


def test_cancelled_entries_predictions_and_drafts_are_no_labels(tmp_path):
    cancelled = {"completed_by": 1, "was_cancelled": True, "result": [point("nose", 1, 1)]}
    first = {**task(), "annotations": [cancelled]}
    second = task(point("nose", 5, 5), number=2, image="b.jpg")
    second["predictions"] = [{"result": [point("nose", 90, 90)]}]
    found = read_label_studio(write(tmp_path, first, second))
    assert found.photos == ["b.jpg"]
    np.testing.assert_allclose(found.joints[0, 0], [9.5, 4.5, 1])
    assert "1 photos without an annotation, or with cancelled ones, are left out" in found.notes
    with pytest.raises(ValueError, match=r"only predictions of a model \(1 photos\)"):
        read_label_studio(write(tmp_path, {**second, "annotations": []}))


def test_annotators_are_kept_apart(tmp_path):
    other = {"completed_by": {"id": 2, "email": "b@lab.org"}, "result": [point("nose", 20, 20)]}
    file = write(tmp_path, task(point("nose", 10, 10), by=1, more=[other]), task(point("nose", 5, 5), number=2, by=1))
    found = read_label_studio(file)
    np.testing.assert_allclose(found.joints[:, 0, 0], [19.5, 9.5])
    assert found.notes == (
        "1 photos have several annotations: the first is taken; annotator=... chooses one of 1, b@lab.org",
    )
    np.testing.assert_allclose(read_label_studio(file, annotator="b@lab.org").joints[:, 0, 0], [39.5])
    assert len(read_label_studio(file, annotator=1)) == 2
    with pytest.raises(ValueError, match=r"has no annotator 'c'; it has 1, b@lab\.org"):
        read_label_studio(file, annotator="c")


def test_old_completions_and_unlabelled_keypoints(tmp_path):
    plain = {"id": "k", "type": "keypoint", "value": {"x": 50, "y": 50, "width": 1}, "original_width": 200,
             "original_height": 100}  # fmt: skip
    named = {**plain, "type": "labels", "value": {**plain["value"], "labels": ["nose"]}}
    old = {"id": 1, "data": {"image": "a.jpg"}, "completions": [{"result": [plain, named]}]}
    np.testing.assert_allclose(read_label_studio(write(tmp_path, old)).joints, [[[99.5, 49.5, 1]]])


def test_other_shapes_turned_photos_and_hidden_points(tmp_path):
    brush = {"id": "x", "type": "brushlabels", "value": {"rle": [], "brushlabels": ["m"]}}
    hidden = point("tail", 1, 1)
    hidden["value"]["hidden"] = True
    found = read_label_studio(write(tmp_path, task(point("nose", 1, 1, image_rotation=90), hidden, brush)))
    assert "shapes that are no points are left out (brush): 1" in found.notes
    assert any("turned in the tool" in note for note in found.notes)
    np.testing.assert_array_equal(found.occluded, [[False, True]])


def test_columns_of_the_tasks_may_be_groups(tmp_path):
    tasks = [task(point("nose", 1, 1), number=n, image=f"{n}.jpg", animal=n % 2) for n in range(3)]
    assert read_label_studio(write(tmp_path, *tasks)).groups == ["0", "1", "0"]


def record(*points, number=1, annotator=1, image="a.jpg"):
    values = [{**one["value"], "original_width": 200, "original_height": 100} for one in points]
    return {"image": image, "id": number, "kp": values, "annotator": annotator, "annotation_id": 3, "lead_time": 2.5}


def test_json_min(tmp_path):
    rectangle = {**box("A", 0, 10, 50, 50)["value"], "original_width": 200, "original_height": 100}
    first = {**record(point("nose", 10, 10), point("tail", 20, 20)), "bbox": [rectangle]}
    file = write(tmp_path, first, record(point("nose", 30, 30), annotator=2))
    assert "JSON-MIN" in recognise_label_studio(file)
    found = read_label_studio(file)
    np.testing.assert_allclose(found.joints, [[[19.5, 9.5, 1], [39.5, 19.5, 1]]])
    np.testing.assert_allclose(found.boxes, [[0, 10, 100, 50]])
    assert "1 photos have several annotations" in found.notes[0]
    np.testing.assert_allclose(read_label_studio(file, annotator=2).joints[:, 0, 0], [59.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable JSON"),
        ("[1]", "it is no list of tasks"),
        ('[{"data": {"image": "a"}, "annotations": []}]', "has no key points; label with KeyPointLabels"),
        ('[{"data": {"image": "a"}, "annotations": {}}]', "needs data and a list of annotations"),
        ('[{"data": {"image": "a"}, "annotations": [{"result": 1}]}]', "has no list of results"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_label_studio(file)


def test_percentages_without_a_size_are_refused(tmp_path):
    lacking = point("nose", 1, 1)
    del lacking["original_width"]
    with pytest.raises(ValueError, match="task 1 gives percentages but not the size of its photo"):
        read_label_studio(write(tmp_path, task(lacking)))


def test_recognised(tmp_path):
    assert "tasks with data" in recognise_label_studio(write(tmp_path, task(point("nose", 1, 1))))
    for name, text in {
        "coco.json": '{"images": [], "annotations": [], "categories": []}',
        "list.json": '[{"annotations": 1}]',
        "empty.json": "",
        "cut.json": '[{"annotations": [',
        "bare.json": '["annotations"]',
    }.items():
        (tmp_path / name).write_text(text)
        assert recognise_label_studio(tmp_path / name) is None, name
    assert recognise_label_studio(tmp_path) is None
    assert recognise_label_studio(tmp_path / "none.json") is None

"""CVAT's XML: exports as the tool writes them, and one test per trap."""

import time

import numpy as np
import pytest

from posemachines.io.cvat import read_cvat, recognise_cvat

CIRCLE = '&lt;circle r="1" cx="1" cy="1" data-type="element node" data-node-id="{0}" data-label-name="{1}"/&gt;'
SVG = '&lt;line x1="1" y1="1" x2="2" y2="2" data-type="edge" data-node-from="1" data-node-to="3"/&gt;\n' + "\n".join(
    CIRCLE.format(number, part) for number, part in enumerate(("nose", "ear", "tail"), 1)
)
LABELS = f"""<labels>
  <label><name>mouse</name><type>skeleton</type><attributes></attributes><svg>{SVG}</svg></label>
  <label><name>tail</name><type>points</type><attributes></attributes><parent>mouse</parent></label>
  <label><name>nose</name><type>points</type><attributes></attributes><parent>mouse</parent></label>
  <label><name>ear</name><type>points</type><attributes></attributes><parent>mouse</parent></label>
</labels>"""


def write(tmp_path, body, *, source="", labels=LABELS, name="cage", meta=None):
    task = f"""<task><id>4</id><name>{name}</name><mode>annotation</mode>{labels}<source>{source}</source>
      <original_size><width>640</width><height>480</height></original_size></task>"""
    file = tmp_path / "annotations.xml"
    file.write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta>{task if meta is None else meta}</meta>{body}</annotations>""",
        encoding="utf-8",
    )
    return file


SKELETONS = """
<image id="0" name="a.png" width="70" height="50">
  <skeleton label="mouse" source="manual" z_order="0">
    <points label="tail" source="manual" outside="0" occluded="1" points="10.50,20.25"></points>
    <points label="nose" source="manual" outside="1" occluded="0" points="30.00,40.00"></points>
    <points label="ear" source="manual" outside="0" occluded="0" points="0.50,0.50"></points>
  </skeleton>
</image>
<image id="1" name="sub/b.png" width="71" height="51"></image>"""


def test_skeletons(tmp_path):
    found = read_cvat(write(tmp_path, SKELETONS))
    assert found.name == "cage"
    assert found.photos == ["a.png"]
    assert found.skeleton.parts == ("ear", "tail"), "in the order of the drawing; nose is outside, not labelled"
    np.testing.assert_array_equal(found.joints, [[[0, 0, 1], [10, 19.75, 1]]])
    np.testing.assert_array_equal(found.occluded, [[False, True]])
    np.testing.assert_array_equal(found.sizes, [[70, 50]])
    np.testing.assert_array_equal(read_cvat(tmp_path, first_pixel=0).joints[0, 0], [0.5, 0.5, 1])


def test_limbs_are_the_edges_of_the_drawing(tmp_path):
    found = read_cvat(write(tmp_path, SKELETONS.replace('outside="1"', 'outside="0"')))
    assert found.skeleton.parts == ("nose", "ear", "tail")
    assert found.skeleton.limbs == ((0, 2),)


def test_several_skeletons_of_one_photo_are_several_subjects(tmp_path):
    body = """<image id="0" name="a.png" width="70" height="50">
      <skeleton label="mouse" group_id="1"><points label="nose" outside="0" occluded="0" points="1,2"/></skeleton>
      <skeleton label="mouse" group_id="2"><points label="nose" outside="0" occluded="0" points="3,4"/></skeleton>
      <box label="mouse" xtl="2.0" ytl="3.0" xbr="12.0" ybr="23.0" occluded="0" group_id="2"></box></image>"""
    found = read_cvat(write(tmp_path, body))
    np.testing.assert_array_equal(found.joints[:, 0, 0], [0.5, 2.5])
    np.testing.assert_array_equal(found.boxes[1], [2, 3, 10, 20])
    assert np.isnan(found.boxes[0]).all()


def test_two_kinds_of_skeletons_need_a_category(tmp_path):
    body = """<image id="0" name="a.png" width="70" height="50">
      <skeleton label="mouse"><points label="nose" outside="0" occluded="0" points="1,2"/></skeleton>
      <skeleton label="rat"><points label="nose" outside="0" occluded="0" points="3,4"/></skeleton></image>"""
    file = write(tmp_path, body)
    with pytest.raises(ValueError, match=r"give category=\.\.\., a label of its skeletons: 'mouse', 'rat'"):
        read_cvat(file)
    with pytest.raises(ValueError, match="got 'cat'"):
        read_cvat(file, category="cat")
    np.testing.assert_array_equal(read_cvat(file, category="rat").joints[:, 0, 0], [2.5])


PLAIN = "<labels><label><name>tail</name></label><label><name>nose</name></label></labels>"


def test_points_with_the_names_of_parts(tmp_path):
    body = """<image id="0" name="a.png" width="70" height="50">
      <points label="nose" source="manual" occluded="0" points="1.00,2.00" z_order="0"></points>
      <points label="tail" source="manual" occluded="1" points="3.00,4.00" z_order="0"></points>
      <box label="mouse" occluded="0" xtl="0.00" ytl="1.00" xbr="9.00" ybr="8.00" z_order="0"></box>
      <polygon label="mouse" occluded="0" points="1,2;3,4;5,6"></polygon><tag label="good"></tag></image>"""
    found = read_cvat(write(tmp_path, body, labels=PLAIN))
    assert found.skeleton.parts == ("tail", "nose")
    np.testing.assert_array_equal(found.joints, [[[2.5, 3.5, 1], [0.5, 1.5, 1]]])
    np.testing.assert_array_equal(found.occluded, [[True, False]])
    np.testing.assert_array_equal(found.boxes, [[0, 1, 9, 7]])
    assert "shapes that are no points are left out: 1 polygon" in found.notes


def test_groups_of_points_are_subjects(tmp_path):
    body = """<image id="0" name="a.png" width="70" height="50">
      <points label="nose" occluded="0" points="1,2" group_id="1"/>
      <points label="tail" occluded="0" points="3,4" group_id="1"/>
      <points label="nose" occluded="0" points="5,6" group_id="2"/></image>"""
    found = read_cvat(write(tmp_path, body, labels=PLAIN))
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 1], [0, 1]])


def test_points_of_one_shape_are_numbered(tmp_path):
    shape = '<points label="wing" occluded="0" points="1,2;3,4;5,6"/>'
    body = f'<image id="0" name="a.png" width="70" height="50">{shape}{shape}</image>'
    found = read_cvat(write(tmp_path, body, labels=""))
    assert found.skeleton.parts == ("1", "2", "3")
    assert len(found) == 2
    assert found.notes == (
        "the points of 'wing' have no names: they are numbered in the order in which they were clicked",
    )
    short = f'<image id="1" name="b.png" width="70" height="50">{shape.replace(";5,6", "")}</image>'
    with pytest.raises(ValueError, match=r"most 'wing' have 3 points, but one of b\.png has 2"):
        read_cvat(write(tmp_path, body + short, labels=""))


TRACKS = """
<track id="0" label="mouse" source="manual">
  <skeleton frame="3" keyframe="1" z_order="0">
    <points label="nose" keyframe="1" outside="0" occluded="0" points="1.50,2.50"/>
    <points label="tail" keyframe="1" outside="1" occluded="0" points="9.00,9.00"/></skeleton>
  <skeleton frame="4" keyframe="0" z_order="0">
    <points label="nose" keyframe="0" outside="0" occluded="0" points="2.50,2.50"/></skeleton>
  <skeleton frame="5" keyframe="0" z_order="0">
    <points label="nose" keyframe="1" outside="0" occluded="0" points="3.50,2.50"/>
    <points label="tail" keyframe="0" outside="0" occluded="0" points="8.50,8.50"/></skeleton>
</track>
<track id="1" label="mouse" source="manual">
  <skeleton frame="5" keyframe="1">
    <points label="nose" keyframe="1" outside="0" occluded="0" points="7.50,7.50"/></skeleton>
</track>"""


def test_tracks_name_frames_of_a_video(tmp_path):
    found = read_cvat(write(tmp_path, TRACKS, source="cage 1.mp4"))
    assert found.photos == ["cage 1.mp4#frame=3", "cage 1.mp4#frame=5", "cage 1.mp4#frame=5"]
    np.testing.assert_array_equal(found.joints[:, 0], [[1, 2, 1], [3, 2, 1], [7, 7, 1]])
    np.testing.assert_array_equal(found.joints[:, 1, 2], [0, 1, 0])
    np.testing.assert_array_equal(found.sizes, [[640, 480]] * 3)
    assert found.groups == ["cage 1.mp4"] * 3
    assert found.subjects == ["track 0", "track 0", "track 1"]
    assert "1 shapes between key frames, which CVAT interpolated, are left out" in found.notes
    assert len(read_cvat(tmp_path, interpolated=True)) == 4


def test_frames_that_the_export_has_are_photos(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "frame_000003.PNG").write_bytes(b"")
    found = read_cvat(write(tmp_path, TRACKS, source="cage.mp4"))
    assert found.photos[:2] == ["images/frame_000003.PNG", "cage.mp4#frame=5"]
    assert read_cvat(write(tmp_path, TRACKS)).photos[1] == "frame_000005.png"


def test_outside_ends_a_track_and_points_of_a_frame_belong_together(tmp_path):
    body = """
<track id="0" label="nose"><points frame="0" keyframe="1" outside="0" occluded="1" points="1,1"/>
  <points frame="1" keyframe="1" outside="1" occluded="0" points="1,1"/></track>
<track id="1" label="tail"><points frame="0" keyframe="1" outside="0" occluded="0" points="2,2"/></track>"""
    found = read_cvat(write(tmp_path, body, source="v.mp4", labels=PLAIN))
    assert found.photos == ["v.mp4#frame=0"]
    np.testing.assert_array_equal(found.joints[0, :, 0], [1.5, 0.5])
    assert found.subjects is None


def test_images_of_a_video_task_are_its_frames(tmp_path):
    body = """<image id="12" name="frame_000012" width="70" height="50">
      <points label="nose" occluded="0" points="1,2"/></image>"""
    assert read_cvat(write(tmp_path, body, source="v.avi", labels=PLAIN)).photos == ["v.avi#frame=12"]
    assert read_cvat(write(tmp_path, body.replace("_000012", "_000012.png"))).photos == ["frame_000012.png"]


def test_projects_have_splits_and_groups(tmp_path):
    meta = """<project><id>1</id><name>mice</name><tasks>
      <task><id>7</id><name>monday</name><source>a.mp4</source></task>
      <task><id>8</id><name>tuesday</name><source>b.mp4</source></task></tasks></project>"""
    body = """
<image id="0" name="frame_000000" subset="Train" task_id="7" width="9" height="9">
  <points label="nose" occluded="0" points="1,2"/></image>
<image id="0" name="frame_000000" subset="Test" task_id="8" width="9" height="9">
  <points label="nose" occluded="0" points="1,2"/></image>"""
    found = read_cvat(write(tmp_path, body, meta=meta))
    assert found.name == "mice"
    assert found.photos == ["a.mp4#frame=0", "b.mp4#frame=0"]
    assert found.groups == ["monday", "tuesday"]
    assert found.splits == ["train", "test"]


def test_an_empty_export_is_named_as_such(tmp_path):
    body = '<image id="0" name="a.png" width="7" height="5"></image><image id="1" name="b.png" width="7" height="5"/>'
    with pytest.raises(ValueError, match="is an empty export: 2 photos, no annotation"):
        read_cvat(write(tmp_path, body))
    box = '<image id="0" name="a.png" width="7" height="5"><box label="m" xtl="0" ytl="0" xbr="1" ybr="1"/></image>'
    with pytest.raises(ValueError, match="has no points and no skeletons, only 1 box"):
        read_cvat(write(tmp_path, box))


def test_a_document_type_is_refused_at_once(tmp_path):
    bombs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    file = tmp_path / "a.xml"
    file.write_text(f"<?xml version='1.0'?><!DOCTYPE annotations [{bombs}]><annotations>&a9;</annotations>")
    began = time.perf_counter()
    with pytest.raises(ValueError, match="has a document type"):
        read_cvat(file)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable XML"),
        ("<annotations><image", "not readable XML"),
        ("<annotation/>", "its root is <annotation>, not <annotations>"),
        ("<annotations><image id='0'/></annotations>", "a <image> has no name"),
        ("<annotations><image name='a'><points points='1,2'/></image></annotations>", "a <points> has no label"),
        ("<annotations><image name='a'><points label='n' points='1;2'/></image></annotations>", "has the points '1;2'"),
        ("<annotations><track label='n'><points points='1,2'/></track></annotations>", "a <points> has no frame"),
        ("<annotations><track label='n'><points frame='x' points='1,2'/></track></annotations>", "has the frame 'x'"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_cvat(file)
    with pytest.raises(FileNotFoundError):
        read_cvat(tmp_path / "none.xml")


def test_recognised(tmp_path):
    assert recognise_cvat(tmp_path) is None
    file = write(tmp_path, SKELETONS)
    assert recognise_cvat(file) == recognise_cvat(tmp_path) == "read as CVAT: the root of the XML is <annotations>"
    (tmp_path / "dlib.xml").write_text("<dataset><images/></dataset>")
    (tmp_path / "voc.xml").write_text("<annotation><size/></annotation>")
    (tmp_path / "a.json").write_text("<annotations>")
    assert [recognise_cvat(tmp_path / name) for name in ("dlib.xml", "voc.xml", "a.json", "none.xml")] == [None] * 4

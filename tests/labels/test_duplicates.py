"""Copies and nearly identical photos are notes about the split; only contradicting labels are errors."""

import json

import cv2
import numpy as np
import pytest

from posemachines.__main__ import main
from posemachines.datasets import PoseDataset, find_groups, make_synthetic, write_coco
from posemachines.labels import near_duplicates, validate, write_label_page
from posemachines.labels.patches import subject_patches
from posemachines.skeleton import LSP
from tests.browser import CHROMIUM, Browser

SIZE = (180, 300)


@pytest.fixture(scope="module")
def figures():
    return make_synthetic(60, random_state=9)


def wings(n, seed=0):
    """Vein patterns of n different wings under a microscope with the same dirt on its lens."""
    rng = np.random.default_rng(seed)
    usual = np.array([[40, 90], [90, 55], [150, 40], [210, 50], [260, 90], [205, 120], [140, 135], [85, 125]], float)
    dirt = [(rng.uniform(0, SIZE[::-1]), rng.uniform(1, 4)) for _ in range(80)]
    photos, joints = [], []
    for _ in range(n):
        places = usual * rng.uniform(0.85, 1.05) + rng.normal(0, 5, usual.shape) + rng.normal(0, 6, 2)
        photo = np.full(SIZE, 225, np.float32) + rng.normal(0, 3, SIZE)
        for first, second in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 0), (1, 7), (2, 6), (3, 5)]:
            curve(photo, places[first], places[second], rng.normal(0, 9, 2))
        for _ in range(25):
            start = rng.uniform([60, 60], [240, 120])
            curve(photo, start, start + rng.normal(0, 14, 2), rng.normal(0, 4, 2))
        for centre, radius in dirt:
            cv2.circle(photo, tuple(centre.astype(int).tolist()), int(radius), 60, -1, cv2.LINE_AA)
        photos.append(rgb(photo))
        joints.append(places)
    return photos, np.array(joints)


def curve(photo, start, end, bulge):
    along = np.linspace(0, 1, 12)[:, None]
    points = start * (1 - along) + end * along + bulge * np.sin(np.pi * along)
    cv2.polylines(photo, [np.round(points * 16).astype(int)], False, 90, 2, cv2.LINE_AA, 4)


def rgb(grey):
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def edited(photo, gain=1.0, shift=(0, 0), quality=70):
    """A copy in another brightness, moved by some pixels, and compressed."""
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float)
    moved = cv2.warpAffine(photo, move, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    bright = np.clip(moved * gain + 6, 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", bright, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def of_kind(found, kind):
    return [each for each in found.findings if each.kind == kind]


# -- what is not alike ------------------------------------------------------------------------------------------------


def test_different_wings_with_the_same_dirt_are_not_alike():
    photos, joints = wings(200)
    found = validate(PoseDataset(photos, joints))
    assert not any(each.level == "error" for each in found.findings)
    assert of_kind(found, "near-duplicate") == of_kind(found, "duplicate") == []


def test_other_subjects_before_the_same_background_are_not_alike():
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.uniform(0, 255, (200, 260)).astype(np.float32), (0, 0), 3) * 3
    photos, joints = [], []
    for _ in range(60):
        spots = rng.uniform(0, 255, (40, 40)).astype(np.float32)
        x, y = rng.integers(10, 150, 2)
        photo = scene.copy()
        photo[y : y + 40, x : x + 40] = cv2.GaussianBlur(spots, (0, 0), 1.5)
        photos.append(rgb(photo))
        joints.append([[x, y], [x + 39, y], [x + 39, y + 39], [x, y + 39]])
    assert len(near_duplicates(PoseDataset(photos, np.array(joints, float)))) == 0


def test_same_pose_of_other_people_is_not_alike(figures):
    photos = [*figures.photos, np.zeros_like(figures.photos[13])]
    joints = np.concatenate([figures.joints, figures.joints[13:14]])
    assert len(near_duplicates(PoseDataset(photos, joints, LSP))) == 0


# -- what is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{}, {"gain": 0.8}, {"gain": 1.15, "quality": 40}, {"shift": (3, -2)}])
def test_edited_copies_are_notes_with_their_partner(change):
    photos, joints = wings(60)
    for original in (5, 17, 40):
        photos.append(edited(photos[original], **change))
        joints = np.concatenate([joints, joints[original : original + 1] + change.get("shift", (0, 0))])
    found = validate(PoseDataset(photos, joints))
    alike = of_kind(found, "near-duplicate")
    assert {(each.other, each.person) for each in alike} == {(5, 60), (17, 61), (40, 62)}
    assert all(each.level == "note" for each in found.findings)
    assert "one side of a split" in alike[0].message
    assert found.suspicious() == []


def test_another_size_and_a_second_labelling(figures):
    rng = np.random.default_rng(0)
    photos, joints = list(figures.photos), list(figures.joints)
    for person in (11, 30):
        photos.append(cv2.resize(photos[person], None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC))
        places = (joints[person] + [0.5, 0.5, 0]) * [1.7, 1.7, 1] - [0.5, 0.5, 0]
        joints.append(places + np.pad(rng.normal(0, 1, (14, 2)), ((0, 0), (0, 1))))
    pairs = near_duplicates(PoseDataset(photos, np.array(joints), LSP))
    assert pairs.tolist() == [[11, 60], [30, 61]] or pairs.tolist() == [[30, 61], [11, 60]]


def test_neighbouring_frames_are_linked_to_one_group():
    rng = np.random.default_rng(2)
    scene = cv2.GaussianBlur(rng.uniform(0, 255, (160, 220)).astype(np.float32), (0, 0), 2)
    photos, joints = [], []
    for _ in range(12):
        coat = cv2.GaussianBlur(rng.uniform(0, 255, (50, 50)).astype(np.float32), (0, 0), 1.5) * 2
        x, y = rng.uniform(5, [145, 95])
        for _ in range(4):
            x, y = x + rng.uniform(1, 5), y + rng.uniform(-2, 2)
            move = np.array([[1, 0, x], [0, 1, y]])
            photo = scene.copy()
            cv2.warpAffine(coat, move, (220, 160), dst=photo, borderMode=cv2.BORDER_TRANSPARENT)
            photos.append(rgb(photo + rng.normal(0, 4, photo.shape)))
            joints.append(np.array([[0, 0], [49, 0], [49, 49], [0, 49], [25, 20]]) + [x, y])
    data = PoseDataset(photos, np.array(joints))
    found = validate(data)
    alike = of_kind(found, "near-duplicate")
    assert len(alike) == 12, "one finding for each group"
    assert all(len(each.others) == 3 for each in alike)
    assert "so do those of subjects" in alike[0].message
    groups = find_groups(data, near_duplicates=found.near_duplicates())
    assert groups.n_groups == 12
    assert all(len(set(groups.values[4 * video : 4 * video + 4])) == 1 for video in range(12))


# -- identical pictures -----------------------------------------------------------------------------------------------


@pytest.fixture
def copies(figures, tmp_path):
    """Ten photos as files, a byte-identical copy of the third and a pixel-identical one of the fourth."""
    files = [tmp_path / f"{number}.png" for number in range(10)]
    for file, photo in zip(files, figures.photos, strict=False):
        cv2.imwrite(str(file), photo[..., ::-1])
    same_bytes, same_pixels = tmp_path / "copy.png", tmp_path / "copy.bmp"
    same_bytes.write_bytes(files[3].read_bytes())
    cv2.imwrite(str(same_pixels), figures.photos[4][..., ::-1])
    return [*files, same_bytes, same_pixels], figures.joints[[*range(10), 3, 4]].copy()


def test_identical_pictures_with_the_same_labels_are_notes(copies):
    files, joints = copies
    joints[10, :, :2] += 0.7
    found = validate(PoseDataset(files, joints, LSP))
    assert {(each.person, each.other) for each in of_kind(found, "duplicate")} == {(10, 3), (11, 4)}
    assert not any(each.level == "error" for each in found.findings)
    assert sorted(map(tuple, found.near_duplicates().tolist())) == [(3, 10), (4, 11)]


def test_identical_pictures_with_contradicting_labels_are_errors(copies):
    files, joints = copies
    pairs = np.array(LSP.pairs)
    joints[10][pairs[:, 0]], joints[10][pairs[:, 1]] = joints[10][pairs[:, 1]].copy(), joints[10][pairs[:, 0]].copy()
    joints[11, 0, :2] += 60
    found = validate(PoseDataset(files, joints, LSP))
    wrong = of_kind(found, "contradicting labels")
    assert {(each.person, each.other) for each in wrong} == {(10, 3), (11, 4)}
    assert all(each.level == "error" for each in wrong)
    last = next(each for each in wrong if each.person == 11)
    assert last.parts == (LSP.parts[0],)
    assert "(4.png), labelled differently" in last.message


def test_two_people_in_two_copies_do_not_contradict(figures, tmp_path):
    both = np.zeros((200, 400, 3), np.uint8)
    for photo, left in ((figures.photos[0], 0), (figures.photos[1], 200)):
        both[: photo.shape[0], left : left + photo.shape[1]] = photo
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        cv2.imwrite(str(file), both[..., ::-1])
    second = figures.joints[1] + [200, 0, 0]
    found = validate(PoseDataset(files, np.array([figures.joints[0], second]), LSP))
    assert not any(each.level == "error" for each in found.findings)


def test_one_subject_twice_in_a_photo_is_a_warning_and_a_second_annotator_a_note(figures):
    photos = [*figures.photos, figures.photos[7]]
    joints = np.concatenate([figures.joints, figures.joints[7:8] + [1, 0, 0]])
    found = validate(PoseDataset(photos, joints, LSP))
    assert [(each.person, each.other, each.level) for each in of_kind(found, "labelled twice")] == [(60, 7, "warning")]
    twice = PoseDataset([*figures.photos, *figures.photos], np.concatenate([figures.joints, figures.joints + 0.2]), LSP)
    found = validate(twice, pictures=False)
    assert of_kind(found, "labelled twice") == []
    assert of_kind(found, "second annotator")[0].message.startswith("60 of 120 subjects are labelled twice")


# -- other findings ---------------------------------------------------------------------------------------------------


def test_parts_that_often_coincide_are_anatomy():
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 100, (40, 5, 2))
    joints[:9, 1] = joints[:9, 0]  # closed lips
    joints[20, 4] = joints[20, 3]  # a slip
    found = validate(PoseDataset(["lips.png"] * 40, joints), pictures=False)
    assert [each.person for each in of_kind(found, "two parts at one place")] == [20]
    (usual,) = of_kind(found, "parts that coincide")
    assert "coincide in 9 of 40 subjects" in usual.message
    assert usual.level == "note"


def test_exchanged_coordinates_are_named():
    rng = np.random.default_rng(0)
    joints = np.stack([rng.uniform(150, 290, (12, 4)), rng.uniform(10, 90, (12, 4))], -1)
    joints[3] = joints[3, :, ::-1]
    photos = [rng.integers(0, 255, (100, 300, 3), dtype=np.uint8) for _ in range(12)]
    found = validate(PoseDataset(photos, joints))
    assert [(each.person, each.level) for each in of_kind(found, "x and y exchanged")] == [(3, "error")]
    assert of_kind(found, "outside the photo") == []


def test_subjects_without_a_pose_are_left_out():
    joints = np.zeros((4, 3, 3))
    joints[:2] = [[5, 5, 1], [20, 30, 1], [9, 9, 1]]
    joints[2, 0] = 5, 5, 1
    data = PoseDataset([np.zeros((40, 40, 3), np.uint8)] * 4, joints, crop_rule="photo")
    assert subject_patches(data, data.joints.astype(float), np.ones(4, bool)).who.tolist() == [0, 1]
    assert len(subject_patches(data, data.joints * 0.0, np.ones(4, bool)).who) == 0


# -- the command and the page -----------------------------------------------------------------------------------------


def test_command_ends_with_1_only_for_errors(copies, tmp_path, capsys):
    files, joints = copies
    for labels, code in ((joints, 0), (np.concatenate([joints[:11], joints[11:] + [12, 0, 0]]), 1)):
        write_coco(tmp_path / "labels.json", PoseDataset(files, labels, LSP))
        arguments = ["validate", str(tmp_path / "labels.json"), "--images", str(tmp_path), "--crop-rule", "joints"]
        assert main([*arguments, "--json", str(tmp_path / "found.json")]) == code
    assert "contradicting labels" in capsys.readouterr().out
    command = json.loads((tmp_path / "found.json").read_text())["command"]
    assert command.startswith(f"python -m posemachines validate {tmp_path / 'labels.json'} --images ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "give the file or folder of the labels"), (["x.json", "--dataset", "coco"], "with x.json use --format")],
)
def test_labels_are_given_once(arguments, message, capsys):
    assert main(["validate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_page_shows_both_photos(copies, tmp_path):
    files, joints = copies
    path = write_label_page(validate(PoseDataset(files, joints, LSP)), tmp_path / "labels.html")
    content = path.read_text(encoding="utf-8")
    assert content.count("data:image/jpeg") == 4
    assert "Nothing looks wrong" in content
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(tmp_path / "browser") as browser:
        for width in (1280, 390):
            browser.open(path.as_uri(), width=width)
            assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        pictures = "[...document.querySelector('.people > li').querySelectorAll('img')]"
        assert browser.run(f"{pictures}.map((each) => each.alt.split(' ')[1])") in (["10", "3"], ["11", "4"])
        tops = browser.run(f"{pictures}.map((each) => each.getBoundingClientRect().top)")
        assert tops[0] == tops[1], "side by side"

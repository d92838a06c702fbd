"""Faults put into the labels of synthetic figures are found; clean labels raise no findings."""

import json
import logging
import re

import cv2
import numpy as np
import pytest

from posemachines.__main__ import main
from posemachines.datasets import PoseDataset, make_synthetic, write_coco
from posemachines.labels import validate
from posemachines.labels.findings import KINDS
from posemachines.labels.page import write_label_page
from posemachines.labels.suspicions import body_sizes, exchanged_sides, side_groups
from posemachines.skeleton import LSP, Skeleton
from tests.browser import CHROMIUM, Browser

PARTS = LSP.parts


@pytest.fixture(scope="module")
def figures():
    return make_synthetic(300, random_state=9)


def changed(figures, change, **fields):
    """The figures with other joints."""
    joints = figures.joints.copy()
    change(joints)
    return PoseDataset(figures.photos, joints, figures.skeleton, **fields)


def test_clean_labels_raise_hardly_any_findings(figures):
    found = validate(figures)
    assert found.people().mean() < 0.04, found.summary()
    assert not any(finding.level == "error" for finding in found.findings)
    assert not found.people("implausible limb").any()


def test_groups_of_pairs_are_limbs_and_single_pairs():
    names = [{PARTS[LSP.pairs[pair][0]].removeprefix("right ") for pair in group} for group in side_groups(LSP)]
    assert {"ankle", "knee"} in names
    assert {"wrist", "elbow"} in names
    assert sum(len(each) == 1 for each in names) == 6
    assert len([each for each in names if len(each) == 3]) == 1, "arms exchanged and legs exchanged are one mistake"
    everything = Skeleton("two", ("a", "b"), pairs=(("a", "b"),))
    assert side_groups(everything) == [], "with one pair there is nothing to disagree with"


@pytest.mark.parametrize(
    "names",
    [("ankle",), ("wrist",), ("shoulder",), ("hip",), ("ankle", "knee"), ("wrist", "elbow"), ("ankle", "knee", "hip")],
)
def test_exchanged_sides_are_found(figures, names):
    rng = np.random.default_rng(0)
    who = rng.choice(len(figures), 24, replace=False)
    pairs = [pair for pair in LSP.pairs if PARTS[pair[0]].removeprefix("right ") in names]

    def exchange(joints):
        for pair in pairs:
            joints[np.ix_(who, pair)] = joints[np.ix_(who, pair[::-1])]

    broken = changed(figures, exchange)
    joints = broken.joints.astype(float)
    swaps = exchanged_sides(joints, LSP, body_sizes(joints, LSP))
    likely = np.nan_to_num(swaps.logits, nan=-9.0)
    assert (likely[who].max(1) > 0).mean() > 0.85, "nearly all look exchanged rather than not"
    found = validate(broken, pictures=False)
    suspected = found.people("sides exchanged")
    assert suspected[who].mean() > 0.25, "and the clearest are reported"
    assert np.delete(suspected, who).mean() < 0.04
    expected = {PARTS[part] for pair in pairs for part in pair}
    others = {PARTS[part] for pair in LSP.pairs for part in pair} - expected
    named = [set(each.parts) for each in found.findings if each.kind == "sides exchanged" and each.person in who]
    assert np.mean([each in (expected, others) for each in named]) > 0.6


def test_stretched_limbs_are_found(figures):
    who = np.arange(0, 300, 20)
    wrist, elbow = PARTS.index("left wrist"), PARTS.index("left elbow")

    def stretch(joints):
        away = joints[who, wrist, :2] - joints[who, elbow, :2]
        unit = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        joints[who, wrist, :2] = joints[who, elbow, :2] + 90 * unit

    found = validate(changed(figures, stretch), pictures=False)
    suspected = found.people("implausible limb")
    assert suspected[who].mean() > 0.9
    assert not np.delete(suspected, who).any()
    named = [each for each in found.findings if each.kind == "implausible limb"]
    assert all("left elbow to left wrist is too long" in each.message for each in named)
    assert named[0].parts == ("left elbow", "left wrist")


def test_joints_outside_the_photo_are_found(figures):
    width = figures.photo(3).shape[1]

    def move(joints):
        joints[3, 0, 0] = width + 20
        joints[5, 2] = (-0.9, 5, 1)
        joints[6, 2] = (-50, 5, 0)  # not labelled

    found = [each for each in validate(changed(figures, move)).findings if each.kind == "outside the photo"]
    assert [(each.person, each.parts) for each in found] == [(3, (PARTS[0],)), (5, (PARTS[2],))]
    assert "by up to 20 px" in found[0].message
    assert "less than a pixel" in found[1].message
    assert all(each.level == "error" for each in found)


def test_two_people_of_one_photo_are_no_duplicates(figures):
    joints = np.stack([figures.joints[0], figures.joints[1]])
    found = validate(PoseDataset([figures.photos[0]] * 2, joints, LSP), pictures=False)
    assert not found.people("labelled twice").any()


def test_missing_labels_and_parts_at_one_place(figures):
    def take(joints):
        joints[0, :, 2] = 0
        joints[1, 3:, 2] = 0
        joints[:, 13, 2] = 0
        joints[4, 8] = joints[4, 9] = joints[4, 10]

    broken = changed(figures, take, crop_rule="photo")
    found = validate(broken)
    assert found.of(0)[0].kind == "no label"
    assert "only 3 of 14" in found.of(1)[0].message
    together = [each for each in found.of(4) if each.kind == "two parts at one place"]
    assert together[0].message == f"{PARTS[8]}, {PARTS[9]} and {PARTS[10]} are labelled at one place"
    assert [each.message for each in found.findings if each.person is None] == ["head top is never labelled"]


def test_unreadable_photos_are_reported_and_the_rest_is_judged(figures, tmp_path):
    files = []
    for number in range(4):
        files.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(files[-1]), figures.photos[number])
    files[1].write_bytes(b"no image")
    files[2].unlink()
    found = validate(PoseDataset(files, figures.joints[:4], LSP))
    assert [(each.person, each.kind) for each in found.findings] == [(1, "unreadable photo"), (2, "unreadable photo")]
    assert "no photo at" in found.findings[1].message


def test_given_frames_are_compared_with_the_joints(figures):
    scale = np.ptp(figures.joints[..., :2], axis=1).max(1)
    centre = figures.joints[..., :2].mean(1)
    scale[2] *= 7
    scale[3] = np.nan
    centre[4] += 400
    people = PoseDataset(figures.photos, figures.joints, LSP, crop_rule="given", centre=centre, person_size=scale)
    found = {each.person: each.message for each in validate(people, pictures=False).findings if "frame" in each.kind}
    assert set(found) == {2, 3, 4}
    assert "times as large" in found[2]
    assert "missing" in found[3]
    assert "outside the box" in found[4]


@pytest.mark.parametrize("n", [1, 5, 25])
def test_any_skeleton_and_any_number_of_people(n):
    rng = np.random.default_rng(n)
    joints = np.concatenate([rng.uniform(5, 60, (n, 3, 2)), np.ones((n, 3, 1))], -1)
    photos = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(n)]
    for skeleton in (None, Skeleton("s", ("a", "b", "c"), limbs=(("a", "b"), ("b", "c")), pairs=(("a", "c"),))):
        assert validate(PoseDataset(photos, joints, skeleton)).findings == []


def test_result_object(figures):
    def move(joints):
        joints[3, 0, 0] = 4000
        joints[8, 3:, 2] = 0

    found = validate(changed(figures, move))
    assert found.suspicious(1) == [3]
    assert 8 not in found.suspicious(), "few labels are no fault"
    assert found.people("few labels").nonzero()[0].tolist() == [8]
    assert sum(found.counts().values()) == len(found.findings)
    assert set(found.counts()) <= set(KINDS)
    content = json.loads(json.dumps(found.to_dict()))
    assert content["counts"] == found.counts()
    assert content["findings"][0]["level"] == "error"
    assert f"{content['suspicious']} of 300 subjects look wrong" in found.summary()
    with pytest.raises(ValueError, match="no kind swaps; the kinds are"):
        found.people("swaps")


# -- the page and the command ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(figures, tmp_path_factory):
    """Forty figures as COCO, one of them with a joint far outside."""
    folder = tmp_path_factory.mktemp("labels")
    joints = figures.joints[:40].copy()
    joints[3, 0, 0] = 4000
    (folder / "images").mkdir()
    files = []
    for number in range(40):
        files.append(folder / "images" / f"<b>{number}.png")
        cv2.imwrite(str(files[-1]), figures.photos[number][..., ::-1])
    write_coco(folder / "labels.json", PoseDataset(files, joints, LSP))
    return folder


def test_command_prints_and_writes(written, tmp_path, capsys):
    arguments = ["validate", "--dataset", "coco", "--annotations", str(written / "labels.json")]
    arguments += ["--images", str(written / "images"), "--frame", "joints"]
    page, file = tmp_path / "labels.html", tmp_path / "labels.out.json"
    assert main([*arguments, "--page", str(page), "--json", str(file), "--show", "1"]) == 1
    out, err = capsys.readouterr()
    assert "of 40 subjects look wrong" in out
    assert f"3 (<b>3.png): {PARTS[0]} outside the photo" in out
    assert f"wrote {page}" in err
    assert json.loads(file.read_text())["counts"]["outside the photo"] == 1
    content = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;3.png" in content
    assert "<b>3.png" not in content
    assert "http" not in content.replace("http-equiv", "")


def test_command_ends_with_0_where_no_error_is_found(figures, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    file = tmp_path / "images" / "one.png"
    cv2.imwrite(str(file), figures.photos[0])
    write_coco(tmp_path / "labels.json", PoseDataset([file], figures.joints[:1], LSP))
    arguments = ["validate", "--dataset", "coco", "--annotations", str(tmp_path / "labels.json")]
    assert main([*arguments, "--images", str(tmp_path / "images")]) == 0
    assert "0 of 1 subjects look wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "lspet"], "needs --root"),
        (["--dataset", "coco"], "needs --annotations"),
        (["--dataset", "lspet", "--root", "nowhere"], "nowhere"),
        (["--dataset", "lspet", "--root", ".", "--page", "no/page.html"], "no folder no"),
    ],
)
def test_bad_input_is_reported_in_one_line(arguments, message, capsys):
    assert main(["validate", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_page_filters_by_kind(figures, tmp_path, caplog):
    def move(joints):
        joints[3, 0, 0] = 4000
        joints[5, 1, 0] = 4000
        joints[8, 3:, 2] = 0

    photos = list(figures.photos)
    photos[5] = tmp_path / "gone.png"
    joints = figures.joints.copy()
    move(joints)
    found = validate(PoseDataset(photos, joints, LSP))
    path = tmp_path / "labels.html"
    path.write_text("older")
    assert write_label_page(found, path) == path
    content = path.read_text(encoding="utf-8")
    assert "Subject 3 " in content
    assert "no image" in content
    assert any("subject 5 is shown without an image" in record.getMessage() for record in caplog.records)
    assert content.count("data:image/jpeg") == len({each.person for each in found.findings}) - 1
    with pytest.raises(ValueError, match="most must be positive"):
        write_label_page(found, path, most=0)
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page with")
    with Browser(tmp_path / "browser") as browser:
        for width in (1280, 390):
            browser.open(path.as_uri(), width=width)
            assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        browser.run("document.querySelector('input[value=\"few labels\"]').click()")
        people = "[...document.querySelectorAll('.people > li')]"
        shown = f"{people}.filter((each) => each.offsetParent).map((each) => each.innerText)"
        (only,) = browser.run(shown)
        assert re.match(r"Subject 8\b", only)
        browser.run("document.querySelector('input[value=\"\"]').click()")
        assert len(browser.run(shown)) == content.count("<h2>Subject")
        assert browser.complaints == []
        assert [address for address in browser.requests if not address.startswith(("data:", "file:", "about:"))] == []


def test_page_of_clean_labels(figures, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    content = write_label_page(validate(figures[:3]), tmp_path / "labels.html").read_text(encoding="utf-8")
    assert "Nothing looks wrong in the labels of 3 subjects" in content
    assert not caplog.records

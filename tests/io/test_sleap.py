"""SLEAP's projects and analysis files; needs sleap-io, but for recognising them."""

import cv2
import h5py
import numpy as np
import pytest

from posemachines.datasets import load_dataset
from posemachines.io.sleap import read_sleap, recognise_sleap

PARTS = ("nose", "ear_L", "ear_R")
POINTS = np.array([[1.5, 2], [3, 4], [np.nan, np.nan]])


def test_analysis_files_are_recognised(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("tracks", "node_names", "track_occupancy"):
            file[name] = [0]
    assert "tracks, node_names" in recognise_sleap(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["df_with_missing"] = [0]
    assert recognise_sleap(tmp_path / "b.h5") is None
    (tmp_path / "c.h5").write_bytes(b"nothing")
    assert recognise_sleap(tmp_path / "c.h5") is None
    assert recognise_sleap(tmp_path) is None


def test_without_sleap_io_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sleap_io", None)
    (tmp_path / "a.slp").write_bytes(b"")
    with pytest.raises(ImportError, match=r"posemachines\[sleap\]"):
        read_sleap(tmp_path / "a.slp")
    with pytest.raises(FileNotFoundError):
        read_sleap(tmp_path / "none.slp")


@pytest.fixture
def labels(tmp_path):
    """Two frames of a video, in each an instance of track "a" and a predicted one; and one frame with predictions."""
    sio = pytest.importorskip("sleap_io")
    video = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), number * 40, np.uint8))
    writer.release()
    skeleton = sio.Skeleton([*PARTS], edges=[("nose", "ear_L")], symmetries=[("ear_L", "ear_R")], name="mouse")
    film, track = sio.Video.from_filename(str(video)), sio.Track("a")
    frames = []
    for number in (1, 4, 5):
        instances = [sio.PredictedInstance.from_numpy(np.ones((3, 2)), skeleton, track=track)]
        if number < 5:
            instances.append(sio.Instance.from_numpy(POINTS + number, skeleton, track=track))
            instances.append(sio.Instance.from_numpy(POINTS, skeleton))
        frames.append(sio.LabeledFrame(video=film, frame_idx=number, instances=instances))
    return sio.Labels(frames, videos=[film], skeletons=[skeleton])


def test_project(tmp_path, labels):
    labels.save(str(tmp_path / "mouse.slp"))
    found = read_sleap(tmp_path / "mouse.slp")
    assert (found.skeleton.parts, found.skeleton.limbs, found.skeleton.pairs) == (PARTS, ((0, 1),), ((2, 1),))
    assert found.subjects == ["a", "", "a", ""]
    assert [photo.split("/")[-1] for photo in found.photos] == [f"film.mp4#frame={k}" for k in (1, 1, 4, 4)]
    assert {video.split("/")[-1] for video in found.groups} == {"film.mp4"}
    np.testing.assert_array_equal(found.joints[0], [[2.5, 3, 1], [4, 5, 1], [0, 0, 0]])
    assert found.notes == ("3 predicted instances are not read: only what people labelled is",)
    assert len(read_sleap(tmp_path / "mouse.slp", animal="a")) == 2
    with pytest.raises(ValueError, match=r"no track b; its instances have the tracks \(none\), a"):
        read_sleap(tmp_path / "mouse.slp", animal="b")


def test_frames_of_a_video_are_read(tmp_path, labels):
    labels.save(str(tmp_path / "mouse.slp"))
    data = load_dataset(tmp_path / "mouse.slp")
    assert len(data) == 4
    assert abs(data.photo(2).mean() - 160) < 8


@pytest.mark.filterwarnings("ignore")  # of the progress bar of sleap-io
def test_package_carries_its_frames(tmp_path, labels):
    labels.save(str(tmp_path / "mouse.pkg.slp"), embed="user")
    (tmp_path / "film.mp4").unlink()
    data = load_dataset(tmp_path / "mouse.pkg.slp")
    assert [photo.shape for photo in data.photos] == [(48, 64, 3)] * 4
    assert list(data.photo_numbers()) == [0, 0, 1, 1]
    assert abs(data.photo(2).mean() - 160) < 8


def test_predictions_are_no_labels(tmp_path, labels):
    sio = pytest.importorskip("sleap_io")
    for frame in labels.labeled_frames:
        frame.instances = frame.predicted_instances
    labels.save(str(tmp_path / "mouse.slp"))
    sio.save_analysis_h5(labels, str(tmp_path / "mouse.h5"))
    for name in ("mouse.slp", "mouse.h5"):
        with pytest.raises(ValueError, match=r"no landmark that a person labelled; 3 .* pass format='sleap'"):
            load_dataset(tmp_path / name)
        found = read_sleap(tmp_path / name, predictions=True)
        assert len(found) == 3
        assert "as if they were labels" in found.notes[0]


def test_damaged_files(tmp_path):
    pytest.importorskip("sleap_io")
    (tmp_path / "a.slp").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable file of SLEAP"):
        read_sleap(tmp_path / "a.slp")

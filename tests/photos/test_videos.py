"""Frames of videos."""

import cv2
import numpy as np
import pytest

from posemachines.photos import photo_size, read_photo, videos

N_FRAMES = 150


@pytest.fixture(scope="module", params=[("avi", "MJPG"), ("mp4", "mp4v")], ids=lambda each: each[0])
def video(request, tmp_path_factory):
    """A video whose frames show their number as eight bright or dark squares."""
    suffix, codec = request.param
    path = tmp_path_factory.mktemp("video") / f"film.{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 30, (128, 32))
    for number in range(N_FRAMES):
        bits = [(number >> bit) & 1 for bit in range(8)]
        frame = np.repeat(np.repeat(np.array([bits], np.uint8) * 200, 16, 1), 32, 0)
        writer.write(np.dstack([frame // 2, frame, frame]))
    writer.release()
    return path


def number(frame):
    return sum(int(frame[16, 16 * bit + 8, 0] > 100) << bit for bit in range(8))


def test_frames_are_exact(video):
    for wanted in (0, 1, 63, 64, 149, 77, 100, 65, 3):
        frame = read_photo(f"{video}#frame={wanted}")
        assert frame.shape == (32, 128, 3)
        assert number(frame) == wanted
    assert photo_size(f"{video}#frame=3") == (128, 32)


def test_colours_are_red_green_blue(video):
    red, green, blue = read_photo(f"{video}#frame=1")[16, 8].astype(int)
    assert min(red, green) > blue + 50


def test_frames_are_exact_where_jumps_are_not(video, monkeypatch):
    """Some codecs land behind the frame, and some files have no times."""

    class Late:
        def __init__(self, path):
            self.inner = cv2_capture(path)

        def set(self, name, value):
            return self.inner.set(name, min(value + 5, N_FRAMES - 1))

        def __getattr__(self, name):
            return getattr(self.inner, name)

    cv2_capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Late)
    for wanted in (70, 140, 149):
        assert number(read_photo(f"{video}#frame={wanted}")) == wanted
    monkeypatch.setattr(videos, "_times", lambda *stamp: np.zeros(N_FRAMES))
    assert number(read_photo(f"{video}#frame=120")) == 120


def test_mistakes_are_named(video, tmp_path):
    for function in (read_photo, photo_size):
        with pytest.raises(ValueError, match=r"is a video; name a frame, counted from 0: .*#frame=0"):
            function(video)
    for wanted in (150, 1000):
        with pytest.raises(ValueError, match=rf"no frame {wanted}; film.* has 150 frames"):
            read_photo(f"{video}#frame={wanted}")
    with pytest.raises(ValueError, match="the option page is for pictures"):
        read_photo(f"{video}#page=0")
    (tmp_path / "a.mp4").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a readable video"):
        read_photo(f"{tmp_path}/a.mp4#frame=0")

"""Frames of videos, by their exact number.

Jumping to a frame may land beside it, depending on the codec. So the times of all frames are read once, and after a
jump the reader goes on until the time is that of the frame. Containers turn videos (phones do); this is applied.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from .sources import Source

__all__ = ["read_frame", "video_size"]

NEAR = 64
"""Frames that are read from the start of the file, without the times; and how far before a frame the reader lands."""


def read_frame(source: Source) -> np.ndarray:
    """A frame as uint8 RGB (H, W, 3)."""
    number = _number(source)
    with _video(source.path) as video:
        picture = _from_start(video, number) if number < NEAR else _jump(source.path, video, number)
    if picture is None:
        raise ValueError(
            f"{source.label}: there is no frame {number}; {source.path.name} has {len(_times(*_stamp(source.path)))} "
            "frames, counted from 0"
        )
    return np.ascontiguousarray(picture[..., ::-1])


def video_size(source: Source) -> tuple[int, int]:
    """(width, height) from the header."""
    _number(source)
    with _video(source.path) as video:
        return int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))


def _number(source: Source) -> int:
    if "frame" not in source.options:
        raise ValueError(f"{source.label} is a video; name a frame, counted from 0: {source.path}#frame=0")
    return source.options["frame"]


@contextmanager
def _video(path: Path) -> Iterator[cv2.VideoCapture]:
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ValueError(f"{path} is not a readable video; it may be truncated, or its codec unknown to OpenCV")
        yield video
    finally:
        video.release()


def _from_start(video: cv2.VideoCapture, number: int) -> np.ndarray | None:
    for _ in range(number):
        if not video.grab():
            return None
    return video.read()[1]


def _jump(path: Path, video: cv2.VideoCapture, number: int) -> np.ndarray | None:
    times = _times(*_stamp(path))
    if number >= len(times):
        return None
    if (np.diff(times) > 0).all():
        for before in (0, NEAR):
            video.set(cv2.CAP_PROP_POS_FRAMES, max(0, number - before))
            while video.grab() and (now := video.get(cv2.CAP_PROP_POS_MSEC)) <= times[number]:
                if now == times[number]:
                    return video.retrieve()[1]
    with _video(path) as again:
        return _from_start(again, number)


def _stamp(path: Path) -> tuple[str, int, int]:
    status = os.stat(path)
    return str(path), status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=16)
def _times(path: str, size: int, modified: int) -> np.ndarray:
    """Time of each frame, in ms."""
    found = []
    with _video(Path(path)) as video:
        while video.grab():
            found.append(video.get(cv2.CAP_PROP_POS_MSEC))
    return np.array(found)

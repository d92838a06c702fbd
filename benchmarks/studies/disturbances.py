"""Disturbances of the crops: image quality, and how the crop is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from posemachines import PoseDataset
from posemachines.datasets import Crops
from posemachines.geometry import cut_crop, to_crop

__all__ = ["DISTURBANCES", "Disturbance", "disturbed"]


class Disturbance(NamedTuple):
    """A kind of disturbance.

    Attributes
    ----------
    label : str
        Display name, with the unit of the severity.
    severities : tuple of float
        From mild to strong.
    image : callable or None
        (crop, severity, generator) -> crop.
    frame : callable or None
        (side, severity, generator) -> matrix (2, 3) that moves points of the crop; the crop is cut anew.
    """

    label: str
    severities: tuple[float, ...]
    image: Callable | None = None
    frame: Callable | None = None


def _blur(crop, sigma, _rng):
    return cv2.GaussianBlur(crop, (0, 0), sigma)


def _noise(crop, sigma, rng):
    return (crop + rng.normal(0, sigma, crop.shape)).round().clip(0, 255).astype(np.uint8)


def _jpeg(crop, quality, _rng):
    _, data = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _dark(crop, gain, rng):
    """A short exposure: fewer photons, hence more shot and read-out noise."""
    linear = (crop / 255.0) ** 2.2 * gain
    noisy = linear + rng.normal(0, 1, crop.shape) * np.sqrt(linear / 2000 + 0.002**2)
    return (255 * noisy.clip(0, 1) ** (1 / 2.2)).round().astype(np.uint8)


def _occlude(crop, share, rng):
    """A grey square over part of the crop, whose side is `share` times that of the crop."""
    side = round(share * crop.shape[0])
    x, y = (int(rng.integers(0, length - side + 1)) for length in crop.shape[1::-1])
    covered = crop.copy()
    covered[y : y + side, x : x + side] = 127
    return covered


def _about_middle(side: int, linear: np.ndarray) -> np.ndarray:
    middle = np.full(2, (side - 1) / 2)
    return np.column_stack([linear, middle - linear @ middle])


def _shift(side, share, rng):
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([[1, 0, share * side * np.cos(angle)], [0, 1, share * side * np.sin(angle)]])


def _scale(side, factor, _rng):
    return _about_middle(side, factor * np.eye(2))


def _rotate(side, degrees, rng):
    angle = np.radians(degrees) * rng.choice([-1, 1])
    cosine, sine = np.cos(angle), np.sin(angle)
    return _about_middle(side, np.array([[cosine, -sine], [sine, cosine]]))


DISTURBANCES = {
    "blur": Disturbance("Blur, sigma [px]", (0.7, 1.5, 3.0, 6.0), image=_blur),
    "noise": Disturbance("Noise, sigma [grey levels]", (8, 16, 32, 64), image=_noise),
    "jpeg": Disturbance("JPEG quality", (40, 20, 10, 5), image=_jpeg),
    "darkness": Disturbance("Exposure [of the photo's]", (0.5, 0.2, 0.1, 0.03), image=_dark),
    "occlusion": Disturbance("Occluding square [of the side]", (0.15, 0.25, 0.35, 0.5), image=_occlude),
    "centre": Disturbance("Centre off by [of the side]", (0.04, 0.08, 0.14, 0.22), frame=_shift),
    "smaller": Disturbance("Subject smaller by", (0.85, 0.7, 0.55, 0.4), frame=_scale),
    "larger": Disturbance("Subject larger by", (1.15, 1.3, 1.5, 1.8), frame=_scale),
    "rotation": Disturbance("Rotated by [degrees]", (15, 30, 60, 120), frame=_rotate),
}


def disturbed(crops: Crops, data: PoseDataset, kind: str, severity: float, seed: int = 0) -> Crops:
    """Disturbed crops of the same subjects; where the crop is cut anew, joints and transforms change accordingly.

    Parameters
    ----------
    crops : Crops
        Crops of `data`.
    data : PoseDataset
    kind : str
        A key of `DISTURBANCES`.
    severity : float
    seed : int
    """
    disturbance = DISTURBANCES[kind]
    images, joints, transforms = [], crops.y.copy(), crops.transforms.copy()
    for index, crop in enumerate(crops.X):
        rng = np.random.default_rng([seed, index])
        if disturbance.image is not None:
            images.append(disturbance.image(crop, severity, rng))
            continue
        assert disturbance.frame is not None
        move = disturbance.frame(len(crop), severity, rng)
        transforms[index] = move @ np.vstack([crops.transforms[index], [0, 0, 1]])
        images.append(cut_crop(data.photo(index), transforms[index], len(crop)))
        joints[index, :, :2] = to_crop(joints[index, :, :2], move)
    return replace(crops, X=np.stack(images), y=joints, transforms=transforms, others=None)

"""The data of the report's viewer: plain lists and small pictures."""

from __future__ import annotations

import base64
import json
import logging

import cv2
import numpy as np

from ..visualize import DIM, HEAT, HEAT_CONTRAST, OPACITY, PARTS_CONTRAST, SIDE_COLOURS, limb_sides, part_sides
from .examples import Examples
from .series import is_baseline

__all__ = ["FOUND", "encoded", "viewer_data"]

FOUND = 0.2  # of the reference length; a joint up to this distance counts as correct
PHOTO_SIDE = 384  # px; longer side of the photos in the page
LEVELS = (256, 32, 12)  # of a belief map, fewest last
logger = logging.getLogger(__name__)


def viewer_data(report: dict, examples: Examples, series: dict[str, int], most_bytes: int) -> dict | None:
    """Everything that the viewer's script needs, ready for JSON, in at most `most_bytes`; None without machines."""
    keys = [key for key in report["machines"] if key in examples.joints]
    if not keys:
        return None
    for levels in LEVELS:
        subjects = [_subject(examples, index, keys, levels) for index in range(len(examples.images))]
        sizes = np.array([len(json.dumps(subject)) for subject in subjects])
        if sizes.sum() <= most_bytes:
            break
    if levels != LEVELS[0]:
        logger.warning("the viewer's beliefs are reduced to %d levels to limit the size of the page", levels)
    if sizes.sum() > most_bytes:
        n = max(int(most_bytes / sizes.mean() * 0.98), 1)
        logger.warning("the viewer shows %d of %d subjects to limit the size of the page", n, len(subjects))
        subjects = [subjects[index] for index in np.unique(np.linspace(0, len(subjects) - 1, n).round().astype(int))]
    skeleton = examples.skeleton
    height, width = examples.images.shape[1:3]
    return {
        "width": width,
        "height": height,
        "parts": list(skeleton.parts),
        "sides": part_sides(skeleton),
        "limbs": [[*limb, side] for limb, side in zip(skeleton.limbs, limb_sides(skeleton), strict=True)],
        "colours": SIDE_COLOURS,
        "heat": HEAT,
        "dim": DIM,
        "opacity": OPACITY,
        "heatContrast": HEAT_CONTRAST,
        "partsContrast": PARTS_CONTRAST,
        "found": FOUND,
        "machines": [_machine(report, examples, key, series[key]) for key in keys],
        "shown": _shown(report, keys),
        "subjects": subjects,
    }


def _machine(report: dict, examples: Examples, key: str, colour: int) -> dict:
    machine = report["machines"][key]
    n_stages = len(examples.joints[key])
    return {
        "key": key,
        "label": machine["label"],
        "series": colour,
        "kinds": machine["kinds"] or [""] * n_stages,
        "stages": n_stages,
        "stride": examples.stride_of(key) if key in examples.beliefs else None,
    }


def _shown(report: dict, keys: list[str]) -> list[int]:
    """The two machines that are shown first: preferably no baselines."""
    order = sorted(range(len(keys)), key=lambda index: is_baseline(report["machines"][keys[index]]))
    return sorted((order * 2)[:2]) if len(keys) > 1 else [0, 0]


def _subject(examples: Examples, index: int, keys: list[str], levels: int) -> dict:
    truth = examples.truth[index]
    photo = _shrunk(examples.images[index], PHOTO_SIDE)
    return {
        "number": (examples.numbers or ())[index] + 1,
        "photo": _uri(encoded(photo, ".jpg", quality=88), "image/jpeg"),
        "truth": _points(truth[:, :2], truth[:, 2] > 0),
        "machines": {key: _prediction(examples, index, key, levels) for key in keys},
    }


def _prediction(examples: Examples, index: int, key: str, levels: int) -> dict:
    staged = examples.joints[key]
    everywhere = np.ones(staged[0].shape[1], bool)
    data: dict = {
        "joints": [_points(joints[index], everywhere) for joints in staged],
        "off": [[_rounded(each) for each in examples.distances(joints)[index]] for joints in staged],
    }
    if key in examples.beliefs:
        maps = np.stack([beliefs[index, :-1] for beliefs in examples.beliefs[key]]).clip(0)  # (stages, P, h, w)
        peaks = maps.max((2, 3))
        shares = maps / np.where(peaks > 0, peaks, 1)[..., None, None]
        steps = np.round(shares * (levels - 1)) * (255 / (levels - 1))
        sheet = steps.round().astype(np.uint8).transpose(0, 2, 1, 3).reshape(-1, maps.shape[1] * maps.shape[3])
        data["peaks"] = peaks.round(4).tolist()
        data["maps"] = _uri(encoded(sheet, ".png"), "image/png")
    return data


def _rounded(value) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None


def _points(joints, shown) -> list:
    """Joints (P, 2) as lists [x, y], None where they are not shown."""
    rounded = np.round(np.asarray(joints, float), 1).tolist()
    return [point if each else None for point, each in zip(rounded, shown, strict=True)]


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(image.shape)
    return image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def encoded(picture: np.ndarray, kind: str, quality: int = 78) -> bytes:
    """A picture, RGB or grey, as the content of a ".jpg" or ".png" file."""
    picture = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return cv2.imencode(kind, picture, options)[1].tobytes()


def _uri(content: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"

"""Photos of a small subject of three coloured dots, and a machine that sees them without having learned anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from posemachines import PoseDataset
from posemachines.inference import CropRecord
from posemachines.skeleton import get_skeleton

SHAPE = np.array([[-14.0, -5.0], [13.0, -3.0], [1.0, 9.0]])
COLOURS = np.array([[230, 40, 40], [40, 220, 60], [40, 60, 235]])


def draw(joints, *, height=150, width=210, radius=4.0):
    """A grey photo with a red, a green and a blue dot."""
    photo = np.full((height, width, 3), 120, np.float32)
    rows, columns = np.mgrid[:height, :width]
    for (x, y), colour in zip(joints, COLOURS, strict=True):
        share = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)[..., None]
        photo = photo * (1 - share) + colour * share
    return photo.round().astype(np.uint8)


def small_subjects(n, *, seed=0, **settings) -> PoseDataset:
    """Photos of 210 x 150 px with a subject about 27 px long anywhere."""
    rng = np.random.default_rng(seed)
    joints = SHAPE * rng.uniform(0.9, 1.1, (n, 1, 1)) + rng.uniform((25, 20), (185, 130), (n, 1, 2))
    return PoseDataset([draw(each) for each in joints], joints, None, name="dots", **settings)


class Finder(BaseEstimator):
    """Knows red, green and blue; has the interface of a machine without beliefs."""

    def __init__(self, crop_size=64, shift=0.0):
        self.crop_size = crop_size
        self.shift = shift

    def fit(self, X, y=None):
        X = X.crops(self.crop_size) if hasattr(X, "crops") else X
        self.skeleton_, self.crop_shape_ = X.skeleton, X.X.shape[1:3]
        self.crop_record_ = CropRecord.of(X)
        self.n_seen_ = len(X)
        return self

    def predict(self, X):
        X = np.asarray(X.X if hasattr(X, "transforms") else X)
        assert X.shape[1:3] == tuple(self.crop_shape_)
        found = np.zeros((len(X), 3, 2))
        rows, columns = np.mgrid[: X.shape[1], : X.shape[2]]
        for part in range(3):
            rest = np.delete(X.astype(float), part, axis=-1).max(-1)
            weight = np.maximum(X[..., part] - rest - 30, 0) + 1e-9
            total = weight.sum((1, 2))
            found[:, part] = np.stack([(weight * axis).sum((1, 2)) / total for axis in (columns, rows)], -1)
        return found + self.shift

    def staged_predict(self, X):
        yield self.predict(X)

    def size(self):
        return {"parameters": 3}

    def save(self, path):
        Path(path).write_text(json.dumps([list(self.crop_shape_), list(self.skeleton_.parts)]))

    @classmethod
    def load(cls, path):
        shape, parts = json.loads(Path(path).read_text())
        made = cls()
        made.crop_shape_, made.skeleton_ = tuple(shape), get_skeleton(None, len(parts))
        return made


def far(found, dataset) -> float:
    """Largest distance of any joint, in pixels of the photo."""
    return float(np.linalg.norm(found - dataset.joints[..., :2], axis=-1).max())

"""Make the pictures of the documentation: synthetic people, curves from the result file, stages from a run.

python docs/make_images.py [runs/compare]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.publishing import tables
from posemachines import ForestStage, PoseMachine
from posemachines.beliefs import decode
from posemachines.datasets import make_synthetic
from posemachines.report import plot_pck_curves
from posemachines.visualize import draw_skeleton, overlay_beliefs, overlay_parts, picture_grid

ROWS, COLUMNS, ZOOM = 3, 8, 1.5


def contact_sheet() -> np.ndarray:
    """Synthetic people 0, 1, 2, ... of seed 7, every other one with its skeleton."""
    people = make_synthetic(ROWS * COLUMNS, random_state=7)
    X, y, _ = people.crops(128)
    tiles = []
    for index, (crop, joints) in enumerate(zip(X, y, strict=True)):
        large = cv2.resize(crop, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
        if index % 2:
            centred = (joints[:, :2] + 0.5) * ZOOM - 0.5
            large = draw_skeleton(large, centred, people.skeleton, labelled=joints[:, 2] > 0)
        tiles.append(large)
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


PARTS = ("head top", "right shoulder", "right wrist", "left knee", "left ankle")
COMPOSITES = ("right leg", "left leg", "right arm", "left arm", "torso and head")  # of the skeleton, level 2
SHOWN = (0, 3, 4)  # of them
PERSON = 31  # among the test people


def stages_and_levels() -> np.ndarray:
    """Belief maps of one synthetic person, stage by stage: parts, composites and the whole body."""
    people = make_synthetic(700, random_state=3)
    X, y, _ = people.crops(128)
    stage = ForestStage(n_rounds=40, n_jobs=-1)
    machine = PoseMachine(stage=stage, skeleton=people.skeleton, random_state=0).fit(X[:650], y[:650])
    image, n_parts = X[650 + PERSON], people.skeleton.n_parts
    rows = []
    for beliefs in machine.staged_beliefs(image[None], composites=True):
        chosen = [people.skeleton.index(part) for part in PARTS]
        chosen += [n_parts + 1 + composite for composite in SHOWN] + [n_parts + 1 + len(COMPOSITES) + 1]
        maps = [overlay_beliefs(image, beliefs[0, channel], stride=4) for channel in chosen]
        everything = overlay_parts(image, beliefs[0, : n_parts + 1], people.skeleton, stride=4)
        joints = decode(beliefs[:, : n_parts + 1], stride=4)[0][0]
        rows.append([*maps, draw_skeleton(everything, joints, people.skeleton, scale=2)])
    names = [*PARTS, *(COMPOSITES[composite] for composite in SHOWN), "whole body", "all parts, decoded"]
    return picture_grid(rows, columns=names, rows=[f"stage {number}" for number in range(1, len(rows) + 1)])


def main() -> None:
    """Write docs/images."""
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    cv2.imwrite(str(images / "synthetic.jpg"), contact_sheet()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    picture = stages_and_levels()
    cv2.imwrite(str(images / "pose_machine.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    plot_pck_curves(tables.read("synthetic")).savefig(images / "pck_curves.png", dpi=200, facecolor="white")
    if len(sys.argv) > 1:
        stages = cv2.imread(str(Path(sys.argv[1]) / "stages.png"))
        cv2.imwrite(str(images / "stages.jpg"), stages, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()

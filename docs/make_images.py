"""Make the pictures of the documentation: drawn figures, curves from the result file, stages from a run's folder.

python docs/make_images.py [runs/compare]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import tables
from posemachines.datasets import draw_figures
from posemachines.visualize import draw_skeleton, plot_pck_curves

ROWS, COLUMNS, ZOOM = 3, 8, 1.5


def contact_sheet() -> np.ndarray:
    """Figures 0, 1, 2, ... of seed 7, every other one with its skeleton."""
    people = draw_figures(ROWS * COLUMNS, random_state=7)
    X, y, _ = people.crops(128)
    tiles = []
    for index, (crop, joints) in enumerate(zip(X, y, strict=True)):
        large = cv2.resize(crop, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
        if index % 2:
            centred = (joints[:, :2] + 0.5) * ZOOM - 0.5
            large = draw_skeleton(large, centred, people.skeleton, visible=joints[:, 2] > 0)
        tiles.append(large)
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def main() -> None:
    """Write docs/images."""
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    cv2.imwrite(str(images / "figures.jpg"), contact_sheet()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    plot_pck_curves(tables.read("figures")).savefig(images / "pck_curves.png", dpi=200, facecolor="white")
    if len(sys.argv) > 1:
        stages = cv2.imread(str(Path(sys.argv[1]) / "stages.png"))
        cv2.imwrite(str(images / "stages.jpg"), stages, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()

"""The toy pictures of all tests; those of the stage contract are in :mod:`posemachines.testing`."""

import cv2
import numpy as np

from posemachines.skeleton import Skeleton

# -- coloured cells, on which a forest learns from few pictures --

_COLOURS = (220, 40, 40), (40, 200, 40), (40, 40, 230)


def make_pictures(n, seed=0):
    """Pictures (n, 16, 28, 3) of a red, a green and a blue dot on grey noise, and where they are."""
    rng = np.random.default_rng(seed)
    images = rng.integers(90, 110, (n, 16, 28, 3)).astype(np.uint8)
    joints = np.ones((n, 3, 3), np.float32)
    for person in range(n):
        for part, cell in enumerate(rng.choice(28, 3, replace=False)):
            row, column = np.divmod(cell, 7) * np.array(4)
            images[person, row : row + 4, column : column + 4] = _COLOURS[part]
            joints[person, part, :2] = column + 1.5, row + 1.5
    return images, joints


# -- blurred dots, on which a small net learns in seconds --


def draw_dots(n, *, height=20, width=28, seed=0):
    """Images with a red, a green and a blue dot on grey, and the joints at the dots."""
    rng = np.random.default_rng(seed)
    joints = np.ones((n, 3, 3), np.float32)
    joints[..., 0] = rng.uniform(3, width - 4, (n, 3))
    joints[..., 1] = rng.uniform(3, height - 4, (n, 3))
    rows, columns = np.mgrid[:height, :width]
    distance = (columns - joints[..., 0, None, None]) ** 2 + (rows - joints[..., 1, None, None]) ** 2
    images = 128 + 120 * np.moveaxis(np.exp(-distance / 8), 1, -1)
    return images.round().astype(np.uint8), joints


# -- a photo of a subject of dots --

GREEN, RED = (40, 220, 60), (230, 40, 40)
HEIGHT, WIDTH = 170, 260
JOINTS = np.array([[82.3, 61.0], [131.4, 66.7], [104.8, 118.2]])  # right, left, middle; the person's right is seen left


def dotted(joints=JOINTS, *, shape=(HEIGHT, WIDTH), radius=6.0):
    """A photo of a person of dots: two green ones, whose sides only their places tell, and a red one."""
    photo = np.full((*shape, 3), 120, np.float32)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for (x, y), colour in zip(joints, (GREEN, GREEN, RED), strict=True):
        share = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)[..., None]
        photo = photo * (1 - share) + np.array(colour) * share
    return photo.round().astype(np.uint8)


# -- triangles that move and rotate as a whole, for methods that see the whole crop --

SHAPE = np.array([[-12.0, 9.0], [13.0, 7.0], [2.0, -14.0]])  # a triangle around its centre, in pixels
TRIANGLE = Skeleton("triangle", ("left", "right", "top"))
_SHADES = ((250, 250, 250), (20, 20, 20), (180, 120, 60))


def triangles(n, seed=0, angle=0.5):
    """Triangles of three discs: images (n, 64, 72, 3) and corners (n, 3, 3)."""
    rng = np.random.default_rng(seed)
    images, joints = np.full((n, 64, 72, 3), 110, np.uint8), np.ones((n, 3, 3), np.float32)
    for image, corners in zip(images, joints, strict=True):
        turn = rng.uniform(-angle, angle)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corners[:, :2] = SHAPE @ matrix.T + (35.5, 31.5) + rng.uniform(-6, 6, 2)
        for colour, (x, y) in zip(_SHADES, corners[:, :2], strict=True):
            cv2.circle(image, (round(float(x)), round(float(y))), 6, colour, -1)
    return images, joints

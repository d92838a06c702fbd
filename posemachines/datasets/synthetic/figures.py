"""Synthetic photos of articulated people with exact joints, reproducible from a seed.

Each person is posed in three dimensions, dressed, lit and placed in a scene with other people and objects, some of them
in front. Left and right limbs look alike, and people face the camera as often as they turn their back, so parts cannot
be identified from small windows of the photo alone.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from ..pose_dataset import PoseDataset
from . import camera
from . import poses as P
from .bodies import Light, Painter
from .looks import sample_look
from .scenes import paint_background

__all__ = ["draw_photos", "make_synthetic"]

MIN_SIZE = 32  # smallest supported side of a crop, in pixels
PHOTO_SIDES = 1.16, 1.40  # sides of a photo, relative to the crop
PERSON_LENGTH = 0.70, 0.86  # longer side of the bounding box of the joints, relative to the crop
DRAWING_SIZE = 128  # side of the crop at which backgrounds are drawn, in pixels
MARGIN = 0.07  # minimum distance of the joints from the border, relative to the crop
CUT_SHARE = 0.06  # fraction of people who may be truncated by the border of the photo
CUT_LENGTH = 0.25  # largest truncated fraction of the bounding box of the joints


def make_synthetic(
    n: int,
    random_state: int | np.random.Generator | None = 0,
    *,
    size: int = 128,
    background_people: float = 0.5,
    occlusion: float = 0.4,
) -> PoseDataset:
    """Generate a data set of synthetic photos of people.

    Parameters
    ----------
    n : int
        Number of photos, each with one labelled person.
    random_state : int, None or numpy.random.Generator, default=0
        Seed. Photo i depends only on the seed and on i, so a longer data set starts with the photos of a shorter one.
        With None, the seed is random; a generator is used to draw one.
    size : int, default=128
        Side of the crops for which the photos are intended, in pixels. The bounding box of a person is 0.70 to 0.86
        times as long, the sides of a photo 1.16 to 1.40 times.
    background_people : float, default=0.5
        Probability that there are other people in the photo.
    occlusion : float, default=0.4
        Probability that there are objects in front of the person.

    Returns
    -------
    PoseDataset
        `n` people with the 14 joints of the LSP skeleton and person-centric left and right. Occluded joints are
        labelled; joints outside the photo are not.

    Raises
    ------
    ValueError
        If `n` is not an integer >= 1, `size` is less than 32, a probability is not in [0, 1], or the seed is negative.

    Examples
    --------
    >>> from posemachines.datasets import make_synthetic
    >>> people = make_synthetic(100, random_state=0)
    """
    _check_integer("n", n, 1)
    photos, joints = draw_photos(n, random_state, size=size, background_people=background_people, occlusion=occlusion)
    return PoseDataset(photos, joints, "lsp", name="synthetic")


def draw_photos(
    n: int,
    random_state: int | np.random.Generator | None = 0,
    *,
    size: int = 128,
    background_people: float = 0.5,
    occlusion: float = 0.4,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Generate synthetic photos of people as plain arrays.

    Parameters and errors are the same as for :func:`make_synthetic`, except that `n` may be 0.

    Returns
    -------
    photos : list of n uint8 ndarrays of shape (H, W, 3)
        RGB, of different sizes.
    joints : float32 ndarray of shape (n, 14, 3)
        x, y in pixels of the photo, and labelled, which is 0 outside the photo.
    """
    _check_integer("n", n, 0)
    _check_integer("size", size, MIN_SIZE)
    _check_probability("background_people", background_people)
    _check_probability("occlusion", occlusion)
    seed = _seed(random_state)
    joints = np.zeros((n, P.N_JOINTS, 3), np.float32)
    photos = []
    for index in range(n):
        photo, joints[index] = _draw_figure(np.random.default_rng([seed, index]), size, background_people, occlusion)
        photos.append(photo)
    return photos, joints


def _draw_figure(rng, size, background_people, occlusion):
    """Draw one photo, uint8 (H, W, 3), and its joints (14, 3)."""
    height, width = (size * rng.uniform(*PHOTO_SIDES, 2)).astype(int).tolist()
    crowded, covered = (rng.random(2) < (background_people, occlusion)).tolist()
    body = P.sample_body(rng)
    scale, origin = _place(body, height, width, size, rng)
    ground = origin[1] - scale * body.joints[:, 1].min()
    horizon = np.clip(ground - scale * rng.uniform(0.02, 0.5), 0.12 * height, 0.95 * height)
    light = _sample_light(rng)
    canvas = paint_background(height, width, horizon, size / DRAWING_SIZE, rng)
    camera.paint_limb_likes(canvas, scale, light, rng)
    if crowded:
        for _ in range(1 + int(rng.random() < 0.2)):
            _paint_other(canvas, scale, origin, horizon, light, rng)
    painter = Painter(canvas, scale, origin, light)
    _paint_shadow(painter, body, light, rng)
    painter.body(body, sample_look(rng))
    points = painter.pixels(body.joints)
    if crowded and rng.random() < 0.14:
        _paint_neighbour(canvas, scale, points, light, rng)
    if covered:
        for _ in range(1 + int(rng.random() < 0.2)):
            place = points[int(rng.integers(P.N_JOINTS))] + rng.normal(0.0, 0.06 * scale, 2)
            camera.paint_occluder(canvas, place.tolist(), scale, rng)
    inside = ((points >= 0.0) & (points <= (width - 1.0, height - 1.0))).all(1)
    return camera.expose(canvas, rng), np.column_stack([points, inside])


def _place(body, height, width, size, rng):
    """Random pixels per stature and position of the hips in pixels, not exactly centred."""
    flat = body.joints[:, :2] * (1.0, -1.0)
    low, high = flat.min(0), flat.max(0)
    scale = size * rng.uniform(*PERSON_LENGTH) / (high - low).max()
    free = np.array([width - 1.0, height - 1.0]) - scale * (high - low)
    if rng.random() < CUT_SHARE:
        beyond = CUT_LENGTH * scale * (high - low)
        shift = rng.uniform(-beyond, free + beyond)
    else:
        margin = np.minimum(MARGIN * size, 0.5 * free)
        shift = np.clip(rng.normal(0.5, 0.2, 2) * free, margin, free - margin)
    return scale, shift - scale * low


def _sample_light(rng):
    """Random light from above, from the side and from the front."""
    right, down, near = rng.normal((0.0, -0.65, 0.9), (0.5, 0.25, 0.15)).tolist()
    length = (right**2 + down**2 + near**2) ** 0.5
    ambient = rng.uniform(0.45, 0.7)
    return Light((right / length, down / length, near / length), ambient, 1.2 - ambient)


def _paint_shadow(painter, body, light, rng):
    """Paint the shadow on the ground below the lowest parts, on the side away from the light."""
    low = body.joints[:, 1].min()
    near = body.joints[body.joints[:, 1] < low + 0.12]
    x, y = painter.pixels(np.array([near[:, 0].mean(), low - 0.03, 0.0])).tolist()
    half = painter.scale * (0.11 + 0.5 * float(np.ptp(near[:, 0])))
    camera.cast_shadow(
        painter.canvas,
        (x - 0.1 * painter.scale * light.direction[0], y),
        (half, 0.045 * painter.scale),
        rng.uniform(0.2, 0.6),
    )


def _paint_other(canvas, scale, origin, horizon, light, rng):
    """Paint a smaller person in the background."""
    body = P.sample_body(rng)
    own = scale * rng.uniform(0.45, 0.9)
    x = origin[0] + (1.0 if rng.random() < 0.5 else -1.0) * rng.uniform(0.12, 0.75) * scale
    feet = max(horizon + rng.uniform(0.0, 0.25) * own, origin[1] - 0.2 * scale)
    painter = Painter(canvas, own, (x, feet + own * body.joints[:, 1].min()), light)
    _paint_shadow(painter, body, light, rng)
    painter.body(body, sample_look(rng))


def _paint_neighbour(canvas, scale, points, light, rng):
    """Paint a person close to the camera, who overlaps the labelled one from the side."""
    body = P.sample_body(rng)
    own = scale * rng.uniform(0.9, 1.2)
    side = 1.0 if rng.random() < 0.5 else -1.0
    edge = points[:, 0].max() if side > 0 else points[:, 0].min()
    x = edge + side * own * rng.uniform(0.1, 0.3)
    painter = Painter(canvas, own, (x, points[:, 1].mean() + own * rng.uniform(-0.1, 0.2)), light)
    painter.body(body, sample_look(rng))


def _seed(random_state):
    """Convert `random_state` to an integer seed."""
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    _check_integer("random_state", random_state, 0, "None or a numpy.random.Generator, or ")
    return int(random_state)


def _check_integer(name, value, least, others=""):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} is {value!r}, expected {others}an integer >= {least}; pass for example {name}={max(least, 1) * 4}"
        )


def _check_probability(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"{name} is {value!r}, expected a probability in [0, 1]; pass for example {name}=0.5")

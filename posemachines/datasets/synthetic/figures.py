"""Drawn figures: photos of articulated people with exact joints, made on the spot and repeatable.

A figure is posed in three dimensions, dressed, lit and put into a place with other people and things, some of them in
front. Left and right limbs look alike, and people face the camera as often as they turn their back, so the parts cannot
be told from small windows of the photo alone.
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

MIN_SIZE = 32  # smallest crop side that still shows a person, in pixels
PHOTO_SIDES = 1.16, 1.40  # sides of a photo, in crop sides
PERSON_LENGTH = 0.70, 0.86  # longer side of the box of the joints, in crop sides
DRAWING_SIZE = 128  # crop side at which places are drawn, in pixels
MARGIN = 0.07  # room that is kept around the joints, in crop sides
CUT_SHARE = 0.06  # of people that the edge of the photo may cut off
CUT_LENGTH = 0.25  # most that it cuts off, as a share of the box of the joints


def make_synthetic(
    n: int,
    random_state: int | np.random.Generator | None = 0,
    *,
    size: int = 128,
    background_people: float = 0.5,
    occlusion: float = 0.4,
) -> PoseDataset:
    """Photos of drawn people, as a data set.

    Parameters
    ----------
    n : int
        Number of figures, at least 1; each photo is of one person.
    random_state : int, None or numpy.random.Generator, default=0
        Figure i depends on the seed and on i only, so a longer set begins with a shorter one.
        None draws a fresh seed; a generator is asked for one.
    size : int, default=128
        Side of the person crops that the photos are made for, in pixels: a person is 0.70 to 0.86 times as long, the
        sides of a photo 1.16 to 1.40 times.
    background_people : float, default=0.5
        Probability of other people in the photo.
    occlusion : float, default=0.4
        Probability of things in front of the person.

    Returns
    -------
    PoseDataset
        `n` people with the 14 joints of the LSP skeleton, left and right being the person's own.
        Joints that are hidden by something stay labelled; those outside the photo do not.

    Raises
    ------
    ValueError
        If `n` is not a whole number >= 1, `size` is below 32, a probability is outside [0, 1] or the seed is negative.

    Examples
    --------
    >>> from posemachines.datasets import make_synthetic
    >>> people = make_synthetic(100, random_state=0)
    """
    _check_whole("n", n, 1)
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
    """Photos of drawn people, as plain arrays.

    The parameters and the errors are those of `make_synthetic`, except that `n` may be 0.

    Returns
    -------
    photos : list of n uint8 ndarrays of shape (H, W, 3)
        RGB; the sides differ from photo to photo.
    joints : float32 ndarray of shape (n, 14, 3)
        x, y, labelled: 0-based pixels of the photo, pixel centres at integers; visible 0 outside the photo.
    """
    _check_whole("n", n, 0)
    _check_whole("size", size, MIN_SIZE)
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
    """One photo uint8 (H, W, 3) and its joints (14, 3)."""
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
        _paint_beside(canvas, scale, points, light, rng)
    if covered:
        for _ in range(1 + int(rng.random() < 0.2)):
            place = points[int(rng.integers(P.N_JOINTS))] + rng.normal(0.0, 0.06 * scale, 2)
            camera.paint_occluder(canvas, place.tolist(), scale, rng)
    inside = ((points >= 0.0) & (points <= (width - 1.0, height - 1.0))).all(1)
    return camera.expose(canvas, rng), np.column_stack([points, inside])


def _place(body, height, width, size, rng):
    """Pixels in one stature, and the pixel of the middle of the hips: a person is never quite in the middle."""
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
    """Light from above, the side and the front."""
    right, down, near = rng.normal((0.0, -0.65, 0.9), (0.5, 0.25, 0.15)).tolist()
    length = (right**2 + down**2 + near**2) ** 0.5
    ambient = rng.uniform(0.45, 0.7)
    return Light((right / length, down / length, near / length), ambient, 1.2 - ambient)


def _paint_shadow(painter, body, light, rng):
    """Shadow on the ground under the lowest parts, to the side away from the light."""
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
    """Someone smaller behind the person, standing on the ground somewhere."""
    body = P.sample_body(rng)
    own = scale * rng.uniform(0.45, 0.9)
    x = origin[0] + (1.0 if rng.random() < 0.5 else -1.0) * rng.uniform(0.12, 0.75) * scale
    feet = max(horizon + rng.uniform(0.0, 0.25) * own, origin[1] - 0.2 * scale)
    painter = Painter(canvas, own, (x, feet + own * body.joints[:, 1].min()), light)
    _paint_shadow(painter, body, light, rng)
    painter.body(body, sample_look(rng))


def _paint_beside(canvas, scale, points, light, rng):
    """Someone close to the camera, beside the person and over part of them."""
    body = P.sample_body(rng)
    own = scale * rng.uniform(0.9, 1.2)
    side = 1.0 if rng.random() < 0.5 else -1.0
    edge = points[:, 0].max() if side > 0 else points[:, 0].min()
    x = edge + side * own * rng.uniform(0.1, 0.3)
    painter = Painter(canvas, own, (x, points[:, 1].mean() + own * rng.uniform(-0.1, 0.2)), light)
    painter.body(body, sample_look(rng))


def _seed(random_state):
    """A whole number >= 0 from what the caller gave."""
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    _check_whole("random_state", random_state, 0, "None or a numpy.random.Generator, or ")
    return int(random_state)


def _check_whole(name, value, least, others=""):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} is {value!r}, expected {others}a whole number >= {least}; pass e.g. {name}={max(least, 1) * 4}"
        )


def _check_probability(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"{name} is {value!r}, expected a probability in [0, 1]; pass e.g. {name}=0.5")

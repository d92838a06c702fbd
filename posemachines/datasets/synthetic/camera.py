"""Everything in a photo besides people and the background: limb-like objects, shadows, occluders and the camera."""

import cv2
import numpy as np

from .bodies import Painter
from .brushes import box, cut, polygon, stored_noise, texture_factors, tone
from .looks import random_cloth, random_colour, random_skin

MAX_CAST = 0.12  # relative strength of the strongest colour cast
MOTION_SHARE = 0.06  # fraction of photos with motion blur
SHARP_SHARE = 0.35  # fraction of the other photos without blur


def paint_limb_likes(canvas, scale, light, rng):
    """Paint objects that resemble limbs in width, colour, shading and sometimes shape, in place."""
    height, width = canvas.shape[1:]
    painter = Painter(canvas, scale, (0.0, 0.0), light)
    for _ in range(int(rng.poisson(1.1))):
        skin = random_skin(rng) if rng.random() < 0.5 else random_colour(rng)
        cloth, covered = random_cloth(rng), (0.0, 0.5, 1.0)[int(rng.integers(3))]
        first = 0.5 * np.pi * rng.integers(4) + rng.normal(0.0, 0.4)
        turns = first + np.array([0.0, rng.normal(0.0, 0.6)])
        steps = rng.uniform(0.12, 0.35) * np.stack([np.cos(turns), np.sin(turns), np.zeros(2)], 1)
        start = np.array([rng.random() * width, -rng.random() * height, 0.0]) / scale
        wide = rng.uniform(0.018, 0.045)
        bend, end = start + steps[0], start + steps.sum(0)
        painter.limb(start, bend, (wide, wide, 0.8 * wide), skin, cloth, covered)
        painter.limb(bend, end, (0.8 * wide, 0.8 * wide, 0.6 * wide), skin, cloth, float(covered == 1.0))


def cast_shadow(canvas, centre, radii, strength):
    """Paint a soft elliptic shadow on the ground, in place."""
    height, width = canvas.shape[1:]
    (cx, cy), (rx, ry) = centre, radii
    top, bottom = max(int(cy - 2 * ry), 0), min(int(cy + 2 * ry) + 1, height)
    left, right = max(int(cx - 2 * rx), 0), min(int(cx + 2 * rx) + 1, width)
    if top < bottom and left < right:
        x = (np.arange(left, right, dtype=np.float32) - cx) / rx
        y = (np.arange(top, bottom, dtype=np.float32)[:, None] - cy) / ry
        canvas[:, top:bottom, left:right] *= 1.0 - strength * np.exp(-1.2 * (x * x + y * y))


def _post(mask, texture, place, size, rng):
    """An upright or slanting round post."""
    slant = rng.normal(0.0, 0.25) * mask.shape[0]
    wide = 0.08 * size * rng.uniform(0.6, 1.6)
    ends = np.array([(place[0] - slant, 0.0), (place[0] + slant, mask.shape[0])])
    for image, share, light in ((mask, 1.0, 255), (texture, 1.1, 0.6), (texture, 0.7, 0.85), (texture, 0.35, 1.1)):
        half = (0.5 * share * wide, 0.0)
        polygon(image, np.vstack([ends - half, ends[::-1] + half]), light)


def _crate(mask, texture, place, size, rng):
    """A sign or table top on posts."""
    wide, tall = size * rng.uniform(0.22, 0.55), size * rng.uniform(0.10, 0.32)
    x, y = place
    for post in ((x,), (x - 0.4 * wide, x + 0.4 * wide))[int(rng.random() < 0.5)]:
        box(mask, post - 0.012 * size, y, post + 0.012 * size, mask.shape[0], 255)
    texture[max(int(y + 0.5 * tall), 0) :] *= 0.5
    polygon(mask, cv2.boxPoints(((x, y), (wide, tall), rng.normal(0.0, 3.0))), 255)
    inside = (np.array([(-0.44, -0.38), (0.44, -0.38), (0.44, 0.38), (-0.44, 0.38)]) * (wide, tall)) + (x, y)
    polygon(texture, inside, rng.uniform(0.6, 1.3))
    for line in (y + tall * np.arange(-0.25, 0.3, rng.uniform(0.15, 0.4))).tolist():
        end, light = x + rng.uniform(0.0, 0.36) * wide, rng.uniform(0.3, 1.5)
        box(texture, x - 0.36 * wide, line, end, line + 0.01 * size, light)


def _bush(mask, texture, place, size, rng):
    """A cluster of leaves."""
    spots = rng.normal(0.0, 1.0, (34, 3))
    spots[:, 1] = 1.6 * np.abs(spots[:, 1]) - 0.7  # mostly below the centre
    spots = spots * (0.085 * size, 0.12 * size, 1.0) + (*place, 0.0)
    for x, y, light in sorted(spots.tolist(), key=lambda spot: -spot[2]):
        leaf = int(size * (0.038 + 0.012 * abs(light)))
        cv2.circle(mask, (int(x), int(y)), leaf, 255, -1, cv2.LINE_AA)
        cv2.circle(texture, (int(x), int(y)), leaf, 1.0 + 0.18 * light, -1)


def _bars(mask, texture, place, size, rng):
    """A fence of thin bars with a rail."""
    step, thick = rng.uniform(0.13, 0.24) * size, max(int(0.028 * size), 2)
    top = int(place[1])
    for x in np.arange(place[0] - 3.0 * step, place[0] + 3.1 * step, step).tolist():
        cv2.line(mask, (int(x), top), (int(x), mask.shape[0]), 255, thick, cv2.LINE_AA)
    cv2.line(mask, (int(place[0] - 3.4 * step), top), (int(place[0] + 3.4 * step), top), 255, thick + 1, cv2.LINE_AA)
    texture[top + 2 : top + 5] *= 0.6


def _ball(mask, texture, place, size, rng):
    """A ball, lit from above."""
    radius = max(int(size * rng.uniform(0.07, 0.17)), 2)
    centre = int(place[0]), int(place[1])
    cv2.circle(mask, centre, radius, 255, -1, cv2.LINE_AA)
    for share, light in ((0.9, 0.85), (0.65, 1.0), (0.35, 1.25)):
        shift = int(0.3 * (1.0 - share) * radius)
        cv2.circle(texture, (centre[0] - shift, centre[1] - shift), int(share * radius), light, -1, cv2.LINE_AA)


OCCLUDERS = (_post, _crate, _crate, _bush, _bars, _ball)


def paint_occluder(canvas, place, size, rng):
    """Paint a random object in front of the person, in place.

    Parameters
    ----------
    canvas : float32 ndarray of shape (3, H, W)
    place : pair of floats
        Position that is occluded, in pixels.
    size : float
        Size of the person, in pixels.
    rng : numpy.random.Generator
    """
    height, width = canvas.shape[1:]
    mask, texture = np.zeros((height, width), np.uint8), np.ones((height, width), np.float32)
    paint = OCCLUDERS[int(rng.integers(len(OCCLUDERS)))]
    paint(mask, texture, place, size, rng)
    colour = random_colour(rng) if paint is not _bush else np.array(tone(rng, 65, 100, 50, 25), np.float32)
    texture *= texture_factors(height, width, 0.08, rng)
    alpha = mask * np.float32(1.0 / 255.0)
    canvas *= 1.0 - alpha
    canvas += (alpha * texture) * colour[:, None, None]


def _motion_kernel(rng):
    """Kernel (7, 7) of a short linear motion blur."""
    turn, reach = rng.uniform(0.0, np.pi), rng.uniform(1.5, 3.0)
    step = (reach * np.cos(turn), reach * np.sin(turn))
    start, end = (tuple(round(3.0 + sign * each) for each in step) for sign in (-1.0, 1.0))
    kernel = np.zeros((7, 7), np.float32)
    cv2.line(kernel, start, end, 1.0)
    return kernel / kernel.sum()


def expose(canvas, rng):
    """Simulate the camera: uneven light, colour cast, blur, sensor noise and contrast.

    Parameters
    ----------
    canvas : float32 ndarray of shape (3, H, W)
        Overwritten.
    rng : numpy.random.Generator

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)
        RGB.
    """
    height, width = canvas.shape[1:]
    right, down, brightness = rng.normal((0.0, 0.0, 1.0), (0.09, 0.09, 0.08)).tolist()
    canvas *= 1.0 + np.linspace(-right, right, width, dtype=np.float32)
    canvas *= 1.0 + np.linspace(-down, down, height, dtype=np.float32)[:, None]
    cast = brightness * np.exp(rng.normal(0.0, 0.5 * MAX_CAST, 3).clip(-MAX_CAST, MAX_CAST))
    image = cv2.merge(list(canvas))
    softness, motion, grain = rng.random(3).tolist()
    if motion < MOTION_SHARE:
        image = cv2.filter2D(image, -1, _motion_kernel(rng))
    elif softness > SHARP_SHARE:
        image = cv2.GaussianBlur(image, (5, 5), 0.3 + 0.8 * (softness - SHARP_SHARE))
    noise = cut(stored_noise()[0], height, width, rng)
    photo = cv2.addWeighted(image, 1.0, noise, 1.0 + 6.0 * grain * grain, 0.0, dtype=cv2.CV_8U)
    gamma, contrast = np.exp(rng.normal(0.0, (0.14, 0.10))).tolist()
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** gamma
    levels = (0.5 + contrast * (levels - 0.5)) * cast
    return cv2.LUT(photo, (255.0 * levels.clip(0.0, 1.0)).astype(np.uint8)[:, None])

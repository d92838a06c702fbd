"""Tools for painting backgrounds: cached noise, random colours and filled shapes."""

from functools import cache

import cv2
import numpy as np

from .looks import random_colour

NOISE_SIDE = 512  # side of the cached noise, in pixels
EDGE_BITS = 4  # fractional bits of the corners of polygons


@cache
def stored_noise():
    """Noise with zero mean and unit variance: white (S, S, 3), and fine, cloudy and mixed textures (3, S, S)."""
    rng = np.random.default_rng(20160414)
    white = rng.standard_normal((3, NOISE_SIDE, NOISE_SIDE)).astype(np.float32)
    blurred = [cv2.GaussianBlur(white[k], (0, 0), sigma) for k, sigma in enumerate((0.8, 3.0, 16.0))]
    fine, medium, coarse = (plane / plane.std() for plane in blurred)
    mixes = (fine + 0.5 * medium, medium + 1.3 * coarse, fine + medium + 0.7 * coarse)
    return np.ascontiguousarray(white.transpose(1, 2, 0)), np.stack([mix / mix.std() for mix in mixes])


def cut(noise, height, width, rng):
    """Random window (height, width, ...) of the cached noise, which is tiled for larger photos."""
    rows, columns = -(-height // NOISE_SIDE), -(-width // NOISE_SIDE)
    if rows > 1 or columns > 1:
        noise = np.tile(noise, (rows, columns) + (1,) * (noise.ndim - 2))
    top, left = int(rng.integers(rows * NOISE_SIDE - height + 1)), int(rng.integers(columns * NOISE_SIDE - width + 1))
    return noise[top : top + height, left : left + width]


def texture_factors(height, width, depth, rng):
    """Brightness (height, width) of a random texture with relative strength `depth`."""
    return 1.0 + depth * cut(stored_noise()[1][int(rng.integers(3))], height, width, rng)


def tone(rng, red, green, blue, spread=18.0):
    """Random colour near the given one, as a tuple of floats."""
    shift, own = rng.normal(0.0, spread), rng.normal(0.0, 0.5 * spread, 3)
    return tuple((np.array([red, green, blue]) + shift + own).clip(5.0, 250.0).tolist())


def any_colour(rng):
    """Random colour of cloth, as a tuple of floats."""
    return tuple(random_colour(rng).tolist())


def box(image, left, top, right, bottom, colour):
    """Fill an axis-aligned rectangle, in place."""
    cv2.rectangle(image, (int(left), int(top)), (int(right), int(bottom)), colour, -1)


def polygon(image, points, colour):
    """Fill a polygon with anti-aliased edges, in place."""
    corners = (np.asarray(points, float) * 2**EDGE_BITS).round().astype(np.int32)
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, EDGE_BITS)

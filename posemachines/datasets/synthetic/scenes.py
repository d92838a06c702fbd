"""Backgrounds: rooms, meadows, streets, arenas and clutter.

They are painted with filled shapes on uint8 (H, W, 3), then converted to the float32 (3, H, W) canvas on which bodies
are painted.
"""

import cv2
import numpy as np

from .brushes import any_colour, box, polygon, texture_factors, tone


def _ramp(image, top, bottom, first, last):
    """Fill rows from top to bottom with a vertical gradient."""
    top, bottom = max(int(top), 0), min(int(bottom), image.shape[0])
    if bottom > top:
        steps = np.arange(bottom - top)[:, None] / (bottom - top)
        image[top:bottom] = np.minimum(first + steps * (last - first), 255.0)[:, None]


def _rows(image, rng, first, last, counts, paint):
    """Call `paint` with random (x, y, size), from back (small y) to front; the number is random, in `counts`."""
    n = int(rng.integers(*counts))
    spots = rng.random((n, 3)) * (image.shape[1], last - first, 1.0) + (0.0, first, 0.0)
    for x, y, size in sorted(spots.tolist(), key=lambda spot: spot[1]):
        paint(x, y, size)


def _room(image, horizon, rng):
    """A wall with pictures, windows and furniture, and a wooden floor."""
    height, width = image.shape[:2]
    wall, floor = tone(rng, 175, 165, 150, 35), tone(rng, 130, 100, 75, 28)
    _ramp(image, 0, horizon, np.array(wall), np.array(wall) * 0.85)
    if rng.random() < 0.4:
        step = int(rng.integers(8, 20))
        image[: int(horizon), ::step] = tone(rng, wall[0], wall[1], wall[2], 20)
        image[: int(horizon), 1::step] = image[: int(horizon), :1]
    _ramp(image, horizon, height, np.array(floor) * 0.75, np.array(floor) * 1.1)
    dark = tuple(0.6 * each for each in floor)
    vanishing = rng.uniform(0.2, 0.8) * width
    for x in np.arange(-2.0 * width, 3.0 * width, rng.uniform(18.0, 34.0)).tolist():
        foot = int(vanishing + (x - vanishing) * 0.35), int(horizon)
        cv2.line(image, foot, (int(x), height), dark, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(1, 5))):
        x, y, w, h = (rng.random(4) * (width, horizon, 38.0, 46.0) + (-15.0, -15.0, 10.0, 12.0)).tolist()
        bottom = min(y + h, horizon - 1)
        frame, inside = any_colour(rng), any_colour(rng)
        box(image, x, y, x + w, bottom, frame)
        if rng.random() < 0.35:
            inside = tone(rng, 215, 228, 240)
        box(image, x + 2, y + 2, x + w - 2, bottom - 2, inside)
        if rng.random() < 0.6:
            cv2.line(image, (int(x + w / 2), int(y)), (int(x + w / 2), int(bottom)), frame, 1)
            cv2.line(image, (int(x), int((y + bottom) / 2)), (int(x + w), int((y + bottom) / 2)), frame, 1)
    box(image, 0, horizon - 3, width, horizon, tone(rng, wall[0], wall[1], wall[2], 40))
    for _ in range(int(rng.integers(0, 4))):
        x, w, h = (rng.random(3) * (width, 45.0, 55.0) + (-15.0, 12.0, 12.0)).tolist()
        foot, paint = horizon + rng.uniform(0.0, 10.0), np.array(any_colour(rng))
        box(image, x, foot - h, x + w, foot, tuple(paint.tolist()))
        for y in np.arange(foot - h + 8.0, foot, rng.uniform(9.0, 20.0)).tolist():
            cv2.line(image, (int(x), int(y)), (int(x + w), int(y)), tuple((0.6 * paint).tolist()), 1)
        box(image, x + w, foot - h + 1, x + w + 3, foot - 1, tuple((0.5 * paint).tolist()))


def _meadow(image, horizon, rng):
    """Sky, hills, trees and grass."""
    height, width = image.shape[:2]
    _ramp(image, 0, horizon, np.array(tone(rng, 120, 165, 215)), np.array(tone(rng, 215, 225, 232, 10)))
    hills = np.cumsum(rng.normal(0.0, 4.0, 12))
    ridge = np.stack([np.linspace(-5, width + 5, 12), horizon - 6.0 - np.abs(hills)], 1)
    polygon(image, np.vstack([ridge, [(width + 5, height), (-5, height)]]), tone(rng, 95, 125, 110))
    grass = np.array(tone(rng, 95, 125, 60, 25))
    _ramp(image, horizon, height, grass * 0.8, grass * 1.1)

    def tree(x, y, size):
        tall, leaf = 25.0 + 65.0 * size, np.array(tone(rng, 60, 95, 45, 22))
        wide = 1.0 + 2.0 * size
        box(image, x - wide, y - 0.6 * tall, x + wide, y, tone(rng, 80, 60, 45))
        for dx, dy, light in rng.normal(0.0, 1.0, (7, 3)).tolist():
            place = int(x + 0.16 * tall * dx), int(y - 0.75 * tall + 0.12 * tall * dy)
            green = tuple((leaf * max(1.0 + 0.14 * light, 0.0)).tolist())
            cv2.circle(image, place, int((0.14 + 0.05 * abs(dy)) * tall), green, -1, cv2.LINE_AA)

    _rows(image, rng, horizon, horizon + 8.0, (1, 7), tree)
    if rng.random() < 0.3:
        paint, top = tone(rng, 150, 130, 110, 35), horizon - rng.uniform(8.0, 18.0)
        for x in range(int(rng.integers(12)), width, int(rng.integers(9, 22))):
            cv2.line(image, (x, int(top)), (x, int(horizon + 5)), paint, 2)
        for y in (top + 3, horizon - 2):
            cv2.line(image, (0, int(y)), (width, int(y)), paint, 2)


def _street(image, horizon, rng):
    """Houses with rows of windows, lamp posts, cars and pavement."""
    height, width = image.shape[:2]
    _ramp(image, 0, horizon, np.array(tone(rng, 160, 180, 205)), np.array(tone(rng, 205, 205, 205)))
    x = -rng.uniform(0.0, 30.0)
    while x < width:
        w, roof = rng.uniform(25.0, 70.0), rng.uniform(-0.3, 0.6) * horizon
        front = np.array(tone(rng, 150, 130, 115, 32))
        box(image, x, roof, x + w, horizon, tuple(front.tolist()))
        pane, lit = tuple((0.5 * front).tolist()), tone(rng, 200, 205, 200, 25)
        pitch = rng.uniform(10.0, 19.0)
        for top in np.arange(max(roof, -pitch) + 4.0, horizon - 0.8 * pitch, pitch).tolist():
            for left in np.arange(x + 4.0, x + w - 0.5 * pitch, pitch).tolist():
                box(image, left, top, left + 0.5 * pitch, top + 0.6 * pitch, lit if (left + top) % 3 < 0.7 else pane)
        x += w + rng.uniform(0.0, 6.0)
    paving = np.array(tone(rng, 130, 128, 125, 22))
    _ramp(image, horizon, height, paving * 0.85, paving * 1.1)
    for depth in (0.08, 0.25, 0.6):
        y = int(horizon + depth * (height - horizon))
        cv2.line(image, (0, y), (width, y), tuple((0.75 * paving).tolist()), 1)

    def car(x, y, size):
        w, paint = 34.0 + 22.0 * size, any_colour(rng)
        cabin = np.array([(0.15, -0.25), (0.3, -0.4), (0.7, -0.4), (0.85, -0.25)])
        polygon(image, cabin * w + (x, y), (70, 80, 92))
        box(image, x, y - 0.27 * w, x + w, y - 0.08 * w, paint)
        for wheel in (0.2, 0.8):
            cv2.circle(image, (int(x + wheel * w), int(y - 0.08 * w)), int(0.09 * w), (28, 28, 30), -1, cv2.LINE_AA)

    _rows(image, rng, horizon + 3.0, horizon + 12.0, (0, 3), car)
    for x in (rng.random(int(rng.integers(0, 3))) * width).tolist():
        box(image, x, 0, x + rng.uniform(1.0, 4.0), horizon + 6, tone(rng, 70, 70, 72))


def _arena(image, horizon, rng):
    """Stands with a crowd, a banner, and a floor with lines."""
    height, width = image.shape[:2]
    seats = rng.random((int(horizon) // 4 + 2, width // 3 + 2, 4)) * rng.uniform(80.0, 140.0) + rng.uniform(10.0, 60.0)
    seats = 0.4 * seats[..., :3] + 0.6 * seats[..., 3:]
    crowd = cv2.resize(seats.astype(np.float32), (width, max(int(horizon), 1)), interpolation=cv2.INTER_CUBIC)
    image[: int(horizon)] = crowd.clip(0, 255)[: image[: int(horizon)].shape[0]]
    y, banner = horizon - rng.uniform(10.0, 26.0), any_colour(rng)
    box(image, 0, y, width, horizon, banner)
    for x in np.arange(rng.uniform(0.0, 20.0), width, rng.uniform(8.0, 24.0)).tolist():
        box(image, x, y + 4, x + rng.uniform(2.0, 7.0), horizon - 4, tone(rng, 225, 225, 225))
    floor = np.array(any_colour(rng)) * 0.6 + 60.0
    _ramp(image, horizon, height, floor * 0.85, floor * 1.1)
    for x0, x1, level in (rng.random((4, 3)) * (2.0, 2.0, 1.0) - (0.5, 0.5, 0.0)).tolist():
        y = horizon + level * (height - horizon)
        ends = ((int(x0 * width), int(y)), (int(x1 * width), int(y if level < 0.5 else height)))
        cv2.line(image, *ends, tone(rng, 230, 230, 225), int(rng.integers(1, 4)), cv2.LINE_AA)


def _clutter(image, horizon, rng):
    """Random polygons on a two-tone ground."""
    height, width = image.shape[:2]
    _ramp(image, 0, height, np.array(any_colour(rng)), np.array(any_colour(rng)))
    box(image, 0, horizon, width, height, any_colour(rng))
    for _ in range(int(rng.integers(6, 16))):
        centre, reach = rng.random(2) * (width, height), rng.uniform(8.0, 45.0)
        turns = np.sort(rng.random(int(rng.integers(3, 7)))) * 2.0 * np.pi
        polygon(image, centre + reach * np.stack([np.cos(turns), np.sin(turns)], 1), any_colour(rng))


# Backgrounds and the strength of their textures; some are listed twice, to appear twice as often.
PLACES = (
    (_room, 0.06),
    (_room, 0.06),
    (_meadow, 0.13),
    (_meadow, 0.13),
    (_street, 0.07),
    (_street, 0.07),
    (_arena, 0.06),
    (_clutter, 0.09),
)


def paint_background(height, width, horizon, unit, rng):
    """Paint a random background, textured and sometimes out of focus.

    Parameters
    ----------
    height, width : int
        Size of the photo, in pixels.
    horizon : float
        Row at which the ground begins.
    unit : float
        Pixels of the photo per pixel of the drawing, in which objects have fixed sizes.
    rng : numpy.random.Generator

    Returns
    -------
    float32 ndarray of shape (3, H, W)
    """
    image = np.empty((round(height / unit), round(width / unit), 3), np.uint8)
    place, depth = PLACES[int(rng.integers(len(PLACES)))]
    place(image, horizon / unit, rng)
    blur = rng.uniform(-0.6, 1.5)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (5, 5), blur)
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if unit < 1.0 else cv2.INTER_LINEAR)
    texture = texture_factors(height, width, depth * rng.uniform(0.4, 1.0), rng)
    return np.stack([plane * texture for plane in cv2.split(image)])

"""Appearance of people: colours, patterned cloth, prints, hair and faces.

Colours are RGB in [0, 255]; patches of colour are float32 (3, h, w), channels first.
"""

from colorsys import hsv_to_rgb
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

TILE = 64  # side of a cloth pattern, in texels
TEXELS = 256.0  # texels of cloth per stature
N_PATTERNS = 7

SKINS = (
    (250, 220, 200),
    (238, 195, 165),
    (222, 172, 135),
    (196, 140, 102),
    (156, 104, 72),
    (112, 72, 50),
    (78, 50, 38),
)
HAIRS = ((28, 22, 20), (58, 38, 26), (96, 62, 36), (150, 104, 58), (208, 176, 116), (150, 146, 142), (128, 54, 26))
EYE, LIP = np.array([42, 30, 28], np.float32), np.array([158, 62, 60], np.float32)
HAIRLINES = {"short": 0.36, "long": 0.30, "bun": 0.36, "cap": 0.28, "bald": 1.4}  # on the unit ball of the head


def clamp(values, low=0.0, high=1.0):
    """Clip an array in place and return it; several times faster than numpy.clip for small arrays."""
    np.maximum(values, low, out=values)
    return np.minimum(values, high, out=values)


def flat(colour):
    """Reshape a colour (3,) to (3, 1, 1)."""
    return colour[:, None, None]


def mix(colour, weight, paint):
    """Blend `colour` (3, h, w) in place with the colour `paint` (3,), by weights (h, w) in [0, 1]."""
    colour += weight * (flat(paint) - colour)


@dataclass(frozen=True)
class Cloth:
    """A patterned cloth: two colours, the index of the pattern and its scale."""

    first: np.ndarray
    second: np.ndarray
    pattern: int
    scale: float

    def colour(self, along, across, unit=1.0):
        """RGB (3, h, w) at coordinates along and across (h, w), with `unit` per stature."""
        step = self.scale * TEXELS / unit
        texel, column = (along * step).astype(np.int32), (across * step).astype(np.int32)
        texel &= TILE - 1
        column &= TILE - 1
        texel *= TILE
        texel += column
        colour = cloth_patterns()[self.pattern].take(texel) * flat(self.second - self.first)
        colour += flat(self.first)
        return colour


@dataclass(frozen=True)
class Look:
    """Appearance of a person, the same on the left and the right.

    ``sleeve`` and ``leg`` say how far a limb is covered: 0 is bare, 1 to the elbow or knee, 2 to the wrist or ankle.
    """

    skin: np.ndarray
    hair: np.ndarray
    haircut: str
    top: Cloth
    bottom: Cloth
    shoe: np.ndarray
    sock: Cloth
    print_colour: np.ndarray
    chest_print: str
    back_print: str
    sleeve: float
    leg: float
    sock_height: float
    build: float


@cache
def cloth_patterns():
    """Weights (7, 64 * 64) of the second colour.

    Creases, rings, lengthwise stripes, checks, dots, blotches and broad rings.
    """
    rng = np.random.default_rng(20140906)
    rows, columns = np.mgrid[:TILE, :TILE]
    noise = np.tile(rng.standard_normal((TILE, TILE)), (3, 3)).astype(np.float32)
    soft = [cv2.GaussianBlur(noise, (0, 0), sigma)[TILE : 2 * TILE, TILE : 2 * TILE] for sigma in (2.5, 6.0)]
    creases, blotches = (0.5 + 0.22 * each / each.std() for each in soft)
    masks = [rows % 16 < 7, columns % 16 < 6, (rows % 16 < 8) ^ (columns % 16 < 8)]
    masks += [(rows % 16 - 8) ** 2 + (columns % 16 - 8) ** 2 < 20, blotches > 0.5, rows % 64 < 24]
    masks = [np.tile(mask, (3, 3)).astype(np.float32) for mask in masks]
    masks = [cv2.GaussianBlur(mask, (0, 0), 1.3)[TILE : 2 * TILE, TILE : 2 * TILE] for mask in masks]
    tiles = [creases] + [mask + 0.25 * (creases - 0.5) for mask in masks]
    return np.stack(tiles).clip(0.0, 1.0).astype(np.float32).reshape(len(tiles), -1)


def random_colour(rng):
    """Random cloth colour: mostly muted, sometimes grey, white, black or vivid."""
    hue, saturation, value, kind = rng.random(4).tolist()
    saturation *= 0.12 if kind < 0.3 else 0.65 if kind < 0.75 else 0.95
    return np.array(hsv_to_rgb(hue, saturation, 0.12 + 0.85 * value), np.float32) * 255


def random_cloth(rng, plain=0.55):
    """Random cloth, plain with probability `plain`."""
    first, is_plain = random_colour(rng), rng.random() < plain
    if is_plain:
        return Cloth(first, first * np.float32(0.8), 0, rng.uniform(0.5, 1.0))
    return Cloth(first, random_colour(rng), int(rng.integers(1, N_PATTERNS)), rng.uniform(0.6, 1.3))


def _between(colours, rng):
    """Random mix of two adjacent colours of a table."""
    position = rng.random() * (len(colours) - 1)
    low, high = np.array(colours[int(position) : int(position) + 2], np.float32)
    return low + np.float32(position % 1.0) * (high - low)


def _pick(rng, names):
    return names[int(rng.integers(len(names)))]


def random_skin(rng):
    """Random skin colour."""
    return _between(SKINS, rng)


def sample_look(rng):
    """Random `Look`."""
    skin = random_skin(rng)
    white = Cloth(np.full(3, 235, np.float32), np.full(3, 205, np.float32), 0, 1.0)
    bare = Cloth(skin, skin * np.float32(0.9), 0, 1.0)
    top = bare if rng.random() < 0.07 else random_cloth(rng)
    bottom = random_cloth(rng, plain=0.8)
    if rng.random() < 0.08:
        bottom = top if top is not bare else bottom
    return Look(
        skin=skin,
        hair=_between(HAIRS, rng),
        haircut=_pick(rng, ("short", "short", "short", "long", "long", "bun", "cap", "bald")),
        top=top,
        bottom=bottom,
        shoe=random_colour(rng),
        sock=white if rng.random() < 0.6 else random_cloth(rng, plain=1.0),
        print_colour=random_colour(rng),
        chest_print="none" if top is bare else _pick(rng, ("none", "none", "buttons", "badge", "number", "band")),
        back_print="none" if top is bare else _pick(rng, ("none", "none", "none", "number", "band")),
        sleeve=0.0 if top is bare else _pick(rng, (0.0, 0.45, 0.55, 0.55, 1.0, 2.0, 2.0, 2.0)),
        leg=_pick(rng, (0.35, 0.6, 0.8, 1.5, 2.0, 2.0, 2.0, 2.0)),
        sock_height=_pick(rng, (0.0, 0.15, 0.3, 0.75)),
        build=float(np.exp(rng.normal(0.0, 0.13))),
    )


def paint_prints(colour, look, left, height, front, scale):
    """Paint collar and prints of the top, in place; `height` is above the neck, `scale` in pixels per stature."""

    def inside(reach):
        return clamp(reach * scale + 0.5)

    facing = (front > 0.0).astype(np.float32)
    off_centre = np.abs(left)
    mix(colour, facing * inside(0.5 * (height + 0.06) - off_centre), look.skin)
    for kind, side in ((look.chest_print, facing), (look.back_print, 1.0 - facing)):
        if kind == "buttons":
            mix(colour, side * inside(0.006 - off_centre), look.print_colour)
        elif kind == "badge":
            mix(colour, side * inside(0.04 - np.sqrt(left**2 + (height + 0.11) ** 2)), look.print_colour)
        elif kind == "number":
            bars = np.minimum(0.013 - np.abs(off_centre - 0.025), 0.045 - np.abs(height + 0.115))
            mix(colour, side * inside(bars), look.print_colour)
        elif kind == "band":
            mix(colour, side * inside(0.022 - np.abs(height + 0.12)), look.print_colour)


def head_colour(look, left, up, front, pixels):
    """RGB (3, h, w) of the head, from coordinates on the unit ball; `pixels` is the radius of the head."""
    line = HAIRLINES[look.haircut]
    hair = look.print_colour if look.haircut == "cap" else look.hair
    colour = np.empty((3, *front.shape), np.float32)
    colour[:] = flat(look.skin)
    # the hairline drops from the forehead over the ears to the nape
    over = up - line + np.maximum(0.25 - front, 0.0) * (1.9 if look.haircut == "long" else 1.1)
    mix(colour, clamp(over * pixels), hair)
    if look.haircut == "cap":
        mix(colour, clamp((0.12 - np.abs(up - 0.30)) * pixels) * (front > 0.3), hair * 0.5)
    ahead = front > 0.0
    eyes, sides = (np.abs(left) - 0.38) ** 2, np.maximum(np.abs(left), 0.6) - 0.6
    for distance, size, paint, strength in (
        (eyes + (up - 0.06) ** 2, 0.020, EYE, 0.95),
        (0.3 * eyes + (up - 0.27) ** 2, 0.007, look.hair * 0.7, 0.6),
        (left**2 * 0.3 + (up + 0.48) ** 2, 0.010, LIP, 0.75),
        (left**2 + (up + 0.18) ** 2, 0.012, look.skin * 0.7, 0.6),
    ):
        mix(colour, clamp(1.6 - distance / size, 0.0, strength) * ahead, paint)
    ears = clamp(1.6 - ((front - 0.05) ** 2 + (up + 0.02) ** 2) / 0.022, 0.0, 0.7) * (sides > 0.0)
    mix(colour, ears, look.skin * 0.75)
    return colour

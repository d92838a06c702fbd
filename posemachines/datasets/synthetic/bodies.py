"""Painting of one person: limbs, trunk and head, from back to front.

A canvas is float32 (3, H, W), RGB in [0, 255]; channels come first for fast operations on rows. Each part is painted in
a small window, by the distance of each pixel from the part, which gives smooth edges, rounded shading and clothes that
follow the body.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import hypot, sqrt

import cv2
import numpy as np

from . import poses as P
from .brushes import EDGE_BITS
from .looks import clamp, flat, head_colour, mix, paint_prints

SHADE_REACH = 2.5  # width of the shade that a part casts on the body behind it, in pixels
SHADE_SLOPE = 0.38 / SHADE_REACH  # fraction of the light that the shade removes, per pixel towards the part

# Radii of each limb at its start, middle and end, in statures.
RADII = {
    "upper_arm": (0.033, 0.031, 0.025),
    "forearm": (0.025, 0.026, 0.017),
    "hand": (0.017, 0.025, 0.013),
    "thigh": (0.057, 0.050, 0.036),
    "shank": (0.034, 0.036, 0.021),
    "foot": (0.022, 0.026, 0.018),
    "neck": (0.034, 0.029, 0.030),
    "hair": (0.050, 0.052, 0.030),
}
# Outline of the trunk: height above hips or neck, half width and half depth of each ring, in statures.
PELVIS_RINGS = (-0.045, 0.070, 0.050), (0.000, 0.093, 0.066), (0.085, 0.076, 0.056)
CHEST_RINGS = (-0.080, 0.090, 0.066), (-0.025, 0.100, 0.052), (0.012, 0.040, 0.034)
HEAD_AXES = np.array([0.050, 0.071, 0.060])  # half width, height and depth, in statures
RING_POINTS = 12
SLACK = 0.12  # by how much clothes widen a limb


@dataclass(frozen=True)
class Light:
    """Light of a photo: unit vector towards it (x right, y down, z to the camera), ambient and diffuse strength."""

    direction: tuple
    ambient: float
    diffuse: float

    def shade(self, x, y, z):
        """Brightness of a surface with unit normal (x, y, z)."""
        right, down, near = self.direction
        facing = right * x + down * y + near * z
        return self.ambient + self.diffuse * np.maximum(facing, 0.0)

    def shade_round(self, side, x, y):
        """Brightness of a cylinder at positions `side` in [-1, 1] across it, along the unit vector (x, y)."""
        right, down, near = (self.diffuse * each for each in self.direction)
        shade = side * side
        np.subtract(1.0, shade, out=shade)
        np.sqrt(shade, out=shade)
        shade *= near
        shade += side * (right * x + down * y)
        np.maximum(shade, 0.0, out=shade)
        shade += self.ambient
        return shade


class Painter:
    """Paints bodies of a given scale and position on a canvas.

    Parameters
    ----------
    canvas : float32 ndarray of shape (3, H, W)
        Modified in place.
    scale : float
        Pixels per stature.
    origin : array-like of shape (2,)
        Position of the centre of the hips, in pixels.
    light : Light
    """

    def __init__(self, canvas, scale, origin, light):
        self.canvas, self.scale, self.light = canvas, float(scale), light
        self.origin = np.asarray(origin, float)
        self._left, self._top = self.origin.tolist()
        self.painted = np.zeros(canvas.shape[1:], np.float32)

    def pixels(self, points):
        """Project points (..., 3) in camera axes to pixels (..., 2)."""
        return self.origin + self.scale * points[..., :2] * (1.0, -1.0)

    def _pixel(self, point):
        """Project one point to (x, y) in pixels, as floats."""
        x, y, _ = point.tolist()
        return self._left + self.scale * x, self._top - self.scale * y

    def _window(self, lowest, highest):
        """Slices of the canvas for a box of pixels and the coordinates in it; None if the box is outside."""
        height, width = self.painted.shape
        left, top = max(int(lowest[0]), 0), max(int(lowest[1]), 0)
        right, bottom = min(int(highest[0]) + 2, width), min(int(highest[1]) + 2, height)
        if left >= right or top >= bottom:
            return None
        x = np.arange(left, right, dtype=np.float32)[None]
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        return (slice(top, bottom), slice(left, right)), x, y

    def _blend(self, window, gap, shade, colour, depth):
        """Blend a part into the canvas; `gap` is the distance from the part in pixels, negative inside.

        Next to the part, the body behind it is darkened by `depth` per pixel towards the part.
        """
        painted = self.painted[window]
        near = SHADE_REACH - gap
        clamp(near, 0.0, SHADE_REACH)
        near *= painted
        near *= depth
        np.subtract(1.0, near, out=near)
        alpha = clamp(0.5 - gap)
        self._lay(window, alpha, (1.0 - alpha) * near, shade, colour)

    def _lay(self, window, alpha, keep, shade, colour):
        """Multiply the canvas by `keep` and add the shaded part with opacity `alpha`."""
        patch, painted = self.canvas[(slice(None), *window)], self.painted[window]
        np.maximum(painted, alpha, out=painted)
        patch *= keep
        patch += (alpha * shade) * colour

    def limb(self, start, end, radii, skin, cloth=None, covered=0.0):
        """Paint a rounded, tapered limb, covered by cloth over part of its length.

        Parameters
        ----------
        start, end : ndarray of shape (3,)
            In camera axes, in statures.
        radii : tuple of 3 floats
            Radii at the start, middle and end, in statures.
        skin : ndarray of shape (3,)
        cloth : Cloth, optional
        covered : float, default=0.0
            Fraction of the length, from the start, that is covered by cloth.
        """
        (ax, ay), (bx, by) = self._pixel(start), self._pixel(end)
        sizes = [self.scale * radius for radius in radii]
        pad = (1.0 + SLACK) * max(sizes) + SHADE_REACH
        found = self._window((min(ax, bx) - pad, min(ay, by) - pad), (max(ax, bx) + pad, max(ay, by) + pad))
        if found is None:
            return
        window, x, y = found
        length = max(hypot(bx - ax, by - ay), 1e-3)
        ux, uy = (bx - ax) / length, (by - ay) / length
        x, y = x - ax, y - ay
        along, across = x * ux + y * uy, y * ux - x * uy
        t = clamp(along * (1.0 / length))
        radius = _taper(t, *sizes)
        colour = flat(skin)
        if covered > 0.0:
            colour = cloth.colour(along, across, self.scale)
            cover = clamp(covered * length + 0.5 - along) if covered < 1.0 else np.float32(1.0)
            radius *= 1.0 + SLACK * cover
            if covered < 1.0:
                mix(colour, 1.0 - cover, skin)
        along -= t * length
        gap = cv2.magnitude(along, across)
        gap -= radius
        across /= radius
        shade = self.light.shade_round(clamp(across, -1.0), -uy, ux)
        t -= t * t  # no shade at the joints, full shade half-way
        t *= 4.0 * SHADE_SLOPE
        self._blend(window, gap, shade, colour, t)

    def trunk(self, body, look):
        """Paint the trunk: the silhouette of elliptic rings, with clothes mapped to an elliptic cylinder."""
        rings = self.pixels(_trunk_rings(body, look.build))
        found = self._window(rings.min((0, 1)) - SHADE_REACH, rings.max((0, 1)) + SHADE_REACH)
        if found is None:
            return
        window, x, y = found
        mask = np.zeros(self.painted[window].shape, np.uint8)
        corners = ((rings - (x[0, 0], y[0, 0])) * 2**EDGE_BITS).round().astype(np.int32)
        for lower, upper in pairwise(corners):
            cv2.fillConvexPoly(mask, cv2.convexHull(np.vstack([lower, upper])), 255, cv2.LINE_AA, EDGE_BITS)
        x, y = (x - self._left) / self.scale, (self._top - y) / self.scale
        axes = _upright_axes(body)
        (left, height, front), normal = _on_cylinder(x, y, axes, (0.094 * look.build, 0.064 * look.build))
        turn = np.arctan2(left, front) * 0.08
        colour = look.top.colour(height, turn)
        paint_prints(colour, look, left, height - _trunk_height(body), front, self.scale)
        waist = clamp((0.075 - height) * self.scale + 0.5)
        colour += waist * (look.bottom.colour(height, turn) - colour)
        alpha = mask * np.float32(1.0 / 255.0)
        self._lay(window, alpha, 1.0 - alpha, self.light.shade(normal[0], -normal[1], normal[2]), colour)

    def head(self, body, look):
        """Paint the head: an ellipsoid with hair and a face, as seen from the camera."""
        cx, cy = self._pixel(body.joints[P.HEAD_TOP] - HEAD_AXES[1] * body.head[:, 1])
        pad = HEAD_AXES.max() * self.scale + SHADE_REACH
        found = self._window((cx - pad, cy - pad), (cx + pad, cy + pad))
        if found is None:
            return
        window, x, y = found
        x, y = (x - cx) / self.scale, (cy - y) / self.scale
        (left, up, front), normal, outside = _on_ball(x, y, (body.head / HEAD_AXES).T.astype(np.float32))
        colour = head_colour(look, left, up, front, float(HEAD_AXES[1] * self.scale))
        gap = outside * float(HEAD_AXES[:2].mean() * self.scale)
        self._blend(window, gap, self.light.shade(normal[0], -normal[1], normal[2]), colour, SHADE_SLOPE)

    def body(self, body, look):
        """Paint the whole person, from back to front."""
        parts: list[tuple] = [(body.joints[[P.NECK, P.RIGHT_HIP, P.LEFT_HIP]].mean(0)[2], self.trunk, (body, look))]
        parts += [(body.joints[[P.NECK, P.HEAD_TOP]].mean(0)[2] + 0.01, self.head, (body, look))]
        for nearer, start, end, *rest in _limbs(body, look):
            parts.append(((start[2] + end[2]) / 2.0 + nearer, self.limb, (start, end, *rest)))
        for _, paint, arguments in sorted(parts, key=lambda part: part[0]):
            paint(*arguments)


def _taper(t, first, middle, last):
    """Radius at positions t (h, w) in [0, 1]: the parabola through the radii at the start, middle and end."""
    bend = 2.0 * (first + last) - 4.0 * middle
    radius = t * bend
    radius += last - first - bend
    radius *= t
    radius += first
    return radius


def _limbs(body, look):
    """All limbs, as (depth offset, start, end, radii, skin, cloth, covered)."""
    joints, build = body.joints, look.build
    radii = {name: tuple(build**0.8 * radius for radius in three) for name, three in RADII.items()}
    bald = look.haircut in ("short", "bald", "cap")
    base = joints[P.HEAD_TOP] - 0.085 * body.head[:, 1]
    yield -0.01, joints[P.NECK] - 0.01 * body.chest[:, 1], base, radii["neck"], look.skin, None, 0.0
    if look.haircut == "long":
        start = joints[P.HEAD_TOP] - 0.06 * body.head[:, 1] - 0.018 * body.head[:, 2]
        end = joints[P.NECK] - 0.025 * body.chest[:, 1] - 0.045 * body.chest[:, 2]
        yield 0.0, start, end, RADII["hair"], look.hair, None, 0.0
    elif not bald:
        start = joints[P.HEAD_TOP] - 0.02 * body.head[:, 1] - 0.05 * body.head[:, 2]
        yield 0.0, start, start + 0.004 * body.head[:, 1], (0.026, 0.026, 0.026), look.hair, None, 0.0
    for index, outwards in enumerate((-1, 1)):
        hip, knee, ankle = joints[P.RIGHT_HIP + index :: outwards][:3]
        shoulder, elbow, wrist = joints[P.RIGHT_SHOULDER + index :: outwards][:3]
        yield -0.012, hip, knee, radii["thigh"], look.skin, look.bottom, min(look.leg, 1.0)
        yield from _shanks(knee, ankle, radii["shank"], look)
        yield 0.004, body.heels[index], body.toes[index], radii["foot"], look.shoe, None, 0.0
        yield 0.008, shoulder, elbow, radii["upper_arm"], look.skin, look.top, min(look.sleeve, 1.0)
        yield 0.012, elbow, wrist, radii["forearm"], look.skin, look.top, max(look.sleeve - 1.0, 0.0)
        yield 0.016, wrist, body.fingers[index], radii["hand"], look.skin, None, 0.0


def _shanks(knee, ankle, radii, look):
    """The lower leg: in trousers, or bare with a sock."""
    if look.leg > 1.0 or look.sock_height == 0.0:
        yield -0.004, knee, ankle, radii, look.skin, look.bottom, max(look.leg - 1.0, 0.0)
    else:
        yield -0.004, ankle, knee, radii[::-1], look.skin, look.sock, look.sock_height


@cache
def _ring_points(rings):
    """Points (rings, 12, 3) of rings of the trunk, in the axes of the pelvis or chest."""
    turns = np.linspace(0.0, 2.0 * np.pi, RING_POINTS, endpoint=False)
    height, width, depth = np.array(rings).T[..., None]
    return np.stack(np.broadcast_arrays(width * np.cos(turns), height, depth * np.sin(turns)), -1)


def _trunk_rings(body, build):
    """Outline points (rings, 12, 3) of the trunk in camera axes."""
    stretch = (build, 1.0, build)
    lower = (_ring_points(PELVIS_RINGS) * stretch) @ body.pelvis.T
    upper = (_ring_points(CHEST_RINGS) * stretch) @ body.chest.T + body.joints[P.NECK]
    return np.concatenate([lower, upper])


def _trunk_height(body):
    """Distance from the centre of the hips to the neck, in statures."""
    return sqrt(body.joints[P.NECK] @ body.joints[P.NECK])


def _upright_axes(body):
    """Axes (left, up, front), as rows, of the cylinder to which the clothes of the trunk are mapped."""
    up = body.joints[P.NECK] / _trunk_height(body)
    left = body.pelvis[:, 0] + body.chest[:, 0]
    left = left - up * (left @ up)
    lx, ly, lz = (left / sqrt(left @ left)).tolist()
    ux, uy, uz = up.tolist()
    front = (ly * uz - lz * uy, lz * ux - lx * uz, lx * uy - ly * ux)
    return np.array([(lx, ly, lz), (ux, uy, uz), front], np.float32)


def _on_cylinder(x, y, axes, radii):
    """Intersect the view rays through (x, y) with an elliptic cylinder around the second axis.

    Returns
    -------
    position : list of 3 ndarrays
        Along the three axes, in statures; rays that miss the cylinder are moved to its outline.
    normal : list of 3 ndarrays
        Unit vectors in camera axes.
    """
    across = [row[0] * x + row[1] * y for row in axes]
    wide, deep = (np.float32(radius**-2) for radius in radii)
    a = max(axes[0, 2] ** 2 * wide + axes[2, 2] ** 2 * deep, np.float32(0.15 * wide))
    b = across[0] * (axes[0, 2] * wide) + across[2] * (axes[2, 2] * deep)
    c = across[0] ** 2 * wide + across[2] ** 2 * deep - 1.0
    z = (np.sqrt(np.maximum(b * b - a * c, 0.0)) - b) / a
    position = [each + z * row[2] for each, row in zip(across, axes, strict=True)]
    side, front = position[0] * wide, position[2] * deep
    size = np.sqrt(side * side + front * front) + 1e-6
    side, front = side / size, front / size
    return position, [side * axes[0, k] + front * axes[2, k] for k in range(3)]


def _on_ball(x, y, axes):
    """Intersect the view rays through (x, y) with an ellipsoid; `axes` maps camera axes to those of its unit ball.

    Returns
    -------
    position : list of 3 ndarrays
        On the unit ball; rays that miss the ellipsoid are moved to its outline.
    normal : list of 3 ndarrays
        Unit vectors in camera axes.
    outside : ndarray
        Distance of the ray from the centre of the unit ball, minus 1; negative where the ray hits it.
    """
    across = [row[0] * x + row[1] * y for row in axes]
    depth = axes[:, 2]
    a = float(depth @ depth)
    b = across[0] * depth[0] + across[1] * depth[1] + across[2] * depth[2]
    miss = across[0] ** 2 + across[1] ** 2 + across[2] ** 2 - b * b / a
    z = (np.sqrt(np.maximum(1.0 - miss, 0.0) * a) - b) / a
    position = [each + z * step for each, step in zip(across, depth, strict=True)]
    normal = [position[0] * axes[0, k] + position[1] * axes[1, k] + position[2] * axes[2, k] for k in range(3)]
    size = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    return position, [each / size for each in normal], np.sqrt(np.maximum(miss, 0.0)) - 1.0

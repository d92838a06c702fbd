"""Articulated people in three dimensions: proportions, pose families and forward kinematics.

The axes of a body at rest are x to the person's left, y up and z forward. The camera looks along -z with x to its
right, so a person with yaw 0 faces the camera and the left arm is on the right of the photo. Lengths are fractions of
the stature; angles in the tables are in degrees.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

RIGHT_ANKLE, RIGHT_KNEE, RIGHT_HIP, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE = range(6)
RIGHT_WRIST, RIGHT_ELBOW, RIGHT_SHOULDER, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = range(6, 12)
NECK, HEAD_TOP = 12, 13
N_JOINTS = 14

# Segment lengths as fractions of the stature, after Drillis and Contini (1966).
LENGTHS = {
    "thigh": 0.245,
    "shank": 0.246,
    "foot": 0.115,
    "upper_arm": 0.186,
    "forearm": 0.146,
    "hand": 0.070,
    "half_hips": 0.062,
    "half_shoulders": 0.108,
    "belly": 0.115,
    "chest": 0.180,
    "head": 0.172,
}
LENGTH_SPREAD = 0.045  # relative standard deviation of each length
SHOULDER_LIFT = 0.035  # rise of the shoulder of a fully raised arm, in statures

TRUNK_ANGLES = ("lean", "roll", "spine", "side", "twist", "nod", "look")
SIDE_ANGLES = ("hip", "straddle", "hip_turn", "knee", "ankle", "arm", "arm_out", "arm_turn", "elbow")
ANGLES = TRUNK_ANGLES + tuple(f"{name}_{side}" for side in "ab" for name in SIDE_ANGLES)

_LIMITS = {
    "lean": (-40, 110), "roll": (-360, 360), "spine": (-35, 70), "side": (-35, 35), "twist": (-45, 45),
    "nod": (-45, 45), "look": (-70, 70), "hip": (-35, 135), "straddle": (-12, 85), "hip_turn": (-25, 60),
    "knee": (0, 145), "ankle": (-20, 55), "arm": (-60, 175), "arm_out": (-5, 178), "arm_turn": (-60, 95),
    "elbow": (0, 145),
}  # fmt: skip

_NEUTRAL = {
    "lean": (2, 4), "roll": (0, 5), "spine": (4, 6), "side": (0, 5), "twist": (0, 9),
    "nod": (2, 11), "look": (0, 22), "hip": (3, 6), "straddle": (5, 4), "hip_turn": (8, 8),
    "knee": (7, 6), "ankle": (6, 8), "arm": (4, 16), "arm_out": (13, 8), "arm_turn": (15, 25), "elbow": (22, 16),
}  # fmt: skip

# Frequency of each family, and (mean, deviation) of the angles that are not neutral; two pairs if the sides differ.
_FAMILIES: dict[str, tuple[int, dict]] = {
    "standing": (14, {}),
    "gesturing": (9, {"arm": ((50, 35), (5, 20)), "arm_out": ((30, 25), (16, 10)), "elbow": ((75, 35), (35, 30))}),
    "hands on hips": (4, {"arm": (-15, 8), "arm_out": (42, 8), "arm_turn": (75, 10), "elbow": (92, 10)}),
    "walking": (11, {"hip": ((26, 7), (-16, 6)), "knee": ((10, 7), (28, 12)), "ankle": ((0, 6), (18, 8)),
                     "arm": ((-22, 10), (26, 10)), "elbow": (26, 12)}),
    "running": (12, {"lean": (13, 6), "hip": ((68, 16), (-12, 12)), "knee": ((85, 22), (50, 32)), "twist": (0, 16),
                     "ankle": ((12, 8), (35, 10)), "arm": ((-42, 12), (38, 16)), "elbow": (88, 15)}),
    "arms raised": (9, {"arm_out": (140, 26), "elbow": (32, 28), "arm": (8, 16), "straddle": (11, 8)}),
    "reaching": (9, {"arm_out": ((148, 24), (48, 28)), "elbow": ((35, 30), (50, 30)), "side": (5, 12),
                     "hip": ((18, 14), (-5, 12)), "straddle": (14, 9), "twist": (0, 20)}),
    "jumping": (7, {"hip": ((45, 28), (12, 20)), "knee": ((65, 32), (35, 26)), "straddle": (22, 14),
                    "arm_out": (95, 42), "elbow": (35, 28), "ankle": (38, 10)}),
    "crouching": (5, {"lean": (28, 12), "spine": (22, 10), "hip": (98, 16), "knee": (112, 18), "straddle": (16, 10),
                      "arm": (55, 25), "elbow": (55, 30)}),
    "sitting": (5, {"lean": (2, 12), "spine": (12, 8), "hip": (84, 10), "knee": (82, 18), "straddle": (12, 8),
                    "arm": (28, 18), "elbow": (55, 28)}),
    "bending": (5, {"lean": (52, 16), "spine": (26, 12), "hip": (14, 10), "knee": (16, 12), "arm": (75, 30),
                    "elbow": (22, 18), "straddle": (10, 7)}),
    "lunging": (6, {"lean": (8, 9), "hip": ((76, 14), (-16, 10)), "knee": ((80, 16), (35, 24)), "arm_out": (48, 38),
                    "elbow": (45, 32), "ankle": ((0, 6), (25, 8))}),
    "kicking": (5, {"lean": (-8, 10), "hip": ((78, 22), (0, 8)), "straddle": ((26, 20), (4, 4)),
                    "knee": ((22, 20), (12, 8)), "arm_out": (55, 28), "elbow": (50, 30), "ankle": ((30, 10), (5, 8))}),
    "guarding": (4, {"lean": (8, 6), "hip": ((32, 12), (8, 10)), "knee": (32, 12), "arm": (48, 20), "elbow": (112, 16),
                     "straddle": (13, 6), "twist": (0, 18)}),
    "cartwheel": (3, {"roll": (150, 60), "arm_out": (145, 18), "straddle": (48, 18), "elbow": (10, 8),
                      "ankle": (35, 10)}),
    "handstand": (3, {"roll": (180, 9), "arm_out": (164, 8), "elbow": (9, 8), "hip": ((25, 25), (-5, 14)),
                      "straddle": (12, 12), "knee": ((25, 26), (12, 14)), "ankle": (38, 10)}),
    "lying": (4, {"roll": (90, 9), "hip": ((30, 26), (6, 10)), "knee": ((45, 32), (12, 12)), "arm_out": (45, 45),
                  "elbow": (40, 35)}),
}  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A posed person, in camera axes (x right, y up, z to the camera) and statures.

    Attributes
    ----------
    joints : ndarray of shape (14, 3)
        In the order of the LSP skeleton.
    pelvis, chest, head : ndarray of shape (3, 3)
        Axes (left, up, forward), as columns.
    fingers, toes, heels : ndarray of shape (2, 3)
        Fingertips, toes and heels, right and left.
    lengths : dict
        Segment lengths by name, the same on both sides.
    """

    joints: np.ndarray
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray
    fingers: np.ndarray
    toes: np.ndarray
    heels: np.ndarray
    lengths: dict


def _family_table():
    """Cumulative frequencies (F,) of the families, and means and deviations (F, A) of all `ANGLES`."""
    shares, means, deviations = [], [], []
    for share, changes in _FAMILIES.values():
        row = []
        for name in ANGLES:
            base, _, side = name.rpartition("_")
            base = base if base in SIDE_ANGLES and side in "ab" else name
            value = changes.get(base, _NEUTRAL[base])
            row.append(value[side == "b"] if isinstance(value[0], tuple) else value)
        shares.append(share)
        means.append([mean for mean, _ in row])
        deviations.append([deviation for _, deviation in row])
    cumulative = np.cumsum(shares) / np.sum(shares)
    return cumulative, np.array(means, float), np.array(deviations, float)


def _limit_table():
    """Lower and upper limits (2, A) of all `ANGLES`."""
    bases = [name if name in TRUNK_ANGLES else name[:-2] for name in ANGLES]
    return np.array([_LIMITS[base] for base in bases], float).T


_SHARES, _MEANS, _DEVIATIONS = _family_table()
_LOWEST, _HIGHEST = _limit_table()


def _about_x(degrees):
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees):
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees):
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def sample_angles(rng):
    """Random angles of one pose by name, in degrees; the two sides of a family are randomly left or right."""
    family = int(np.searchsorted(_SHARES, rng.random()))
    values = rng.normal(_MEANS[family], _DEVIATIONS[family]).clip(_LOWEST, _HIGHEST).tolist()
    angles = dict(zip(ANGLES, values, strict=True))
    right, left = "ab" if rng.random() < 0.5 else "ba"
    if rng.random() < 0.5:
        angles.update({name: -angles[name] for name in ("roll", "side", "twist", "look")})
    for name in SIDE_ANGLES:
        value = angles[f"{name}_{right}"], angles[f"{name}_{left}"]
        angles[f"{name}_right"], angles[f"{name}_left"] = value
    return angles


def sample_yaw(rng):
    """Random direction of a person in degrees: 0 and 180 (facing and turned away) are more frequent than sideways."""
    if rng.random() < 0.6:
        return rng.normal(0.0, 24.0) + 180.0 * (rng.random() < 0.5)
    return rng.uniform(0.0, 360.0)


def sample_lengths(rng):
    """Random segment lengths of one person, in statures."""
    factors = np.exp(rng.normal(0.0, LENGTH_SPREAD, len(LENGTHS))).tolist()
    return {name: length * factor for (name, length), factor in zip(LENGTHS.items(), factors, strict=True)}


def sample_body(rng):
    """Generate a person with random proportions, pose and direction.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Body
    """
    lengths, angles, yaw = sample_lengths(rng), sample_angles(rng), sample_yaw(rng)
    camera = _about_x(rng.normal(6.0, 8.0))
    return pose_body(lengths, angles, camera @ _about_z(angles["roll"]) @ _about_y(yaw))


def pose_body(lengths, angles, view):
    """Forward kinematics, from the centre of the hips outwards.

    Parameters
    ----------
    lengths : dict
        Segment lengths in statures, with the keys of `LENGTHS`.
    angles : dict
        In degrees, with the keys of `TRUNK_ANGLES`, and of `SIDE_ANGLES` with the suffixes ``_right`` and ``_left``.
    view : ndarray of shape (3, 3)
        Rotation of the whole body into camera axes.

    Returns
    -------
    Body
    """
    pelvis = view @ _about_x(angles["lean"])
    chest = pelvis @ _about_y(angles["twist"]) @ _about_z(angles["side"]) @ _about_x(angles["spine"])
    head = chest @ _about_y(angles["look"]) @ _about_x(angles["nod"])
    joints = np.zeros((N_JOINTS, 3))
    joints[NECK] = pelvis[:, 1] * lengths["belly"] + chest[:, 1] * lengths["chest"]
    joints[HEAD_TOP] = joints[NECK] + head @ (0.0, lengths["head"], 0.012)
    fingers, toes, heels = np.zeros((3, 2, 3))
    for index, side in enumerate(("right", "left")):
        hip, knee, ankle, toes[index], heels[index] = _pose_leg(lengths, angles, view, side)
        shoulder, elbow, wrist, fingers[index] = _pose_arm(lengths, angles, joints[NECK], chest, side)
        outwards = 2 * index - 1  # in LSP order, right limbs go from ankle to hip and left ones from hip to ankle
        joints[RIGHT_HIP + index :: outwards][:3] = hip, knee, ankle
        joints[RIGHT_SHOULDER + index :: outwards][:3] = shoulder, elbow, wrist
    return Body(joints, pelvis, chest, head, fingers, toes, heels, lengths)


def _pose_leg(lengths, angles, view, side):
    """Hip, knee, ankle, toes and heel; legs are posed relative to the vertical, independently of the trunk."""
    sign = 1.0 if side == "left" else -1.0
    thigh = view @ _about_z(sign * angles[f"straddle_{side}"]) @ _about_x(-angles[f"hip_{side}"])
    thigh = thigh @ _about_y(sign * angles[f"hip_turn_{side}"])
    shank = thigh @ _about_x(angles[f"knee_{side}"])
    foot = shank @ _about_x(angles[f"ankle_{side}"])
    hip = sign * lengths["half_hips"] * view[:, 0]
    knee = hip - lengths["thigh"] * thigh[:, 1]
    ankle = knee - lengths["shank"] * shank[:, 1]
    sole = ankle - 0.022 * foot[:, 1]
    return hip, knee, ankle, sole + lengths["foot"] * foot[:, 2], sole - 0.018 * foot[:, 2]


def _pose_arm(lengths, angles, neck, chest, side):
    """Shoulder, elbow, wrist and fingertips; a raised arm lifts the shoulder."""
    sign = 1.0 if side == "left" else -1.0
    raised = max(angles[f"arm_out_{side}"], angles[f"arm_{side}"])
    lift = SHOULDER_LIFT * min(max((raised - 50.0) / 110.0, 0.0), 1.0) - 0.022
    upper = chest @ _about_z(sign * angles[f"arm_out_{side}"]) @ _about_x(-angles[f"arm_{side}"])
    upper = upper @ _about_y(-sign * angles[f"arm_turn_{side}"])
    fore = upper @ _about_x(-angles[f"elbow_{side}"])
    shoulder = neck + chest @ (sign * lengths["half_shoulders"], lift, 0.0)
    elbow = shoulder - lengths["upper_arm"] * upper[:, 1]
    wrist = elbow - lengths["forearm"] * fore[:, 1]
    return shoulder, elbow, wrist, wrist - lengths["hand"] * fore[:, 1]

"""Skeletons, belief maps and curves as pictures.

Drawing on photos needs OpenCV alone; sheets and plots need matplotlib (``pip install posemachines[report]``).
"""

from __future__ import annotations

from textwrap import fill

import cv2
import numpy as np

from ._utils.deprecation import moved_names, renamed_keyword
from ._utils.figures import INK, figure
from .beliefs import decode
from .skeleton import Skeleton

__all__ = [
    "belief_sheet",
    "draw_skeleton",
    "limb_sides",
    "overlay_beliefs",
    "overlay_parts",
    "part_sides",
]

SIDE_COLOURS = {"right": (255, 152, 26), "left": (64, 176, 255), "middle": (245, 241, 230)}  # RGB; warm, cool, neutral
HEAT = ((84, 34, 132), (206, 60, 100), (250, 142, 46), (254, 240, 170))  # RGB, from low to high beliefs
DIM = 0.55  # brightness of the photo under an overlay
OPACITY = 0.9  # of the overlay at the highest belief
HEAT_CONTRAST, PARTS_CONTRAST = 0.8, 1.2  # exponents from belief to opacity; a single part shows weak beliefs, too
_FRACTION_BITS = 4  # OpenCV draws with a resolution of 1/16 pixel


# -- on photos ------------------------------------------------------------------------------------------------------


def part_sides(skeleton: Skeleton) -> tuple[str, ...]:
    """For each part "right", "left" or "middle", from the skeleton's pairs."""
    right, left = ({pair[side] for pair in skeleton.pairs} for side in (0, 1))
    return tuple("right" if p in right else "left" if p in left else "middle" for p in range(skeleton.n_parts))


def limb_sides(skeleton: Skeleton) -> tuple[str, ...]:
    """For each limb the side of its ends; "middle" if it joins both sides or two middle parts."""
    sides = part_sides(skeleton)
    found = ({sides[first], sides[second]} - {"middle"} for first, second in skeleton.limbs)
    return tuple(side.pop() if len(side) == 1 else "middle" for side in found)


@renamed_keyword(visible="labelled")
def draw_skeleton(
    image, joints, skeleton: Skeleton, *, labelled=None, thickness: float | None = None, scale: float = 1
):
    """Draw limbs and joints on a copy of a picture: right in a warm colour, left in a cool one, middle neutral.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)
        RGB.
    joints : ndarray of shape (P, 2) or (P, 3)
        x, y in pixels of `image`, and labelled; unlabelled and non-finite joints are left out.
    skeleton : Skeleton
    labelled : bool ndarray of shape (P,), optional
        Joints to draw; by default those of the third column of `joints`, or all.
    thickness : float, optional
        Line width in pixels of the result; by default 1/50 of its longer side.
    scale : float, default=1
        Enlargement of the result, to make small crops legible.

    Returns
    -------
    uint8 ndarray of shape (round(scale * H), round(scale * W), 3)

    Raises
    ------
    ValueError
        If an array has the wrong shape or type, or `scale` or `thickness` is not positive.
    """
    image, joints = _check_picture(image), np.asarray(joints, float)
    if joints.shape not in ((skeleton.n_parts, 2), (skeleton.n_parts, 3)):
        raise ValueError(
            f"joints must be ({skeleton.n_parts}, 2) or ({skeleton.n_parts}, 3) for skeleton {skeleton.name!r} "
            f"and one subject; got {joints.shape}"
        )
    if not scale > 0 or (thickness is not None and not thickness > 0):
        raise ValueError(f"scale and thickness must be positive; got scale={scale}, thickness={thickness}")
    shown = np.isfinite(joints[:, :2]).all(-1)
    if labelled is not None or joints.shape[1] == 3:
        labelled = np.asarray(joints[:, 2] > 0 if labelled is None else labelled)
        if labelled.shape != shown.shape:
            raise ValueError(f"labelled must be ({skeleton.n_parts},), one value per part; got {labelled.shape}")
        shown &= labelled.astype(bool)
    size = max(round(scale * image.shape[1]), 1), max(round(scale * image.shape[0]), 1)
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) if size != image.shape[1::-1] else image.copy()
    places = (joints[:, :2] + 0.5) * (np.array(size) / image.shape[1::-1]) - 0.5
    _paint_skeleton(canvas, places, shown, skeleton, max(size) / 50 if thickness is None else thickness)
    return canvas


def _paint_skeleton(canvas, places, shown, skeleton: Skeleton, thickness: float) -> None:
    """Draw into `canvas`, with a dark outline so that colours stand out on any photo."""
    unit = 1 << _FRACTION_BITS
    places = np.nan_to_num(places, posinf=0, neginf=0).clip(-1e4, 1e4)
    points = [tuple(point) for point in np.round(places * unit).astype(int).tolist()]
    limbs = [
        (points[first], points[second], SIDE_COLOURS[side])
        for (first, second), side in zip(skeleton.limbs, limb_sides(skeleton), strict=True)
        if shown[first] and shown[second]
    ]
    dots = [(points[p], SIDE_COLOURS[side]) for p, side in enumerate(part_sides(skeleton)) if shown[p]]
    for extra, dark in ((2.0, True), (0.0, False)):
        width, radius = max(round(thickness + extra), 1), round((0.85 * thickness + extra / 2) * unit)
        for start, end, colour in limbs:
            cv2.line(canvas, start, end, (16, 16, 18) if dark else colour, width, cv2.LINE_AA, _FRACTION_BITS)
        for point, colour in dots:
            cv2.circle(canvas, point, radius, (16, 16, 18) if dark else colour, -1, cv2.LINE_AA, _FRACTION_BITS)


def overlay_beliefs(image, belief_map, *, stride: int, greatest: float | None = None):
    """One belief map (heatmap) over a dimmed grey photo.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)
        RGB.
    belief_map : ndarray of shape (h, w)
        With H = stride * h and W = stride * w; negative beliefs count as zero.
    stride : int
        Pixels per cell; cell i is centred on pixel ``stride * i + (stride - 1) / 2``.
    greatest : float, optional
        Belief to draw brightest; by default the maximum of the map.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)

    Raises
    ------
    ValueError
        If the shapes do not match the stride.
    """
    image, belief_map = _check_picture(image), np.asarray(belief_map, np.float32)
    if belief_map.ndim != 2:
        raise ValueError(
            f"belief_map must be one map (h, w); got shape {belief_map.shape}; pass beliefs[subject, part]"
        )
    strength = _enlarged(belief_map, image, stride, greatest)
    at = strength * (len(HEAT) - 1)
    steps = np.arange(len(HEAT))
    colour = np.stack([np.interp(at, steps, channel) for channel in zip(*HEAT, strict=True)], -1)
    return _blend(image, colour, strength**HEAT_CONTRAST)


def overlay_parts(image, beliefs, skeleton: Skeleton, *, stride: int):
    """The belief maps of all parts over a dimmed grey photo, each cell in the colour of its likeliest part's side.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)
        RGB.
    beliefs : ndarray of shape (P+1, h, w)
        Background last, which is not drawn.
    skeleton : Skeleton
    stride : int
        Pixels per cell.

    Returns
    -------
    uint8 ndarray of shape (H, W, 3)

    Raises
    ------
    ValueError
        If the shapes do not match the skeleton or the stride.
    """
    image, beliefs = _check_picture(image), np.asarray(beliefs, np.float32)
    if beliefs.ndim != 3 or len(beliefs) != skeleton.n_parts + 1:
        raise ValueError(
            f"beliefs must be ({skeleton.n_parts + 1}, h, w) for skeleton {skeleton.name!r} and one subject, "
            f"background last; got {beliefs.shape}"
        )
    parts = beliefs[:-1]
    strength = _enlarged(parts.max(0), image, stride, None)
    colours = np.array([SIDE_COLOURS[side] for side in part_sides(skeleton)], np.float32)[parts.argmax(0)]
    colour = cv2.resize(colours, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return _blend(image, colour, strength**PARTS_CONTRAST)


def _check_picture(image) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"image must be one uint8 RGB picture (H, W, 3); got {image.dtype} of shape {image.shape}")
    return np.ascontiguousarray(image)


def _enlarged(belief_map, image, stride: int, greatest: float | None) -> np.ndarray:
    """A map (h, w) as strength in [0, 1], one value per pixel, interpolated linearly between cells."""
    height, width = belief_map.shape
    if image.shape[:2] != (stride * height, stride * width):
        raise ValueError(
            f"a map of {height} x {width} cells and stride {stride} needs a picture of {stride * height} x "
            f"{stride * width} px; got one of {image.shape[0]} x {image.shape[1]}; pass the crop that was predicted"
        )
    map_ = np.nan_to_num(belief_map).clip(0)
    greatest = float(map_.max()) if greatest is None else greatest
    if not greatest > 0:
        return np.zeros(image.shape[:2], np.float32)
    return cv2.resize((map_ / greatest).clip(0, 1), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _blend(image, colour, strength) -> np.ndarray:
    photo = DIM * cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    opacity = OPACITY * strength[..., None]
    return (photo * (1 - opacity) + colour * opacity).round().clip(0, 255).astype(np.uint8)


# -- with matplotlib ------------------------------------------------------------------------------------------------


def picture_grid(pictures, *, columns=(), rows=(), size: float = 1.5, dpi: float = 110) -> np.ndarray:
    """Arrange pictures in labelled rows and columns, as one RGB picture.

    Parameters
    ----------
    pictures : list of lists of (uint8 ndarray of shape (H, W, 3) or None)
        Row by row; None leaves a gap.
    columns, rows : sequences of str
        Labels.
    size : float, default=1.5
        Side of each picture, in inches.
    dpi : float, default=110
        Pixels per inch.

    Returns
    -------
    uint8 ndarray of shape (height, width, 3)
    """
    n_columns = max(len(row) for row in pictures)
    made = figure(size * n_columns + 0.3, (size + 0.04) * len(pictures) + 0.3, dpi=dpi, facecolor="white")
    axes = made.subplots(len(pictures), n_columns, squeeze=False)
    for row, of_row in enumerate(pictures):
        for column in range(n_columns):
            ax = axes[row, column]
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if column < len(of_row) and of_row[column] is not None:
                ax.imshow(of_row[column], interpolation="lanczos")
            if row == 0 and column < len(columns):
                ax.set_title(fill(columns[column], 18), fontsize=8, color=INK)
            if column == 0 and row < len(rows):
                ax.set_ylabel(rows[row], fontsize=8, color=INK)
    made.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    made.canvas.draw()
    return np.asarray(made.canvas.buffer_rgba())[..., :3].copy()


def belief_sheet(image, staged_beliefs, skeleton: Skeleton, *, parts=None, stride: int) -> np.ndarray:
    """Belief maps of one subject, stage by stage.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)
        RGB.
    staged_beliefs : iterable of ndarray of shape (P+1, h, w)
        One per stage, background last.
    skeleton : Skeleton
    parts : sequence of str or int, optional
        Parts to show; by default right and middle parts, at most six.
    stride : int
        Pixels per cell.

    Returns
    -------
    uint8 ndarray of shape (height, width, 3)
        RGB; one row per stage, one column per part, then the decoded skeleton.

    Raises
    ------
    ValueError
        If there is no stage, a part is unknown, or shapes do not match.
    ImportError
        If matplotlib is missing.
    """
    stages = [np.asarray(beliefs, np.float32) for beliefs in staged_beliefs]
    if not stages:
        raise ValueError("staged_beliefs is empty; pass one array (P+1, h, w) per stage")
    if parts is None:
        parts = [part for part, side in enumerate(part_sides(skeleton)) if side != "left"][:6]
    chosen = [skeleton.index(part) for part in parts]
    rows = []
    for beliefs in stages:
        everything = overlay_parts(image, beliefs, skeleton, stride=stride)  # checks the shape
        joints = decode(beliefs[None], stride=stride)[0][0]
        maps = [overlay_beliefs(image, beliefs[part], stride=stride) for part in chosen]
        rows.append([*maps, draw_skeleton(everything, joints, skeleton, scale=max(1, 256 / max(image.shape)))])
    names = [*(skeleton.parts[part] for part in chosen), "all parts, decoded"]
    return picture_grid(rows, columns=names, rows=[f"stage {number}" for number in range(1, len(rows) + 1)])


__getattr__ = moved_names(
    __name__,
    plot_accuracy_over_cost="posemachines.report.plot_accuracy_over_cost",
    plot_pck_curves="posemachines.report.plot_pck_curves",
    plot_stage_bars="posemachines.report.plot_stage_bars",
)

import numpy as np
import pytest

from posemachines.beliefs import gaussian_beliefs
from posemachines.skeleton import LSP, Skeleton
from posemachines.visualize import (
    SIDE_COLOURS,
    belief_sheet,
    draw_skeleton,
    limb_sides,
    overlay_beliefs,
    overlay_parts,
    part_sides,
)

FORK = Skeleton("fork", ("tip", "right", "left"), (("tip", "right"), ("right", "left")), pairs=(("right", "left"),))
STRIDE, ROWS, COLUMNS = 4, 5, 7
BLACK = np.zeros((STRIDE * ROWS, STRIDE * COLUMNS, 3), np.uint8)


def test_sides_follow_the_pairs():
    assert part_sides(FORK) == ("middle", "right", "left")
    assert limb_sides(FORK) == ("right", "middle")
    assert part_sides(Skeleton.unnamed(2)) == ("middle", "middle")
    assert set(limb_sides(LSP)) == {"right", "left", "middle"}


def test_skeleton_is_a_coloured_copy():
    joints = np.array([[3, 3], [24, 3], [24, 16]])
    drawn = draw_skeleton(BLACK, joints, FORK, thickness=3)
    assert drawn.shape == BLACK.shape
    assert drawn.dtype == np.uint8
    assert not BLACK.any()
    assert tuple(drawn[3, 14]) == SIDE_COLOURS["right"]
    assert tuple(drawn[10, 24]) == SIDE_COLOURS["middle"]
    assert tuple(drawn[16, 24]) == SIDE_COLOURS["left"]


@pytest.mark.parametrize("scale", [1, 2, 3.5])
def test_joints_stay_on_their_pixels_when_the_picture_is_enlarged(scale):
    dot = Skeleton("dot", ("it",))
    drawn = draw_skeleton(BLACK, [[20, 6]], dot, thickness=1, scale=scale)
    assert drawn.shape == (round(20 * scale), round(28 * scale), 3)
    rows, columns = np.nonzero(drawn[..., 0] > 100)
    centre = (np.array([columns.mean(), rows.mean()]) + 0.5) / scale - 0.5
    np.testing.assert_allclose(centre, [20, 6], atol=0.3)


def test_joints_that_are_not_labelled_are_left_out():
    joints = np.array([[3, 3, 1], [24, 3, 0], [24, 16, 1]], float)
    assert not draw_skeleton(BLACK, joints, FORK, thickness=1)[3, 14].any()
    assert not draw_skeleton(BLACK, joints, FORK, labelled=[False] * 3).any()
    assert draw_skeleton(BLACK, joints, FORK, labelled=[True] * 3, thickness=1)[3, 14].any()
    joints[0] = np.nan, np.inf, 1
    assert draw_skeleton(BLACK, joints, FORK)[16, 24].any()


def test_joints_far_outside_are_no_error():
    draw_skeleton(BLACK, [[-1e9, 5], [1e9, 3], [5, 5]], FORK)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": np.zeros((2, 2))}, r"joints must be \(3, 2\)"),
        ({"labelled": [True]}, r"labelled must be \(3,\)"),
        ({"image": BLACK[None]}, "one uint8 RGB picture"),
        ({"image": BLACK.astype(float)}, "float64"),
        ({"scale": 0}, "must be positive"),
        ({"thickness": -1}, "must be positive"),
    ],
)
def test_draw_skeleton_says_what_is_wrong(change, message):
    arguments = {"image": BLACK, "joints": np.zeros((3, 2)), "skeleton": FORK, **change}
    with pytest.raises(ValueError, match=message):
        draw_skeleton(**arguments)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 5), (4, 6)])
def test_one_hot_cell_lights_up_its_own_pixels(row, column):
    belief_map = np.zeros((ROWS, COLUMNS))
    belief_map[row, column] = 0.3
    beliefs = np.zeros((4, ROWS, COLUMNS))
    beliefs[1, row, column] = 0.3
    own = np.s_[STRIDE * row : STRIDE * (row + 1), STRIDE * column : STRIDE * (column + 1)]
    for lit in (overlay_beliefs(BLACK, belief_map, stride=STRIDE), overlay_parts(BLACK, beliefs, FORK, stride=STRIDE)):
        brightness = lit.astype(float).sum(-1)
        assert brightness[own].min() > 0
        assert brightness[own].max() == brightness.max()
        y, x = np.indices(brightness.shape)
        if 0 < row < ROWS - 1 and 0 < column < COLUMNS - 1:
            centre = (brightness * x).sum() / brightness.sum(), (brightness * y).sum() / brightness.sum()
            np.testing.assert_allclose(centre, (4 * column + 1.5, 4 * row + 1.5), atol=0.01)
        far = (abs(x - 4 * column - 1.5) > 6) | (abs(y - 4 * row - 1.5) > 6)
        assert not brightness[far].any()


def test_parts_have_the_colours_of_their_sides():
    beliefs = np.zeros((4, ROWS, COLUMNS))
    beliefs[1, 1, 1] = beliefs[2, 3, 5] = 1
    lit = overlay_parts(BLACK, beliefs, FORK, stride=STRIDE).astype(int)
    assert lit[5, 5, 0] > lit[5, 5, 2]
    assert lit[13, 21, 2] > lit[13, 21, 0]


def test_no_belief_gives_the_dimmed_photo():
    photo = np.full_like(BLACK, 100)
    lit = overlay_beliefs(photo, np.full((ROWS, COLUMNS), -1.0), stride=STRIDE)
    assert (lit == lit[0, 0, 0]).all()
    assert 30 < lit[0, 0, 0] < 80


def test_greatest_belief_compares_maps():
    belief_map = np.full((ROWS, COLUMNS), 0.5)
    weak = overlay_beliefs(BLACK, belief_map, stride=STRIDE, greatest=2.0)
    assert weak.sum() < overlay_beliefs(BLACK, belief_map, stride=STRIDE).sum()


def test_overlays_say_what_is_wrong():
    with pytest.raises(ValueError, match="20 x 28 px; got one of 20 x 20"):
        overlay_beliefs(BLACK[:, :20], np.zeros((ROWS, COLUMNS)), stride=STRIDE)
    with pytest.raises(ValueError, match=r"pass beliefs\[subject, part\]"):
        overlay_beliefs(BLACK, np.zeros((2, ROWS, COLUMNS)), stride=STRIDE)
    with pytest.raises(ValueError, match=r"beliefs must be \(4, h, w\)"):
        overlay_parts(BLACK, np.zeros((3, ROWS, COLUMNS)), FORK, stride=STRIDE)


def test_belief_sheet_has_one_row_per_stage_and_one_column_per_part():
    joints = np.array([[[3, 3, 1], [24, 3, 1], [24, 16, 1]]])
    beliefs = gaussian_beliefs(joints, (ROWS, COLUMNS), stride=STRIDE, sigma=4)[0]
    one = belief_sheet(BLACK, [beliefs], FORK, stride=STRIDE)
    more = belief_sheet(BLACK, iter([beliefs] * 3), FORK, parts=["tip"], stride=STRIDE)
    assert one.dtype == more.dtype == np.uint8
    assert one.shape[1] > more.shape[1]
    assert more.shape[0] > 2 * one.shape[0]
    with pytest.raises(ValueError, match="is empty"):
        belief_sheet(BLACK, [], FORK, stride=STRIDE)
    with pytest.raises(ValueError, match="no part 'nose'"):
        belief_sheet(BLACK, [beliefs], FORK, parts=["nose"], stride=STRIDE)

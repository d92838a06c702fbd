import itertools
import sys

import numpy as np
import pytest

from posemachines.beliefs import gaussian_beliefs
from posemachines.report import plot_accuracy_over_cost, plot_pck_curves, plot_stage_bars
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


def comparison(curve_end=90.0):
    """A report of two machines, as far as plots need it."""
    stages = [
        {
            "stage": number,
            "pck": {"0.1": 10.0 * number, "0.2": 20.0 * number},
            "interval": {"0.1": [9.0 * number, 11.0 * number], "0.2": [18.0 * number, 23.0 * number]},
            "curve": [0.0, 20.0 * number, curve_end],
        }
        for number in (1, 2)
    ]
    return {
        "protocol": {"reference": "tip to left", "thresholds": [0.0, 0.25, 0.5]},
        "machines": {
            "mean": {"label": "Mean pose", "kinds": [], "accuracy": {"stages": stages[:1]}},
            "pm": {"label": "Pose Machine", "kinds": ["forest"] * 2, "accuracy": {"stages": stages}},
        },
    }


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


def test_joints_that_are_not_visible_are_left_out():
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
        ({"visible": [True]}, r"visible must be \(3,\)"),
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
    with pytest.raises(ValueError, match=r"pass beliefs\[person, part\]"):
        overlay_beliefs(BLACK, np.zeros((2, ROWS, COLUMNS)), stride=STRIDE)
    with pytest.raises(ValueError, match=r"beliefs must be \(4, h, w\)"):
        overlay_parts(BLACK, np.zeros((3, ROWS, COLUMNS)), FORK, stride=STRIDE)


def test_belief_sheet_has_a_row_a_stage_and_a_column_a_part():
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


def test_curves_are_labelled_and_named():
    ax = plot_pck_curves(comparison()).axes[0]
    assert "tip to left" in ax.get_xlabel()
    assert "%" in ax.get_ylabel()
    assert ax.get_ylim() == (0, 100)
    texts = {text.get_text() for text in ax.texts}
    assert {"Mean pose", "Pose Machine"} <= texts
    heights = sorted(text.xy[1] for text in ax.texts)
    assert np.diff(heights).min() > 0.1  # both curves end at one height; their names do not lie upon each other


def test_bars_have_intervals_as_error_bars():
    ax = plot_stage_bars(comparison()).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [20, 20, 40]
    ends = [segment[:, 1].tolist() for container in ax.collections for segment in container.get_segments()]
    assert ends == [[18, 23], [18, 23], [36, 46]]
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 46
    assert "PCK@0.1" in plot_stage_bars(comparison(), threshold=0.1).axes[0].get_ylabel()


def test_accuracy_over_cost_has_a_point_with_its_interval_a_machine():
    report = comparison()
    for machine, time in zip(report["machines"].values(), (0.0, 20.0), strict=True):
        machine["cost"] = {"ms_per_image": {"median": time}}
    ax = plot_accuracy_over_cost(report).axes[0]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_marker() in "so"] == [
        (1e-3, 20),
        (20.0, 40),
    ]
    ends = [segment[:, 1].tolist() for container in ax.collections for segment in container.get_segments()]
    assert ends == [[18, 23], [36, 46]]
    assert ax.get_xscale() == "log"
    assert {"Mean pose", "Pose Machine"} <= {text.get_text() for text in ax.texts}


def test_names_of_many_machines_do_not_lie_upon_each_other():
    report = comparison()
    machine = report["machines"]["pm"]
    report["machines"] = {
        f"{n}": machine | {"label": f"A machine of number {n}", "cost": {"ms_per_image": {"median": 1.0 + n}}}
        for n in range(14)
    }
    for plot in (plot_pck_curves, plot_stage_bars, plot_accuracy_over_cost):
        made = plot(report)
        made.draw_without_rendering()
        ax = made.axes[0]
        names = [text for text in (*ax.texts, *ax.get_xticklabels()) if text.get_text().startswith("A machine")]
        assert len(names) == 14
        if plot is plot_stage_bars:  # they are turned: it is their ends that must be apart
            assert {text.get_rotation() for text in names} == {40.0}
            continue
        boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))


def test_plots_say_what_is_wrong():
    with pytest.raises(ValueError, match="no machine"):
        plot_pck_curves({"machines": {}})
    with pytest.raises(ValueError, match=r"it quotes 0\.1, 0\.2"):
        plot_stage_bars(comparison(), threshold=0.3)
    with pytest.raises(ValueError, match=r"it quotes 0\.1, 0\.2"):
        plot_accuracy_over_cost(comparison(), threshold=0.3)


def test_plots_leave_pyplot_alone():
    plot_pck_curves(comparison())
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"posemachines\[report\]"):
        plot_pck_curves(comparison())


def test_labels_of_curves_are_moved_apart_and_no_further():
    from posemachines.report.plots import _spread

    assert _spread([10.0, 50.0, 90.0], 100, gap=13) == [10, 50, 90]
    np.testing.assert_allclose(_spread([61.0, 62.0, 63.0], 100, gap=13), [49, 62, 75])
    np.testing.assert_allclose(_spread([99.0, 98.0, 10.0], 100, gap=13), [100, 87, 10], atol=5)
    assert max(_spread([99.0, 98.0, 97.0], 100, gap=13)) <= 100

import itertools
import sys

import numpy as np
import pytest

from posemachines.report import plot_accuracy_over_cost, plot_pck_curves, plot_stage_bars
from posemachines.report.charts import plot_part_curves, plot_reliability
from posemachines.report.svg import figure_to_svg


def comparison(curve_end=90.0):
    """The parts of a report on two machines that plots need."""
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


def test_curves_are_labelled_and_named():
    ax = plot_pck_curves(comparison()).axes[0]
    assert "tip to left" in ax.get_xlabel()
    assert "%" in ax.get_ylabel()
    assert ax.get_ylim() == (0, 100)
    texts = {text.get_text() for text in ax.texts}
    assert {"Mean pose", "Pose Machine"} <= texts
    heights = sorted(text.xy[1] for text in ax.texts)
    assert np.diff(heights).min() > 0.1  # both curves end at the same height; their names do not overlap


def test_bars_have_intervals_as_error_bars():
    ax = plot_stage_bars(comparison()).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [20, 20, 40]
    ends = [segment[:, 1].tolist() for container in ax.collections for segment in container.get_segments()]
    assert ends == [[18, 23], [18, 23], [36, 46]]
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 46
    assert "PCK@0.1" in plot_stage_bars(comparison(), threshold=0.1).axes[0].get_ylabel()


def test_accuracy_over_cost_has_one_point_and_interval_per_machine():
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


def test_names_of_many_machines_do_not_overlap():
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
        if plot is plot_stage_bars:  # rotated: only their ends must be apart
            assert {text.get_rotation() for text in names} == {40.0}
            continue
        boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))


@pytest.mark.parametrize("n", [2, 3, 6])
def test_words_of_labels_are_not_broken_and_no_title_is_cut(n):
    report = comparison()
    names = ["Convolutional Pose Machine", "dlib's shape predictor", "Autoencoder-based regression"]
    machines = list(report["machines"].values())
    report["machines"] = {f"{i}": machines[i % 2] | {"label": names[i % 3]} for i in range(n)}
    report["protocol"]["reference"] = "longer side of the bounding box of the labelled joints"
    words = {word for name in names for word in name.split()}
    for plot in (plot_pck_curves, plot_stage_bars):
        made = plot(report)
        made.draw_without_rendering()
        ax = made.axes[0]
        shown = [text.get_text() for text in (*ax.texts, *ax.get_xticklabels())]
        letters = [word for text in shown for word in text.split() if word[0].isalpha()]
        assert letters
        assert {*letters} <= words
        for title in (each for each in (ax.xaxis.label, ax.yaxis.label) if each.get_text()):
            box = title.get_window_extent()
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= made.bbox.x1
            assert box.y1 <= made.bbox.y1


def test_plots_say_what_is_wrong():
    with pytest.raises(ValueError, match="no finished machine"):
        plot_pck_curves({"machines": {}})
    with pytest.raises(ValueError, match=r"only 0\.1, 0\.2"):
        plot_stage_bars(comparison(), threshold=0.3)
    with pytest.raises(ValueError, match=r"only 0\.1, 0\.2"):
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


def test_chart_of_a_part():
    interval = {"low": [0.0, 30.0, 70.0], "high": [1.0, 40.0, 90.0]}
    series = [
        {"values": [0.0, 35.0, 80.0], "interval": interval, "colour": "#157a5a", "style": "-"},
        {"values": [0.0, 5.0, 10.0], "interval": None, "colour": "#6f7479", "style": ":"},
    ]
    ax = plot_part_curves(series, [0.0, 0.1, 0.2]).axes[0]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0, 35, 80], [0, 5, 10]]
    assert len(ax.collections) == 1
    assert ax.get_xlim() == (0, 0.2)
    assert ax.get_ylim() == (0, 100)


def test_chart_of_reliability():
    calibration = {
        "score": [0.1, 0.5, 0.9],
        "rate": [0.2, None, 0.8],
        "rate_interval": [[0.1, 0.3], None, [0.7, 0.9]],
        "count": [10, 0, 40],
    }
    figure, titles = plot_reliability(calibration, "#157a5a")
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots] == [(0.1, 0.2), (0.9, 0.8)]
    assert dots[0].get_markersize() < dots[1].get_markersize()
    assert titles == {"bin-0": "belief 0.10: 20 % correct, 10 joints", "bin-2": "belief 0.90: 80 % correct, 40 joints"}
    svg = figure_to_svg(figure, "chart", titles)
    assert svg == figure_to_svg(plot_reliability(calibration, "#157a5a")[0], "chart", titles), "the same every time"
    assert "<title>belief 0.90: 80 % correct, 40 joints</title>" in svg
    assert "var(--series-1)" in svg
    assert "#" not in svg.replace("url(#", "").replace('href="#', ""), "all colours are variables"
    assert svg.count('id="') == svg.count('id="chart-')

"""Small charts of the report's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._utils.figures import GRID, INK, QUIET, SMALL, figure

__all__ = ["plot_part_curves", "plot_reliability"]

_SIZE = (2.2, 1.5)  # inches
_AXES = (0.135, 0.145, 0.83, 0.8)  # left, bottom, width, height, as fractions of the figure


def plot_part_curves(series: Sequence[dict[str, Any]], thresholds: Sequence[float]):
    """PCK of one part over the distance allowed.

    Parameters
    ----------
    series : sequence of dict
        One per machine: ``values`` in percent, ``interval`` (None, or a dict with ``low`` and ``high``), ``colour``
        and ``style``.
    thresholds : sequence of float

    Returns
    -------
    matplotlib.figure.Figure
    """
    made, ax = _frame()
    for each in series:
        if each["interval"] is not None:
            low, high = each["interval"]["low"], each["interval"]["high"]
            ax.fill_between(thresholds, low, high, color=each["colour"], alpha=0.16, linewidth=0)
        ax.plot(thresholds, each["values"], color=each["colour"], linestyle=each["style"], linewidth=1.4)
    ticks = [value for value in (0, 0.1, 0.2, 0.3, 0.4, 0.5) if value <= thresholds[-1] + 1e-9]
    ax.set(xlim=(0, thresholds[-1]), ylim=(0, 100))
    ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
    ax.set_yticks([0, 50, 100])
    return made


def plot_reliability(calibration: dict, colour: str):
    """Share of correct joints over the belief at the peak; perfectly calibrated beliefs lie on the diagonal.

    Parameters
    ----------
    calibration : dict
        From a report: ``score``, ``rate``, ``rate_interval`` and ``count``.
    colour : str

    Returns
    -------
    figure : matplotlib.figure.Figure
        The points have the group ids "bin-0", "bin-1", ...
    titles : dict of str to str
        A description of each point, by group id.
    """
    made, ax = _frame()
    ax.plot((0, 1), (0, 1), color=QUIET, linewidth=0.7, linestyle=(0, (3, 3)))
    titles, total = {}, max(calibration["count"])
    columns = (calibration[name] for name in ("score", "rate", "rate_interval", "count"))
    for number, (score, rate, ends, count) in enumerate(zip(*columns, strict=True)):
        if rate is None:
            continue
        if ends is not None and None not in ends:
            ax.plot((score, score), ends, color=INK, linewidth=0.7, zorder=2)
        size = 2 * (1.3 + 2.4 * (count / total) ** 0.5)
        (dot,) = ax.plot(
            score, rate, marker="o", markersize=size, color=colour, markeredgewidth=0, zorder=3, clip_on=False
        )
        dot.set_gid(f"bin-{number}")
        titles[f"bin-{number}"] = f"belief {score:.2f}: {100 * rate:.0f} % correct, {count} joints"
    ax.set(xlim=(0, max(1.0, *calibration["score"])), ylim=(0, 1))
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", "50", "100"])
    return made, titles


def _frame():
    """A small figure and its axes, with horizontal rules alone."""
    made = figure(*_SIZE, layout=None)
    ax = made.add_axes(_AXES)
    ax.tick_params(labelsize=SMALL, labelcolor=QUIET, length=0, pad=3)
    ax.grid(axis="y", color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines[:].set_visible(False)
    return made, ax

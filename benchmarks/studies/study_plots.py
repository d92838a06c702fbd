"""Plots of the studies, in the colours of the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posemachines._utils.figures import GRID, INK, MEDIUM, QUIET, SERIES_COLOURS, SMALL, figure

__all__ = ["curves", "dress", "legend", "lines"]

STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = "osD^vP"


def dress(ax, *, xlabel: str, ylabel: str) -> None:
    """Style axes like those of the reports."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    ax.grid(axis="y", color=GRID, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=SMALL, colors=QUIET, length=3)
    ax.set_xlabel(xlabel, fontsize=MEDIUM, color=INK)
    ax.set_ylabel(ylabel, fontsize=MEDIUM, color=INK)


def colour(number: int) -> str:
    """Colour of a series; grey is reserved for baselines."""
    return SERIES_COLOURS[1:][number % (len(SERIES_COLOURS) - 1)]


def legend(ax, **where) -> None:
    """A legend without a frame, in small letters, on a white ground."""
    white = {"facecolor": "white", "edgecolor": "none", "framealpha": 0.9, "borderpad": 0.2}
    ax.legend(fontsize=SMALL, labelcolor=INK, handlelength=3.2, **white, **where)


def curves(series: Mapping[str, dict], *, reference: str, step: float = 0.02):
    """PCK curves over the allowed distance, with interval bands.

    Parameters
    ----------
    series : dict of str to dict
        Results of a stage by label, with ``curve`` and ``curve_interval``.
    reference : str
        Reference length, in words.
    """
    made = figure(5.2, 3.6)
    ax = made.add_subplot()
    for number, (label, stage) in enumerate(series.items()):
        places = step * np.arange(len(stage["curve"]))
        band = stage.get("curve_interval")
        if band:
            ax.fill_between(places, band["low"], band["high"], color=colour(number), alpha=0.15, linewidth=0)
        ax.plot(places, stage["curve"], color=colour(number), linestyle=STYLES[number % 6], linewidth=1.8, label=label)
    dress(ax, xlabel=f"Allowed distance [× {reference}]", ylabel="PCK [%]")
    ax.set(xlim=(0, places[-1]), ylim=(0, 100))
    legend(ax, loc="upper left")
    return made


def lines(
    series: Mapping[str, Sequence[tuple]], *, xlabel: str, ylabel: str, log: bool = False, whole: bool = False,
    ax=None, bottom: float | None = 0.0,
):  # fmt: skip
    """Values with intervals over a quantity.

    Parameters
    ----------
    series : dict of str to sequence of (x, value, (low, high))
    log : bool
        Logarithmic x axis.
    whole : bool
        Ticks at integers.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    bottom : float or None
        Lower end of the y axis.
    """
    made = figure(5.2, 3.6) if ax is None else ax.figure
    ax = made.add_subplot() if ax is None else ax
    for number, (label, points) in enumerate(series.items()):
        xs, values = [point[0] for point in points], np.array([point[1] for point in points], float)
        ends = np.array([point[2] for point in points], float).reshape(-1, 2)
        spread = [np.maximum(values - ends[:, 0], 0), np.maximum(ends[:, 1] - values, 0)]
        ax.errorbar(
            xs, values, spread, color=colour(number), marker=MARKERS[number % 6], markersize=4.5, linewidth=1.6,
            linestyle=STYLES[number % 6], elinewidth=1, capsize=2.5, label=label,
        )  # fmt: skip
    dress(ax, xlabel=xlabel, ylabel=ylabel)
    places = sorted({point[0] for points in series.values() for point in points})
    if log:
        ax.set_xscale("log")
        ax.minorticks_off()
    if log or whole:
        ax.set_xticks(places, [f"{place:,g}" for place in places])
    ax.set_ylim(bottom=bottom)
    legend(ax)
    return made

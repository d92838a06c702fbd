"""Chart of an answer: how the error falls with the number of labels."""

from __future__ import annotations

import numpy as np

from .._utils.figures import GRID, INK, MEDIUM, QUIET, SERIES_COLOURS, SMALL, figure
from .verdicts import Quantities

__all__ = ["plot_learning_curve"]


def plot_learning_curve(answer: dict, *, colour: str = SERIES_COLOURS[1]):
    """Mean error over the number of training subjects: measured, fitted and, dashed, extrapolated.

    Parameters
    ----------
    answer : dict
        The entry ``answer`` of a report, with a ``curve``.
    colour : str

    Returns
    -------
    matplotlib.figure.Figure
        Created without pyplot; save it with ``savefig``.

    Raises
    ------
    ValueError
        If the answer has no learning curve.
    ImportError
        If matplotlib is missing.
    """
    curve, quantities = answer.get("curve"), Quantities(answer["units"])
    if not curve:
        raise ValueError("the answer has no learning curve; compare without the limit of time, or with curve=True")
    made = figure(5.6, 3.0)
    ax = made.add_subplot()
    sizes, beyond = np.asarray(curve["sizes"], float), curve["predictions"]
    further = np.array([sizes[-1], *(each["labels"] for each in beyond)])
    low, high = (np.asarray(curve[end], float) for end in ("low", "high"))
    ax.fill_between(sizes, low, high, color=colour, alpha=0.22, linewidth=0)
    ends = np.array([[low[-1], high[-1]], *(each["interval"] for each in beyond)])
    ax.fill_between(further, ends[:, 0], ends[:, 1], color=colour, alpha=0.1, linewidth=0)
    places = np.geomspace(sizes[0], further[-1], 60)
    fitted = _law(curve, places)
    if fitted is not None:
        inside = places <= sizes[-1]
        ax.plot(places[inside], fitted[inside], color=colour, linewidth=1.6)
        ax.plot(places[~inside], fitted[~inside], color=colour, linewidth=1.6, linestyle=(0, (4, 2)))
    ax.plot(sizes, curve["errors"], "o", color=colour, markersize=6)
    for each in beyond:
        ax.plot(each["labels"], each["error"], "o", color=colour, markersize=6, markerfacecolor="none")
    human = answer.get("human")
    if human:
        ax.axhline(human["mean"], color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
        ax.annotate(
            "two annotators", (0.0, human["mean"]), (2, 2), xycoords=ax.get_yaxis_transform(), fontsize=SMALL,
            textcoords="offset points", color=QUIET,
        )  # fmt: skip
    if beyond:
        ax.axvline(sizes[-1], color=GRID, linewidth=0.8)
        ax.annotate(
            "extrapolated", (sizes[-1], 1), (4, -9), xycoords=ax.get_xaxis_transform(), fontsize=SMALL, color=QUIET,
            textcoords="offset points",
        )  # fmt: skip
    top = max([high.max(), *curve["errors"], *ends[:, 1], human["mean"] if human else 0])
    _dress(ax, np.unique([*sizes, *further]), 1.12 * top)
    ax.set_ylabel(f"Mean error [{quantities.short}]", fontsize=MEDIUM, color=INK)
    return made


def _law(curve: dict, places: np.ndarray) -> np.ndarray | None:
    if not curve.get("fit"):
        return None
    a, b, c = curve["fit"]
    return a + b * places**-c


def _dress(ax, sizes: np.ndarray, top: float) -> None:
    """Axes: logarithmic numbers of subjects, errors from 0."""
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    ax.xaxis.minorticks_off()
    ax.set_ylim(0, top)
    ax.set_xlabel("Training subjects", fontsize=MEDIUM, color=INK)
    ax.tick_params(labelsize=SMALL, colors=QUIET, length=2)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)

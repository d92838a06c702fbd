"""Plots of a comparison."""

from __future__ import annotations

from textwrap import fill

import numpy as np

from .._utils.figures import GRID, INK, MEDIUM, QUIET, SMALL, figure
from .series import is_baseline, line_styles, series_colours

__all__ = ["plot_accuracy_over_cost", "plot_pck_curves", "plot_stage_bars"]

MANY = 6  # above this number of machines, every name is one line
LETTER = 0.62  # width of a bold letter of DejaVu Sans, the widest font in use, in font sizes
AXIS_LETTERS = 38  # of an axis title in a line


def plot_pck_curves(report: dict):
    """PCK over the threshold: thick lines for last stages, thin lines for earlier ones.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``.

    Returns
    -------
    matplotlib.figure.Figure
        Created without pyplot; save it with ``savefig``.

    Raises
    ------
    ValueError
        If the report has no machine.
    ImportError
        If matplotlib is missing.
    """
    _check_report(report)
    many = len(report["machines"]) > MANY
    made = figure(5.4 if many else 4.2, 3.6 if many else 3.1)
    ax = made.add_subplot()
    thresholds = np.asarray(report["protocol"]["thresholds"], float)
    ends, colours, styles = {}, series_colours(report), line_styles(report)
    for key, colour in colours.items():
        stages = report["machines"][key]["accuracy"]["stages"]
        for stage in stages[:-1]:
            ax.plot(thresholds, stage["curve"], color=colour, linewidth=0.8, alpha=0.45)
        ax.plot(thresholds, stages[-1]["curve"], color=colour, linewidth=2.2, linestyle=styles[key])
        ends[key] = stages[-1]["curve"][-1]
    for threshold in (0.1, 0.2):
        ax.axvline(threshold, color=QUIET, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0)
    _dress(ax, ylabel="PCK [%]")
    xlabel = f"Threshold [× {report['protocol']['reference']}]"
    n_lines = -(-len(xlabel) // AXIS_LETTERS)
    ax.set_xlabel(_wrapped(xlabel, len(xlabel) // n_lines + 4 * (n_lines > 1)), fontsize=MEDIUM, color=INK)
    ax.set(xlim=(0, thresholds[-1]), ylim=(0, 100))
    gap = min(13, 100 / len(ends))
    for key, height in zip(ends, _spread(list(ends.values()), 100, gap=gap), strict=True):
        label = report["machines"][key]["label"]
        label = label if many else _wrapped(label, 15)
        ax.annotate(
            label, (1.02, height / 100), xycoords="axes fraction", va="center", fontsize=SMALL, fontweight="bold",
            color=colours[key], annotation_clip=False, linespacing=1.05,
        )  # fmt: skip
    return made


def plot_stage_bars(report: dict, *, threshold: float = 0.2):
    """PCK of each machine after every stage, with 95 % intervals.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``.
    threshold : float, default=0.2
        A threshold of the report.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the report has no machine or lacks the threshold.
    ImportError
        If matplotlib is missing.
    """
    _check_report(report, threshold)
    many = len(report["machines"]) > MANY
    width = 5.4 if many else 4.2
    made = figure(width, 3.6 if many else 3.1)
    ax = made.add_subplot()
    ticks, names, rooms, top, start = [], [], [], 0.0, 0.0
    for key, colour in series_colours(report).items():
        machine = report["machines"][key]
        stages = machine["accuracy"]["stages"]
        places = start + np.arange(len(stages))
        for number, (place, stage) in enumerate(zip(places, stages, strict=True), 1):
            figured = not many or number == len(stages)
            alpha = 0.35 + 0.65 * number / len(stages)
            top = max(top, _bar(ax, place, stage, str(threshold), colour, alpha=alpha, figured=figured))
            if not is_baseline(machine):
                ax.annotate(
                    f"{stage['stage']}", (place, 0), (0, -9), textcoords="offset points", ha="center", fontsize=SMALL,
                    color=QUIET, annotation_clip=False,
                )  # fmt: skip
        ticks.append(places.mean())
        names.append((machine["label"], colour))
        rooms.append(len(stages) + 0.6)
        start = places[-1] + 1.7
    _dress(ax, ylabel=f"PCK@{threshold} [%],\nwith 95 % interval")
    ax.set(xlim=(-0.8, start - 0.9), yticks=range(0, 101, 20))
    ax.set_ylim(0, min(max(1.12 * top, 10), 112))
    ax.tick_params(axis="x", length=0, pad=14)
    letters = (width - 0.8) * 72 / (start - 0.1) / (LETTER * SMALL)  # that fit on the room of one bar
    _name_groups(ax, ticks, names, [int(room * letters) for room in rooms], turned=many)
    return made


def _name_groups(ax, ticks: list, names: list[tuple[str, str]], rooms: list[int], *, turned: bool) -> None:
    """Names below groups of bars, with room for so many letters; turned if a word would have to be broken."""
    longest = [max(map(len, name.split()), default=0) for name, _ in names]
    turned = turned or any(length > room for length, room in zip(longest, rooms, strict=True))
    shown = [name if turned else _wrapped(name, room) for (name, _), room in zip(names, rooms, strict=True)]
    ax.set_xticks(ticks, shown, fontsize=SMALL, fontweight="bold")
    for text, (_, colour) in zip(ax.get_xticklabels(), names, strict=True):
        text.set_color(colour)
        if turned:
            text.set(rotation=40, ha="right", rotation_mode="anchor")


def _wrapped(text: str, letters: int) -> str:
    """Text in lines of so many letters, none of its words broken."""
    return fill(text, max(letters, 1), break_long_words=False, break_on_hyphens=False)


def plot_accuracy_over_cost(report: dict, *, threshold: float = 0.2):
    """PCK of each machine after its last stage, with 95 % intervals, over the time per image.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``.
    threshold : float, default=0.2
        A threshold of the report.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the report has no machine or lacks the threshold.
    ImportError
        If matplotlib is missing.
    """
    _check_report(report, threshold)
    made = figure(6.4, 3.1)
    ax = made.add_subplot()
    machines = report["machines"]
    times = {key: max(each["cost"]["ms_per_image"]["median"], 1e-3) for key, each in machines.items()}  # ms
    stages = {key: each["accuracy"]["stages"][-1] for key, each in machines.items()}
    highest = max(stage["interval"][str(threshold)][1] for stage in stages.values())
    top = min(max(1.12 * highest, 15), 105)
    values = {key: stage["pck"][str(threshold)] for key, stage in stages.items()}
    heights = _spread(list(values.values()), top, gap=min(0.11, 1 / len(values)) * top)
    for (key, colour), height in zip(series_colours(report).items(), heights, strict=True):
        time, value, (low, high) = times[key], values[key], stages[key]["interval"][str(threshold)]
        marker = "s" if is_baseline(machines[key]) else "o"
        spread = [[max(value - low, 0)], [max(high - value, 0)]]
        ax.errorbar(time, value, spread, color=colour, marker=marker, markersize=7, elinewidth=1.4, capsize=3)
        end = ax.get_yaxis_transform()
        ax.annotate(
            "", (time, value), xycoords="data", xytext=(1.01, height), textcoords=end, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.5, "shrinkA": 0, "shrinkB": 5},
        )  # fmt: skip
        ax.annotate(
            machines[key]["label"], (1.02, height), xycoords=end, va="center", fontsize=SMALL, fontweight="bold",
            color=colour, annotation_clip=False,
        )  # fmt: skip
    ax.set_xscale("log")
    _dress(ax, ylabel=f"PCK@{threshold} [%],\nwith 95 % interval")
    ax.set(xlim=(min(times.values()) / 3, max(times.values()) * 3), yticks=range(0, 101, 20))
    ax.set_ylim(0, top)
    ax.set_xlabel("Time per image, median [ms]", fontsize=MEDIUM, color=INK)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return made


def _bar(ax, place: float, stage: dict, threshold: str, colour: str, *, alpha: float, figured: bool) -> float:
    """Draw the bar of one stage, with or without its value; the height that it reaches with its interval."""
    value, (low, high) = stage["pck"][threshold], stage["interval"][threshold]
    ax.bar(place, value, width=0.86, color=colour, alpha=alpha, linewidth=0)
    ax.errorbar(place, value, [[max(value - low, 0)], [max(high - value, 0)]], color=INK, elinewidth=1, capsize=2.5)
    if figured:
        ax.annotate(
            f"{value:.0f}", (place, high), (0, 2), textcoords="offset points", ha="center", fontsize=SMALL, color=INK
        )
    return high


def _check_report(report: dict, threshold: float | None = None) -> None:
    if not report.get("machines"):
        raise ValueError("the report has no finished machine to plot")
    quoted = next(iter(report["machines"].values()))["accuracy"]["stages"][0]["pck"]
    if threshold is not None and str(threshold) not in quoted:
        raise ValueError(f"the report has no PCK@{threshold}, only {', '.join(quoted)}")


def _dress(ax, *, ylabel: str) -> None:
    ax.set_ylabel(ylabel, fontsize=MEDIUM, color=INK)
    ax.tick_params(labelsize=SMALL, colors=QUIET, length=2)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)


def _spread(heights: list[float], top: float, *, gap: float) -> list[float]:
    """Heights moved apart by at least `gap`, below `top`, in the same order, as little as possible."""
    order = np.argsort(heights, kind="stable")[::-1]
    steps = gap * np.arange(len(order))
    groups: list[list[float]] = []  # labels that touch move together, by their mean
    for height in np.array(heights, float)[order] + steps:
        groups.append([float(height)])
        while len(groups) > 1 and np.mean(groups[-1]) > np.mean(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    placed = np.concatenate([np.full(len(group), np.mean(group)) for group in groups]) - steps
    moved = np.empty(len(order))
    moved[order] = np.minimum(placed, top - steps)
    return moved.tolist()

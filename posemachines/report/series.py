"""The machines of a report in plots and tables: which are baselines, and their colours and line styles."""

from __future__ import annotations

from .._utils.figures import SERIES_COLOURS

__all__ = ["is_baseline", "line_styles", "series_colours"]

_BASELINE_STYLE = (0, (1, 1))
_STYLES = ("-", (0, (7, 1.2)), (0, (3, 1)), (0, (7, 1, 1.5, 1)))  # lines differ without colour, too


def is_baseline(machine: dict) -> bool:
    """Whether an entry of a report has no stages: a baseline that the machines are compared with."""
    return not machine.get("kinds")


def series_colours(report: dict) -> dict[str, str]:
    """Colour of each machine; grey for baselines."""
    colours, number = {}, 0
    for key, machine in report["machines"].items():
        number += not is_baseline(machine)
        colours[key] = SERIES_COLOURS[0 if is_baseline(machine) else 1 + (number - 1) % (len(SERIES_COLOURS) - 1)]
    return colours


def line_styles(report: dict) -> dict[str, str | tuple]:
    """Matplotlib line style of each machine; dotted for baselines."""
    return {
        key: _BASELINE_STYLE if is_baseline(machine) else _STYLES[number % len(_STYLES)]
        for number, (key, machine) in enumerate(report["machines"].items())
    }

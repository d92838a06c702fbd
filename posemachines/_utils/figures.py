"""Matplotlib figures without pyplot, and the colours and font sizes that all plots share."""

from __future__ import annotations

from typing import Literal

__all__ = ["GRID", "INK", "MEDIUM", "QUIET", "SERIES_COLOURS", "SMALL", "figure"]

SERIES_COLOURS = ("#6f7479", "#157a5a", "#7a3fb0", "#8f5f00", "#b0305c", "#2f6fb5")
"""Colours of machines in plots; the first is for baselines."""
INK, QUIET, GRID = "#202124", "#5f6368", "#d9d9de"
MEDIUM, SMALL = 8.5, 7.5  # font sizes, in points


def figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained", **options):
    """A matplotlib Figure of a size in inches, outside pyplot; ImportError if matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("sheets and plots need matplotlib; pip install posemachines[report]") from error
    made = Figure(figsize=(width, height), layout=layout, **options)
    FigureCanvasAgg(made)
    return made

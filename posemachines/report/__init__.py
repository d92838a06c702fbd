"""Reports of comparisons: HTML page, Markdown, JSON and plots."""

from .answer_charts import plot_learning_curve
from .examples import Examples
from .plots import plot_accuracy_over_cost, plot_pck_curves, plot_stage_bars
from .report import Report
from .schema import comparison_to_json, differences_to_json, evaluation_to_json, machine_to_json, scores_to_json

__all__ = [
    "Examples",
    "Report",
    "comparison_to_json",
    "describe_machine",
    "differences_to_json",
    "evaluation_to_json",
    "machine_to_json",
    "plot_accuracy_over_cost",
    "plot_learning_curve",
    "plot_pck_curves",
    "plot_stage_bars",
    "scores_to_json",
]

describe_machine = machine_to_json
"""The former name of :func:`machine_to_json`."""

"""Findings of the studies as sentences and tables, generated from their result files."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.publishing import found_answers, found_claims, found_features, found_inside, results_file
from benchmarks.publishing.found_words import Finding, Rows

__all__ = ["PAGES", "Page", "sentence", "summary", "table"]

NOT_MEASURED = "Not measured yet."


class Page(NamedTuple):
    """One study.

    Attributes
    ----------
    script : str
        Its script in ``benchmarks/``.
    claim : str
        The claim of the paper, or the question.
    paper : str
        The result in the paper; "-" for an open question.
    find : callable
        Result -> Finding.
    table : callable
        Result -> headings and rows.
    plot : str
        Alternative text of its plot, for plots that the page shows only once there is a result.
    """

    script: str
    claim: str
    paper: str
    find: Callable[[dict], Finding]
    table: Callable[[dict], Rows]
    plot: str = ""


PAGES = {
    "compare_lspet": Page(
        "compare_pm_cpm", "Convolutions outperform forests",
        ", ".join(f"+{gain} @{limit}" for limit, gain in found_claims.PAPER_GAIN.items()),
        found_claims.compare, found_claims.compare_table,
    ),
    "receptive_field": Page(
        "studies/receptive_field", "Accuracy rises with the receptive field", "up to about 250 px of 304, then flat",
        found_claims.field, found_claims.field_table,
    ),
    "gradient_flow": Page(
        "studies/gradient_flow", "Gradients of early layers vanish without a loss at every stage", "concentrated at 0",
        found_inside.gradient, found_inside.gradient_table,
    ),
    "training_strategies": Page(
        "studies/training_strategies", "Joint training is best with a loss at every stage, and worst with a single one",
        "best; worst", found_claims.strategies, found_claims.strategies_table,
    ),
    "stages": Page(
        "studies/stages", "Accuracy rises with the number of stages", "up to about 5, then flat",
        found_claims.stages, found_claims.stages_table,
    ),
    "context": Page(
        "studies/context", "Context from easy parts fixes hard ones", "shown by an example",
        found_inside.context, found_inside.context_table,
    ),
    "sample_efficiency": Page(
        "studies/sample_efficiency", "How many labelled subjects are needed?", "-",
        found_answers.samples, found_answers.samples_table,
    ),
    "features_or_context": Page(
        "studies/features_or_context", "Learned features or convolutional stages?", "-",
        found_features.features, found_features.features_table,
        plot="Accuracy of four machines over the number of training people; below, the effects of both changes",
    ),
    "cost": Page("studies/cost", "Accuracy-cost trade-off", "-", found_answers.cost, found_answers.cost_table),
    "robustness": Page(
        "studies/robustness", "Robustness to disturbances", "-",
        found_answers.robustness, found_answers.robustness_table,
    ),
}  # fmt: skip
"""By result file: six claims of "Convolutional Pose Machines", then four open questions."""


def _result(name: str) -> dict | None:
    """The result, or None if it is not measured yet."""
    file = results_file.FOLDER / f"{name}.json"
    found = results_file.read(name) if file.is_file() else None
    return found if found is not None and found["finished"] else None


def sentence(name: str) -> str:
    """The finding of a study."""
    result = _result(name)
    return NOT_MEASURED if result is None else PAGES[name].find(result).sentence


def table(name: str) -> Rows | None:
    """Headings and rows of the table of a study; None if it is not measured yet."""
    result = _result(name)
    return None if result is None else PAGES[name].table(result)


def summary() -> Rows:
    """All findings in one table: the claim or question, the result in the paper, the result here, the verdict."""
    rows = []
    for name, page in PAGES.items():
        result = _result(name)
        here, verdict = NOT_MEASURED, "-"
        if result is not None:
            verdict, _, here = page.find(result)
        rows.append((page.claim, page.paper, here, verdict))
    return ("Claim or question", "In the paper", "Here", "Verdict"), rows

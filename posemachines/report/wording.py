"""The findings of a report in words."""

from __future__ import annotations

from math import isfinite

from .._utils.formatting import NO_BREAK_SPACE, number, p_value, percent
from .series import is_baseline

__all__ = ["other_findings", "remarks", "settings", "summary"]

LEVEL = f"95{NO_BREAK_SPACE}%"
THRESHOLD = "0.2"  # of the findings, as a fraction of the reference length
MOST_FINDINGS = 12  # sentences below the summary; the table of significance has every pair


def summary(report: dict) -> str:
    """The main finding in one sentence; it names a winner only if the difference is significant."""
    machines = report["machines"]
    if not machines:
        return "No machine was finished when this report was written."
    pairs = _pairs(report)
    if pairs:
        return _finding(pairs[0])
    parts = [f"{each['label']} {_accuracy(each)}" for each in machines.values()]
    closing = "" if len(parts) == 1 else " No winner is named: the report has no interval of their difference."
    return f"PCK@{THRESHOLD}: {'; '.join(parts)}.{closing}"


def other_findings(report: dict) -> list[str]:
    """One sentence for each remaining pair of machines, up to a limit."""
    sentences, pairs = [], _pairs(report)[1:]
    listed = pairs if len(pairs) <= MOST_FINDINGS else pairs[: MOST_FINDINGS - 1]
    for first, second, entry in listed:
        points, interval = number(entry["difference"]), f"{number(entry['low'])} to {number(entry['high'])}"
        if entry["significant"]:
            sentences.append(f"{first['label']} scores {points} points higher than {second['label']} ({interval}).")
        else:
            sentences.append(
                f"{first['label']} and {second['label']} do not differ significantly: {points} points "
                f"({interval}; {_why_not(entry)})."
            )
    if len(listed) < len(pairs):
        sentences.append(f"See the table of differences for {len(pairs) - len(listed)} more pairs of machines.")
    return sentences


def _pairs(report: dict) -> list[tuple]:
    """(better, worse, their difference) at the main threshold; pairs with a baseline last."""
    machines, pairs = report["machines"], []
    for each in report.get("differences", ()):
        values = (each["difference"], *each["interval"])
        known = all(value is not None and isfinite(value) for value in values)
        if each["threshold"] != THRESHOLD or not known or not {each["a"], each["b"]} <= set(machines):
            continue
        first, second = machines[each["a"]], machines[each["b"]]
        difference, low, high = values
        if difference < 0:
            first, second, difference, low, high = second, first, -difference, -high, -low
        significant = each.get("significant", not low <= 0 <= high)
        tests = {"p": each.get("p_holm"), "family": each.get("family")}
        entry = {"difference": difference, "low": low, "high": high, "significant": significant, **tests}
        pairs.append((first, second, entry))
    return sorted(pairs, key=lambda pair: is_baseline(pair[0]) or is_baseline(pair[1]))


def _finding(pair: tuple) -> str:
    first, second, entry = pair
    points, interval = number(entry["difference"]), f"{number(entry['low'])} to {number(entry['high'])}"
    values = f"{percent(_last(first))} versus {percent(_last(second))}"
    if entry["significant"]:
        return (
            f"{first['label']} scores {points} points higher than {second['label']} at PCK@{THRESHOLD}: {values} "
            f"({LEVEL} interval of the difference: {interval})."
        )
    return (
        f"{first['label']} and {second['label']} do not differ significantly at PCK@{THRESHOLD}: {values}, a "
        f"difference of {points} points ({LEVEL} interval {interval}; {_why_not(entry)})."
    )


def _why_not(entry: dict) -> str:
    """Why a difference is not significant."""
    if entry["low"] <= 0 <= entry["high"]:
        return "the interval contains 0"
    return f"{p_value(entry['p'])} after correction for {entry['family']} comparisons"


def remarks(report: dict) -> list[str]:
    """Warnings that the numbers of a report must be read with."""
    notes = []
    if not report.get("finished", True):
        missing = [name for name in report["settings"].get("machines", ()) if name not in report["machines"]]
        left_out = f" Missing: {', '.join(missing)}." if missing else ""
        notes.append(f"This report is incomplete: the run was interrupted or has not finished yet.{left_out}")
    if report["settings"].get("quick"):
        notes.append("A quick run at tiny sizes: it checks that everything works, and its accuracy means nothing.")
    return notes


def _last(machine: dict):
    return machine["accuracy"]["stages"][-1]["pck"][THRESHOLD]


def _accuracy(machine: dict) -> str:
    low, high = machine["accuracy"]["stages"][-1]["interval"][THRESHOLD]
    return f"{percent(_last(machine))} ({LEVEL} interval {number(low)} to {number(high)})"


def settings(stages: list[dict] | dict) -> str:
    """Settings of stages as lines of text; stages with the same settings share a paragraph."""
    stages = [stages] if isinstance(stages, dict) else stages
    paragraphs: dict[str, list[int]] = {}
    for stage, of_stage in enumerate(stages, 1):
        lines = "\n".join(f"  {name} = {value!r}" for name, value in of_stage.items())
        paragraphs.setdefault(lines, []).append(stage)
    return "\n".join(f"stage {', '.join(map(str, of))}\n{lines}" for lines, of in paragraphs.items())

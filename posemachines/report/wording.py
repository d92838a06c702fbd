"""The findings of a report in words."""

from __future__ import annotations

from math import isfinite

from .._utils.formatting import NO_BREAK_SPACE, listed, number, p_value, percent
from .answer import answer_sentences
from .answer_tables import saturated_pck
from .series import is_baseline

__all__ = ["other_findings", "remarks", "settings", "summary", "title"]

LEVEL = f"95{NO_BREAK_SPACE}%"
THRESHOLDS = ("0.2", "0.1")  # of the findings, in reference lengths: the first at which the mean pose is not as good
MOST_FINDINGS = 12  # sentences below the summary; the table of significance has every pair
ONE_TRAINING = "one training each, so the luck of training is not counted"


def title(report: dict) -> str:
    """The user's own title, or one that names the data."""
    return (report.get("answer") or {}).get("title") or f"Pose machines on {report['dataset']['name']}"


def summary(report: dict) -> str:
    """The main finding, without a winner unless several trainings have established one.

    With an answer, these are its first two parts: the lowest error, and what is known about the other machines.
    Otherwise each machine was trained once, and the sentence gives the difference with its interval over test subjects.
    """
    machines = report["machines"]
    if not machines:
        return "No machine was finished when this report was written."
    if report.get("answer"):
        return " ".join(each.text for each in answer_sentences(report["answer"])[:2])
    threshold = _threshold(report)
    if threshold is None:
        reasons = [f"PCK@{limit} {why}" for limit, why in saturated_pck(report).items()]
        return f"{listed(reasons)}. Compare the machines by their errors instead."
    pairs = _pairs(report, threshold)
    if pairs:
        return _finding(pairs[0], threshold)
    parts = [f"{each['label']} {_accuracy(each, threshold)}" for each in machines.values()]
    closing = "" if len(parts) == 1 else " No winner is named: the report has no interval of their difference."
    return f"PCK@{threshold}: {'; '.join(parts)}.{closing}"


def other_findings(report: dict) -> list[str]:
    """The rest of the answer; without one, a sentence for each remaining pair of machines, up to a limit."""
    if report.get("answer") and report["machines"]:
        return [f"{each.about}: {each.text}" for each in answer_sentences(report["answer"])[2:]]
    threshold = _threshold(report)
    if threshold is None:
        return []
    sentences, pairs = [], _pairs(report, threshold)[1:]
    shown = pairs if len(pairs) <= MOST_FINDINGS else pairs[: MOST_FINDINGS - 1]
    for first, second, entry in shown:
        points, interval = number(entry["difference"]), f"{number(entry['low'])} to {number(entry['high'])}"
        text = f"{first['label']} scored {points} points higher than {second['label']} ({interval}"
        sentences.append(f"{text})." if entry["significant"] else f"{text}; not significant: {_why_not(entry)}).")
    if len(shown) < len(pairs):
        sentences.append(f"See the table of differences for {len(pairs) - len(shown)} more pairs of machines.")
    return sentences


def _threshold(report: dict) -> str | None:
    """The first threshold of PCK at which the mean pose leaves room for a difference."""
    saturated = saturated_pck(report)
    return next((each for each in THRESHOLDS if each not in saturated), None)


def _pairs(report: dict, threshold: str) -> list[tuple]:
    """(better, worse, their difference) at a threshold; pairs with a baseline last."""
    machines, pairs = report["machines"], []
    for each in report.get("differences", ()):
        values = (each["difference"], *each["interval"])
        known = all(value is not None and isfinite(value) for value in values)
        if each["threshold"] != threshold or not known or not {each["a"], each["b"]} <= set(machines):
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


def _finding(pair: tuple, threshold: str) -> str:
    first, second, entry = pair
    points, interval = number(entry["difference"]), f"{number(entry['low'])} to {number(entry['high'])}"
    values = f"{percent(_last(first, threshold))} versus {percent(_last(second, threshold))}"
    text = (
        f"{first['label']} scored {points} points higher than {second['label']} at PCK@{threshold}: {values} "
        f"({LEVEL} interval over test subjects {interval}; {ONE_TRAINING})."
    )
    return text if entry["significant"] else f"{text} Not significant: {_why_not(entry)}."


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


def _last(machine: dict, threshold: str):
    return machine["accuracy"]["stages"][-1]["pck"][threshold]


def _accuracy(machine: dict, threshold: str) -> str:
    low, high = machine["accuracy"]["stages"][-1]["interval"][threshold]
    return f"{percent(_last(machine, threshold))} ({LEVEL} interval {number(low)} to {number(high)})"


def settings(stages: list[dict] | dict) -> str:
    """Settings of stages as lines of text; stages with the same settings share a paragraph."""
    stages = [stages] if isinstance(stages, dict) else stages
    paragraphs: dict[str, list[int]] = {}
    for stage, of_stage in enumerate(stages, 1):
        lines = "\n".join(f"  {name} = {value!r}" for name, value in of_stage.items())
        paragraphs.setdefault(lines, []).append(stage)
    return "\n".join(f"stage {', '.join(map(str, of))}\n{lines}" for lines, of in paragraphs.items())

"""Numbers and findings of a report, in words."""

from __future__ import annotations

from math import isfinite

from .._plots import is_baseline

__all__ = [
    "byte_size",
    "complexity",
    "duration",
    "joules",
    "mebibytes",
    "milliseconds",
    "number",
    "other_findings",
    "remarks",
    "settings",
    "significance",
    "summary",
]

UNKNOWN = "–"
SPACE = "\N{NO-BREAK SPACE}"
LEVEL = f"95{SPACE}%"
THRESHOLD = "0.2"  # of the reference length; the one that the summary speaks of
MOST_FINDINGS = 12  # sentences below the summary; the table of significance holds every pair


def number(value, digits: int = 1) -> str:
    """A number with a true minus sign; a dash where there is none."""
    if value is None or not isfinite(value):
        return UNKNOWN
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def duration(seconds) -> str:
    """A time such as "40 ms", "12.5 s", "5 min 12 s" or "2 h 5 min"."""
    if seconds is None or not isfinite(seconds):
        return UNKNOWN
    if seconds < 0.95:
        return milliseconds(1000 * seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def milliseconds(value) -> str:
    """A short time with two digits that count."""
    if value is None or not isfinite(value):
        return UNKNOWN
    if value >= 950:
        return duration(value / 1000)
    if 0 <= value < 0.01:
        return "< 0.01 ms"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms" if value >= 0.95 else f"{value:.2f} ms"


def byte_size(size) -> str:
    """A size such as "812 B", "4.9 MiB" or "2.2 GiB"."""
    if size is None or not isfinite(size):
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1000 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.5 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def mebibytes(size) -> str:
    """A size that is given in MiB."""
    return byte_size(None if size is None else size * 2**20)


def joules(sources: dict | None) -> str:
    """Energy by source: "cpu 1.2 J"."""
    return ", ".join(f"{source} {number(value, 2)} J" for source, value in (sources or {}).items()) or UNKNOWN


def complexity(counts: dict) -> str:
    """What a machine consists of: "1.23 million parameters"."""
    return ", ".join(f"{_count(value)} {kind}" for kind, value in counts.items()) or UNKNOWN


def _count(value) -> str:
    if value >= 999_500:
        return f"{value / 1e6:.2f} million"
    return f"{value:,.0f}".replace(",", SPACE)


def summary(report: dict) -> str:
    """The main finding in one sentence; it names no winner where the interval of the difference holds 0."""
    machines = report["machines"]
    if not machines:
        return "No machine was finished when this report was written."
    pairs = _pairs(report)
    if pairs:
        return _finding(report, pairs[0])
    parts = [f"{each['label']} {_accuracy(each)}" for each in machines.values()]
    closing = "" if len(parts) == 1 else " The report holds no interval of their difference, so no winner is named."
    return f"Joints found {_within(report)}: {'; '.join(parts)}.{closing}"


def other_findings(report: dict) -> list[str]:
    """The remaining compared pairs, a short sentence each; of many, the first ones and the number of the others."""
    sentences, pairs = [], _pairs(report)[1:]
    told = pairs if len(pairs) <= MOST_FINDINGS else pairs[: MOST_FINDINGS - 1]
    for first, second, entry in told:
        names = f"{first['label']} and {second['label']}"
        interval = f"{number(entry['low'])} to {number(entry['high'])}"
        if entry["significant"]:
            points = number(entry["difference"])
            sentences.append(f"{first['label']} over {second['label']}: {points} points ({interval}).")
        else:
            points = number(entry["difference"])
            sentences.append(f"{names} cannot be told apart: {points} points ({interval}){_why_not(entry)}.")
    if len(told) < len(pairs):
        sentences.append(f"{len(pairs) - len(told)} more pairs of machines stand in the table of differences.")
    return sentences


def _pairs(report: dict) -> list[tuple]:
    """(better, worse, what is known of their difference) at the main threshold; pairs with a baseline last."""
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
        entry = {"difference": difference, "low": low, "high": high, "significant": significant, **_tests(each)}
        pairs.append((first, second, entry))
    return sorted(pairs, key=lambda pair: is_baseline(pair[0]) or is_baseline(pair[1]))


def _tests(entry: dict) -> dict:
    return {"p": entry.get("p_holm"), "family": entry.get("family")}


def _finding(report: dict, pair: tuple) -> str:
    first, second, entry = pair
    low, high = number(entry["low"]), number(entry["high"])
    values = f"{_percent(_last(first))} of the joints {_within(report)} against {_percent(_last(second))}"
    difference = f"a difference of {number(entry['difference'])} points"
    if not entry["significant"]:
        return (
            f"{first['label']} and {second['label']} cannot be told apart on these people: {values}, {difference} "
            f"({LEVEL} interval {low} to {high}){_why_not(entry)}."
        )
    return (
        f"{first['label']} finds more joints than {second['label']}: {values}, {difference} "
        f"({LEVEL} interval {low} to {high})."
    )


def _why_not(entry: dict) -> str:
    """Why a difference is not called a win."""
    if entry["low"] <= 0 <= entry["high"]:
        return ", which may be chance: the interval contains 0"
    return f", which is not significant among {entry['family']} comparisons ({significance(entry['p'])})"


def significance(p) -> str:
    """A p value: "p = 0.03" or "p < 0.001"."""
    if p is None or not isfinite(p):
        return UNKNOWN
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.095 else f"p = {p:.3f}"


def remarks(report: dict) -> list[str]:
    """What a reader must know before believing the numbers."""
    notes = []
    if not report.get("finished", True):
        missing = [name for name in report["settings"].get("machines", ()) if name not in report["machines"]]
        left_out = f" Missing: {', '.join(missing)}." if missing else ""
        notes.append(
            "This run was interrupted or is still going: the report is incomplete and holds only what was finished "
            f"when it was written.{left_out}"
        )
    if report["settings"].get("quick"):
        notes.append("A quick run with tiny sizes: it shows that everything works, not how well.")
    return notes


def _percent(value) -> str:
    return f"{number(value)}{SPACE}%"


def _last(machine: dict):
    return machine["accuracy"]["stages"][-1]["pck"][THRESHOLD]


def _accuracy(machine: dict) -> str:
    low, high = machine["accuracy"]["stages"][-1]["interval"][THRESHOLD]
    return f"{_percent(_last(machine))} ({LEVEL} interval {number(low)} to {number(high)})"


def _within(report: dict) -> str:
    return f"within {THRESHOLD} of the reference length ({report['protocol']['reference']})"


def settings(stages: list[dict] | dict) -> str:
    """Settings of stages as lines of text; stages with the same settings share one paragraph."""
    stages = [stages] if isinstance(stages, dict) else stages
    paragraphs: dict[str, list[int]] = {}
    for stage, of_stage in enumerate(stages, 1):
        lines = "\n".join(f"  {name} = {value!r}" for name, value in of_stage.items())
        paragraphs.setdefault(lines, []).append(stage)
    return "\n".join(f"stage {', '.join(map(str, of))}\n{lines}" for lines, of in paragraphs.items())

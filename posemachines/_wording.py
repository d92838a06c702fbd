"""Numbers and findings of a report, in words."""

from __future__ import annotations

from math import isfinite

from ._plots import is_baseline

__all__ = [
    "byte_size",
    "complexity",
    "duration",
    "milliseconds",
    "number",
    "other_findings",
    "remarks",
    "settings",
    "summary",
]

UNKNOWN = "–"
SPACE = "\N{NO-BREAK SPACE}"
LEVEL = f"95{SPACE}%"
THRESHOLD = "0.2"  # of the reference length; the one that the summary speaks of


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
    if 0 < value < 0.01:
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
    """The remaining compared pairs, a short sentence each."""
    sentences = []
    for first, second, difference, low, high in _pairs(report)[1:]:
        names = f"{first['label']} and {second['label']}"
        interval = f"{number(low)} to {number(high)}"
        if low <= 0 <= high:
            sentences.append(f"{names} cannot be told apart: {number(difference)} points, and {interval} contains 0.")
        else:
            sentences.append(f"{first['label']} over {second['label']}: {number(difference)} points ({interval}).")
    return sentences


def _pairs(report: dict) -> list[tuple]:
    """(better, worse, difference, low, high) at the main threshold, with its interval; pairs with a baseline last."""
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
        pairs.append((first, second, difference, low, high))
    return sorted(pairs, key=lambda pair: is_baseline(pair[0]) or is_baseline(pair[1]))


def _finding(report: dict, pair: tuple) -> str:
    first, second, difference, low, high = pair
    values = f"{_percent(_last(first))} of the joints {_within(report)} against {_percent(_last(second))}"
    if low <= 0 <= high:
        return (
            f"{first['label']} and {second['label']} cannot be told apart on these people: {values}, a difference of "
            f"{number(difference)} points whose {LEVEL} interval, {number(low)} to {number(high)}, contains 0."
        )
    return (
        f"{first['label']} finds more joints than {second['label']}: {values}, a difference of "
        f"{number(difference)} points ({LEVEL} interval {number(low)} to {number(high)})."
    )


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

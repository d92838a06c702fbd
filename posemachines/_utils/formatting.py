"""Numbers, durations, sizes and tables as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

__all__ = [
    "NO_BREAK_SPACE",
    "UNKNOWN",
    "byte_size",
    "capital",
    "counts",
    "duration",
    "joules",
    "listed",
    "markdown_cell",
    "markdown_table",
    "mebibytes",
    "milliseconds",
    "number",
    "p_value",
    "percent",
    "signed",
    "text_table",
]

UNKNOWN = "–"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def number(value, digits: int = 1) -> str:
    """A number with a true minus sign; a dash where it is unknown."""
    if value is None or not isfinite(value):
        return UNKNOWN
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def signed(value, digits: int = 1) -> str:
    """A number with its sign, such as "+1.5" or "−0.3"."""
    text = number(value, digits)
    return text if text[0] in f"{UNKNOWN}−" or not float(text) else f"+{text}"


def percent(value, digits: int = 1) -> str:
    """A percentage, such as "48.6 %"."""
    return f"{number(value, digits)}{NO_BREAK_SPACE}%"


def capital(text: str) -> str:
    """Text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Items in words: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def duration(seconds) -> str:
    """A time span, such as "40 ms", "12.5 s", "5 min 12 s" or "2 h 5 min"."""
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
    """A short time span with two significant digits."""
    if value is None or not isfinite(value):
        return UNKNOWN
    if value >= 950:
        return duration(value / 1000)
    if 0 <= value < 0.01:
        return "< 0.01 ms"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms" if value >= 0.95 else f"{value:.2f} ms"


def byte_size(size) -> str:
    """A number of bytes, such as "812 B", "4.9 MiB" or "2.2 GiB"."""
    if size is None or not isfinite(size):
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1000 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.5 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def mebibytes(size) -> str:
    """A size given in MiB."""
    return byte_size(None if size is None else size * 2**20)


def joules(sources: Mapping[str, float] | None) -> str:
    """Energy by source, such as "cpu 1.20 J"."""
    return ", ".join(f"{source} {number(value, 2)} J" for source, value in (sources or {}).items()) or UNKNOWN


def counts(numbers: Mapping[str, float]) -> str:
    """Numbers by kind, such as "1.23 million parameters"."""
    return ", ".join(f"{_count(value)} {kind.replace('_', ' ')}" for kind, value in numbers.items()) or UNKNOWN


def _count(value: float) -> str:
    if value >= 999_500:
        return f"{value / 1e6:.2f} million"
    return f"{value:,.0f}".replace(",", NO_BREAK_SPACE)


def p_value(p) -> str:
    """A p value, such as "p = 0.03" or "p < 0.001"."""
    if p is None or not isfinite(p):
        return UNKNOWN
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.095 else f"p = {p:.3f}"


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(line)} |" for line in (heads, ("---",) * len(heads), *rows)]


def markdown_cell(text: str) -> str:
    """`text` with Markdown's special characters escaped."""
    for sign in ("\\", "|", "<", ">", "*", "_", "`"):
        text = text.replace(sign, f"\\{sign}")
    return text


def text_table(rows: Sequence[Sequence[str]], *, gap: str = "  ") -> list[str]:
    """Lines of a table in plain text: the first column aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

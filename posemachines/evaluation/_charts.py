"""Small charts of the report's page, as SVG whose colours are those of the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["part_curves", "reliability_chart"]

WIDTH, HEIGHT = 220.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 8.0, 8.0, 22.0
DASHES = ("", "7 2", "3 2", "7 2 1.5 2")  # so that lines differ without their colours, too


def part_curves(series: Sequence[tuple[int, Sequence[float], dict | None]], thresholds: Sequence[float]) -> str:
    """PCK of one part over the distance allowed.

    Parameters
    ----------
    series : sequence of (number of the colour, values in %, interval or None)
        One a machine; the interval has ``low`` and ``high``.
    thresholds : sequence of float
    """
    most = thresholds[-1]
    lines = []
    for order, (colour, values, interval) in enumerate(series):
        if interval is not None:
            around = _points(thresholds, interval["low"], most, 100)
            back = _points(thresholds, interval["high"], most, 100)
            lines.append(f'<polygon class="band key-{colour}" points="{" ".join([*around, *reversed(back)])}"/>')
        dash = f' stroke-dasharray="{DASHES[order % len(DASHES)]}"' if order and DASHES[order % len(DASHES)] else ""
        points = " ".join(_points(thresholds, values, most, 100))
        lines.append(f'<polyline class="line key-{colour}"{dash} points="{points}"/>')
    ticks = [(value, f"{value:g}") for value in (0, 0.1, 0.2, 0.3, 0.4, 0.5) if value <= most + 1e-9]
    return _frame("".join(lines), ticks, most, [(0, "0"), (50, "50"), (100, "100")], 100)


def reliability_chart(calibration: dict, colour: int) -> str:
    """Share of joints found over the belief at the peak, with the diagonal of honest beliefs.

    Parameters
    ----------
    calibration : dict
        Of a report: ``score``, ``rate``, ``rate_interval`` and ``count``.
    colour : int
    """
    most = max(1.0, *calibration["score"])
    total = max(calibration["count"])
    marks = [f'<polyline class="diagonal" points="{" ".join(_points((0, 1), (0, 1), most, 1))}"/>']
    places = zip(
        calibration["score"], calibration["rate"], calibration["rate_interval"], calibration["count"], strict=True
    )
    for score, rate, ends, count in places:
        if rate is None:
            continue
        ((x, y),) = _places([score], [rate], most, 1)
        if ends is not None and None not in ends:
            (_, low), (_, high) = _places([score] * 2, ends, most, 1)
            marks.append(f'<line class="whisker" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        radius = round(1.8 + 3.4 * (count / total) ** 0.5, 1)
        title = f"<title>belief {score:.2f}: {100 * rate:.0f} % found, {count} joints</title>"
        marks.append(f'<circle class="key-{colour}" cx="{x}" cy="{y}" r="{radius}">{title}</circle>')
    ticks = [(value, f"{value:g}") for value in (0, 0.5, 1)]
    return _frame("".join(marks), ticks, most, [(0, "0"), (0.5, "50"), (1, "100")], 1)


def _places(xs, ys, most_x: float, most_y: float) -> list[tuple[float, float]]:
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return [
        (round(LEFT + inner_width * x / most_x, 1), round(TOP + inner_height * (1 - y / most_y), 1))
        for x, y in zip(xs, ys, strict=True)
        if y is not None
    ]


def _points(xs, ys, most_x: float, most_y: float) -> list[str]:
    return [f"{x},{y}" for x, y in _places(xs, ys, most_x, most_y)]


def _frame(content: str, x_ticks, most_x: float, y_ticks, most_y: float) -> str:
    parts = []
    for value, text in y_ticks:
        ((_, y),) = _places([0], [value], most_x, most_y)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 4}" y="{y + 3.5}" text-anchor="end">{text}</text>')
    for value, text in x_ticks:
        ((x, y),) = _places([value], [0], most_x, most_y)
        parts.append(f'<text x="{x}" y="{y + 14}" text-anchor="middle">{text}</text>')
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" class="chart" aria-hidden="true">{"".join(parts)}{content}</svg>'

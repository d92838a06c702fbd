"""What the HTML report shows: numbers in words, plots as SVG, tables; see :mod:`posemachines.evaluation.report`."""

from __future__ import annotations

import io
import re

import numpy as np

from .._plots import (
    GRID,
    INK,
    QUIET,
    SERIES_COLOURS,
    plot_accuracy_over_cost,
    plot_pck_curves,
    plot_stage_bars,
    series_colours,
)
from ..visualize import SIDE_COLOURS, draw_skeleton, overlay_parts, part_sides, picture_grid
from . import _wording as words
from ._charts import part_curves, reliability_chart
from ._examples import Examples
from ._viewer import FOUND, encoded, viewer_data

__all__ = ["encoded", "page_content", "people_sheet", "stages_sheet"]

STILL_SIDE = 200  # px, of a person in a sheet
REST_OF_PAGE = 700_000  # bytes that everything but the people takes up at most
ERRORS = {
    "good": "found", "jitter": "near, but too far off", "left-right swap": "on the other side",
    "other person": "on another person", "miss": "elsewhere",
}  # fmt: skip
GROUPS = (("by_visibility", "Visibility"), ("by_rarity", "Rarity of the pose"), ("by_scale", "Size of the person"))


def page_content(report: dict, examples: Examples | None, *, most_bytes: int) -> dict:
    """Everything that the template shows."""
    series = _series(report)
    viewer = None
    if examples is not None and report["machines"]:
        viewer = viewer_data(report, examples, series, max(most_bytes - REST_OF_PAGE, 1))
    last = {key: machine["accuracy"]["stages"][-1] for key, machine in report["machines"].items()}
    return {
        "report": report,
        "summary": words.summary(report),
        "other_findings": words.other_findings(report),
        "remarks": words.remarks(report),
        "series": series,
        "plots": _plots(report),
        "part_charts": _part_charts(report, series, last),
        "calibrations": _calibrations(series, last),
        "errors": _errors(report, last),
        "error_names": ERRORS,
        "groups": _groups(last),
        "sides": dict(SIDE_COLOURS),
        "part_sides": [] if examples is None else part_sides(examples.skeleton),
        "viewer": viewer,
        "found": FOUND,
    }


def _series(report: dict) -> dict[str, int]:
    """The number of each machine's colour in the style sheet."""
    return {key: SERIES_COLOURS.index(colour) for key, colour in series_colours(report).items()}


def _part_charts(report: dict, series: dict[str, int], last: dict) -> list[dict]:
    """A small chart a part: PCK over the distance allowed, last stage of every machine."""
    from markupsafe import Markup

    charts = []
    machines = [key for key, stage in last.items() if stage.get("part_curves")]
    for index, part in enumerate(report["dataset"]["parts"]):
        lines = [
            (series[key], last[key]["part_curves"][index], _entry(last[key].get("part_curve_intervals"), index))
            for key in machines
            if last[key]["part_curves"][index] is not None
        ]
        if lines:
            charts.append({"part": part, "svg": Markup(part_curves(lines, report["protocol"]["thresholds"]))})
    return charts


def _entry(values, index: int):
    return values[index] if values else None


def _calibrations(series: dict[str, int], last: dict) -> list[dict]:
    from markupsafe import Markup

    return [
        {"key": key, "error": stage["calibration"]["error"], "svg": Markup(reliability_chart(known, series[key]))}
        for key, stage in last.items()
        if (known := stage.get("calibration")) and known["count"]
    ]


def _errors(report: dict, last: dict) -> dict | None:
    """Shares of the kinds of errors: of all parts, then part by part, for every machine."""
    machines = {key: stage["errors"] for key, stage in last.items() if stage.get("errors")}
    if not machines:
        return None
    types = next(iter(machines.values()))["types"]
    rows = [{"part": "all parts", "bars": {key: each["share"] for key, each in machines.items()}}]
    for index, part in enumerate(report["dataset"]["parts"]):
        rows.append({"part": part, "bars": {key: _entry(each["parts"], index) for key, each in machines.items()}})
    legend = [
        (number, kind)
        for number, kind in enumerate(types)
        if any((each["share"][number] or 0) > 0 for each in machines.values())
    ]
    return {"types": types, "legend": legend, "rows": rows, "first": next(iter(machines.values()))}


def _groups(last: dict) -> list[dict]:
    """Tables of PCK@0.2 by groups of joints or people: a row a group, a column a machine."""
    tables = []
    for name, title in GROUPS:
        of_machines = {key: stage[name] for key, stage in last.items() if stage.get(name)}
        if not of_machines:
            continue
        some = next(iter(of_machines.values()))
        listed = {key: each["groups"] if isinstance(each, dict) else each for key, each in of_machines.items()}
        tables.append(
            {
                "title": title,
                "quantity": some["quantity"] if isinstance(some, dict) else "",
                "edges": some["edges"] if isinstance(some, dict) else [],
                "machines": list(listed),
                "rows": [list(row) for row in zip(*listed.values(), strict=True)],
            }
        )
    return tables


def _plots(report: dict) -> dict:
    if not report["machines"]:
        return {}
    return {
        "curves": _svg(plot_pck_curves(report), "curves"),
        "bars": _svg(plot_stage_bars(report), "bars"),
        "cost": _svg(plot_accuracy_over_cost(report), "cost"),
    }


def _svg(figure, name: str):
    """A figure as SVG for the body of a page: text stays text, colours follow the page's style sheet."""
    import matplotlib
    from markupsafe import Markup

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    for unneeded in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r'\sxmlns(:xlink)?="[^"]*"', r"<!--.*?-->"):
        svg = re.sub(unneeded, "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*|\"DejaVu Sans\"[^;]*", "var(--font)", svg)
    variables = {INK: "--ink", QUIET: "--quiet", GRID: "--grid"}
    variables.update({colour: f"--series-{number}" for number, colour in enumerate(SERIES_COLOURS)})
    for colour, variable in variables.items():
        svg = svg.replace(colour, f"var({variable})")
    return Markup(svg)


# -- pictures -------------------------------------------------------------------------------------------------------


def _still(examples: Examples, person: int, key: str | None, stage: int = 0) -> np.ndarray:
    """One picture of a sheet: a machine's beliefs and skeleton, or the photo with the truth."""
    photo, skeleton = examples.images[person], examples.skeleton
    scale = STILL_SIDE / max(photo.shape)
    if key is None:
        return draw_skeleton(photo, examples.truth[person], skeleton, scale=scale)
    if key in examples.beliefs:
        photo = overlay_parts(photo, examples.beliefs[key][stage][person], skeleton, stride=examples.stride_of(key))
    return draw_skeleton(photo, examples.joints[key][stage][person], skeleton, scale=scale)


def people_sheet(report: dict, examples: Examples) -> np.ndarray:
    """A row a person: the truth, then the last stage of every machine."""
    keys = [key for key in report["machines"] if key in examples.joints]
    rows = []
    for person in range(len(examples.images)):
        rows.append([_still(examples, person, None), *(_still(examples, person, key, -1) for key in keys)])
    return picture_grid(rows, columns=["truth", *(report["machines"][key]["label"] for key in keys)])


def stages_sheet(report: dict, examples: Examples, n_people: int = 4) -> np.ndarray:
    """A row a person, evenly chosen: the truth, then every stage of every machine that has belief maps."""
    keys = [key for key in report["machines"] if key in examples.beliefs]
    columns = [(key, stage) for key in keys for stage in range(len(examples.beliefs[key]))]
    chosen = np.unique(np.linspace(0, len(examples.images) - 1, n_people).round().astype(int))
    rows = [
        [_still(examples, person, None), *(_still(examples, person, key, stage) for key, stage in columns)]
        for person in chosen
    ]
    names = [f"{report['machines'][key]['label']}, stage {stage + 1}" for key, stage in columns]
    return picture_grid(rows, columns=["truth", *names])

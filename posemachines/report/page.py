"""The content of the HTML report: findings, plots as SVG, tables; see :mod:`posemachines.report.report`."""

from __future__ import annotations

import numpy as np

from .._utils.figures import SERIES_COLOURS
from ..visualize import SIDE_COLOURS, draw_skeleton, overlay_parts, part_sides, picture_grid
from . import wording as words
from .answer import answer_sentences, protocol_text, suspect_rows
from .answer_charts import plot_learning_curve
from .answer_tables import all_verdicts, error_bars, error_rows, part_rows, saturated_pck, verdict_matrix
from .charts import plot_part_curves, plot_reliability
from .examples import Examples
from .plots import plot_accuracy_over_cost, plot_pck_curves, plot_stage_bars
from .series import line_styles, series_colours
from .svg import figure_to_svg
from .viewer import FOUND, encoded, viewer_data

__all__ = ["encoded", "page_content", "stages_sheet", "subjects_sheet"]

STILL_SIDE = 200  # px, of a picture in a sheet
REST_OF_PAGE = 1_000_000  # bytes; upper bound for everything but the viewer's subjects
ERRORS = {
    "good": "correct", "jitter": "near miss", "left-right swap": "left-right swap",
    "other person": "on another subject", "miss": "miss",
}  # fmt: skip
GROUPS = (("by_visibility", "By visibility"), ("by_rarity", "By rarity of the pose"), ("by_scale", "By size"))


def page_content(report: dict, examples: Examples | None, *, most_bytes: int) -> dict:
    """Everything that the template needs."""
    series = _series(report)
    viewer = None
    if examples is not None and report["machines"]:
        viewer = viewer_data(report, examples, series, max(most_bytes - REST_OF_PAGE, 1))
    last = {key: machine["accuracy"]["stages"][-1] for key, machine in report["machines"].items()}
    return {
        "report": report,
        "title": words.title(report),
        "answer": _answer(report, series),
        "saturated": saturated_pck(report),
        "summary": words.summary(report),
        "other_findings": words.other_findings(report),
        "remarks": words.remarks(report),
        "series": series,
        "plots": _plots(report),
        "part_charts": _part_charts(report, last),
        "calibrations": _calibrations(report, last),
        "errors": _errors(report, last),
        "error_names": ERRORS,
        "groups": _groups(last),
        "sides": dict(SIDE_COLOURS),
        "part_sides": [] if examples is None else part_sides(examples.skeleton),
        "viewer": viewer,
        "found": FOUND,
    }


def _answer(report: dict, series: dict[str, int]) -> dict | None:
    """The answer's sentences, tables and chart; None for a report without one."""
    answer = report.get("answer")
    if not answer or not report["machines"]:
        return None
    curve, chosen = answer.get("curve"), answer["chosen"]
    chart = None
    if curve:
        made = plot_learning_curve(answer, colour=SERIES_COLOURS[series.get(curve.get("machine", chosen), 1)])
        chart = figure_to_svg(made, "learning-curve")
    return {
        "sentences": answer_sentences(answer),
        "protocol": protocol_text(report),
        "notes": answer.get("notes") or [],
        "steps": answer.get("next") or [],
        "units": answer["units"],
        "chosen": chosen,
        "thresholds": [each["threshold"] for each in answer["machines"][chosen].get("success") or ()],
        "has_boxed": any(each.get("boxed") for each in answer["machines"].values()),
        "errors": error_rows(answer),
        "bars": error_bars(answer),
        "matrix": verdict_matrix(report),
        "verdicts": all_verdicts(answer),
        "test": answer.get("test") or "",
        "parts": part_rows(answer),
        "ranked": [row["key"] for row in error_rows(answer) if row["key"] is not None],
        "curve": curve,
        "chart": chart,
        "suspects": suspect_rows(answer),
    }


def _series(report: dict) -> dict[str, int]:
    """Number of each machine's colour in the style sheet."""
    return {key: SERIES_COLOURS.index(colour) for key, colour in series_colours(report).items()}


def _part_charts(report: dict, last: dict) -> list[dict]:
    """One small chart per part: PCK over the threshold, last stage of every machine."""
    colours, styles = series_colours(report), line_styles(report)
    charts = []
    for index, part in enumerate(report["dataset"]["parts"]):
        lines = [
            {
                "values": stage["part_curves"][index],
                "interval": _entry(stage.get("part_curve_intervals"), index),
                "colour": colours[key],
                "style": styles[key],
            }
            for key, stage in last.items()
            if _entry(stage.get("part_curves"), index) is not None
        ]
        if lines:
            made = plot_part_curves(lines, report["protocol"]["thresholds"])
            charts.append({"part": part, "svg": figure_to_svg(made, f"part-{index}")})
    return charts


def _entry(values, index: int):
    return values[index] if values else None


def _calibrations(report: dict, last: dict) -> list[dict]:
    colours, found = series_colours(report), []
    for number, (key, stage) in enumerate(last.items()):
        known = stage.get("calibration")
        if known and known["count"]:
            made, titles = plot_reliability(known, colours[key])
            svg = figure_to_svg(made, f"calibration-{number}", titles)
            found.append({"key": key, "error": known["error"], "svg": svg})
    return found


def _errors(report: dict, last: dict) -> dict | None:
    """Shares of the types of errors of every machine: over all parts, then part by part."""
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
    """Tables of PCK@0.2 by groups of joints or subjects: one row per group, one column per machine."""
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
        "curves": figure_to_svg(plot_pck_curves(report), "curves"),
        "bars": figure_to_svg(plot_stage_bars(report), "bars"),
        "cost": figure_to_svg(plot_accuracy_over_cost(report), "cost"),
    }


# -- pictures -------------------------------------------------------------------------------------------------------


def _still(examples: Examples, subject: int, key: str | None, stage: int = 0) -> np.ndarray:
    """One picture of a sheet: a machine's beliefs and skeleton, or the photo with the ground truth."""
    photo, skeleton = examples.images[subject], examples.skeleton
    scale = STILL_SIDE / max(photo.shape)
    if key is None:
        return draw_skeleton(photo, examples.truth[subject], skeleton, scale=scale)
    if key in examples.beliefs:
        photo = overlay_parts(photo, examples.beliefs[key][stage][subject], skeleton, stride=examples.stride_of(key))
    return draw_skeleton(photo, examples.joints[key][stage][subject], skeleton, scale=scale)


def subjects_sheet(report: dict, examples: Examples) -> np.ndarray:
    """One row per subject: the ground truth, then the last stage of every machine."""
    keys = [key for key in report["machines"] if key in examples.joints]
    rows = []
    for subject in range(len(examples.images)):
        rows.append([_still(examples, subject, None), *(_still(examples, subject, key, -1) for key in keys)])
    return picture_grid(rows, columns=["truth", *(report["machines"][key]["label"] for key in keys)])


def stages_sheet(report: dict, examples: Examples, n_people: int = 4) -> np.ndarray:
    """One row per subject, evenly spaced: the ground truth, then every stage of every machine with belief maps."""
    keys = [key for key in report["machines"] if key in examples.beliefs]
    columns = [(key, stage) for key in keys for stage in range(len(examples.beliefs[key]))]
    chosen = np.unique(np.linspace(0, len(examples.images) - 1, n_people).round().astype(int))
    rows = [
        [_still(examples, subject, None), *(_still(examples, subject, key, stage) for key, stage in columns)]
        for subject in chosen
    ]
    names = [f"{report['machines'][key]['label']}, stage {stage + 1}" for key, stage in columns]
    return picture_grid(rows, columns=["truth", *names])

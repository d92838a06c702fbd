"""Tables of an answer: errors of every machine, verdicts by measure, errors by landmark."""

from __future__ import annotations

from .._utils import formatting as form
from .verdicts import WORDS, Quantities, Verdicts, known

__all__ = ["all_verdicts", "error_bars", "error_rows", "part_rows", "saturated_pck", "verdict_matrix"]

FAR = 1.5  # times the largest error of the other machines, at which the mean pose is left out of their axis
SATURATED = 95.0  # % of the mean pose, above which PCK tells nothing


def error_rows(answer: dict) -> list[dict]:
    """Errors of every machine, the lowest mean first, and between two annotators if that is known.

    Returns
    -------
    list of dict
        ``key`` (None for annotators), ``label``, and as text ``mean``, ``interval``, ``median``, ``p95``, ``boxed``,
        ``time``, ``verdict`` and ``success`` (a list, with ``None`` where the threshold says nothing).
    """
    verdicts, rows = Verdicts(answer), []
    quantities, speed = verdicts.quantities, answer.get("speed") or {}
    for key in verdicts.ranked:
        machine, boxed = verdicts.machines[key], verdicts.machines[key].get("boxed")
        rows.append(
            {
                "key": key,
                "label": machine["label"],
                "mean": quantities.number(machine["mean"]["value"]),
                "interval": quantities.ends(machine["mean"].get("interval")),
                **{name: quantities.number((machine.get(name) or {}).get("value")) for name in ("median", "p95")},
                "boxed": quantities.number(boxed["mean"]) if boxed else form.UNKNOWN,
                "time": form.milliseconds((speed.get(key) or {}).get("ms")),
                "verdict": "" if key == answer["chosen"] else WORDS[verdicts.state(key)],
                "success": [
                    {"value": form.number(each["value"]), "saturated": bool(each.get("saturated"))}
                    for each in machine.get("success") or ()
                ],
            }
        )
    human = answer.get("human")
    if human:
        unknown = [{"value": form.UNKNOWN, "saturated": False}] * len(rows[0]["success"] if rows else ())
        values = {name: quantities.number(human.get(name)) for name in ("mean", "median", "p95")}
        blank = {"interval": "", "boxed": form.UNKNOWN, "time": form.UNKNOWN, "verdict": ""}
        rows.append({"key": None, "label": "Two annotators", **values, **blank, "success": unknown})
    return rows


def error_bars(answer: dict) -> dict:
    """Mean errors with intervals as places between 0 and 100 on a common axis.

    Returns
    -------
    dict
        ``rows`` (``key``, ``label``, ``text``, ``at``, ``low``, ``high`` and ``beyond``: whether it is the mean pose
        and off the axis, which then suits the others) and ``human`` (a place, or None).
    """
    verdicts = Verdicts(answer)
    quantities, human = verdicts.quantities, answer.get("human")
    means = {key: verdicts.machines[key]["mean"] for key in verdicts.ranked}
    values = {key: mean["value"] for key, mean in means.items() if mean["value"] is not None}
    tops = {key: means[key]["interval"][1] if known(means[key].get("interval")) else values[key] for key in values}
    end = max([*tops.values(), human["mean"] if human else 0, 1e-9])
    others = [top for key, top in tops.items() if key != "mean"]
    if others and "mean" in values and values["mean"] > FAR * max(others):  # it would press all others together
        end = 1.05 * max([*others, human["mean"] if human else 0])
    rows = []
    for key, value in values.items():
        interval = means[key].get("interval")
        low, high = interval if known(interval) else (value, value)
        places = {name: min(100 * each / end, 100.0) for name, each in (("at", value), ("low", low), ("high", high))}
        shown = f"{quantities(value)}" + (f" ({quantities.ends(interval)})" if known(interval) else "")
        rows.append(
            {"key": key, "label": verdicts.machines[key]["label"], "text": shown, **places, "beyond": value > end}
        )
    place = None if not human else 100 * human["mean"] / end
    return {"rows": rows, "human": place}


def verdict_matrix(report: dict) -> dict | None:
    """What is established about every other machine, by every measure.

    Parameters
    ----------
    report : dict
        With an answer.

    Returns
    -------
    dict or None
        None without verdicts. ``measures``: dicts of ``name`` and ``note`` (empty, or why the measure says nothing
        here); ``rows``: dicts of ``key``, ``label`` and ``cells``, each with ``state``, ``word``, ``difference`` and
        ``interval`` as text, other machine minus chosen one.
    """
    verdicts = Verdicts(report["answer"])
    measures = verdicts.measures
    if not measures or not verdicts.others:
        return None
    pck = _mean_pose_pck(report)
    columns = [
        {"name": one["measure"], "note": _says_nothing(verdicts.mean_pose_rate(one, pck)) if one["saturated"] else ""}
        for one in measures
    ]
    rows = []
    for key in verdicts.others:
        found = verdicts.between(key)
        cells = [_cell(verdicts, found.get(one["measure"])) for one in measures]
        rows.append({"key": key, "label": verdicts.machines[key]["label"], "cells": cells})
    return {"measures": columns, "rows": rows}


def _cell(verdicts: Verdicts, one: dict | None) -> dict:
    if one is None:
        return {"state": "untested", "word": WORDS["untested"], "difference": form.UNKNOWN, "interval": ""}
    return {
        "state": one["state"],
        "word": WORDS[one["state"]],
        "difference": verdicts.difference(one),
        "interval": verdicts.interval(one),
    }


def all_verdicts(answer: dict) -> list[dict]:
    """Every pair of machines by every measure.

    Returns
    -------
    list of dict
        ``a``, ``b``, ``measure`` and, as text, ``difference``, ``interval``, ``p`` and ``word``, the verdict.
    """
    verdicts, rows = Verdicts(answer), []
    for one in verdicts.all:
        word = "says nothing" if one.get("saturated") else "not established"
        if one.get("significant") and one.get("better"):
            word = f"{verdicts.machines[one['better']]['label']} is better"
        elif not one.get("saturated") and not known(one["interval"]):
            word = one.get("reason") or "not tested"
        rows.append(
            {
                "a": one["a"],
                "b": one["b"],
                "measure": one["measure"],
                "difference": verdicts.difference(one),
                "interval": verdicts.interval(one),
                "p": form.p_value(one.get("p_holm")),
                "word": word,
            }
        )
    return rows


def part_rows(answer: dict) -> list[dict]:
    """Errors by landmark: ``part`` and ``cells``, one per machine in the order of their mean errors.

    Each cell has ``mean``, ``median`` and ``p95`` as text, and ``share``, the mean in percent of the largest of all.
    """
    verdicts = Verdicts(answer)
    quantities: Quantities = verdicts.quantities
    columns = [verdicts.machines[key].get("parts") or [] for key in verdicts.ranked]
    if not columns or not all(len(column) == len(columns[0]) for column in columns):
        return []
    largest = max([each["mean"] or 0 for column in columns for each in column], default=0) or 1
    return [
        {
            "part": row[0]["part"],
            "cells": [
                {name: quantities.number(each[name]) for name in ("mean", "median", "p95")}
                | {"share": 100 * (each["mean"] or 0) / largest}
                for each in row
            ],
        }
        for row in zip(*columns, strict=True)
    ]


# -- saturated thresholds ---------------------------------------------------------------------------------------------


def saturated_pck(report: dict) -> dict[str, str]:
    """Why PCK says nothing, by threshold; thresholds that can tell machines apart are left out.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``, with an answer or not.
    """
    rates = _mean_pose_pck(report)
    marked = (report.get("answer") or {}).get("saturated")
    if marked is None:
        marked = [threshold for threshold, rate in rates.items() if rate is not None and rate > SATURATED]
    return {threshold: _says_nothing(rates.get(threshold)) for threshold in marked}


def _mean_pose_pck(report: dict) -> dict[str, float]:
    mean = report["machines"].get("mean")
    return {} if mean is None else dict(mean["accuracy"]["stages"][-1]["pck"])


def _says_nothing(rate: float | None) -> str:
    """Why a threshold says nothing."""
    if rate is None:
        return f"says nothing here: even the mean pose reaches more than {form.percent(SATURATED, 0)}"
    return f"says nothing here: the mean pose reaches {form.percent(rate, 1 if rate > 99 else 0)}"

"""A report as Markdown: findings and tables."""

from __future__ import annotations

from .._utils import formatting as form
from .._utils.formatting import markdown_cell, markdown_table
from . import wording as words
from .answer_markdown import answer_lines, detail_lines
from .answer_tables import saturated_pck

__all__ = ["to_markdown"]

_QUOTED = ("0.1", "0.2")
_COST = ("Machine", "Training", "CPU time", "Time per image, median", "95th percentile", "Size", "On disk")


def to_markdown(report: dict) -> str:
    """Findings, accuracy by stage and part, types of errors, cost, and differences."""
    machines = report["machines"]
    answered = bool(report.get("answer")) and bool(machines)
    lines = [f"# {markdown_cell(words.title(report))}", ""]
    for remark in words.remarks(report):
        lines += [f"> {remark}", ""]
    if answered:
        lines += answer_lines(report) + detail_lines(report)
    else:
        lines += [words.summary(report), ""]
        lines += [f"- {finding}" for finding in words.other_findings(report)]
    if machines:
        first = next(iter(machines.values()))["accuracy"]
        protocol = report["protocol"]
        labels = [markdown_cell(each["label"]) for each in machines.values()]
        lines += [
            "", "## Accuracy by stage", "",
            f"PCK@t: share of labelled joints within t times the reference length ({protocol['reference']}). "
            f"{first['n_joints']} joints of {first['n_people']} subjects ({protocol['mean']}); 95 % bootstrap "
            "intervals over subjects.", "",
            *(line for limit, why in saturated_pck(report).items() for line in (f"PCK@{limit} {why}.", "")),
            *markdown_table(("Machine", "Stage", "PCK@0.1 [%]", "PCK@0.2 [%]"), _accuracy(machines)), "",
            "## Accuracy by part: PCK@0.2 [%] after the last stage", "",
            *markdown_table(("Part", *labels), _parts(report)), "",
            *_errors(machines),
            "## Cost", "", *markdown_table(_COST, _costs(machines)), "",
            *([] if answered else _differences(report)),
        ]  # fmt: skip
    if report.get("command"):
        lines += ["Command:", "", "```", report["command"], "```", ""]
    return "\n".join(lines)


def _accuracy(machines: dict) -> list[tuple]:
    rows = []
    for machine in machines.values():
        for stage in machine["accuracy"]["stages"]:
            values = [f"{form.number(stage['pck'][limit])} {_interval(stage['interval'][limit])}" for limit in _QUOTED]
            name = markdown_cell(machine["label"]) if stage["stage"] == 1 else ""
            rows.append((name, str(stage["stage"]) if machine["kinds"] else form.UNKNOWN, *values))
    return rows


def _interval(ends) -> str:
    return f"({form.number(ends[0])} to {form.number(ends[1])})"


def _parts(report: dict) -> list[tuple]:
    rows = []
    for index, part in enumerate(report["dataset"]["parts"]):
        last = [machine["accuracy"]["stages"][-1] for machine in report["machines"].values()]
        rows.append((markdown_cell(part), *(form.number(stage["parts"]["0.2"][index]) for stage in last)))
    return rows


def _errors(machines: dict) -> list[str]:
    known = {key: machine["accuracy"]["stages"][-1].get("errors") for key, machine in machines.items()}
    some = next((each for each in known.values() if each), None)
    if some is None:
        return []
    rows = [
        (markdown_cell(machines[key]["label"]), *(form.number(share) for share in each["share"]))
        for key, each in known.items()
        if each
    ]
    heads = ("Machine", *some["types"])
    return ["## Types of errors, % of the labelled joints", "", *markdown_table(heads, rows), ""]


def _costs(machines: dict) -> list[tuple]:
    return [
        (
            markdown_cell(machine["label"]),
            form.duration(cost["training_seconds"]),
            form.duration(cost.get("training_cpu_seconds")),
            form.milliseconds(cost["ms_per_image"]["median"]),
            form.milliseconds(cost["ms_per_image"]["p95"]),
            form.counts(cost["complexity"]),
            form.byte_size(cost["file_bytes"]),
        )
        for machine in machines.values()
        for cost in [machine["cost"]]
    ]


def _differences(report: dict) -> list[str]:
    rows, nothing = [], saturated_pck(report)
    for each in report.get("differences", ()):
        labels = [report["machines"][each[side]]["label"] for side in "ab" if each[side] in report["machines"]]
        if len(labels) == 2:
            points = f"{form.number(each['difference'])} {_interval(each['interval'])}"
            verdict = "yes" if each.get("significant") else "no"
            verdict = "says nothing here" if each["threshold"] in nothing else verdict
            names = (markdown_cell(labels[0]), markdown_cell(labels[1]))
            rows.append((*names, each["threshold"], points, form.p_value(each.get("p_holm")), verdict))
    heads = ("Machine", "minus", "PCK@", "Points", "Wilcoxon, Holm", "Significant")
    return ["## Differences after the last stage", "", *markdown_table(heads, rows), ""] if rows else []

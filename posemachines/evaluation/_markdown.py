"""A report as Markdown: sentences and tables."""

from __future__ import annotations

from . import _wording as words

__all__ = ["to_markdown"]


def to_markdown(report: dict) -> str:
    """The findings, accuracy stage by stage and part by part, kinds of errors, cost, and comparisons."""
    machines = report["machines"]
    lines = [f"# Pose machines on {_cell(report['dataset']['name'])}", ""]
    for remark in words.remarks(report):
        lines += [f"> {remark}", ""]
    lines += [words.summary(report), ""]
    lines += [f"- {finding}" for finding in words.other_findings(report)]
    if machines:
        first = next(iter(machines.values()))["accuracy"]
        protocol = report["protocol"]
        lines += [
            "", "## Accuracy, stage by stage", "",
            f"PCK: share of labelled joints within the given part of the reference length ({protocol['reference']}); "
            f"{first['n_joints']} joints of {first['n_people']} people ({protocol['mean']}); 95 % intervals by "
            "resampling people.", "",
            *_table(("Machine", "Stage", "PCK@0.1 [%]", "PCK@0.2 [%]"), _accuracy(machines)), "",
            "## Part by part, PCK@0.2 [%] after the last stage", "",
            *_table(("Part", *(_cell(each["label"]) for each in machines.values())), _parts(report)), "",
            *_errors(machines),
            "## What it costs", "", *_table(_COST, _costs(machines)), "",
            *_differences(report),
        ]  # fmt: skip
    if report.get("command"):
        lines += ["Made by:", "", "```", report["command"], "```", ""]
    return "\n".join(lines)


def _accuracy(machines: dict) -> list[tuple]:
    rows = []
    for machine in machines.values():
        for stage in machine["accuracy"]["stages"]:
            values = [f"{words.number(stage['pck'][limit])} {_interval(stage['interval'][limit])}" for limit in _QUOTED]
            name = _cell(machine["label"]) if stage["stage"] == 1 else ""
            rows.append((name, str(stage["stage"]) if machine["kinds"] else words.UNKNOWN, *values))
    return rows


_QUOTED = ("0.1", "0.2")
_COST = ("Machine", "Training", "Processor time", "One image, median", "95th percentile", "Consists of", "On disk")


def _interval(ends) -> str:
    return f"({words.number(ends[0])} to {words.number(ends[1])})"


def _parts(report: dict) -> list[tuple]:
    rows = []
    for index, part in enumerate(report["dataset"]["parts"]):
        last = [machine["accuracy"]["stages"][-1] for machine in report["machines"].values()]
        rows.append((_cell(part), *(words.number(stage["parts"]["0.2"][index]) for stage in last)))
    return rows


def _errors(machines: dict) -> list[str]:
    known = {key: machine["accuracy"]["stages"][-1].get("errors") for key, machine in machines.items()}
    some = next((each for each in known.values() if each), None)
    if some is None:
        return []
    rows = [
        (_cell(machines[key]["label"]), *(words.number(share) for share in each["share"]))
        for key, each in known.items()
        if each
    ]
    return ["## Kinds of errors, % of the labelled joints", "", *_table(("Machine", *some["types"]), rows), ""]


def _costs(machines: dict) -> list[tuple]:
    return [
        (
            _cell(machine["label"]),
            words.duration(cost["training_seconds"]),
            words.duration(cost.get("training_cpu_seconds")),
            words.milliseconds(cost["ms_per_image"]["median"]),
            words.milliseconds(cost["ms_per_image"]["p95"]),
            words.complexity(cost["complexity"]),
            words.byte_size(cost["file_bytes"]),
        )
        for machine in machines.values()
        for cost in [machine["cost"]]
    ]


def _differences(report: dict) -> list[str]:
    rows = []
    for each in report.get("differences", ()):
        labels = [report["machines"][each[side]]["label"] for side in "ab" if each[side] in report["machines"]]
        if len(labels) == 2:
            points = f"{words.number(each['difference'])} {_interval(each['interval'])}"
            verdict = "yes" if each.get("significant") else "no"
            names = (_cell(labels[0]), _cell(labels[1]))
            rows.append((*names, each["threshold"], points, words.significance(each.get("p_holm")), verdict))
    heads = ("Machine", "minus", "PCK@", "Points", "Wilcoxon, Holm", "Significant")
    return ["## Differences after the last stage", "", *_table(heads, rows), ""] if rows else []


def _table(heads, rows) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (heads, ("---",) * len(heads), *rows)]


def _cell(text: str) -> str:
    for sign in ("\\", "|", "<", ">", "*", "_", "`"):
        text = text.replace(sign, f"\\{sign}")
    return text

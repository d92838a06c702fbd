"""Answers to three questions that the papers leave open: findings and tables from the result files."""

from __future__ import annotations

from benchmarks.publishing.found_words import ANSWER, Finding, Rows, accuracy, listed, signed, step

__all__ = ["cost", "cost_table", "robustness", "robustness_table", "samples", "samples_table"]

MACHINES = {"pm": "forests", "cpm": "net"}

# -- sample efficiency ----------------------------------------------------------------------------------------------


def samples(result: dict) -> Finding:
    """How many labelled subjects are needed, and where do the curves cross?"""
    sizes = [row["people"] for row in result["sizes"]]
    of_size = {size: [each for each in result["differences"] if each["people"] == size] for size in sizes}
    ahead = {f"{size:,}": step(steps, "cpm", "pm") for size, steps in of_size.items()}
    first, *_, last = ahead
    leads = {
        "the net is significantly ahead": [size for size, found in ahead.items() if found.gained],
        "the forests are significantly ahead": [size for size, found in ahead.items() if found.lost],
        "neither is significantly ahead": [size for size, found in ahead.items() if not found.sure],
    }
    one = [f"{who} with every number of subjects from {first} to {last}" for who in leads if leads[who] == list(ahead)]
    parts = one or [f"{who} with {listed(numbers)} subjects" for who, numbers in leads.items() if numbers]
    crossing = all(list(leads.values())[:2])
    ends = [f"{signed(ahead[size])} with {size} subjects" for size in (first, last)]
    sentence = (
        f"The curves {'cross' if crossing else 'do not cross'} on these photos: {', '.join(parts)}. The lead of the "
        f"net, in points of PCK@0.2, is {listed(ends)}."
    )
    return Finding(ANSWER, sentence, f"lead of the net: {', '.join(ends)}")


def samples_table(result: dict) -> Rows:
    """One row per number of subjects."""
    rows = []
    for row in result["sizes"]:
        machines = [row["machines"][name] for name in MACHINES]
        minutes = [f"{each['cpu_seconds'] / 60:.1f}" for each in machines]
        rows.append((f"{row['people']:,}", *(accuracy(each["stages"][-1]) for each in machines), *minutes))
    return ("Subjects", "Forests, PCK@0.2", "Net, PCK@0.2", "Forests, core minutes", "Net, core minutes"), rows


# -- cost -----------------------------------------------------------------------------------------------------------

COSTS = {"ms": "time per image", "cpu_minutes": "training time", "peak_mib": "memory in training"}
UNITS = {"ms": "ms per image", "cpu_minutes": "core minutes of training", "peak_mib": "MiB of memory in training"}
NAMES = {
    "pm": "the forests", "cpm": "the net", "one-stage": "the one-stage net",
    "hybrid": "forests followed by a net", "reverse": "a net followed by forests",
}  # fmt: skip


def cost(result: dict) -> Finding:
    """Which machines are on the Pareto fronts of accuracy and cost?"""
    fronts = {what: _front(result, what) for what in COSTS}
    members = "; ".join(f"for {label}: {_members(result, fronts[what])}" for what, label in COSTS.items())
    best = max((point for front in fronts.values() for point in front), key=lambda point: point["pck"]["0.2"])
    name = f"{_name(best)} with {best['stages']} stage{'' if best['stages'] == 1 else 's'}"
    used = listed([f"{_figure(best[what])} {unit}" for what, unit in UNITS.items() if best.get(what) is not None])
    kept = sum(any(point["machine"] == "pm" for point in front) for front in fronts.values())
    sentence = (
        "Machines on the Pareto fronts of accuracy and cost (by point estimates, nothing is as accurate at the same "
        f"or lower cost), besides the mean pose: {members}. The most accurate, {name}, reaches {accuracy(best)} at "
        f"PCK@0.2 and needs {used}."
    )
    short = f"most accurate: {name}, {accuracy(best)} at {_figure(best['ms'])} ms per image; "
    short += f"forests on {kept} of {len(COSTS)} fronts"
    return Finding(ANSWER, sentence, short)


def _front(result: dict, what: str) -> list[dict]:
    """The points of a front without the mean pose, which costs nothing."""
    points = [result["points"][index] for index in result["fronts"][what]]
    return [point for point in points if point["machine"] != "mean"]


def _name(point: dict) -> str:
    """Name of a machine within a sentence."""
    return NAMES.get(point["machine"]) or f"{point['label'][0].lower()}{point['label'][1:]}"


def _members(result: dict, front: list[dict]) -> str:
    """The machines of a front; in brackets, the numbers of stages or subjects unless these are the largest."""
    most = max(point["people"] for what in COSTS for point in _front(result, what))
    groups: dict[str, list[dict]] = {}
    for point in front:
        groups.setdefault(point["machine"], []).append(point)
    found = []
    for machine, points in groups.items():
        stages, people = [point["stages"] for point in points], [point["people"] for point in points]
        whole = max(point["stages"] for point in result["points"] if point["machine"] == machine)
        if min(people) == most:
            note = f"{listed([str(each) for each in stages])} of {whole} stages" if min(stages) < whole else ""
        elif min(stages) == whole:
            note = f"{listed([f'{each:,}' for each in people])} subjects"
        else:
            note = listed(
                [f"{each} of {whole} stages with {size:,} subjects" for each, size in zip(stages, people, strict=True)]
            )
        found.append(f"{_name(points[0])}{f' ({note})' if note else ''}")
    return listed(found) or "none"


def _figure(value: float | None) -> str:
    """Two significant digits, or all digits before the decimal point."""
    return "-" if value is None else f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def cost_table(result: dict) -> Rows:
    """One row per machine on a front, the most accurate first."""
    chosen = {index: result["points"][index] for front in result["fronts"].values() for index in front}
    rows = []
    for index, each in sorted(chosen.items(), key=lambda pair: -pair[1]["pck"]["0.2"]):
        cells = [f"{_figure(each.get(what))}{' *' if index in result['fronts'][what] else ''}" for what in COSTS]
        rows.append((each["label"], str(each["stages"]), f"{each['people']:,}", accuracy(each), *cells))
    heads = (
        "Machine (* on the front of that cost)",
        "Stages",
        "Subjects",
        "PCK@0.2",
        "One image [ms]",
        "Training [core minutes]",
    )
    return (*heads, "Memory in training [MiB]"), rows


# -- robustness -----------------------------------------------------------------------------------------------------


def robustness(result: dict) -> Finding:
    """How much accuracy is lost under disturbances, and under which are the forests better?"""
    rows = [(kind, row) for kind, kind_rows in result["disturbances"].items() for row in kind_rows]
    kept = {
        name: sum(row[name]["pck"]["0.2"] for _, row in rows) / len(rows) / result["clean"][name]["pck"]["0.2"]
        for name in MACHINES
    }
    behind = [(kind, row) for kind, row in rows if _apart(row, "pm", "cpm")]
    ahead = sum(_apart(row, "cpm", "pm") for _, row in rows)
    exceptions = [
        f"{_setting(result['labels'][kind], row['severity'])}, {accuracy(row['cpm'])} against {accuracy(row['pm'])}"
        for kind, row in behind
    ]
    share = {name: f"{100 * value:.0f} %" for name, value in kept.items()}
    sentence = (
        f"Averaged over {len(rows)} disturbances ({len(result['disturbances'])} kinds at the severities chosen here), "
        f"the net keeps {share['cpm']} of its PCK@0.2 and the forests keep {share['pm']}. Judged by 95 % intervals "
        f"that do not overlap, the net is ahead in {ahead} of them and behind in {len(behind)}"
        f"{f' ({listed(exceptions)})' if exceptions else ''}; in the other {len(rows) - ahead - len(behind)}, the "
        "intervals overlap."
    )
    worse = listed([_setting(result["labels"][kind], row["severity"]) for kind, row in behind])
    short = f"on average the net keeps {share['cpm']} of its accuracy, the forests {share['pm']}; the net is "
    short += f"clearly behind only under {worse}" if worse else "never clearly behind"
    return Finding(ANSWER, sentence, short)


def _apart(row: dict, first: str, second: str) -> bool:
    """Whether the interval of the first machine lies above that of the second."""
    return row[first]["interval"]["0.2"][0] > row[second]["interval"]["0.2"][1]


def _setting(label: str, severity: float) -> str:
    """A severity in words: "Blur, sigma [px]" and 3 become "blur, sigma 3 px"."""
    what, _, unit = label.rstrip("]").partition(" [")
    what = what if what.split()[0].isupper() else f"{what[0].lower()}{what[1:]}"
    return f"{what} {severity:g}{f' {unit}' if unit else ''}"


def robustness_table(result: dict) -> Rows:
    """Clean crops, and every disturbance at its strongest severity."""
    rows = [("none", "", *(accuracy(result["clean"][name]) for name in MACHINES))]
    for kind, found in result["disturbances"].items():
        strongest = found[-1]
        rows.append(
            (result["labels"][kind], f"{strongest['severity']:g}", *(accuracy(strongest[name]) for name in MACHINES))
        )
    return ("Disturbance", "Strongest severity", "Forests, PCK@0.2", "Net, PCK@0.2"), rows

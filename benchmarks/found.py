"""What the studies found, in sentences and tables made from their result files, so that no figure is typed by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from benchmarks import results_file, tables

__all__ = ["PAGES", "sentence", "table"]

Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _interval(ends) -> str:
    return f"{ends[0]:.1f} to {ends[1]:.1f}"


def _accuracy(figures: dict, threshold: str = "0.2") -> str:
    return f"{figures['pck'][threshold]:.1f} ({_interval(figures['interval'][threshold])})"


def _step(steps: list[dict], first: str, second: str, threshold: str = "0.2") -> tuple[float, list[float], bool]:
    """By how much `first` is ahead of `second`, the interval, and whether that is significant."""
    for each in steps:
        if each["threshold"] == threshold and {each["a"], each["b"]} == {first, second}:
            low, high = each["interval"]
            if each["a"] == first:
                return each["difference"], [low, high], each["significant"]
            return -each["difference"], [-high, -low], each["significant"]
    raise ValueError(f"the result does not compare {first} with {second}")


def _against(steps: list[dict], first: str, second: str, name: str) -> str:
    points, ends, significant = _step(steps, first, second)
    if not significant:
        return f"cannot be told from {name} ({points:+.1f} points, {_interval(ends)})"
    size = sorted(abs(end) for end in ends)
    return f"is {abs(points):.1f} points {'above' if points > 0 else 'below'} {name} ({_interval(size)})"


# -- replacing the forests (figure 6a) ------------------------------------------------------------------------------


def _compare_sentence(result: dict) -> str:
    gains = {limit: _step(result["differences"], "cpm", "pm", limit) for limit in ("0.2", "0.1")}
    told = [f"{points:.1f} at PCK@{limit} ({_interval(ends)})" for limit, (points, ends, _) in gains.items()]
    held = all(points > 0 and sure for points, _, sure in gains.values())
    return (
        f"The claim {'held, with a smaller gain' if held else 'did not hold'}: convolutions in the place of forests "
        f"gain {' and '.join(told)}; the paper reports 30.9 and 42.4."
    )


def _compare_table(result: dict) -> Rows:
    return tables.HEADS, tables.accuracy_rows(result)


# -- sample efficiency ----------------------------------------------------------------------------------------------


def _samples_sentence(result: dict) -> str:
    sizes = [row["people"] for row in result["sizes"]]
    steps = {size: [each for each in result["differences"] if each["people"] == size] for size in sizes}
    ahead = {size: _step(steps[size], "cpm", "pm") for size in sizes}
    net = [size for size, (points, _, sure) in ahead.items() if sure and points > 0]
    forest = [size for size, (points, _, sure) in ahead.items() if sure and points < 0]
    least, most = min(ahead.values()), max(ahead.values())
    if len(net) == len(sizes):
        return (
            f"They do not cross on these photographs: the net is ahead from {sizes[0]} people to {sizes[-1]:,}, by "
            f"{least[0]:.1f} ({_interval(least[1])}) to {most[0]:.1f} points ({_interval(most[1])})."
        )
    told = [f"the net is ahead with {', '.join(map(str, net)) or 'no number of'} people"]
    told += [f"the forests with {', '.join(map(str, forest))}"] if forest else []
    return f"By significant differences at PCK@0.2, {' and '.join(told)}."


def _samples_table(result: dict) -> Rows:
    rows = []
    for row in result["sizes"]:
        last = [row["machines"][name]["stages"][-1] for name in ("pm", "cpm")]
        minutes = [row["machines"][name]["cpu_seconds"] / 60 for name in ("pm", "cpm")]
        cells = [_accuracy(each) for each in last]
        rows.append((f"{row['people']:,}", *cells, *(f"{each:.1f}" for each in minutes)))
    return ("People", "Forests, PCK@0.2", "Net, PCK@0.2", "Forests, minutes of a core", "Net, minutes of a core"), rows


# -- training strategies (figure 6b) --------------------------------------------------------------------------------


def _strategies_sentence(result: dict) -> str:
    steps = result["differences"]
    greedy = _step(steps, "joint", "stagewise")
    both = _step(steps, "joint", "stagewise+joint")
    worst = _step(steps, "stagewise", "joint-without-supervision")
    first = "held" if greedy[2] and greedy[0] > 0 and both[2] and both[0] > 0 else "did not hold"
    last = "is the worst here, too" if worst[2] and worst[0] > 0 else "is not the worst here"
    unsupervised = _against(steps, "joint-without-supervision", "joint", "joint training with all losses")
    return (
        f"That joint training with a loss at every stage beats greedy training {first}: stage by stage "
        f"{_against(steps, 'stagewise', 'joint', 'it')}, and followed by joint training "
        f"{_against(steps, 'stagewise+joint', 'joint', 'it')}, at equal cost. Joint training with one loss at the end "
        f"{last}: it {unsupervised}."
    )


def _strategies_table(result: dict) -> Rows:
    rows = []
    for each in result["strategies"].values():
        stages = [f"{stage['pck']['0.2']:.1f}" for stage in each["stages"]]
        last = each["stages"][-1]
        rows.append((each["label"], *stages, _interval(last["interval"]["0.2"]), f"{last['pck']['0.1']:.1f}"))
    return ("Strategy", "Stage 1, PCK@0.2", "Stage 2", "Stage 3", "95 % interval", "Stage 3, PCK@0.1"), rows


# -- stages (figure 6c) ---------------------------------------------------------------------------------------------


def _stages_sentence(result: dict) -> str:
    told = []
    for name, label in (("pm", "the forests"), ("cpm", "the net")):
        useful = 1
        for each in result["steps"][name]:
            if each["threshold"] == "0.2" and each["significant"] and each["difference"] > 0:
                useful = max(useful, int(each["a"]))
        most = len(result["machines"][name])
        best = max(result["machines"][name], key=lambda row: row["pck"]["0.2"])
        told.append(
            f"{label} gain significantly up to stage {useful} of {most} and are best with {best['n_stages']} "
            f"({best['pck']['0.2']:.1f} % at PCK@0.2)"
        )
    return f"{told[0][0].upper()}{told[0][1:]}; {told[1].replace('gain', 'gains').replace('are best', 'is best')}."


def _stages_table(result: dict) -> Rows:
    rows = []
    for number in range(len(result["machines"]["pm"])):
        cells = []
        for name in ("pm", "cpm"):
            known = result["machines"][name]
            row = known[number] if number < len(known) else None
            cells.append(_accuracy(row) if row else "-")
        rows.append((str(number + 1), *cells))
    return ("Stages", "Forests, PCK@0.2", "Net, PCK@0.2"), rows


# -- receptive field (figure 4) -------------------------------------------------------------------------------------


def _field_sentence(result: dict) -> str:
    nets, side = result["nets"], result["settings"]["crop_size"]
    names = [f"{net['receptive_field']} px" for net in nets]
    steps = [_step(result["steps"], larger, smaller) for smaller, larger in itertools.pairwise(names)]
    gains = [number for number, (points, _, sure) in enumerate(steps) if sure and points > 0]
    if not gains:
        return (
            f"The claim did not hold: none of the {len(steps)} steps from {names[0]} to {names[-1]} is a significant "
            "gain at PCK@0.2; in the paper accuracy rises up to about 250 px of 304."
        )
    last = gains[-1] + 1
    torsos = nets[last]["receptive_field_in_torsos"]
    rise = f"accuracy rises with the receptive field up to {names[last]} ({torsos:.1f} torso lengths)"
    rise += "" if len(gains) == last else f", by a significant gain at {len(gains)} of {last} steps"
    if last == len(steps):
        points, ends, _ = steps[-1]
        return (
            f"The claim held in part: {rise} in crops of {side} px, but it was not seen to saturate: the last step, "
            f"from {names[-2]}, still gains {points:.1f} points ({_interval(ends)}). In the paper it saturates at "
            "about 250 px of 304."
        )
    best = max(nets, key=lambda net: net["pck"]["0.2"])
    return (
        f"The claim held: {rise}, beyond which no step is a significant gain; the best of {len(nets)} nets sees "
        f"{best['receptive_field']} px of a crop of {side} px. In the paper accuracy rises up to about 250 px of 304."
    )


def _field_table(result: dict) -> Rows:
    rows = [
        (
            f"{net['receptive_field']} px", f"{net['receptive_field_in_torsos']:.1f}", f"{net['parameters']:,}",
            _accuracy(net), f"{net['pck']['0.1']:.1f}",
        )
        for net in result["nets"]
    ]  # fmt: skip
    return ("Receptive field", "In torsos", "Parameters", "PCK@0.2", "PCK@0.1"), rows


# -- context (figure 3) ---------------------------------------------------------------------------------------------


def _context_sentence(result: dict) -> str:
    told, sure = [], True
    for name, label in (("pm", "the forests"), ("cpm", "the net")):
        lost = []
        for target, rows in result["machines"][name]["withheld"].items():
            row = next(row for row in rows if row["withheld"] == "all but its own")
            low, high = row["interval"]
            sure &= high < 0
            lost.append(f"{-row['points']:.1f} points of the {target} ({_interval([-high, -low])})")
        told.append(f"{' and '.join(lost)} in {label}")
    return (
        f"The claim {'held' if sure else 'did not hold throughout'}: without the beliefs of all other parts, stage 2 "
        f"loses {' and '.join(told)}. Which single part it was can hardly be told: where one map is withheld, "
        "the others stand in."
    )


def _context_table(result: dict) -> Rows:
    rows = []
    for name, label in (("pm", "forests"), ("cpm", "net")):
        for row in result["machines"][name]["corrections"]:
            rows.append(
                (
                    label,
                    row["target"],
                    str(row["stage"]),
                    *(f"{row[key]['value']:.1f} %" for key in ("corrected", "lost")),
                    *(f"{row[key]['value']:.1f}" for key in ("pck_before", "pck_after")),
                )
            )
    return ("Machine", "Joints", "Stage", "Of the missed, found", "Of the found, lost", "PCK@0.2 before", "after"), rows


# -- robustness -----------------------------------------------------------------------------------------------------


def _robustness_sentence(result: dict) -> str:
    clean = {name: result["clean"][name]["pck"]["0.2"] for name in ("pm", "cpm")}
    behind = [
        f"{kind} ({row['severity']:g})"
        for kind, rows in result["disturbances"].items()
        for row in rows
        if row["cpm"]["pck"]["0.2"] < row["pm"]["pck"]["0.2"]
    ]
    kept = {
        name: sum(row[name]["pck"]["0.2"] for rows in result["disturbances"].values() for row in rows)
        / sum(len(rows) for rows in result["disturbances"].values()) / clean[name]
        for name in clean
    }  # fmt: skip
    told = f"only {', '.join(behind)} put the net behind the forests" if behind else "the net stays ahead throughout"
    return (
        f"Over all disturbances the net keeps {100 * kept['cpm']:.0f} % of its accuracy and the forests "
        f"{100 * kept['pm']:.0f} % of theirs; {told}."
    )


def _robustness_table(result: dict) -> Rows:
    rows = [("none", "", *(_accuracy(result["clean"][name]) for name in ("pm", "cpm")))]
    for kind, found in result["disturbances"].items():
        strongest = found[-1]
        cells = [_accuracy(strongest[name]) for name in ("pm", "cpm")]
        rows.append((result["labels"][kind], f"{strongest['severity']:g}", *cells))
    return ("Disturbance", "Strongest", "Forests, PCK@0.2", "Net, PCK@0.2"), rows


# -- cost -----------------------------------------------------------------------------------------------------------


def _cost_sentence(result: dict) -> str:
    told = []
    for what, label in (
        ("ms", "time of an image"),
        ("cpu_minutes", "training time"),
        ("peak_mib", "memory in training"),
    ):
        front = [result["points"][number] for number in result["fronts"][what]]
        families = [point["family"] for point in front]
        counts = {"nets": "conv", "forests": "forest", "hybrids": "both"}
        kinds = [f"{families.count(family)} {kind}" for kind, family in counts.items()]
        told.append(f"{label}: {', '.join(kinds)}")
    return f"On the fronts of accuracy against cost stand, besides baselines, by {'; by '.join(told)}."


def _cost_table(result: dict) -> Rows:
    chosen = [result["points"][number] for number in result["fronts"]["ms"]]
    rows = [(each["label"], str(each["stages"]), _accuracy(each), f"{each['ms']:.2g}") for each in chosen]
    return ("Machine", "Stages", "PCK@0.2", "One image [ms]"), rows


# -- gradients (figure 5) -------------------------------------------------------------------------------------------


def _gradient_ratio(found: dict) -> float:
    """The first layer's gradient early in training, with a loss at every stage, over that with one at the end."""
    first = {key: each["layers"]["early"][0]["std"] for key, each in found.items()}
    return first["all"] / max(first["last"], 1e-30)


def _gradient_sentence(result: dict) -> str:
    ratios = {net: _gradient_ratio(found) for net, found in result["nets"].items() if len(found) == 2}
    names = {"cvpr": "net A of the paper", "lite": "cpm-lite"}
    told = ", ".join(f"{ratio:,.0f} times in {names[net]}" for net, ratio in ratios.items())
    held = "held" if ratios.get("cvpr", 0) > 10 else "did not hold"
    return (
        f"The claim {held}: early in training the gradient of the first layer is, with a loss at every stage, as large "
        f"as with one at the end {told}."
    )


def _gradient_table(result: dict) -> Rows:
    rows = []
    for net, found in result["nets"].items():
        for supervision, each in found.items():
            values = [f"{each['layers'][when][0]['std']:.1e}" for when in ("early", "middle", "late")]
            rows.append((net, supervision, *values, f"{each['stages'][-1]['pck']['0.2']:.1f}"))
    return ("Net", "Losses", "First layer, early", "middle", "late", "PCK@0.2 in the end"), rows


PAGES: dict[str, tuple[str, Callable, Callable]] = {
    "compare_lspet": ("compare_pm_cpm", _compare_sentence, _compare_table),
    "receptive_field": ("receptive_field", _field_sentence, _field_table),
    "gradient_flow": ("gradient_flow", _gradient_sentence, _gradient_table),
    "training_strategies": ("training_strategies", _strategies_sentence, _strategies_table),
    "stages": ("stages", _stages_sentence, _stages_table),
    "context": ("context", _context_sentence, _context_table),
    "sample_efficiency": ("sample_efficiency", _samples_sentence, _samples_table),
    "cost": ("cost", _cost_sentence, _cost_table),
    "robustness": ("robustness", _robustness_sentence, _robustness_table),
}
"""By result file: the script, its finding in a sentence, and its table."""


def _result(name: str) -> dict | None:
    """The result, or None where it is not measured yet."""
    file = results_file.FOLDER / f"{name}.json"
    found = results_file.read(name) if file.is_file() else None
    return found if found is not None and found["finished"] else None


def sentence(name: str) -> str:
    """The finding of a study."""
    result = _result(name)
    return "Not measured yet." if result is None else PAGES[name][1](result)


def table(name: str) -> Rows | None:
    """Heads and rows of a study's table; None where it is not measured yet."""
    result = _result(name)
    return None if result is None else PAGES[name][2](result)

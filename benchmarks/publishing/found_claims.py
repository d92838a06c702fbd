"""Claims of "Convolutional Pose Machines" about accuracy: findings and tables from the result files."""

from __future__ import annotations

import itertools

from benchmarks.publishing.found_words import (
    HELD,
    IN_PART,
    NOT_HELD,
    Finding,
    Rows,
    Step,
    accuracy,
    against,
    climb,
    interval,
    number,
    signed,
    step,
    verdict_of,
    verdict_sentence,
)

__all__ = [
    "PAPER_GAIN", "compare", "compare_table", "field", "field_table", "stages", "stages_table", "strategies",
    "strategies_table",
]  # fmt: skip

PAPER_GAIN = {"0.2": 30.9, "0.1": 42.4}
"""Gain in points by threshold, as reported in the paper."""

# -- replacing the forests (figure 6a) ------------------------------------------------------------------------------


def compare(result: dict) -> Finding:
    """Do convolutions outperform forests, and by as much as in the paper?"""
    gains = {limit: step(result["differences"], "cpm", "pm", limit) for limit in PAPER_GAIN}
    verdict = verdict_of([each.gained for each in gains.values()])
    sign, verb = ("", "gain") if verdict == HELD else ("+", "change accuracy by")
    parts = [
        f"{number(each.points, sign)} points at PCK@{limit} ({interval(each.ends, sign)}"
        f"{'' if each.sure else '; not significant'}), {_against_paper(each, PAPER_GAIN[limit])}"
        for limit, each in gains.items()
    ]
    sentence = f"{verdict_sentence(verdict)}: convolutions in place of forests {verb} {', and '.join(parts)}."
    return Finding(verdict, sentence, ", ".join(f"{signed(each)} @{limit}" for limit, each in gains.items()))


def _against_paper(found: Step, gain: float) -> str:
    """How the interval of a gain compares with the gain in the paper."""
    low, high = found.ends
    size = "less than" if high < gain else "more than" if low > gain else "consistent with"
    return f"{size} the paper's {gain}"


def compare_table(result: dict) -> Rows:
    """One row per machine."""
    known = {each["label"]: each["accuracy"]["stages"] for each in result["machines"].values()}
    most = max(len(stages) for stages in known.values())
    rows = []
    for label, stages in known.items():
        cells = [number(stage["pck"]["0.2"]) for stage in stages] + [""] * (most - len(stages))
        rows.append((label, *cells, interval(stages[-1]["interval"]["0.2"]), number(stages[-1]["pck"]["0.1"])))
    return ("Machine", *_stage_heads(most), "95 % interval, last stage", "Last stage, PCK@0.1"), rows


def _stage_heads(most: int) -> tuple[str, ...]:
    return ("Stage 1, PCK@0.2", *(f"Stage {number}" for number in range(2, most + 1)))


# -- receptive field (figure 4) -------------------------------------------------------------------------------------


def field(result: dict) -> Finding:
    """Does accuracy rise with the receptive field, and does it saturate?"""
    nets, side = result["nets"], result["settings"]["crop_size"]
    names = [f"{net['receptive_field']} px" for net in nets]
    steps = [step(result["steps"], larger, smaller) for smaller, larger in itertools.pairwise(names)]
    last, rise, losses = climb(steps, names)
    paper = "In the paper it rises and saturates at about 250 px of 304."
    if not last:
        most = max(range(len(steps)), key=lambda index: steps[index].points)
        largest = f"the largest, to {names[most + 1]}, is {signed(steps[most], '')} points"
        sentence = f"none of the {len(steps)} steps from {names[0]} to {names[-1]} is a significant gain; {largest}"
        return Finding(
            NOT_HELD, f"{verdict_sentence(NOT_HELD)}: {sentence}. {paper}", "no significant gain at any step"
        )
    verdict = HELD if last < len(steps) and not losses else IN_PART
    top = f"{names[last]} ({nets[last]['receptive_field_in_torsos']:.1f} torso lengths)"
    end = "no saturation was observed" if last == len(steps) else "no further step is a significant gain"
    end += f", and there are losses of {losses}" if losses else ""
    sentence = f"PCK@0.2 rises with the receptive field up to {top} in crops of {side} px, {rise}; {end}"
    end = f"loses {losses}" if losses else "no saturation" if last == len(steps) else "then flat"
    short = f"up to {names[last]}, last gain {signed(steps[last - 1])}; {end}"
    return Finding(verdict, f"{verdict_sentence(verdict)}: {sentence}. {paper}", short)


def field_table(result: dict) -> Rows:
    """One row per net."""
    rows = [
        (
            f"{net['receptive_field']} px", f"{net['receptive_field_in_torsos']:.1f}", f"{net['parameters']:,}",
            accuracy(net), number(net["pck"]["0.1"]),
        )
        for net in result["nets"]
    ]  # fmt: skip
    return ("Receptive field", "In torsos", "Parameters", "PCK@0.2", "PCK@0.1"), rows


# -- training strategies (figure 6b) --------------------------------------------------------------------------------

UNSUPERVISED = "joint-without-supervision"


def strategies(result: dict) -> Finding:
    """Is joint training the best with a loss at every stage, and the worst with a single loss at the end?"""
    steps, rest = result["differences"], [name for name in result["strategies"] if name != UNSUPERVISED]
    greedy, both = (step(steps, name, "joint") for name in ("stagewise", "stagewise+joint"))
    unsupervised = {name: step(steps, UNSUPERVISED, name) for name in rest}
    worst = all(each.lost for each in unsupervised.values())
    verdict = verdict_of([greedy.lost, both.lost, worst])
    joint = "joint training with a loss at every stage"
    single = f"it {against(unsupervised['joint'], joint)}"
    if not worst:
        single += f" and {against(unsupervised['stagewise'], 'training stage by stage')}"
    sentence = (
        f"{verdict_sentence(verdict)}. With the same number of passes over the subjects, training stage by stage "
        f"{against(greedy, joint)}; followed by joint training it {against(both, 'that')}, whereas in the paper, with "
        "more iterations, it nearly catches up. Joint training with one loss at the end "
        f"{'is the worst here, too' if worst else 'is not the worst here'}: {single}."
    )
    short = (
        f"against it: stage by stage {signed(greedy)}, then joint {signed(both)}, one loss at the end "
        f"{signed(unsupervised['joint'])}"
    )
    return Finding(verdict, sentence, short)


def strategies_table(result: dict) -> Rows:
    """One row per strategy."""
    rows, most = [], 0
    for each in result["strategies"].values():
        last, most = each["stages"][-1], len(each["stages"])
        cells = [number(stage["pck"]["0.2"]) for stage in each["stages"]]
        last_cells = (interval(last["interval"]["0.2"]), number(last["pck"]["0.1"]), f"{each['cpu_seconds'] / 60:.1f}")
        rows.append((each["label"], *cells, *last_cells))
    tail = ("95 % interval, last stage", "Last stage, PCK@0.1", "Training [core minutes]")
    return ("Strategy", *_stage_heads(most), *tail), rows


# -- stages (figure 6c) ---------------------------------------------------------------------------------------------

ABOUT_FIVE = (4, 5, 6)
MACHINES = {"pm": "forests", "cpm": "net"}


def stages(result: dict) -> Finding:
    """Does accuracy rise up to about five stages, then flatten?"""
    found = [_rise_of(result, name) for name in MACHINES]
    verdicts = {each.verdict for each in found}
    verdict = verdicts.pop() if len(verdicts) == 1 else IN_PART
    both = "; ".join(each.sentence for each in found)
    paper = "In the paper it rises up to about five stages and then flattens."
    return Finding(verdict, f"{verdict_sentence(verdict)}: {both}. {paper}", "; ".join(each.short for each in found))


def _rise_of(result: dict, name: str) -> Finding:
    """The same for one machine."""
    numbers, label = [str(row["n_stages"]) for row in result["machines"][name]], MACHINES[name]
    steps = [step(result["steps"][name], more, fewer) for fewer, more in itertools.pairwise(numbers)]
    last, rise, losses = climb(steps, [f"stage {each}" for each in numbers])
    end = f", but there are losses of {losses}" if losses else ""
    if not last:
        return Finding(
            NOT_HELD, f"no further stage of the {label} gives a significant gain at PCK@0.2{end}", f"{label}: no gain"
        )
    if not losses:
        end = ", without flattening" if last == len(steps) else ", and no later gain is significant"
    held = int(numbers[last]) in ABOUT_FIVE and last < len(steps) and not losses
    sentence = f"PCK@0.2 of the {label} rises up to stage {numbers[last]} of {numbers[-1]}, {rise}{end}"
    short = f"{label} up to {numbers[last]}, last gain {signed(steps[last - 1])}{f', loses {losses}' if losses else ''}"
    return Finding(HELD if held else IN_PART, sentence, short)


def stages_table(result: dict) -> Rows:
    """One row per number of stages."""
    known = [result["machines"][name] for name in MACHINES]
    rows = [
        (str(index + 1), *(accuracy(each[index]) if index < len(each) else "-" for each in known))
        for index in range(max(map(len, known)))
    ]
    return ("Stages", "Forests, PCK@0.2", "Net, PCK@0.2"), rows

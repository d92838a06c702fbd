"""The answer of a comparison in sentences: which machine, how far off it is, how sure that is, what to do next."""

from __future__ import annotations

from typing import NamedTuple

from .._utils import formatting as form
from .verdicts import Quantities, Verdicts, known

__all__ = ["Sentence", "answer_sentences", "protocol_text", "suspect_rows"]

LEVEL = f"95{form.NO_BREAK_SPACE}%"


class Sentence(NamedTuple):
    """A part of the answer: what it is about, and what is found."""

    about: str
    text: str


def answer_sentences(answer: dict) -> list[Sentence]:
    """The answer in at most six parts, the most important first.

    Parameters
    ----------
    answer : dict
        The entry ``answer`` of a report.
    """
    verdicts = Verdicts(answer)
    quantities = verdicts.quantities
    written = [
        Sentence("Lowest error", _error(verdicts)),
        Sentence("The others", _others(verdicts)),
        Sentence("Time", _time(verdicts)),
        Sentence("Noise of the labels", _human(answer, quantities)),
        Sentence("More labels", _curve(answer, quantities)),
        Sentence("Labels to check", _labels(answer)),
    ]
    return [each for each in written if each.text]


def _error(verdicts: Verdicts) -> str:
    chosen, quantities = verdicts.machines[verdicts.chosen], verdicts.quantities
    mean = chosen["mean"]
    text = f"{chosen['label']} has the lowest mean error: {quantities.full(mean['value'])}"
    if verdicts.ranked[0] != verdicts.chosen:  # the mean pose is never chosen, however low its error
        text = f"{chosen['label']} has a mean error of {quantities.full(mean['value'])}"
    if known(mean.get("interval")):
        text += f" ({LEVEL} interval {quantities.ends(mean['interval'])})"
    text += " on photos that it was not trained on"
    median, p95 = chosen.get("median"), chosen.get("p95")
    if median and p95:
        text += (
            f"; half of the landmarks are within {quantities(median['value'])}, {LEVEL} within "
            f"{quantities(p95['value'])}"
        )
    missing = chosen.get("missing") or 0
    return f"{text}.{_missing(missing)}"


def _missing(missing: int) -> str:
    return f" {missing:,} landmarks that it did not find are left out of the mean." if missing else ""


# -- the other machines -----------------------------------------------------------------------------------------------


def _others(verdicts: Verdicts) -> str:
    if not verdicts.others:
        return ""
    second = verdicts.answer.get("second")
    sentences = [] if second is None else [_second(verdicts, second)]
    states = {name: verdicts.state(name) for name in verdicts.others if name != second}
    states = {name: state for name, state in states.items() if name != "mean" or state == "worse"}
    labels = {name: verdicts.machines[name]["label"] for name in states}
    if "mean" in labels:
        labels["mean"] = _lower(labels["mean"])
    for state, words in (("worse", "Worse, too" if second else "Worse"), ("better", "Better")):
        listed = [labels[name] for name, found in states.items() if found == state]
        sentences += [f"{words}: {form.listed(listed)}."] if listed else []
    open_ = [labels[name] for name, found in states.items() if found in ("open", "untested")]
    sentences += [f"Not established for {form.listed(open_)}."] if open_ else []
    return " ".join([*sentences, *_mean_pose(verdicts)])


def _second(verdicts: Verdicts, name: str) -> str:
    """What is known about the next best machine: by its mean error, then by the other measures."""
    label, found = verdicts.machines[name]["label"], verdicts.between(name)
    one = found.get("mean error")
    if one is None or one["difference"] is None:
        return f"{label} was not compared."
    lower = one["difference"] < 0
    size = f"{verdicts.quantities(abs(one['difference']))} {'lower' if lower else 'higher'}"
    if one["state"] == "untested":
        return (
            f"{label} has a mean error {size}; with one training of each machine, it may be worse or have had bad luck."
        )
    ends = [-end for end in reversed(one["interval"])] if lower else one["interval"]
    alone = one["state"] == "open" and ends[0] > 0  # before the correction for all pairs
    interval = f"({LEVEL} interval {verdicts.quantities.ends(ends)}" + (
        ", if only these two were compared)" if alone else ")"
    )
    if one["state"] in ("worse", "better"):
        text = f"{label} is {one['state']}: its mean error is {size} {interval}"
    else:
        text = f"Whether {label} is worse is not established: its mean error is {size} {interval}"
    return f"{text}; {_elsewhere(found)}."


def _elsewhere(found: dict[str, dict]) -> str:
    """By which of the other measures a machine is worse."""
    others = {name: one for name, one in found.items() if name != "mean error" and one["state"] != "saturated"}
    states = {
        state: [name for name, one in others.items() if one["state"] == state] for state in ("worse", "better", "open")
    }
    if not others:
        return "the other measures say nothing here"
    if not states["worse"] and not states["better"]:
        return f"nor by any of the {len(others)} other measures" if len(others) > 1 else "nor by the other measure"
    parts = []
    for state in ("worse", "better"):
        if len(states[state]) == len(others):
            return f"it is {state} by all {len(others)} other measures"
        if states[state]:
            parts.append(f"{state} {form.listed([_by(name) for name in states[state]])}")
    left = f", the remaining {len(states['open'])} are open" if states["open"] else ""
    return f"it is {' but '.join(parts)}{left}"


def _by(measure: str) -> str:
    return measure if measure.startswith("within") else f"by the {measure}" if "error" in measure else f"by {measure}"


def _mean_pose(verdicts: Verdicts) -> list[str]:
    """A warning if the mean pose, which ignores the photo, is not worse."""
    if "mean" not in verdicts.machines or verdicts.chosen == "mean":
        return []
    state = verdicts.state("mean")
    if state == "worse":
        return []
    mean = verdicts.machines["mean"]
    if state == "better" or verdicts.ranked[0] == "mean":
        value = verdicts.quantities(mean["mean"]["value"])
        return [f"{mean['label']}, which ignores the photo, has a lower error: {value}. Do not use the machine."]
    if state == "untested":
        return []
    return [f"Nor is it established that it is better than {_lower(mean['label'])}, which ignores the photo."]


def _lower(label: str) -> str:
    return f"the {label[0].lower()}{label[1:]}"


# -- time, noise, more labels -----------------------------------------------------------------------------------------


def _time(verdicts: Verdicts) -> str:
    speed = verdicts.answer.get("speed") or {}
    times = {name: each["ms"] for name, each in speed.items() if each and each.get("ms") is not None}
    if verdicts.chosen not in times:
        return ""
    label = verdicts.machines[verdicts.chosen]["label"]
    text = f"One photo takes {form.milliseconds(times[verdicts.chosen])} with {label}"
    second = verdicts.answer.get("second")
    if second in times:
        text += f", {form.milliseconds(times[second])} with {verdicts.machines[second]['label']}"
    return f"{text}."


def _human(answer: dict, quantities: Quantities) -> str:
    human = answer.get("human")
    if not human:
        return ""
    mean, median = quantities(human["mean"]), quantities(human["median"])
    text = f"Labels of two annotators are {mean} apart on average (median {median})"
    chosen = answer["machines"][answer["chosen"]]["mean"]["value"]
    if chosen <= human["mean"]:
        return f"{text}: the machine is as close to the labels as a second annotator."
    return f"{text}: no machine can be shown to be much closer than that."


def _curve(answer: dict, quantities: Quantities) -> str:
    curve = answer.get("curve")
    if not curve or not curve.get("predictions"):
        return ""
    twice, last = curve["predictions"][0], curve["predictions"][-1]
    now = f"{quantities(curve['errors'][-1])} with {curve['sizes'][-1]:,.0f}"
    if curve["outcome"] == "flat":
        text = (
            f"More would hardly help: {now}, and about {quantities(last['error'])} "
            f"({quantities.ends(last['interval'])}) with {last['labels']:,}"
        )
    elif curve["outcome"] == "helps":
        text = (
            f"More would help: {now}, and about {quantities(twice['error'])} ({quantities.ends(twice['interval'])}) "
            f"with {twice['labels']:,}"
        )
    else:
        text = (
            f"Whether more would help is unclear: {now}, and between {quantities(twice['interval'][0])} and "
            f"{quantities(twice['interval'][1])} with {twice['labels']:,}"
        )
    return f"{text}, if the fitted curve holds beyond the data."


def _labels(answer: dict) -> str:
    suspects, check = answer.get("suspects") or [], answer.get("label_check")
    sentences = []
    if suspects:
        one = len(suspects) == 1
        sentences.append(
            f"{len(suspects)} {'label looks' if one else 'labels look'} wrong: all machines contradict "
            f"{'it' if one else 'them'} and agree with each other."
        )
    if check and (check.get("errors") or check.get("warnings")):
        names = [name for name in ("errors", "warnings") if check.get(name)]
        counts = [f"{check[name]} {name if check[name] > 1 else name[:-1]}" for name in names]
        sentences.append(f"The check of the labels found {form.listed(counts)}.")
    elif check and not suspects:
        sentences.append("None looks wrong.")
    return " ".join(sentences)


def suspect_rows(answer: dict) -> list[tuple[str, str, str]]:
    """Photo, landmark and distance of each label that looks wrong."""
    quantities = Quantities(answer["units"])
    return [
        (f"{one['photo']} (subject {one['subject'] + 1})", one["part"], quantities(one["distance"]))
        for one in answer.get("suspects") or ()
    ]


# -- the protocol -----------------------------------------------------------------------------------------------------


def protocol_text(report: dict) -> str:
    """How it was tested, in one paragraph.

    Parameters
    ----------
    report : dict
        Content of a ``report.json`` with an answer.
    """
    answer, data = report["answer"], report.get("dataset") or {}
    found = answer.get("protocol")
    if not found:
        return ""
    tested = data.get("test") or found["n_test"]
    repeats = found.get("repeats_done") or found["repeats"]
    if found["kind"] == "cross-validation":
        times = "once" if repeats == 1 else f"{repeats} times"
        how = (
            f"Each of {tested:,} subjects was tested {times}, by machines trained on about {found['n_train']:,} others "
            f"({found['folds']} folds)"
        )
    else:
        seeds = f", {repeats} times with different seeds" if repeats > 1 else ", once"
        how = f"Machines were trained on {found['n_train']:,} subjects{seeds}, and tested on {tested:,} others"
    groups = found.get("groups")
    if found.get("groups_kind") == "none":
        groups = ""
    sentences = [how, f"Groups that stay together: {groups}" if groups else "No groups: each photo counts by itself"]
    if found.get("one_recording"):
        sentences.append("One recording: the figures hold for this recording only")
    sentences += [_crops(found), f"Differences: {answer['test']}" if answer.get("test") else ""]
    sentences.append(f"Errors are distances from the labels, in {answer['units']['name']}")
    return " ".join(f"{form.capital(each)}." for each in sentences if each)


def _crops(found: dict) -> str:
    """How subjects were cropped, and why."""
    if not found.get("crop_rule"):
        return ""
    text = f"Crops by the rule '{found['crop_rule']}', since {found['crop_reason']}"
    if found.get("crop_reason") == "as asked for":
        text = f"Crops by the rule '{found['crop_rule']}', as asked for; {found.get('new_photos') or ''}".rstrip("; ")
    if found.get("crop_shape"):
        height, width = found["crop_shape"]
        text += f"; {width} x {height} px"
        if found.get("photo_px_per_crop_px"):
            text += f", so that one pixel of the crop is {found['photo_px_per_crop_px']:g} px of the photo"
    return text

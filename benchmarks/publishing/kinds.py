"""What comparisons found on four kinds of data, as tables and sentences from ``benchmarks/results/domains``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.publishing import results_file, tables
from benchmarks.publishing.found import NOT_MEASURED
from benchmarks.publishing.found_words import Rows, listed

__all__ = [
    "CONTOUR", "KINDS", "Kind", "contour", "cost", "curve", "errors", "folder", "fragments", "human", "protocol",
    "rates", "read", "summary", "verdict",
]  # fmt: skip

CONTOUR = "ultrasound_contour"


class Kind(NamedTuple):
    """A kind of data.

    Attributes
    ----------
    title : str
    about : str
        What the photos show.
    """

    title: str
    about: str


KINDS = {
    "openfield": Kind(
        "A mouse in an arena",
        "Frames of one video from above, 640 x 480 px, in which the mouse is small and moves: snout, both ears and the "
        "base of the tail (example project of DeepLabCut).",
    ),
    "mirror_mouse": Kind(
        "A mouse and its mirror images",
        "Frames of one video, in which two mirrors show a walking mouse from the side and from below: 17 points "
        "(example of Lightning Pose).",
    ),
    "salmon": Kind(
        "Salmon",
        "Cut-out photos of fish, wide and low, of several days: 20 points without names (FishVision, COCO).",
    ),
    "ultrasound": Kind(
        "Tongues in ultrasound",
        "Noisy grey images, 320 x 240 px, of several speakers: 11 points along the tongue, and three of bones and a "
        "tendon (Wrench and Balch-Tomes 2022, DeepLabCut).",
    ),
}


def folder() -> Path:
    """Where the result files are."""
    return results_file.FOLDER / "domains"


def read(name: str) -> dict | None:
    """The report of a kind of data; None if there is none, or it is not finished."""
    found = _read(name)
    return found if found is not None and found.get("finished") and found.get("answer") else None


def _read(name: str) -> dict | None:
    file = folder() / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def fragments() -> dict[str, list[str]]:
    """``kinds_summary``, one table, and ``kinds_of_data``, one section per kind that was measured."""
    known = {name: found for name in KINDS if (found := read(name)) is not None}
    if not known:
        return {"kinds_summary": [NOT_MEASURED], "kinds_of_data": [NOT_MEASURED]}
    sections = [text for name, report in known.items() for text in _section(name, report)]
    return {"kinds_summary": [tables.list_table(*summary(known))], "kinds_of_data": sections}


def _section(name: str, report: dict) -> list[str]:
    kind = KINDS[name]
    parts = [
        f"{kind.title}\n{'-' * len(kind.title)}",
        kind.about,
        verdict(report["answer"]),
        tables.list_table(*errors(report["answer"])),
        tables.list_table(*rates(report["answer"])),
        " ".join(sentence for sentence in (human(report["answer"]), curve(report["answer"])) if sentence),
        protocol(report),
    ]
    measured = _read(CONTOUR) if name == "ultrasound" else None
    parts += [contour(measured)] if measured is not None else []
    commands = [each["command"] for each in (report, measured) if each is not None and each.get("command")]
    shown = "\n    ".join(commands)
    return [*(part for part in parts if part), f"{cost(report)} Reproduce with::\n\n    {shown}"]


# -- numbers ----------------------------------------------------------------------------------------------------------


class _Form:
    """Numbers in the units of an answer."""

    def __init__(self, answer: dict) -> None:
        self.short, self.decimals = answer["units"]["short"], answer["units"]["decimals"]

    def number(self, value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value:{sign}.{self.decimals}f}"

    def ends(self, interval, sign: str = "") -> str:
        return f"{self.number(interval[0], sign)} to {self.number(interval[1], sign)}"

    def estimate(self, entry: dict) -> str:
        shown = self.number(entry["value"])
        return f"{shown} ({self.ends(entry['interval'])})" if _known(entry.get("interval")) else shown

    def unit(self, text: str) -> str:
        return f"{text} {self.short}"


def _known(interval) -> bool:
    return interval is not None and all(end is not None for end in interval)


def _against_best(answer: dict, name: str) -> dict | None:
    """The verdict on the mean errors of a machine and of the chosen one, as machine minus chosen."""
    for each in answer["verdicts"]:
        if each["measure"] == "mean error" and {each["a"], each["b"]} == {name, answer["chosen"]}:
            if each["a"] == name or each["difference"] is None:
                return each
            turned = [-end for end in reversed(each["interval"])] if _known(each["interval"]) else None
            return each | {"difference": -each["difference"], "interval": turned}
    return None


# -- tables -----------------------------------------------------------------------------------------------------------


def summary(reports: dict[str, dict]) -> Rows:
    """One row per kind of data: the chosen machine, its error, and whether the next one is worse."""
    heads = ("Data", "Lowest mean error", "Mean error", "Mean pose", "Next best", "Is it worse?")
    rows = []
    for name, report in reports.items():
        answer = report["answer"]
        form, machines = _Form(answer), answer["machines"]
        chosen, second = answer["chosen"], answer.get("second")
        mean = machines.get("mean")
        rows.append(
            (
                KINDS[name].title,
                machines[chosen]["label"],
                form.unit(form.estimate(machines[chosen]["mean"])),
                form.unit(form.number(mean["mean"]["value"])) if mean is not None else "-",
                machines[second]["label"] if second is not None else "-",
                _worse(answer, second) if second is not None else "-",
            )
        )
    return heads, rows


def errors(answer: dict) -> Rows:
    """One row per machine, the lowest mean error first: errors with intervals, and the verdict on the mean error."""
    form = _Form(answer)
    heads = ("Machine", f"Mean error ({form.short})", "Median", "95th percentile", "With perfect boxes", "Worse?")
    rows = []
    for name, machine in _ranked(answer):
        rows.append(
            (
                machine["label"],
                form.estimate(machine["mean"]),
                form.estimate(machine["median"]),
                form.estimate(machine["p95"]),
                _boxed(form, machine.get("boxed")),
                "lowest" if name == answer["chosen"] else _worse(answer, name),
            )
        )
    return heads, rows


def rates(answer: dict) -> Rows:
    """One row per machine: percentages of landmarks within distances, and time per photo."""
    ranked = _ranked(answer)
    limits = [each["threshold"] for each in ranked[0][1]["success"]]
    heads = ("Machine", *(f"Within {limit:g} {answer['units']['short']} (%)" for limit in limits), "ms per photo")
    rows = []
    for name, machine in ranked:
        shown = [
            f"{_percent(each['value'])}{' (says nothing)' if each.get('saturated') else ''}"
            for each in machine["success"]
        ]
        speed = answer["speed"].get(name)
        rows.append((machine["label"], *shown, "-" if speed is None else f"{speed['ms']:.1f}"))
    return heads, rows


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _ranked(answer: dict) -> list[tuple[str, dict]]:
    return sorted(answer["machines"].items(), key=lambda item: item[1]["mean"]["value"])


def _boxed(form: _Form, boxed: dict | None) -> str:
    return "-" if boxed is None else f"{form.number(boxed['mean'])}, median {form.number(boxed['median'])}"


def _worse(answer: dict, name: str) -> str:
    """Whether a machine's mean error is higher than that of the chosen one, in a cell."""
    found, form = _against_best(answer, name), _Form(answer)
    if found is None or not _known(found["interval"]):
        return "not tested"
    shown = f"{form.number(found['difference'], '+')} ({form.ends(found['interval'], '+')})"
    return f"yes: {shown}" if found["significant"] else f"not established: {shown}"


# -- sentences --------------------------------------------------------------------------------------------------------


def verdict(answer: dict) -> str:
    """Which machine has the lowest error, and from which others that distinguishes it."""
    form, machines, chosen = _Form(answer), answer["machines"], answer["chosen"]
    entry = machines[chosen]
    text = (
        f"**{entry['label']}** has the lowest mean error: {form.unit(form.estimate(entry['mean']))}, median "
        f"{form.unit(form.number(entry['median']['value']))}."
    )
    others = [name for name, _ in _ranked(answer) if name not in (chosen, "mean")]
    clear = {name: (_against_best(answer, name) or {}).get("significant", False) for name in others}
    worse = [machines[name]["label"] for name in others if clear[name]]
    alike = [machines[name]["label"] for name in others if not clear[name]]
    text += f" Significantly worse: {listed(worse)}." if worse else ""
    text += f" Not established: the difference from {listed(alike)}." if alike else ""
    return f"{text} ({_capital(answer['test'])}.)"


def human(answer: dict) -> str:
    """How far two people lie apart."""
    found, form = answer.get("human"), _Form(answer)
    if not found:
        return ""
    apart = form.unit(form.number(found["mean"]))
    return (
        f"Two people's labels lie {apart} apart in the mean, {form.unit(form.number(found['median']))} in the median."
    )


def curve(answer: dict) -> str:
    """What more labels would give."""
    found, form = answer.get("curve"), _Form(answer)
    if not found or not found["predictions"]:
        return ""
    outcome = {
        "helps": "More labels would help",
        "flat": "More labels would hardly help",
        "unclear": "Whether more labels would help is unclear",
    }[found["outcome"]]
    predicted = listed(
        [
            f"{form.unit(form.number(each['error']))} ({form.ends(each['interval'])}) with {each['labels']:,}"
            for each in found["predictions"]
        ]
    )
    now = f"{form.unit(form.number(found['errors'][-1]))} with {found['sizes'][-1]:,.0f} training subjects"
    return f"{outcome}: {now}; the fitted curve, extrapolated, predicts {predicted}."


def protocol(report: dict) -> str:
    """How it was tested: what was kept together, and how new photos are cropped."""
    found = report["answer"]["protocol"]
    repeats = found.get("repeats_done") or found["repeats"]
    if found["kind"] == "cross-validation":
        how = (
            f"Cross-validation of {report['dataset']['test']:,} subjects in {found['folds']} folds"
            f"{f', {repeats} times' if repeats > 1 else ''}, about {found['n_train']:,} for training in each"
        )
    else:
        how = (
            f"Trained on {found['n_train']:,} and tested on {found['n_test']:,} subjects"
            f"{f', {repeats} trainings with different seeds' if repeats > 1 else ''}"
        )
    text = f"{how}. Kept together: {found['n_groups']:,} groups ({_plain(found['groups'])})."
    if found["one_recording"]:
        text += " All frames are of one recording, and the figures hold for this recording only."
    height, width = found["crop_shape"]
    return (
        f"{text} Crop rule *{found['crop_rule']}*: {_plain(found['crop_reason'])}. Crops are {height} px high and "
        f"{width} px wide; one pixel of the crop is {found['photo_px_per_crop_px']:g} px of the photo. Errors are in "
        f"{_plain(report['answer']['units']['name'])}."
    )


def contour(result: dict) -> str:
    """The distance of tongue contours, beside the published one."""
    pixels, labelled = result["contour_px"], result["contour_mm"]
    return (
        f"Tongue contours through the points that {result['machine']} finds lie {labelled['mean']:.2f} mm (s.d. "
        f"{labelled['sd']:.2f}) from the labelled ones in the mean, {pixels['mean']:.2f} px (s.d. {pixels['sd']:.2f}) "
        f"at {result['mm_per_px']:g} mm per pixel. Wrench and Balch-Tomes (Sensors 22(3):1133, 2022) publish "
        f"{result['published_mm']:.2f} mm for DeepLabCut with an ImageNet ResNet-50, and {result['labellers_mm']:.2f} "
        f"mm between two people. {_plain(result.get('note') or '')}"
    ).strip()


def cost(report: dict) -> str:
    """How long it took, and on what."""
    computer: dict[str, Any] = report["computer"]
    minutes = report["settings"]["total_seconds"] / 60
    return f"The comparison took {minutes:.1f} minutes on {computer['cores']} cores of {computer['processor']}."


def _plain(text: str) -> str:
    """Text without markup: a regular expression, for example, has its asterisks."""
    return re.sub(r"([\\*`_|])", r"\\\1", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

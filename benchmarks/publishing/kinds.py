"""What comparisons found on four kinds of data, as tables and sentences from ``benchmarks/results/domains``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from benchmarks.publishing import results_file, tables
from benchmarks.publishing.found import NOT_MEASURED
from benchmarks.publishing.found_words import Rows
from benchmarks.publishing.kinds_words import (
    Form,
    against_best,
    contour,
    cost,
    curve,
    human,
    known,
    protocol,
    ranked,
    verdict,
)

__all__ = ["CONTOUR", "KINDS", "Kind", "errors", "folder", "fragments", "rates", "read", "summary"]

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
    measured = {name: found for name in KINDS if (found := read(name)) is not None}
    if not measured:
        return {"kinds_summary": [NOT_MEASURED], "kinds_of_data": [NOT_MEASURED]}
    sections = [text for name, report in measured.items() for text in _section(name, report)]
    return {"kinds_summary": [tables.list_table(*summary(measured))], "kinds_of_data": sections}


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


# -- tables -----------------------------------------------------------------------------------------------------------


def summary(reports: dict[str, dict]) -> Rows:
    """One row per kind of data: the chosen machine, its error, and whether the next one is worse."""
    heads = ("Data", "Lowest mean error", "Mean error", "Mean pose", "Next best", "Is it worse?")
    rows = []
    for name, report in reports.items():
        answer = report["answer"]
        form, machines = Form(answer), answer["machines"]
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
    form = Form(answer)
    heads = ("Machine", f"Mean error ({form.short})", "Median", "95th percentile", "With perfect boxes", "Worse?")
    rows = []
    for name, machine in ranked(answer):
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
    machines = ranked(answer)
    limits = [each["threshold"] for each in machines[0][1]["success"]]
    heads = ("Machine", *(f"Within {limit:g} {answer['units']['short']} (%)" for limit in limits), "ms per photo")
    rows = []
    for name, machine in machines:
        shown = [
            f"{_percent(each['value'])}{' (says nothing)' if each.get('saturated') else ''}"
            for each in machine["success"]
        ]
        speed = answer["speed"].get(name)
        rows.append((machine["label"], *shown, "-" if speed is None else f"{speed['ms']:.1f}"))
    return heads, rows


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _boxed(form: Form, boxed: dict | None) -> str:
    return "-" if boxed is None else f"{form.number(boxed['mean'])}, median {form.number(boxed['median'])}"


def _worse(answer: dict, name: str) -> str:
    """Whether a machine's mean error is higher than that of the chosen one, in a cell."""
    found, form = against_best(answer, name), Form(answer)
    if found is None or not known(found["interval"]):
        return "not tested"
    shown = f"{form.number(found['difference'], '+')} ({form.ends(found['interval'], '+')})"
    return f"yes: {shown}" if found["significant"] else f"not established: {shown}"

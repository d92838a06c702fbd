"""The answer of a comparison as Markdown."""

from __future__ import annotations

from .._utils.formatting import capital, markdown_cell, markdown_table
from .answer import answer_sentences, protocol_text, suspect_rows
from .answer_tables import error_rows, part_rows, verdict_matrix
from .verdicts import Quantities, Verdicts

__all__ = ["answer_lines", "detail_lines"]


def answer_lines(report: dict) -> list[str]:
    """What was found, what to do next, and how it was tested.

    Parameters
    ----------
    report : dict
        Content of a ``report.json`` with an answer.
    """
    answer = report["answer"]
    first, *others = answer_sentences(answer)
    lines = [f"**{markdown_cell(first.text)}**", ""]
    lines += [f"- **{each.about}**: {markdown_cell(each.text)}" for each in others]
    lines += ["", "## What to do next", ""] if answer.get("next") else []
    for number, step in enumerate(answer.get("next") or (), 1):
        lines += [f"{number}. {markdown_cell(step['text'])}"]
        if step.get("command"):
            lines += ["", "   ```", f"   {step['command']}", "   ```", ""]
    lines += ["", "## How it was tested", "", markdown_cell(protocol_text(report)), ""]
    return lines + [f"- {markdown_cell(capital(note))}" for note in answer.get("notes") or ()]


def detail_lines(report: dict) -> list[str]:
    """Tables: errors, verdicts by measure, learning curve, errors by landmark, labels that look wrong."""
    answer = report["answer"]
    return ["", *_errors(answer), *_matrix(report), *_curve(answer), *_parts(answer), *_suspects(answer)]


def _errors(answer: dict) -> list[str]:
    short = answer["units"]["short"]
    rows, success = error_rows(answer), answer["machines"][answer["chosen"]].get("success") or ()
    limits = [
        f"Within {one['threshold']:g} {short} [%]{', says nothing' if one.get('saturated') else ''}" for one in success
    ]
    heads = ("Machine", "Mean", "Median", "95th percentile", *limits, "Mean, perfect boxes", "One photo", "Worse?")
    cells = [
        (
            markdown_cell(row["label"]),
            f"{row['mean']} ({row['interval']})" if row["interval"] else row["mean"],
            row["median"],
            row["p95"],
            *(each["value"] for each in row["success"]),
            row["boxed"],
            row["time"],
            row["verdict"],
        )
        for row in rows
    ]
    return [f"## Errors, in {markdown_cell(answer['units']['name'])}", "", *markdown_table(heads, cells), ""]


def _matrix(report: dict) -> list[str]:
    found = verdict_matrix(report)
    if found is None:
        return []
    heads = ("Machine", *(measure["name"] for measure in found["measures"]))
    rows = [
        (
            markdown_cell(row["label"]),
            *(f"{cell['word']}: {cell['difference']} ({cell['interval']})" if cell["interval"] else cell["word"]
              for cell in row["cells"]),
        )
        for row in found["rows"]
    ]  # fmt: skip
    answer = report["answer"]
    chosen = markdown_cell(answer["machines"][answer["chosen"]]["label"])
    said = [f"{measure['name']} {measure['note']}." for measure in found["measures"] if measure["note"]]
    text = f"Each machine minus {chosen}, with 95 % intervals. {capital(answer.get('test') or '')}".strip()
    return ["## Are the others worse?", "", " ".join([f"{text}.".replace("..", "."), *said]), "",
            *markdown_table(heads, rows), ""]  # fmt: skip


def _curve(answer: dict) -> list[str]:
    curve, quantities = answer.get("curve"), Quantities(answer["units"])
    if not curve:
        return []
    rows = [
        (f"{size:,.0f}", quantities.number(error), f"{quantities.number(low)} to {quantities.number(high)}")
        for size, error, low, high in zip(curve["sizes"], curve["errors"], curve["low"], curve["high"], strict=True)
    ]
    rows += [
        (f"{each['labels']:,} (extrapolated)", quantities.number(each["error"]), quantities.ends(each["interval"]))
        for each in curve["predictions"]
    ]
    heads = ("Training subjects", f"Mean error [{quantities.short}]", "95 % interval")
    return ["## How many more labels?", "", *markdown_table(heads, rows), ""]


def _parts(answer: dict) -> list[str]:
    rows, verdicts = part_rows(answer), Verdicts(answer)
    if not rows:
        return []
    heads = ("Landmark", *(markdown_cell(verdicts.machines[key]["label"]) for key in verdicts.ranked))
    cells = [(markdown_cell(row["part"]), *(cell["mean"] for cell in row["cells"])) for row in rows]
    return [f"## Mean error by landmark [{answer['units']['short']}]", "", *markdown_table(heads, cells), ""]


def _suspects(answer: dict) -> list[str]:
    rows = [tuple(map(markdown_cell, row)) for row in suspect_rows(answer)]
    heads = ("Photo", "Landmark", "Label to predictions")
    return ["## Labels that look wrong", "", *markdown_table(heads, rows), ""] if rows else []

"""A report as lines of text."""

from __future__ import annotations

import shlex
from textwrap import fill, shorten

from .._utils.formatting import NO_BREAK_SPACE
from ..report.answer import answer_sentences, protocol_text
from ..report.answer_tables import saturated_pck, verdict_matrix
from ..report.wording import summary, title

__all__ = ["answer_text", "table"]

FIRST = 30  # characters of the first column, at least
ABOUT = 21  # letters
MARKS = {"worse": "+", "better": "-", "open": ".", "untested": "?", "saturated": "/"}


def table(report: dict, *, parts: bool = False) -> str:
    """Accuracy by machine and stage, then the cost of each machine.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``.
    parts : bool, default=False
        Also list the accuracy of every part.
    """
    machines = report["machines"].values()
    first = max([FIRST, *(len(machine["label"]) + 2 for machine in machines)])
    lines = [f"{'':{first}}{'stage':>6}{'PCK@0.1':>9}{'PCK@0.2':>9}   95 % interval @0.2"]
    for machine in machines:
        for stage in machine["accuracy"]["stages"]:
            low, high = stage["interval"]["0.2"]
            label = machine["label"] if stage["stage"] == 1 else ""
            accuracy = "".join(f"{_number(stage['pck'][limit]):>9}" for limit in ("0.1", "0.2"))
            lines.append(f"{label:{first}}{stage['stage']:>6}{accuracy}   {_number(low)} .. {_number(high)}")
    lines += [f"PCK@{limit} {why}" for limit, why in saturated_pck(report).items()]
    if parts:
        lines += ["", f"{'PCK@0.2, last stage':20}" + "".join(f"{name:>8}" for name in report["machines"])]
        for index, part in enumerate(report["dataset"]["parts"]):
            values = [machine["accuracy"]["stages"][-1]["parts"]["0.2"][index] for machine in machines]
            lines.append(f"{part:20}" + "".join(f"{_number(value):>8}" for value in values))
    lines += ["", f"{'':{first}}{'training':>10}{'ms/image':>10}{'memory':>10}{'on disk':>10}  size"]
    return "\n".join([*lines, *(_cost(machine, first) for machine in machines)])


def _cost(machine: dict, first: int) -> str:
    """The row of a machine, whose name takes `first` characters."""
    cost = machine["cost"]
    size = ", ".join(f"{number:,} {kind}" for kind, number in cost["complexity"].items())
    file = None if cost["file_bytes"] is None else cost["file_bytes"] / 2**20
    return (
        f"{machine['label']:{first}}{_number(cost['training_seconds'], ' s'):>10}"
        f"{_number(cost['ms_per_image']['median'], digits=2):>10}"
        f"{_number(cost['peak_memory_mib'], ' MiB', 0):>10}{_number(file, ' MiB', 2):>10}  {size}"
    )


def _number(value: float | None, unit: str = "", digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def answer_text(report: dict, *, width: int = 100) -> str:
    """The answer, in lines of at most `width` characters; long commands continue after a backslash.

    Parameters
    ----------
    report : dict
        Content of a ``report.json``.
    width : int, default=100

    Returns
    -------
    str
        Without an answer, the report's main finding.
    """
    answer = report.get("answer")
    if not answer or not report["machines"]:
        return _filled(summary(report), width)
    sentences = answer_sentences(answer)
    lines = [_filled(title(report), width), "", _filled(sentences[0].text, width), ""]
    for each in sentences[1:]:
        lines.append(_filled(each.text, width, f"{each.about:<{ABOUT}}", ABOUT))
    lines += ["", *_matrix(report, width)]
    protocol = protocol_text(report)
    lines += [_filled(protocol, width, f"{'Tested':<{ABOUT}}", ABOUT), ""] if protocol else []
    for number, step in enumerate(answer.get("next") or (), 1):
        lines.append(_filled(step["text"], width, f"{number}. ", 3))
        if step.get("command"):
            lines += _command(step["command"], width)
    return "\n".join(lines).replace(NO_BREAK_SPACE, " ").rstrip()


def _filled(text: str, width: int, before: str = "", indent: int = 0) -> str:
    text = text.replace(NO_BREAK_SPACE, " ")
    return fill(text, width, initial_indent=before, subsequent_indent=" " * indent, break_on_hyphens=False)


def _matrix(report: dict, width: int) -> list[str]:
    """Is each of the others worse, by every measure? Columns that do not fit continue below."""
    found = verdict_matrix(report)
    if found is None:
        return []
    answer = report["answer"]
    lines = _filled(f"Worse than {answer['machines'][answer['chosen']]['label']}? + yes, - better, . not "
                    "established, / the measure says nothing", width).split("\n")  # fmt: skip
    names = [shorten(row["label"], width // 2, placeholder=" ...") for row in found["rows"]]
    first = max(map(len, names))
    heads = [measure["name"] for measure in found["measures"]]
    some: list[int] = []
    blocks = [some]
    for index in range(len(heads)):
        if some and first + sum(len(heads[each]) + 2 for each in [*some, index]) > width:
            some = []
            blocks.append(some)
        some.append(index)
    for block in blocks:
        lines.append(" " * first + "".join(f"  {heads[index]}" for index in block))
        for name, row in zip(names, found["rows"], strict=True):
            marks = [f"{MARKS[row['cells'][index]['state']]:^{len(heads[index])}}" for index in block]
            lines.append(f"{name:<{first}}  {'  '.join(marks)}".rstrip())
    return [*lines, ""]


def _command(command: str, width: int) -> list[str]:
    """A command in lines that a shell joins again."""
    if len(command) + 5 <= width:
        return [f"     {command}"]
    lines = [""]
    for word in shlex.split(command):
        quoted = shlex.quote(word)
        if lines[-1] and len(lines[-1]) + len(quoted) + 8 > width:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{quoted}"
    return [f"     {line}" for line in " \\\n  ".join(lines).split("\n")]

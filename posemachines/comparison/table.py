"""A report as lines of text."""

from __future__ import annotations

__all__ = ["table"]


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
    lines = [f"{'':30}{'stage':>6}{'PCK@0.1':>9}{'PCK@0.2':>9}   95 % interval @0.2"]
    for machine in machines:
        for stage in machine["accuracy"]["stages"]:
            low, high = stage["interval"]["0.2"]
            label = machine["label"] if stage["stage"] == 1 else ""
            accuracy = "".join(f"{_number(stage['pck'][limit]):>9}" for limit in ("0.1", "0.2"))
            lines.append(f"{label:30}{stage['stage']:>6}{accuracy}   {_number(low)} .. {_number(high)}")
    if parts:
        lines += ["", f"{'PCK@0.2, last stage':20}" + "".join(f"{name:>8}" for name in report["machines"])]
        for index, part in enumerate(report["dataset"]["parts"]):
            values = [machine["accuracy"]["stages"][-1]["parts"]["0.2"][index] for machine in machines]
            lines.append(f"{part:20}" + "".join(f"{_number(value):>8}" for value in values))
    lines += ["", f"{'':30}{'training':>10}{'ms/image':>10}{'memory':>10}{'on disk':>10}  size"]
    return "\n".join([*lines, *map(_cost, machines)])


def _cost(machine: dict) -> str:
    cost = machine["cost"]
    size = ", ".join(f"{number:,} {kind}" for kind, number in cost["complexity"].items())
    file = None if cost["file_bytes"] is None else cost["file_bytes"] / 2**20
    return (
        f"{machine['label']:30}{_number(cost['training_seconds'], ' s'):>10}"
        f"{_number(cost['ms_per_image']['median'], digits=2):>10}"
        f"{_number(cost['peak_memory_mib'], ' MiB', 0):>10}{_number(file, ' MiB', 2):>10}  {size}"
    )


def _number(value: float | None, unit: str = "", digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}{unit}"

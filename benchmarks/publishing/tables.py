"""Tables of the README and the docs, made from the result files so that no figure is typed by hand.

python benchmarks/publishing/tables.py            # rewrite the tables of README.md
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.publishing import forest_tables, found, net_tables

RESULTS = ROOT / "benchmarks" / "results"
TABLES = {"figures": "compare_figures.json", "lspet": "compare_lspet.json"}
HEADS = ("Machine", "Stage", "PCK@0.1", "PCK@0.2", "95 % interval @0.2")
COST_HEADS = ("Machine", "Training", "Processor time", "ms per image", "Peak memory", "Size", "On disk")


def accuracy_rows(report: dict) -> list[tuple[str, ...]]:
    """One row a machine and stage."""
    rows = []
    for machine in report["machines"].values():
        for stage in machine["accuracy"]["stages"]:
            low, high = stage["interval"]["0.2"]
            rows.append(
                (
                    machine["label"] if stage["stage"] == 1 else "",
                    str(stage["stage"]),
                    f"{stage['pck']['0.1']:.1f}",
                    f"{stage['pck']['0.2']:.1f}",
                    f"{low:.1f} .. {high:.1f}",
                )
            )
    return rows


def cost_rows(report: dict) -> list[tuple[str, ...]]:
    """One row a machine."""
    rows = []
    for machine in report["machines"].values():
        cost = machine["cost"]
        size = ", ".join(f"{_short(number)} {kind}" for kind, number in cost["complexity"].items())
        rows.append(
            (
                machine["label"],
                _duration(cost["training_seconds"]),
                _duration(cost["training_cpu_seconds"]),
                f"{cost['ms_per_image']['median']:.1f}",
                f"{cost['peak_memory_mib']:,.0f} MiB",
                size,
                _bytes(cost["file_bytes"]),
            )
        )
    return rows


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MiB" if number >= 2**20 else f"{number / 2**10:.1f} KiB"


def _short(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e6 else f"{number / 1e3:.0f} k" if number >= 1e3 else str(number)


def markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def list_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A reStructuredText list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (heads, *rows):
        cells = [cell.replace("*", "\\*") if cell != "-" else "\\-" for cell in row]  # no emphasis, no list
        lines += [f"   {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(cells)]
    return "\n".join(lines)


def read(name: str) -> dict:
    """The result file behind a table."""
    return json.loads((RESULTS / TABLES[name]).read_text(encoding="utf-8"))


def caption(report: dict) -> str:
    """What the figures of a report are measured on, in one sentence."""
    data, protocol = report["dataset"], report["protocol"]
    return (
        f"{data['train']:,} people to train on, {data['test']:,} to test on; PCK of {protocol['mean']}, reference "
        f"length {protocol['reference']}; {report['computer']['cores']} cores, "
        f"{'no GPU' if report['settings']['device'] == 'cpu' else report['settings']['device']}."
    )


def sentence(report: dict) -> str:
    """What the run says about the two machines, after their last stage."""
    difference = next(d for d in report["differences"] if (d["a"], d["b"], d["threshold"]) == ("cpm", "pm", "0.2"))
    low, high = difference["interval"]
    if not difference["significant"]:
        interval = f"95 % interval {low:.1f} to {high:.1f}, p = {difference['p_holm']:.2g} after Holm's correction"
        points = difference["difference"]
        return f"The two machines cannot be told apart at PCK@0.2: {points:.1f} points between them ({interval})."
    points = abs(difference["difference"])
    low, high = sorted((abs(low), abs(high)))
    net_leads = difference["difference"] > 0
    ahead, behind = ("the net finds", "the forests") if net_leads else ("the forests find", "the net")
    forests, net = (_duration(report["machines"][name]["cost"]["training_cpu_seconds"]) for name in ("pm", "cpm"))
    return (
        f"After the last stage {ahead} {points:.1f} points more of the joints at PCK@0.2 than {behind} "
        f"(95 % interval {low:.1f} to {high:.1f}). Training took {forests} of a "
        f"core for the forests, {net} for the net."
    )


def fill(text: str) -> str:
    """`text` with what stands between its table markers made anew."""

    def replace(match: re.Match) -> str:
        name, kind = match["name"].split()
        if name == "forest":
            return f"<!-- table: {match['name']} -->\n{fill_forest(kind)}\n<!-- end -->"
        if name == "net":
            return f"<!-- table: {match['name']} -->\n{fill_net(kind)}\n<!-- end -->"
        if name == "found":
            return f"<!-- table: {match['name']} -->\n{markdown(*found.summary())}\n<!-- end -->"
        report = read(name)
        made = {
            "accuracy": lambda: f"{caption(report)}\n\n{markdown(HEADS, accuracy_rows(report))}",
            "cost": lambda: markdown(COST_HEADS, cost_rows(report)),
            "sentence": lambda: sentence(report),
            "command": lambda: f"```\n{report['command']}\n```",
        }[kind]()
        return f"<!-- table: {match['name']} -->\n{made}\n<!-- end -->"

    return re.sub(r"<!-- table: (?P<name>[a-z]+ [a-z]+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


def fill_forest(kind: str) -> str:
    """One of the forests' tables, with its command."""
    file = {"shipped": "pm_lspet", "ablation": "pm_ablation", "speed": "forest_speed"}[kind]
    result = forest_tables.read(file)
    rows = {
        "pm_lspet": forest_tables.accuracy,
        "pm_ablation": forest_tables.ablation,
        "forest_speed": forest_tables.speed,
    }
    above = f"{forest_tables.size(result)}\n\n" if kind == "shipped" else ""
    return f"{above}{markdown(*rows[file](result))}\n\nMade by `{result['command']}`."


def fill_net(kind: str) -> str:
    """One of the nets' tables, with its command."""
    file, rows = {"shipped": ("cpm_lspet", net_tables.accuracy), "speed": ("conv_speed", net_tables.speed)}[kind]
    result = net_tables.read(file)
    above = f"{net_tables.size(result)}\n\n" if kind == "shipped" else ""
    return f"{above}{markdown(*rows(result))}\n\n{net_tables.made_by(result)}"


def main() -> None:
    """Rewrite the tables of the README."""
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

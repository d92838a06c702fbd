"""Tables of the README and the docs, made from the result files so that no figure is typed by hand.

python benchmarks/publishing/tables.py            # rewrite the tables of README.md
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.publishing import forest_tables

RESULTS = ROOT / "benchmarks" / "results"
TABLES = {"synthetic": "compare_synthetic.json", "lspet": "compare_lspet.json"}
HEADS = ("Machine", "Stage", "PCK@0.1", "PCK@0.2", "95 % interval @0.2")
COST_HEADS = ("Machine", "Training", "CPU time of training", "ms per image", "Peak memory", "Size", "File size")
MAIN = ("mean", "pm", "cpm", "hybrid", "one-stage", "encoder-decoder", "structures")  # rows of the README's table
MAIN_HEADS = ("Machine", "Stages", "PCK@0.2 [95 % interval]", "CPU time of training", "ms per image", "File size")


# -- rows -------------------------------------------------------------------------------------------------------------


def accuracy_rows(report: dict) -> list[tuple[str, ...]]:
    """One row per machine and stage."""
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
    """One row per machine."""
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


def main_rows(report: dict) -> list[tuple[str, ...]]:
    """One row per machine of `MAIN`: its last stage and its cost."""
    rows = []
    for machine in (report["machines"][name] for name in MAIN if name in report["machines"]):
        last, cost = machine["accuracy"]["stages"][-1], machine["cost"]
        low, high = last["interval"]["0.2"]
        rows.append(
            (
                machine["label"],
                str(last["stage"]),
                f"{last['pck']['0.2']:.1f} [{low:.1f}, {high:.1f}]",
                _duration(cost["training_cpu_seconds"]),
                f"{cost['ms_per_image']['median']:.1f}",
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


# -- markup -----------------------------------------------------------------------------------------------------------


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


# -- sentences --------------------------------------------------------------------------------------------------------


def read(name: str) -> dict:
    """The result file behind a table."""
    return json.loads((RESULTS / TABLES[name]).read_text(encoding="utf-8"))


def caption(report: dict) -> str:
    """What the figures of a report were measured on, in one sentence."""
    data, protocol = report["dataset"], report["protocol"]
    return (
        f"{data['train']:,} training and {data['test']:,} test subjects; PCK, {protocol['mean']}, reference length "
        f"{protocol['reference']}; {report['computer']['cores']} cores, "
        f"{'no GPU' if report['settings']['device'] == 'cpu' else report['settings']['device']}."
    )


def sentence(report: dict) -> str:
    """How the two machines compare after their last stage."""
    difference = next(d for d in report["differences"] if (d["a"], d["b"], d["threshold"]) == ("cpm", "pm", "0.2"))
    low, high = difference["interval"]
    if not difference["significant"]:
        interval = f"95 % interval {low:.1f} to {high:.1f}, p = {difference['p_holm']:.2g} after Holm's correction"
        points = difference["difference"]
        return f"The two machines do not differ significantly at PCK@0.2: {points:.1f} points ({interval})."
    points = abs(difference["difference"])
    low, high = sorted((abs(low), abs(high)))
    net_leads = difference["difference"] > 0
    ahead, behind = ("the net scores", "the forests") if net_leads else ("the forests score", "the net")
    forests, net = (_duration(report["machines"][name]["cost"]["training_cpu_seconds"]) for name in ("pm", "cpm"))
    return (
        f"After the last stage {ahead} {points:.1f} points of PCK@0.2 higher than {behind} (95 % interval {low:.1f} to "
        f"{high:.1f}). Training took {forests} of CPU time for the forests and {net} for the net."
    )


def shipped_sentence() -> str:
    """The accuracy of the machines in the package, at their default settings."""
    words = []
    for name, machine in (("pm_lspet", "the forests"), ("cpm_lspet", "the net")):
        last = forest_tables.read(name)["flip"]["stages"][-1]
        low, high = last["interval"]["0.2"]
        words.append(f"{last['pck']['0.2']:.1f} [{low:.1f}, {high:.1f}] ({machine})")
    return f"The machines in the package were trained longer and reach {' and '.join(words)}."


# -- the README -------------------------------------------------------------------------------------------------------

BLOCKS: dict[str, Callable[[], str]] = {
    "lspet main": lambda: f"{markdown(MAIN_HEADS, main_rows(read('lspet')))}\n\n{caption(read('lspet'))}",
    "lspet sentence": lambda: sentence(read("lspet")),
    "shipped sentence": shipped_sentence,
}
"""What may stand between ``<!-- table: NAME -->`` and ``<!-- end -->``."""


def fill(text: str) -> str:
    """`text` with the blocks between its table markers rebuilt; KeyError for an unknown block."""

    def rebuilt(match: re.Match) -> str:
        name = match["name"]
        return f"<!-- table: {name} -->\n{BLOCKS[name]()}\n<!-- end -->"

    return re.sub(r"<!-- table: (?P<name>[a-z ]+) -->\n.*?<!-- end -->", rebuilt, text, flags=re.DOTALL)


def main() -> None:
    """Rewrite the tables of the README."""
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

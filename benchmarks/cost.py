"""Accuracy against milliseconds, memory and training minutes: the Pareto front of both families.

Points are the machines of the comparison after one, two and three stages, the hybrids and the baselines, trained on all
people, and both machines trained on fewer. Every machine is measured one image at a time in this run; training is the
time of the processor, of all cores together, which other work on the computer hardly changes.

    python benchmarks/cost.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machines import LABELS, compile_kernels
from benchmarks.study import Study, run_study, stage_figures
from benchmarks.study_plots import colour, dress, legend
from posemachines import SequentialMachine
from posemachines._plots import INK, QUIET, SMALL, figure
from posemachines.cost import measure_inference

SIZES = (500, 1000, 2000, 4000)  # people, for the cost of training
FAMILIES = {
    "pm": "forest", "structures": "forest", "cpm": "conv", "one-stage": "conv", "net-structures": "conv",
    "hybrid": "both", "reverse": "both", "mean": "baseline", "neighbour": "baseline", "ridge": "baseline",
}  # fmt: skip
COSTS = {"ms": "One image [ms]", "cpu_minutes": "Training [minutes of a core]", "peak_mib": "Memory in training [MiB]"}


def measure(study: Study) -> None:
    """Measure every machine."""
    people, options = study.people(), study.options
    compile_kernels(options.jobs)
    points: list[dict] = []
    n_train = len(people.train.X)
    sizes = (n_train // 2,) if study.quick else tuple(size for size in SIZES if size < n_train)
    jobs = [(name, n_train) for name in LABELS] + [(name, size) for size in sizes for name in ("pm", "cpm")]
    for number, (name, size) in enumerate(jobs, 1):
        machine = study.machine(name, size)
        trained = study.trained(machine, name, n_people=size)
        figures = stage_figures(study.evaluated(trained.machine))
        whole = size == n_train
        for part, each in _prefixes(trained.machine, figures) if whole else [(trained.machine, figures[-1])]:
            inference = measure_inference(part, people.test.X, n_images=5 if study.quick else 30)
            last = each["stage"] == len(figures)
            cost = trained.record["cost"]
            points.append(
                {
                    "machine": name,
                    "family": FAMILIES[name],
                    "label": LABELS[name],
                    "people": size,
                    "stages": each["stage"],
                    "pck": each["pck"],
                    "interval": each["interval"],
                    "ms": inference["ms_per_image"]["median"],
                    "ms_p95": inference["ms_per_image"]["p95"],
                    "inference_mib": inference["peak_mib"],
                    "operations": inference["operations"],
                    "complexity": inference["complexity"],
                    "cpu_minutes": cost["cpu_seconds"] / 60 if last else None,  # of fewer stages it is not known
                    "peak_mib": cost["peak_mib"] if last else None,
                }
            )
        fronts = {what: _front(points, what) for what in COSTS}
        study.write({"points": points, "fronts": fronts}, draw, finished=number == len(jobs))


def _prefixes(machine, figures: list[dict]) -> list[tuple]:
    """The machine after one stage, two stages, ..., each with its figures."""
    stages = getattr(machine, "stages_", None)
    if not stages or len(stages) < 2:
        return [(machine, figures[-1])]
    made = []
    for number, each in enumerate(figures, 1):
        part = SequentialMachine(machine.stages_[:number], skeleton=machine.skeleton_)
        part.stages_, part.skeleton_ = machine.stages_[:number], machine.skeleton_
        made.append((part, each))
    return made


def _front(points: list[dict], what: str, threshold: str = "0.2") -> list[int]:
    """Indices of the points that no other beats in accuracy at the same cost or less."""
    known = [number for number, point in enumerate(points) if point[what] is not None]
    known.sort(key=lambda number: (points[number][what], -points[number]["pck"][threshold]))
    front: list[int] = []
    for number in known:
        if not front or points[number]["pck"][threshold] > points[front[-1]]["pck"][threshold]:
            front.append(number)
    return front


def draw(result: dict):
    """A plot a cost: all points, the front as a line."""
    families = {"forest": colour(0), "conv": colour(1), "both": colour(2), "baseline": QUIET}
    names = {"forest": "forests", "conv": "nets", "both": "hybrids", "baseline": "baselines"}
    made = figure(10.2, 3.8)
    axes = made.subplots(1, 3, sharey=True)
    for ax, (what, label) in zip(axes, COSTS.items(), strict=True):
        front = [result["points"][number] for number in result["fronts"][what]]
        ax.step([max(point[what], 1e-3) for point in front], [point["pck"]["0.2"] for point in front], where="post",
                color=INK, linewidth=0.9, alpha=0.6, zorder=1)  # fmt: skip
        for family, shade in families.items():
            points = [point for point in result["points"] if point["family"] == family and point[what] is not None]
            places = [max(point[what], 1e-3) for point in points]
            most = max(point["people"] for point in result["points"])
            sizes = [14 + 40 * np.sqrt(point["people"] / most) for point in points]
            values = [point["pck"]["0.2"] for point in points]
            ax.scatter(places, values, s=sizes, color=shade, alpha=0.85, linewidths=0, label=names[family], zorder=2)
        ax.set_xscale("log")
        dress(ax, xlabel=label, ylabel="PCK@0.2 [%]" if ax is axes[0] else "")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set_ylim(bottom=0)
    for point in [result["points"][number] for number in result["fronts"]["ms"]]:
        name = (
            f"{point['label'].split(' (')[0]}, {point['stages']}" if point["family"] != "baseline" else point["label"]
        )
        axes[0].annotate(
            name, (max(point["ms"], 1e-3), point["pck"]["0.2"]), (-4, 4), textcoords="offset points", ha="right",
            fontsize=SMALL - 1.5, color=INK,
        )  # fmt: skip
    legend(axes[1], loc="upper left")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("cost", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())

"""Accuracy against milliseconds, memory and training minutes: the Pareto front of both families.

Points are the machines of the comparison after one, two and three stages, the hybrids and the baselines, trained on all
subjects, and both machines trained on fewer. The peer, trained elsewhere, is excluded from the fronts. Prediction is
measured in this run, one image at a time. Training is measured in CPU time, summed over all cores, which depends less
on other load than wall-clock time.

    python benchmarks/studies/cost.py
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study, stage_figures
from benchmarks.studies.study_plots import colour, dress
from posemachines import SequentialMachine
from posemachines._utils.figures import INK, QUIET, SMALL, figure
from posemachines.comparison.machines import LABELS, PEERS, compile_kernels, installed
from posemachines.profiling.cost import measure_inference

SIZES = (500, 2000)  # training subjects, for the cost of training
FAMILIES = {
    "pm": "forest", "pm-pretrained": "forest", "structures": "forest",
    "cpm": "conv", "cpm-lite": "conv", "one-stage": "conv", "net-structures": "conv",
    "hybrid": "both", "reverse": "both", "encoder-decoder": "conv", "deep-pose": "conv",
    "mean": "baseline", "neighbour": "baseline", "ridge": "baseline", "cascade": "baseline", "dlib": "baseline",
    "mediapipe": "peer",
}  # fmt: skip
STYLES = {
    "forest": ("forests", colour(0), "o"), "conv": ("nets", colour(1), "s"), "both": ("hybrids", colour(2), "D"),
    "baseline": ("baselines", QUIET, "^"), "peer": ("peer, off-protocol", QUIET, "X"),
}  # fmt: skip
SIDES = (  # of a point, where its number may be written, the best first: a front is empty above and to its left
    (-0.8, 0.75), (-1.05, 0), (0, 0.95), (-1.05, 0.4), (-0.4, 1), (0.8, 0.75), (0.4, 1), (0.8, -0.75), (0, -1),
    (-0.8, -0.75), (1.05, 0),
)  # fmt: skip
COSTS = {"ms": "Time per image [ms]", "cpu_minutes": "Training [core minutes]", "peak_mib": "Training memory [MiB]"}


def measure(study: Study) -> None:
    """Measure every machine."""
    people, options = study.people(), study.options
    compile_kernels(options.jobs)
    points: list[dict] = []
    n_train = len(people.train)
    sizes = (n_train // 2,) if study.quick else tuple(size for size in SIZES if size < n_train)
    jobs = [(name, n_train) for name in installed()] + [(name, size) for size in sizes for name in ("pm", "cpm")]
    for number, (name, size) in enumerate(jobs, 1):
        machine = study.machine(name, size)
        trained = study.trained(machine, name, n_train=size)
        figures = stage_figures(study.evaluated(trained.machine))
        whole = size == n_train
        for part, each in _prefixes(trained.machine, figures) if whole else [(trained.machine, figures[-1])]:
            inference = measure_inference(part, people.test.X, n_images=5 if study.quick else 30)
            known = each["stage"] == len(figures) and name not in PEERS
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
                    "cpu_minutes": cost["cpu_seconds"] / 60 if known else None,  # unknown for fewer stages
                    "peak_mib": cost["peak_mib"] if known else None,
                }
            )
        fronts = {what: _front(points, what) for what in COSTS}
        study.write({"points": points, "fronts": fronts}, draw, finished=number == len(jobs))


def _prefixes(machine, figures: list[dict]) -> list[tuple]:
    """The machine after one, two, ... stages, with its accuracy; a hybrid only once it has both kinds of stages."""
    stages = getattr(machine, "stages_", None)
    if not stages or len(stages) < 2:
        return [(machine, figures[-1])]
    made, kinds = [], {type(stage) for stage in stages}
    for number, each in enumerate(figures, 1):
        if {type(stage) for stage in stages[:number]} < kinds:
            continue  # another machine, which has its own points
        part = SequentialMachine(
            machine.stages_[:number], skeleton=machine.skeleton_, device=getattr(machine, "device", "auto"),
            n_jobs=machine.n_jobs,
        )  # fmt: skip
        part.stages_, part.skeleton_, part.crop_size_ = machine.stages_[:number], machine.skeleton_, machine.crop_size_
        made.append((part, each))
    return made


def _front(points: list[dict], what: str, threshold: str = "0.2") -> list[int]:
    """Indices of the points than which no other is more accurate at the same cost or less."""
    known = [number for number, point in enumerate(points) if point[what] is not None and point["machine"] not in PEERS]
    known.sort(key=lambda number: (points[number][what], -points[number]["pck"][threshold]))
    front: list[int] = []
    for number in known:
        if not front or points[number]["pck"][threshold] > points[front[-1]]["pck"][threshold]:
            front.append(number)
    return front


def draw(result: dict):
    """One plot per cost: all points and the front as a line; a legend below names the numbered points."""
    numbers = _numbered(result)
    made = figure(9.6, 5.6 + 0.12 * max(len(numbers) - 18, 0))
    axes = made.subplots(1, len(COSTS), sharey=True)
    for ax, (what, label) in zip(axes, COSTS.items(), strict=True):
        _draw_points(ax, result, what)
        dress(ax, xlabel=label, ylabel="PCK@0.2 [%]" if ax is axes[0] else "")
        ax.set_ylim(bottom=0)
    _name_all(made, result, numbers)
    made.draw_without_rendering()  # now axes have their places
    for ax, what in zip(axes, COSTS, strict=True):
        _write_numbers(ax, result, numbers, what)
    return made


def _place(point: dict, what: str) -> float:
    """Where a point stands on a logarithmic axis."""
    return max(point[what], 1e-3)


def _shown(result: dict, what: str) -> list[int]:
    """Indices of the points of a plot: all whose cost is known, but the mean pose while others are there."""
    known = [number for number, point in enumerate(result["points"]) if point[what] is not None]
    return [number for number in known if result["points"][number]["machine"] != "mean"] or known


def _numbered(result: dict) -> dict[int, int]:
    """Numbers, from the most accurate on, of the points of a front, and of each machine in full and of all people."""
    points = result["points"]
    front = {number for numbers in result["fronts"].values() for number in numbers}
    most = max(point["people"] for point in points)
    last = {number for number, point in enumerate(points) if point["people"] == most and _stages(result, point) == ""}
    chosen = [number for number in front | last if points[number]["machine"] != "mean"]
    chosen.sort(key=lambda number: (-points[number]["pck"]["0.2"], number))
    return {point: number for number, point in enumerate(chosen, 1)}


def _stages(result: dict, point: dict) -> str:
    """How many stages of its machine a point has; empty if it has all of them."""
    most = max(each["stages"] for each in result["points"] if each["machine"] == point["machine"])
    return "" if point["stages"] == most else f", {point['stages']} of {most} stages"


def _draw_points(ax, result: dict, what: str) -> None:
    """All points for one cost, the front and the mean pose."""
    points, shown = result["points"], _shown(result, what)
    most = max(point["people"] for point in points)
    for family, (_, shade, marker) in STYLES.items():
        chosen = [points[number] for number in shown if points[number]["family"] == family]
        ax.scatter(
            [_place(point, what) for point in chosen], [point["pck"]["0.2"] for point in chosen],
            [_area(point["people"] / most) for point in chosen], color=shade, marker=marker, alpha=0.85, linewidths=0,
        )  # fmt: skip
    places = [_place(points[number], what) for number in shown]
    ax.set_xscale("log")
    ax.set_xlim(min(places) / 1.6, 1.6 * max(places))
    _tick(ax)
    mean = [point["pck"]["0.2"] for point in points if point["machine"] == "mean"][:1]
    for value in mean:
        ax.axhline(value, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        ax.annotate(
            "mean pose", (1, value), (-2, -3), xycoords=ax.get_yaxis_transform(), textcoords="offset points",
            ha="right", va="top", fontsize=SMALL, color=QUIET,
        )  # fmt: skip
    front = [points[number] for number in result["fronts"][what] if number in shown]
    if front:
        xs, ys = [_place(point, what) for point in front], [point["pck"]["0.2"] for point in front]
        ax.step([xs[0], *xs, ax.get_xlim()[1]], [*(mean or [0]), *ys, ys[-1]], where="post", color=INK, linewidth=0.9,
                alpha=0.6, zorder=1)  # fmt: skip


def _tick(ax) -> None:
    """Ticks of a logarithmic axis at 1, 2, 5, 10, ..., or only at powers of ten if these would be too many."""
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high / low < 1e3 else (1,)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    ticks = [step * power for power in powers for step in steps if low <= step * power <= high]
    ax.set_xticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _area(share: float) -> float:
    """Area of a point whose machine was trained on a share of the subjects."""
    return 10 + 36 * np.sqrt(share)


def _name_all(made, result: dict, numbers: dict[int, int]) -> None:
    """Legends: families and sizes above, the machine of each number below."""
    points = result["points"]
    sizes = sorted({point["people"] for point in points})
    families = {point["family"] for point in points}
    ax, below = made.axes[0], []
    above = [_key(ax, name, shade, marker) for family, (name, shade, marker) in STYLES.items() if family in families]
    for size in sorted({sizes[0], sizes[-1]}):
        above.append(_key(ax, f"{size:,} subjects", INK, "o", size / sizes[-1], True))
    above += ax.plot([], [], color=INK, linewidth=0.9, alpha=0.6, label="front")
    for index, number in numbers.items():
        point = points[index]
        people = "" if point["people"] == sizes[-1] else f", {point['people']:,} subjects"
        label = f"{number}  {point['label']}{_stages(result, point)}{people}"
        below.append(_key(ax, label, *STYLES[point["family"]][1:], point["people"] / sizes[-1]))
    common = {"frameon": False, "fontsize": SMALL, "labelcolor": INK, "handletextpad": 0.4}
    made.legend(handles=above, loc="outside upper center", ncols=len(above), columnspacing=1.6, **common)
    made.legend(handles=below, loc="outside lower center", ncols=3, handlelength=1.2, labelspacing=0.35, **common)


def _key(ax, label: str, shade: str, marker: str, share: float = 1.0, hollow: bool = False):
    """A point for the legend."""
    face, edge = ("none", 0.8) if hollow else (shade, 0)
    return ax.plot([], [], color=shade, markerfacecolor=face, marker=marker, linestyle="none", label=label,
                   markeredgewidth=edge, markersize=np.sqrt(_area(share)))[0]  # fmt: skip


def _write_numbers(ax, result: dict, numbers: dict[int, int], what: str) -> None:
    """Write each number close to its point, clear of other points and numbers; those on the front in bold."""
    points, shown = result["points"], _shown(result, what)
    scale = 72 / ax.figure.dpi
    spots = {n: scale * ax.transData.transform((_place(points[n], what), points[n]["pck"]["0.2"])) for n in shown}
    taken = [(spot, (7.1, 6.7)) for spot in spots.values()]  # centres, and how far from them a number must be
    for index in sorted(set(shown) & set(numbers), key=numbers.get):
        free = []
        for radius, (rank, side) in itertools.product((9, 11, 14, 18), enumerate(SIDES)):
            offset = radius * np.array(side)
            apart = min(np.max(np.abs(spots[index] + offset - spot) / size) for spot, size in taken)
            free.append((min(apart, 1) - 0.012 * radius - 0.01 * rank, offset))
        offset = max(free, key=lambda each: each[0])[1]
        taken.append((spots[index] + offset, (12, 8.5)))
        bold = "bold" if index in result["fronts"][what] else "normal"
        ax.annotate(
            f"{numbers[index]}", (_place(points[index], what), points[index]["pck"]["0.2"]), offset,
            textcoords="offset points", ha="center", va="center", fontsize=SMALL, fontweight=bold,
            color=STYLES[points[index]["family"]][1], annotation_clip=False, zorder=1.5,
            bbox={"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("cost", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())

"""Blur, noise, JPEG, darkness, occlusion, wrong centres, wrong sizes and rotation: accuracy against severity.

The machines are those of the comparison, trained on clean crops (nets with random rotation, scale and shift, forests
without). Distances are measured in the photo, so that a smaller subject is not easier to hit.

    python benchmarks/studies/robustness.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.disturbances import DISTURBANCES, disturbed
from benchmarks.studies.study import Study, at_last, run_study, stage_figures
from benchmarks.studies.study_plots import colour, dress, legend
from posemachines._utils.figures import SMALL, figure
from posemachines.comparison.machines import LABELS, compile_kernels


def measure(study: Study) -> None:
    """Evaluate both machines under every disturbance."""
    people, options = study.people(), study.options
    compile_kernels(options.jobs)
    machines = {}
    for name in ("pm", "cpm"):
        machine = study.machine(name)
        machines[name] = study.trained(machine, name).machine
    clean = {name: _figures(study, machine) for name, machine in machines.items()}
    found: dict[str, list[dict]] = {}
    for kind, disturbance in DISTURBANCES.items():
        found[kind] = []
        for severity in disturbance.severities[:: 3 if study.quick else 1]:
            crops = disturbed(people.test, people.photos, kind, severity, options.seed)
            row = {name: _figures(study, machine, crops) for name, machine in machines.items()}
            found[kind].append({"severity": severity, **row})
            print(kind, severity, {name: row[name]["pck"]["0.2"] for name in row}, flush=True)
        labels = {name: each.label for name, each in DISTURBANCES.items()}
        content = {"clean": clean, "labels": labels, "disturbances": found}
        study.write(content, draw, finished=kind == list(DISTURBANCES)[-1])


def _figures(study: Study, machine, crops=None) -> dict:
    last = stage_figures(study.evaluated(machine, crops))[-1]
    return {name: last[name] for name in ("pck", "interval")}


def draw(result: dict):
    """One small plot per disturbance: PCK@0.2 of both machines over severity, clean crops at the left."""
    kinds = list(result["disturbances"])
    made = figure(9.0, 2.5 * -(-len(kinds) // 3))
    axes = made.subplots(-(-len(kinds) // 3), 3, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(kinds) :]:
        ax.set_visible(False)
    for ax, kind in zip(axes.ravel(), kinds, strict=False):
        rows = result["disturbances"][kind]
        places = np.arange(len(rows) + 1)
        for number, name in enumerate(("pm", "cpm")):
            values = np.array([at_last([each]) for each in (result["clean"][name], *(row[name] for row in rows))])
            ax.fill_between(places, values[:, 1], values[:, 2], color=colour(number), alpha=0.18, linewidth=0)
            ax.plot(places, values[:, 0], color=colour(number), marker="os"[number], markersize=3.5, label=LABELS[name])
        dress(ax, xlabel=result["labels"][kind], ylabel="PCK@0.2 [%]" if ax in axes[:, 0] else "")
        ax.set_xticks(places, ["clean", *(f"{row['severity']:g}" for row in rows)], fontsize=SMALL)
        ax.set_ylim(bottom=0)
    legend(axes[0, 0], loc="lower left")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("robustness", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())

"""Accuracy of both machines with 50 to 8000 training subjects: where do the curves cross?

Both are trained on the first subjects of the training set; a net makes more passes over fewer subjects (16,000 crops in
all, 11 to 100 passes). The intervals describe these trained machines; another sample of 50 subjects would add further
variation.

    python benchmarks/studies/sample_efficiency.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study, stage_figures
from benchmarks.studies.study_plots import lines
from posemachines.comparison.machines import LABELS, compile_kernels
from posemachines.evaluation import compare_machines
from posemachines.report import differences_to_json

SIZES = (50, 100, 200, 500, 1000, 2000, 4000, 8000)


def measure(study: Study) -> None:
    """Train both machines at every size."""
    options = study.options
    sizes = (12, 24) if study.quick else tuple(size for size in SIZES if size <= options.train)
    compile_kernels(options.jobs)
    rows, differences = [], []
    for size in sizes:
        row, distances = {"people": size, "machines": {}}, {}
        for name in ("pm", "cpm"):
            machine = study.machine(name, size)
            trained = study.trained(machine, name, n_train=size)
            evaluation = study.evaluated(trained.machine)
            distances[name] = evaluation.distances[-1]
            cost = trained.record["cost"]
            row["machines"][name] = {"stages": stage_figures(evaluation), "cpu_seconds": cost["cpu_seconds"]}
        rows.append(row)
        found = differences_to_json(compare_machines(distances, n_resamples=study.resamples))
        differences += [{"people": size, **each} for each in found]
        study.write({"sizes": rows, "differences": differences}, draw, finished=size == sizes[-1])


def draw(result: dict):
    """PCK@0.2 of both machines over the number of training subjects."""
    series = {
        LABELS[name]: [
            (row["people"], stage["pck"]["0.2"], stage["interval"]["0.2"])
            for row in result["sizes"]
            for stage in [row["machines"][name]["stages"][-1]]
        ]
        for name in ("pm", "cpm")
    }
    return lines(series, xlabel="Training subjects", ylabel="PCK@0.2 [%], with 95 % interval", log=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("sample_efficiency", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())

"""Four ways to train a net with three stages: is joint training with a loss at every stage the best?

Figure 6b of "Convolutional Pose Machines" (CVPR 2016): joint training with intermediate supervision beats training
stage by stage, which nearly catches up when followed by joint training; joint training with a single loss at the end is
the worst. All strategies make the same number of passes over the training subjects.

    python benchmarks/studies/training_strategies.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study, stage_figures
from benchmarks.studies.study_plots import curves
from posemachines.evaluation import compare_machines
from posemachines.report import differences_to_json

LABELS = {
    "joint": "joint, a loss at every stage",
    "stagewise+joint": "stage by stage, then joint",
    "stagewise": "stage by stage (greedy)",
    "joint-without-supervision": "joint, one loss at the end",
}


def measure(study: Study) -> None:
    """Train with every strategy, and compare them."""
    found, distances = {}, {}
    for name, label in LABELS.items():
        machine = study.machine("cpm", **({"epochs": 3} if study.quick else {}))
        machine.set_params(training=name)
        trained = study.trained(machine, "cpm" if name == "joint" else f"cpm-{name}")
        evaluation = study.evaluated(trained.machine)
        distances[name] = evaluation.distances[-1]
        cost = trained.record["cost"]
        found[name] = {"label": label, "stages": stage_figures(evaluation), "cpu_seconds": cost["cpu_seconds"]}
        differences = differences_to_json(compare_machines(distances, n_resamples=study.resamples))
        study.write({"strategies": found, "differences": differences}, draw, finished=name == list(LABELS)[-1])
        print(f"{label}: {found[name]['stages'][-1]['pck']}", flush=True)


def draw(result: dict):
    """PCK curves of the last stage of every strategy."""
    series = {each["label"]: each["stages"][-1] for each in result["strategies"].values()}
    return curves(series, reference=result["reference"])


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("training_strategies", __doc__, measure, arguments, n_train=4000)


if __name__ == "__main__":
    sys.exit(main())

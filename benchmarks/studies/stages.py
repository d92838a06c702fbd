"""One to six stages of both machines: does accuracy rise with the number of stages, and where does it stop?

Figure 6c of "Convolutional Pose Machines" (CVPR 2016): accuracy rises up to about five stages. Forests are trained
stage by stage, so the first stages of a machine with six are the machine with fewer stages. The net is trained anew for
every number of stages.

    python benchmarks/studies/stages.py
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


def measure(study: Study) -> None:
    """Train, and compare each number of stages with one stage less."""
    most = 3 if study.quick else 6
    found, distances = {"pm": {}, "cpm": {}}, {"pm": {}, "cpm": {}}

    def write(finished: bool) -> None:
        steps = {
            name: [
                each
                for number in sorted(known)
                if number - 1 in known
                for each in differences_to_json(
                    compare_machines(
                        {f"{number - 1}": known[number - 1], f"{number}": known[number]}, n_resamples=study.resamples
                    )
                )
            ]
            for name, known in distances.items()
        }
        content = {name: [known[number] for number in sorted(known)] for name, known in found.items()}
        study.write({"machines": content, "steps": steps}, draw, finished=finished)

    compile_kernels(study.options.jobs)
    trained = study.trained(study.machine("pm", stages=most), "pm")
    evaluation = study.evaluated(trained.machine)
    for number, figures in enumerate(stage_figures(evaluation), 1):
        found["pm"][number] = {"n_stages": number, **figures}
        distances["pm"][number] = evaluation.distances[number - 1]
    write(False)
    numbers = [3, *(each for each in range(1, most + 1) if each != 3)]  # 3 may be trained already
    for number in numbers:
        trained = study.trained(study.machine("cpm", stages=number), "cpm")
        evaluation = study.evaluated(trained.machine)
        last = stage_figures(evaluation)[-1]
        cpu = trained.record["cost"]["cpu_seconds"]
        found["cpm"][number] = {"n_stages": number, "cpu_seconds": cpu, "staged": stage_figures(evaluation), **last}
        distances["cpm"][number] = evaluation.distances[-1]
        write(number == numbers[-1])


def draw(result: dict):
    """PCK over the number of stages, both machines."""
    series = {
        LABELS[name]: [(each["n_stages"], each["pck"]["0.2"], each["interval"]["0.2"]) for each in rows]
        for name, rows in result["machines"].items()
        if rows
    }
    return lines(series, xlabel="Stages", ylabel="PCK@0.2 [%], with 95 % interval", whole=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("stages", __doc__, measure, arguments, n_train=4000)


if __name__ == "__main__":
    sys.exit(main())

"""Do gradients of early layers vanish without intermediate supervision?

Figure 5 of "Convolutional Pose Machines" (CVPR 2016): histograms of gradient magnitudes layer by layer, early, in the
middle and late in training, with a loss at every stage and with one at the end. Here for net A of the paper (plain
convolutions, Gaussian first weights) and for cpm-lite, whose residual blocks let gradients through. The magnitudes are
those of the last step of an epoch, before they are clipped.

    python benchmarks/gradient_flow.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machines import default_epochs
from benchmarks.study import Study, run_study, stage_figures
from benchmarks.study_plots import colour, dress, legend
from posemachines import ConvPoseMachine, ConvStage
from posemachines._plots import INK, QUIET, figure
from posemachines.conv import JointTraining
from posemachines.conv.gradients import GRADIENT_EDGES

N_STAGES = 3
NETS = {"cvpr": "Net A of the paper", "lite": "cpm-lite"}
SUPERVISION = {"all": "a loss at every stage", "last": "one loss at the end"}
WHEN = ("early", "middle", "late")


def measure(study: Study) -> None:
    """Train both nets both ways, and keep the histograms of three epochs."""
    people, options = study.people(), study.options
    n_train, found = len(people.train.X), {}
    for net in NETS:
        found[net] = {}
        for supervision in SUPERVISION:
            epochs = 3 if study.quick else default_epochs(n_train) if net == "lite" else 6
            common = {"epochs": epochs, "device": options.device, "n_jobs": options.jobs}
            widths = {"stem_width": 16, "feature_width": 16, "stage_width": 16, "stage_coarse_width": 16}
            own = {"network": "cvpr", "init": "gaussian", "batch_size": 16}
            if net == "lite":
                own = widths if study.quick else {}
            machine = ConvPoseMachine(
                N_STAGES, stage=ConvStage(**common, **own), skeleton=people.skeleton, random_state=options.seed,
                training=JointTraining(supervision, gradients=True),
            )  # fmt: skip
            trained = study.trained(machine, f"gradients-{net}-{supervision}", 4 if study.quick else None)
            history = trained.record["history"]
            chosen = dict(zip(WHEN, (0, len(history) // 2, len(history) - 1), strict=True))
            found[net][supervision] = {
                "epochs": {when: history[number]["epoch"] for when, number in chosen.items()},
                "layers": {when: history[number]["gradients"] for when, number in chosen.items()},
                "stages": stage_figures(study.evaluated(trained.machine)),
            }
            first = found[net][supervision]["layers"]["early"][0]["std"]
            print(f"{net}, {SUPERVISION[supervision]}: first layer, early: {first:.2g}", flush=True)
            finished = (net, supervision) == (list(NETS)[-1], list(SUPERVISION)[-1])
            study.write({"edges": GRADIENT_EDGES.tolist(), "nets": found}, draw, finished=finished)


def draw(result: dict):
    """Root mean square of the gradients over depth, three times in training; and histograms of the first layer."""
    nets = result["nets"]
    made = figure(9.6, 3.1 * len(nets))
    axes = made.subplots(len(nets), 4, squeeze=False, gridspec_kw={"width_ratios": (1, 1, 1, 0.9)})
    for row, (net, found) in zip(axes, nets.items(), strict=True):
        for ax, when in zip(row, WHEN, strict=False):
            for number, (supervision, each) in enumerate(found.items()):
                values = [layer["std"] for layer in each["layers"][when]]
                ax.plot(
                    np.arange(1, len(values) + 1), np.maximum(values, 1e-12), color=colour(number), marker="os"[number],
                    markersize=2.8, linewidth=1.3, label=SUPERVISION[supervision],
                )  # fmt: skip
            ax.set_yscale("log")
            dress(ax, xlabel="convolution, from the image on", ylabel="RMS gradient" if when == "early" else "")
            ax.set_title(f"{NETS[net]}, {when}", fontsize=8.5, fontweight="bold", color=INK)
        limits = [ax.get_ylim() for ax in row[:3]]
        for ax in row[:3]:
            ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        middles = (np.array(result["edges"])[:-1] + np.array(result["edges"])[1:]) / 2
        for number, each in enumerate(found.values()):
            shares = 100 * np.array(each["layers"]["early"][0]["histogram"])
            row[3].fill_between(middles, shares, color=colour(number), alpha=0.45)
        dress(row[3], xlabel="log10 of the gradient", ylabel="share [%]")
        row[3].set_title("first layer, early", fontsize=8.5, fontweight="bold", color=QUIET)
    legend(axes[0, 0], loc="best")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("gradient_flow", __doc__, measure, arguments, n_train=1000)


if __name__ == "__main__":
    sys.exit(main())

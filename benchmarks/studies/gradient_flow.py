"""Do gradients of early layers vanish without intermediate supervision?

Figure 5 of "Convolutional Pose Machines" (CVPR 2016): histograms of gradient magnitudes layer by layer, early, in the
middle and late in training, with a loss at every stage and with a single one at the end. Here for net A of the paper
(plain convolutions, Gaussian initial weights) and for cpm-lite, whose residual blocks let gradients through. The
magnitudes are those of the last step of an epoch, before gradient clipping.

    python benchmarks/studies/gradient_flow.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study, stage_figures
from benchmarks.studies.study_plots import colour, dress
from posemachines import ConvPoseMachine, ConvStage
from posemachines._utils.figures import INK, MEDIUM, QUIET, SMALL, figure
from posemachines.conv import JointTraining
from posemachines.conv.networks.network import Design
from posemachines.conv.trainer.gradients import GRADIENT_EDGES

N_STAGES = 3
NETS = {"cvpr": "Net A of the paper", "lite": "cpm-lite"}  # as the result files name them
NETWORKS = {"cvpr": "cpm", "lite": "cpm-lite"}
SUPERVISION = {"all": "a loss at every stage", "last": "one loss at the end"}
WHEN = ("early", "middle", "late")


def measure(study: Study) -> None:
    """Train both nets both ways, and keep the histograms of three epochs."""
    people, options = study.people(), study.options
    found: dict[str, dict] = {}
    for net in NETS:
        found[net] = {}
        for supervision in SUPERVISION:
            epochs = 3 if study.quick else "auto" if net == "lite" else 6
            machine = ConvPoseMachine(
                N_STAGES, stage=_stage(net, study.quick), skeleton=people.skeleton, random_state=options.seed,
                training=JointTraining(supervision=supervision, epochs=epochs, record_gradients=True),
                device=options.device, n_jobs=options.jobs,
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


def _stage(net: str, quick: bool) -> ConvStage:
    """The stage of a net: as published, or the default, narrow in a quick run."""
    if net == "cvpr":
        return ConvStage(network="cpm", init="gaussian")
    narrow = {"stem_width": 16, "feature_width": 16, "stage_width": 16, "stage_coarse_width": 16}
    return ConvStage(network="cpm-lite", **narrow if quick else {})


def in_order(net: str, layers: list[dict]) -> list[tuple[int, dict]]:
    """Each layer with the number of its stage, from the image on; a trunk belongs to the first stage that reads it."""
    trunk_of = Design(NETWORKS[net]).trunk_of([number > 0 for number in range(N_STAGES)])
    found = []
    for layer in layers:
        part, number = layer["name"].split(".")[:2]
        found.append((1 + (trunk_of.index(int(number)) if part == "trunks" else int(number)), layer))
    return sorted(found, key=lambda each: (each[0], each[1]["name"].startswith("heads.")))


def quantiles(histogram, edges, shares: tuple[float, ...]) -> np.ndarray:
    """Quantiles of the magnitudes in a histogram; NaN if it is empty."""
    below = np.concatenate([[0], np.cumsum(histogram)])
    if below[-1] == 0:
        return np.full(len(shares), np.nan)
    return 10 ** np.interp(np.array(shares) * below[-1], below, edges)


def draw(result: dict):
    """Gradient magnitudes from the image on, at three times in training; below, histograms of the first layer."""
    nets, edges = result["nets"], np.array(result["edges"])
    made = figure(9.4, 4.2 * len(nets))
    parts = {"height_ratios": (3, 1) * len(nets)}
    axes = made.subplots(2 * len(nets), len(WHEN), sharey="row", squeeze=False, gridspec_kw=parts)
    for number, (net, found) in enumerate(nets.items()):
        epochs = next(iter(found.values()))["epochs"]
        for when, above, below in zip(WHEN, axes[2 * number], axes[2 * number + 1], strict=True):
            layers = {supervision: in_order(net, each["layers"][when]) for supervision, each in found.items()}
            first = when == WHEN[0]
            _draw_layers(above, layers, edges)
            dress(above, xlabel="Convolution, counted from the image", ylabel="Non-zero gradients" if first else "")
            _draw_first(below, layers, edges)
            dress(below, xlabel="First convolution: non-zero gradients", ylabel="Share [%]" if first else "")
            title = f"{NETS[net]}, {when}: epoch {epochs[when]} of {epochs[WHEN[-1]]}"
            above.set_title(title, fontsize=MEDIUM, fontweight="bold", color=INK, pad=18)
        for ax in axes[2 * number]:
            _mark_stages(ax, [stage for stage, _ in next(iter(layers.values()))])
        low, high = axes[2 * number, 0].get_ylim()
        for ax in axes[2 * number + 1]:
            ax.set_xlim(low, 10 * high)
    handles, names = axes[0, 0].get_legend_handles_labels()
    names = [f"{name}: median, and the middle 80 %" for name in names[::2]]
    handles = list(zip(handles[::2], handles[1::2], strict=True))  # a band and its line each
    where = {"loc": "outside upper center", "ncols": 2}
    made.legend(handles, names, **where, frameon=False, fontsize=MEDIUM, labelcolor=INK, handlelength=3.2)
    return made


def _draw_layers(ax, layers: dict[str, list[tuple[int, dict]]], edges: np.ndarray) -> None:
    """Median and middle 80 % of the gradients of every layer; a cross marks layers in which all are zero."""
    for number, (supervision, found) in enumerate(layers.items()):
        places = np.arange(1, len(found) + 1)
        low, middle, high = np.array([quantiles(each["histogram"], edges, (0.1, 0.5, 0.9)) for _, each in found]).T
        shade, name = colour(number), SUPERVISION[supervision]
        ax.fill_between(places, low, high, color=shade, alpha=0.2, linewidth=0, label=name)
        ax.plot(places, middle, color=shade, marker="os"[number], markersize=3, linewidth=1.3, label=name)
        dead = places[np.isnan(middle)]
        ax.plot(dead, np.full(len(dead), 0.03), "x", color=shade, markersize=5, transform=ax.get_xaxis_transform())
        for place in dead:
            ax.annotate(
                "all 0", (place, 0.03), (5, 0), xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                va="center", fontsize=SMALL, color=shade,
            )  # fmt: skip
    ax.set_yscale("log")
    ax.minorticks_off()


def _draw_first(ax, layers: dict[str, list[tuple[int, dict]]], edges: np.ndarray) -> None:
    """Histograms of the first layer's gradients."""
    for number, found in enumerate(layers.values()):
        shares = 100 * np.array(found[0][1]["histogram"])
        ax.stairs(shares, 10**edges, fill=True, color=colour(number), alpha=0.35)
        ax.stairs(shares, 10**edges, color=colour(number), linewidth=1)
    ax.set_xscale("log")
    ax.minorticks_off()


def _mark_stages(ax, stages: list[int]) -> None:
    """Borders between stages, and their names at the top."""
    for stage in sorted(set(stages)):
        first, last = stages.index(stage) + 1, len(stages) - stages[::-1].index(stage)
        if stage > 1:
            ax.axvline(first - 0.5, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)))
        ax.annotate(
            f"stage {stage}", ((first + last) / 2, 1), (0, 3), xycoords=ax.get_xaxis_transform(),
            textcoords="offset points", ha="center", fontsize=SMALL, color=QUIET,
        )  # fmt: skip
    ax.set(xlim=(0.3, len(stages) + 0.7), xticks=[1, *range(5, len(stages) + 1, 5)])


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("gradient_flow", __doc__, measure, arguments, n_train=1000)


if __name__ == "__main__":
    sys.exit(main())

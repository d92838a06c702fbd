"""Plot of the comparison on photos, from its result file: PCK curves by stage, and of all kinds of machines.

    python benchmarks/publishing/compare_plot.py

Writes ``docs/images/compare_lspet.png``; ``make figures`` runs it after the comparison.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.publishing import results_file
from benchmarks.studies.study_plots import STYLES, colour, dress, legend
from posemachines._utils.figures import INK, MEDIUM, QUIET, figure

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
OF_STAGES = {"pm": "Forests", "cpm": "Net"}


def draw(report: dict):
    """Three panels: the forests by stage, the net by stage, and the last stages of the main machines."""
    made = figure(10.2, 3.7)
    axes = made.subplots(1, 3, sharey=True)
    machines, thresholds = report["machines"], report["protocol"]["thresholds"]
    for ax, (name, title), shade in zip(axes, OF_STAGES.items(), (colour(0), colour(1)), strict=False):
        stages = machines[name]["accuracy"]["stages"]
        for number, stage in enumerate(stages):
            style = STYLES[0] if number == len(stages) - 1 else STYLES[2 - number % 2]
            _curve(
                ax, thresholds, stage, shade, style, f"stage {stage['stage']}", 0.45 + 0.55 * (number + 1) / len(stages)
            )
        _curve(ax, thresholds, machines["mean"]["accuracy"]["stages"][-1], QUIET, STYLES[2], "mean pose", 1.0)
        ax.set_title(f"{title}, stage by stage", fontsize=MEDIUM, color=INK, fontweight="bold")
    chosen = [name for name in ("pm", "cpm", "hybrid", "reverse", "one-stage", "encoder-decoder") if name in machines]
    for number, name in enumerate(chosen):
        last = machines[name]["accuracy"]["stages"][-1]
        shade = INK if name == "encoder-decoder" else colour(number)
        _curve(axes[2], thresholds, last, shade, STYLES[number % len(STYLES)], machines[name]["label"], 1.0)
    axes[2].set_title("After the last stage", fontsize=MEDIUM, color=INK, fontweight="bold")
    for ax in axes:
        ylabel = "PCK [%]" if ax is axes[0] else ""
        dress(ax, xlabel=f"Allowed distance [× {report['protocol']['reference']}]", ylabel=ylabel)
        ax.set(xlim=(0, thresholds[-1]), ylim=(0, 100))
        legend(ax, loc="upper left")
    return made


def _curve(ax, thresholds, stage: dict, shade: str, style, label: str, strength: float) -> None:
    """One curve with its 95 % band."""
    band = stage["curve_interval"]
    ax.fill_between(thresholds, band["low"], band["high"], color=shade, alpha=0.15, linewidth=0)
    ax.plot(thresholds, stage["curve"], color=shade, linestyle=style, linewidth=1.7, label=label, alpha=strength)


def main() -> int:
    """Plot the committed result."""
    draw(results_file.read("compare_lspet")).savefig(IMAGES / "compare_lspet.png", dpi=160, facecolor="white")
    return 0


if __name__ == "__main__":
    sys.exit(main())

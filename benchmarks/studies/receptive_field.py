"""Does accuracy rise with the receptive field, and where does it saturate?

Figure 4 of "Convolutional Pose Machines" (CVPR 2016). One-stage nets with the same number of parameters and growing
receptive fields: with more 3x3 residual blocks at stride 8, and fewer channels. The library computes the receptive
field of each. Depth grows along with it, as it did in the paper.

    python benchmarks/studies/receptive_field.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bisect
import itertools

from benchmarks.studies.study import CROP, Study, run_study, stage_figures
from benchmarks.studies.study_plots import lines
from posemachines import ConvPoseMachine, ConvStage
from posemachines.conv import build_network, network_facts
from posemachines.evaluation import compare_machines
from posemachines.metrics import reference_length
from posemachines.report import differences_to_json

BLOCKS = (0, 1, 2, 3, 4, 6, 9)
PARAMETERS = 1_000_000


def measure(study: Study) -> None:
    """Train a net for every receptive field."""
    people, options = study.people(), study.options
    n_parts = people.skeleton.n_parts
    blocks, wanted = ((0, 2), 60_000) if study.quick else (BLOCKS, PARAMETERS)
    torso = float(np.nanmedian(reference_length(people.test.y, people.skeleton)))  # px of the crop
    rows, distances = [], {}
    for n_blocks in blocks:
        width = widest(n_blocks, n_parts, wanted)
        machine = ConvPoseMachine(
            1, stage=ConvStage(network="cpm-lite", n_blocks=n_blocks, n_coarse_blocks=0, feature_width=width),
            epochs=1 if study.quick else "auto", device=options.device, n_jobs=options.jobs, skeleton=people.skeleton,
            random_state=options.seed,
        )  # fmt: skip
        trained = study.trained(machine, "cpm-field")
        facts = network_facts(trained.machine.stages_[0].network_, (CROP, CROP))
        evaluation = study.evaluated(trained.machine)
        field = facts.receptive_fields[0]
        distances[f"{field} px"] = evaluation.distances[-1]
        rows.append(
            {
                "blocks": n_blocks,
                "width": width,
                "parameters": facts.parameters,
                "multiply_adds": facts.multiply_adds,
                "receptive_field": field,
                "receptive_field_in_torsos": field / torso,
                "cpu_seconds": trained.record["cost"]["cpu_seconds"],
                **stage_figures(evaluation)[-1],
            }
        )
        print(f"{field} px, {facts.parameters} parameters: {rows[-1]['pck']}", flush=True)
        names = list(distances)
        steps = [
            each
            for first, second in itertools.pairwise(names)
            for each in differences_to_json(
                compare_machines({n: distances[n] for n in (first, second)}, n_resamples=study.resamples)
            )
        ]
        content = {"torso_px": torso, "nets": rows, "steps": steps}
        study.write(content, draw, finished=n_blocks == blocks[-1])


def widest(n_blocks: int, n_parts: int, parameters: int) -> int:
    """Number of channels with which a net of `n_blocks` blocks comes closest to a number of parameters."""
    stem_width, stage_width = (ConvStage().get_params()[name] for name in ("stem_width", "stage_width"))

    def count(width: int) -> int:
        widths = (stem_width, width, 0, n_blocks, 0, stage_width, 0, 0, 0)
        with torch.device("meta"):  # shapes only
            network = build_network("cpm-lite", n_maps=n_parts + 1, n_stages=1, widths=widths)
        return sum(weights.numel() for weights in network.parameters())

    sizes = range(4, 4000, 4)
    above = bisect.bisect_left(sizes, parameters, key=count)
    return min(sizes[max(above - 1, 0) : above + 1], key=lambda width: abs(count(width) - parameters))


def draw(result: dict):
    """PCK@0.2 over the receptive field, in pixels (bottom) and in torso lengths (top)."""
    series = {
        f"PCK@{threshold}": [
            (row["receptive_field"], row["pck"][threshold], row["interval"][threshold]) for row in result["nets"]
        ]
        for threshold in ("0.2", "0.1")
    }
    made = lines(series, xlabel="Receptive field [px of the crop]", ylabel="PCK [%], with 95 % interval")
    ax, torso = made.axes[0], result["torso_px"]
    ax.axvline(CROP, color="#5f6368", linewidth=0.8, linestyle=(0, (1, 2)))
    ax.annotate("side of the crop", (CROP, 1), (3, 2), textcoords="offset points", fontsize=7.5, color="#5f6368")
    above = ax.secondary_xaxis("top", functions=(lambda x: x / torso, lambda x: x * torso))
    above.set_xlabel(f"In torso lengths ({result['reference']})", fontsize=8.5)
    above.spines["top"].set_color("#5f6368")
    above.tick_params(labelsize=7.5, colors="#5f6368", length=3)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("receptive_field", __doc__, measure, arguments, n_train=4000)


if __name__ == "__main__":
    sys.exit(main())

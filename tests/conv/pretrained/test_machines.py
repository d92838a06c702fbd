"""Machines of `cpm-pretrained`: strategies, keywords, several processes."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from posemachines import ConvPoseMachine, ForestStage, SequentialMachine, StackedTraining, load
from posemachines.conv import ConvStage
from posemachines.conv.training import STRATEGIES
from tests.conv.conv_toys import DOTS, fit_alone, tiny_stage, tiny_training
from tests.conv.pretrained.pretrained_toys import NET, ROOT, SHORT, backbone_of, changed, imagenet, pretrained_machine
from tests.conv.test_loop import assert_close_weights, assert_same_weights, weights_of

# -- strategies and machines ------------------------------------------------------------------------------------------


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


# -- several processes ------------------------------------------------------------------------------------------------


TOGETHER = """
import sys
import torch
from posemachines.conv.trainer.distributed import join_world
from tests.conv.pretrained.test_machines import EXACT
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

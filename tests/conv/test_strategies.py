import csv
import itertools

import numpy as np
import pytest
import torch

from posemachines import ConvPoseMachine, ConvStage, StackedTraining
from posemachines.conv import JointTraining, StagewiseTraining
from posemachines.conv.networks.network import Design, assemble
from posemachines.conv.trainer.log import TrainingLog
from posemachines.conv.trainer.optimisers import learning_rate, make_optimiser
from posemachines.conv.training import STRATEGIES, get_strategy
from tests.conv.conv_toys import DOTS, tiny_stage


def fit(dots, training, **settings):
    machine = ConvPoseMachine(3, stage=tiny_stage(**settings), skeleton=DOTS, training=training, random_state=0)
    return machine.fit(*dots)


def weights(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies_by_name_learn_for_as_many_epochs_as_asked(dots, name):
    machine = fit(dots, name, epochs=6)
    history = machine.stages_[0].history_
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    last = history[-1]["loss"]
    assert len(last) == 3
    assert last[-1] < history[0]["loss"][0]
    phases = list(dict.fromkeys(row["phase"] for row in history))
    greedy = ["stage 1", "stage 2", "stage 3"]
    expected = {"stagewise": greedy, "stagewise+joint": [*greedy, "joint"]}.get(name, ["joint"])
    assert phases == expected


def test_the_epochs_are_divided_among_the_phases():
    phases = StagewiseTraining(then_joint=True)._phases(3, 20)
    assert [(phase.name, phase.epochs) for phase in phases] == [
        ("stage 1", 3), ("stage 2", 3), ("stage 3", 4), ("joint", 10),
    ]  # fmt: skip
    assert [phase.epochs for phase in StagewiseTraining()._phases(3, 1)] == [1, 1, 1]
    assert [phase.supervised for phase in JointTraining("last")._phases(3, 5)] == [(2,)]


@pytest.mark.parametrize("network", ["lite", "cvpr"])
def test_a_greedy_stage_leaves_earlier_ones_as_they_are(network, monkeypatch):
    """After each phase the stages before it, and their trunk, are unchanged, and its own are not."""
    from posemachines.conv.trainer.loop import TrainingRun

    seen = []
    start = TrainingRun._start

    def watch(run, number, content):
        seen.append([weights(head) for head in run.network.heads] + [weights(trunk) for trunk in run.network.trunks])
        start(run, number, content)
        trained = {name for name, weight in run.network.named_parameters() if weight.requires_grad}
        assert all(name.startswith((f"heads.{number}.", "trunks.")) for name in trained)

    monkeypatch.setattr(TrainingRun, "_start", watch)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), np.uint8)
    joints = np.ones((2, 3, 3), np.float32) * 7
    stage = tiny_stage(network=network, epochs=3, batch_size=2)
    stages = StagewiseTraining().fit_stages([stage] * 3, images, joints, DOTS)
    seen.append([weights(stage.network_.heads[0]) for stage in stages])
    trunks = [weights(stages[0].network_.trunks[0])]
    if network == "cvpr":
        trunks.append(weights(stages[1].network_.trunks[0]))
        assert stages[1].network_.trunks[0] is stages[2].network_.trunks[0]
        assert stages[0].feature_key != stages[1].feature_key == stages[2].feature_key
    seen[-1] += trunks
    owner = [0] if network == "lite" else [0, 1]  # the stage with which a trunk learns
    for phase, (before, after) in enumerate(itertools.pairwise(seen)):
        for part, (old, new) in enumerate(zip(before, after, strict=True)):
            learns = (part if part < 3 else owner[part - 3]) == phase
            same = all(torch.equal(one, two) for one, two in zip(old, new, strict=True))
            if phase == 2 and learns:  # baked at the end
                continue
            if phase < 2:
                assert same != learns, (phase, part)


def test_names_and_strategies_that_there_are_not(dots):
    with pytest.raises(ValueError, match="training must be one of 'joint', 'stagewise'"):
        fit(dots, "greedy")
    assert get_strategy("joint") is not STRATEGIES["joint"]
    with pytest.raises(ValueError, match="StackedTraining takes no validation people"):
        ConvPoseMachine(2, stage=tiny_stage(), skeleton=DOTS, training=StackedTraining()).fit(*dots, validation=dots)


def test_validation_goes_into_history_and_log(dots, tmp_path):
    images, joints = dots
    stage = tiny_stage(epochs=3, log=tmp_path / "log")
    machine = ConvPoseMachine(2, stage=stage, skeleton=DOTS, random_state=0)
    machine.fit(images[8:], joints[8:], validation=(images[:8], joints[:8]))
    history = machine.stages_[0].history_
    assert [len(row["pck@0.2"]) for row in history] == [2, 2, 2]
    assert history[-1]["pck@0.2"][-1] == pytest.approx(machine.score(images[:8], joints[:8]), abs=5)
    with open(tmp_path / "log" / "training.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row, epoch in zip(rows, history, strict=True):
        assert float(row["loss_stage2"]) == epoch["loss"][1]
        assert float(row["pck@0.1_stage1"]) == epoch["pck@0.1"][0]
        assert float(row["learning_rate"]) == epoch["learning_rate"]
    plain = ConvPoseMachine(2, stage=tiny_stage(epochs=3), skeleton=DOTS, random_state=0).fit(images[8:], joints[8:])
    assert np.array_equal(plain.predict(images), machine.predict(images)), "watching changes nothing"


def test_tensorboard_gets_the_figures(dots, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stage = tiny_stage(epochs=2, log=tmp_path)
    ConvPoseMachine(2, stage=stage, skeleton=DOTS, random_state=0).fit(*dots)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert "loss/stage 2" in events.Tags()["scalars"]
    assert [point.step for point in events.Scalars("learning_rate")] == [6, 12]


def test_without_tensorboard_there_is_the_table(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with caplog.at_level("INFO", logger="posemachines.conv.trainer.log"):
        log = TrainingLog(tmp_path / "new")
    log.write([{"phase": "joint", "epoch": 1, "step": 3, "loss": [2.0, 1.0]}])
    log.close()
    assert "no TensorBoard events" in caplog.text
    text = (tmp_path / "new" / "training.csv").read_text()
    assert text == "phase,epoch,step,loss_stage1,loss_stage2\njoint,1,3,2.0,1.0\n"


def test_published_settings_are_the_papers():
    stage = ConvStage.published("vgg")
    assert (stage.optimiser, stage.momentum, stage.weight_decay, stage.batch_size) == ("sgd", 0.9, 5e-4, 16)
    assert stage.first_rate() == 8e-5
    assert learning_rate(stage, 8e-5, 136105, 600000) == 8e-5
    assert learning_rate(stage, 8e-5, 136106, 600000) == pytest.approx(8e-5 * 0.333)
    assert learning_rate(stage, 8e-5, 599999, 600000) == pytest.approx(8e-5 * 0.333**4)
    assert (stage.sigma, stage.emphasis, stage.mask_unlabelled) == (7.0, 0.0, False)
    with pytest.raises(ValueError, match="published nets are 'cvpr', 'flic', 'vgg'"):
        ConvStage.published("lite")


@pytest.mark.parametrize(("name", "first", "later"), [("cvpr", 5.0, 1.0), ("vgg", 1.0, 4.0)])
def test_published_rates_of_stages_and_biases(name, first, later):
    network = assemble(Design(name, True, True), 4, [False, True, True])
    optimiser = make_optimiser(network, ConvStage.published(name), 1.0)
    factors = {id(weight): group["factor"] for group in optimiser.param_groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in optimiser.param_groups for weight in group["params"]}
    for parameter, weight in network.named_parameters():
        kind, index = parameter.split(".")[:2]
        is_later = index != "0" if kind == "heads" or name == "cvpr" else False
        expected = (later if is_later else first) * (2 if parameter.endswith("bias") else 1)
        assert factors[id(weight)] == expected, parameter
        assert decays[id(weight)] == (0 if parameter.endswith("bias") else 5e-4)


def test_the_cosine_rises_and_falls_to_nothing():
    stage = tiny_stage(warm_up=0.1)
    rates = [learning_rate(stage, 1.0, step, 100) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 11, 2 / 11, 3 / 11])
    assert np.argmax(rates) == 10
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] < 1e-3


def test_training_warns_early_of_beliefs_that_are_all_zero(dots, caplog, monkeypatch):
    monkeypatch.setattr("posemachines.conv.trainer.loop.WINDOW", 4)
    stage = tiny_stage(epochs=4, learning_rate=1e-9)
    ConvPoseMachine(2, stage=stage, skeleton=DOTS, random_state=0).fit(*dots)
    early = [record.message for record in caplog.records if "it may learn nothing" in record.message]
    assert [message.split(" are")[0] for message in early] == ["the beliefs of stage 1"]

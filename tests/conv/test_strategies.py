import csv
import itertools

import numpy as np
import pytest
import torch

from posemachines import ConvStage, StackedTraining
from posemachines.conv import Augmentation, JointTraining, StagewiseTraining
from posemachines.conv.networks.network import Design, assemble
from posemachines.conv.trainer.log import TrainingLog
from posemachines.conv.trainer.optimisers import learning_rate, make_optimiser
from posemachines.conv.training import STRATEGIES, get_strategy
from tests.conv.conv_toys import tiny_machine, tiny_training, train


def weights(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


@pytest.mark.parametrize("name", STRATEGIES)
def test_named_strategies_learn_for_the_given_number_of_epochs(dots, name):
    machine = tiny_machine(3, training=name, epochs=6).fit(*dots)
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
    assert [phase.supervised for phase in JointTraining(supervision="last")._phases(3, 5)] == [(2,)]


@pytest.mark.parametrize("network", ["cpm-lite", "cpm"])
def test_a_greedy_stage_leaves_earlier_ones_unchanged(network, monkeypatch):
    """Each phase changes its stage and the trunk that is trained with it, and nothing else."""
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
    stages = train(3, images, joints, strategy=StagewiseTraining, network=network, epochs=3, batch_size=2)
    seen.append([weights(stage.network_.heads[0]) for stage in stages])
    trunks = [weights(stages[0].network_.trunks[0])]
    if network == "cpm":
        trunks.append(weights(stages[1].network_.trunks[0]))
        assert stages[1].network_.trunks[0] is stages[2].network_.trunks[0]
        assert stages[0].feature_key != stages[1].feature_key == stages[2].feature_key
    seen[-1] += trunks
    owner = [0] if network == "cpm-lite" else [0, 1]  # the stage with which a trunk is trained
    for phase, (before, after) in enumerate(itertools.pairwise(seen)):
        for part, (old, new) in enumerate(zip(before, after, strict=True)):
            learns = (part if part < 3 else owner[part - 3]) == phase
            same = all(torch.equal(one, two) for one, two in zip(old, new, strict=True))
            if phase == 2 and learns:  # changed by baking at the end
                continue
            if phase < 2:
                assert same != learns, (phase, part)


def test_unknown_strategies_and_those_without_validation(dots):
    with pytest.raises(ValueError, match="training must be one of 'joint', 'stagewise'"):
        tiny_machine(training="greedy").fit(*dots)
    with pytest.raises(ValueError, match="StackedTraining takes no validation subjects"):
        tiny_machine(training=StackedTraining()).fit(*dots, validation=dots)


def test_strategies_cannot_be_changed_by_accident():
    assert get_strategy("joint") == JointTraining()
    with pytest.raises(AttributeError, match="cannot assign"):
        get_strategy("joint").epochs = 3
    with pytest.raises(AttributeError, match="cannot assign"):
        get_strategy("stagewise").augmentation.rotation = 3.0


def test_validation_goes_into_history_and_log(dots, tmp_path):
    images, joints = dots
    machine = tiny_machine(epochs=3, log_dir=tmp_path / "log")
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
    plain = tiny_machine(epochs=3).fit(images[8:], joints[8:])
    assert np.array_equal(plain.predict(images), machine.predict(images)), "validation must not change the training"


def test_tensorboard_events(dots, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tiny_machine(epochs=2, log_dir=tmp_path).fit(*dots)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert "loss/stage 2" in events.Tags()["scalars"]
    assert [point.step for point in events.Scalars("learning_rate")] == [6, 12]


def test_without_tensorboard_only_the_table_is_written(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with caplog.at_level("INFO", logger="posemachines.conv.trainer.log"):
        log = TrainingLog(tmp_path / "new")
    log.write([{"phase": "joint", "epoch": 1, "step": 3, "loss": [2.0, 1.0]}])
    log.close()
    assert "TensorBoard is not installed" in caplog.text
    text = (tmp_path / "new" / "training.csv").read_text()
    assert text == "phase,epoch,step,loss_stage1,loss_stage2\njoint,1,3,2.0,1.0\n"


def test_published_settings_are_the_papers():
    stage, training = ConvStage.published("cpm-vgg"), JointTraining.published(epochs=7)
    assert (stage.network, stage.caffe_compatible, stage.init) == ("cpm-vgg", True, "gaussian")
    assert (training.optimiser, training.momentum, training.weight_decay, training.batch_size) == ("sgd", 0.9, 5e-4, 16)
    assert training.rate_for(stage.design()) == 8e-5
    assert learning_rate(training, 8e-5, 136105, 600000) == 8e-5
    assert learning_rate(training, 8e-5, 136106, 600000) == pytest.approx(8e-5 * 0.333)
    assert learning_rate(training, 8e-5, 599999, 600000) == pytest.approx(8e-5 * 0.333**4)
    assert training.sigma_for(stage.design()) == 7.0
    assert (training.foreground_weight, training.mask_unlabelled, training.max_grad_norm) == (0.0, False, None)
    assert (training.epochs, training.supervision, training.published_rates) == (7, "all", True)
    assert training.augmentation == Augmentation(
        rotation=40.0, scale_jitter=(0.7, 1.3), scale_law="linear", shift=0.0, flip=True, colour=0.0
    )
    with pytest.raises(ValueError, match="published networks are 'cpm', 'cpm-flic', 'cpm-vgg'"):
        ConvStage.published("cpm-lite")


@pytest.mark.parametrize(
    ("network", "optimiser", "rate", "sigma"),
    [
        ("cpm-lite", "adamw", 5e-3, 5.0), ("cpm-lite", "sgd", 1e-2, 5.0), ("cpm", "adamw", 3e-4, 7.0),
        ("cpm-vgg", "sgd", 8e-5, 7.0),
    ],
)  # fmt: skip
def test_default_learning_rate_and_sigma_of_a_network(network, optimiser, rate, sigma):
    design = ConvStage(network=network).design()
    training = JointTraining(optimiser=optimiser)
    assert (training.rate_for(design), training.sigma_for(design)) == (rate, sigma)
    given = JointTraining(learning_rate=0.5, sigma=2.0)
    assert (given.rate_for(design), given.sigma_for(design)) == (0.5, 2.0)


@pytest.mark.parametrize(("name", "first", "later"), [("cpm", 5.0, 1.0), ("cpm-vgg", 1.0, 4.0)])
def test_published_rates_of_stages_and_biases(name, first, later):
    network = assemble(Design(name, True, True), 4, [False, True, True])
    optimiser = make_optimiser(network, JointTraining.published(), 1.0)
    factors = {id(weight): group["factor"] for group in optimiser.param_groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in optimiser.param_groups for weight in group["params"]}
    for parameter, weight in network.named_parameters():
        kind, index = parameter.split(".")[:2]
        is_later = index != "0" if kind == "heads" or name == "cpm" else False
        expected = (later if is_later else first) * (2 if parameter.endswith("bias") else 1)
        assert factors[id(weight)] == expected, parameter
        assert decays[id(weight)] == (0 if parameter.endswith("bias") else 5e-4)


def test_the_cosine_schedule_warms_up_and_decays_to_zero():
    training = tiny_training(warm_up=0.1)
    rates = [learning_rate(training, 1.0, step, 100) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 11, 2 / 11, 3 / 11])
    assert np.argmax(rates) == 10
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] < 1e-3


def test_training_warns_early_of_beliefs_that_are_almost_zero(dots, caplog, monkeypatch):
    monkeypatch.setattr("posemachines.conv.trainer.loop.WINDOW", 4)
    tiny_machine(epochs=4, learning_rate=1e-9).fit(*dots)
    early = [record.message for record in caplog.records if "it may learn nothing" in record.message]
    assert [message.split(" are")[0] for message in early] == ["the beliefs of stage 1"]

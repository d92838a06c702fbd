"""The running average of the weights, alone and in a training."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posemachines.conv import StagewiseTraining
from posemachines.conv.trainer.averaging import running_average
from posemachines.conv.trainer.loop import TrainingRun
from posemachines.training.watching import joint_scorer
from tests.conv.conv_toys import DOTS, fit_alone, tiny_machine, tiny_training
from tests.conv.test_loop import Interruption, assert_same_weights, interrupt_after, weights_of

DECAY = 0.9


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30), st.floats(0, 0.999))
def test_the_average_is_a_weighted_mean_of_the_weights_so_far(values, decay):
    network = torch.nn.Linear(1, 1, bias=False)
    average = running_average(network, decay)
    expected = values[0]
    for number, value in enumerate(values):
        network.weight.data.fill_(value)
        average.update_parameters(network)
        kept = min(decay, (1 + number) / (10 + number)) if number else 0.0
        expected = kept * expected + (1 - kept) * value
    assert average.module.weight.item() == pytest.approx(expected, abs=1e-4)
    assert min(values) - 1e-4 <= average.module.weight.item() <= max(values) + 1e-4


def test_a_trained_stage_has_the_average_of_its_weights(dots, monkeypatch):
    steps = []
    whole = TrainingRun._train_on

    def train_on(run, n_subjects, parts):
        whole(run, n_subjects, parts)
        steps.append({name: weight.detach().clone() for name, weight in run.network.named_parameters()})

    monkeypatch.setattr(TrainingRun, "_train_on", train_on)
    averaged = fit_alone(dots[0], None, dots[1], ema_decay=DECAY)
    last = steps[-1]
    expected = dict(steps[0])
    for number, weights in enumerate(steps[1:], 1):
        kept = min(DECAY, (1 + number) / (10 + number))
        expected = {name: kept * mean + (1 - kept) * weights[name] for name, mean in expected.items()}
    names = [name for name in expected if name.endswith("bias")]  # kernels are scaled at the end
    assert len(names) > 10
    found = weights_of(averaged)
    for name in names:
        torch.testing.assert_close(found[name], expected[name], atol=1e-5, rtol=1e-4)
    assert sum(not torch.allclose(found[name], last[name], atol=1e-5) for name in names) > len(names) / 2


def test_validation_scores_are_those_of_the_average(dots):
    averaged, plain = (
        tiny_machine(training=tiny_training(epochs=8, ema_decay=decay), precision="float32").fit(*dots, validation=dots)
        for decay in (DECAY, 0.0)
    )
    histories = [machine.stages_[0].history_[-1] for machine in (averaged, plain)]
    assert histories[0]["loss"] == histories[1]["loss"], "the same training"
    assert histories[0]["pck@0.2"] != histories[1]["pck@0.2"], "another result"
    score = joint_scorer(dots[1], DOTS)
    for machine, history in zip((averaged, plain), histories, strict=True):
        for name, values in score(list(machine.staged_predict(dots[0]))).items():
            assert history[name] == pytest.approx(values)


@pytest.mark.parametrize("strategy", [None, StagewiseTraining])
def test_resumed_training_has_the_same_average(dots, tmp_path, monkeypatch, strategy):
    def machine(**more):
        made = tiny_training(*([strategy] if strategy else []), epochs=4, ema_decay=DECAY, **more)
        return tiny_machine(training=made)

    whole = machine().fit(*dots)
    path = tmp_path / "half.pt"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 15)
        with pytest.raises(Interruption):
            machine(checkpoint=path, checkpoint_minutes=0.0).fit(*dots)
    resumed = machine(checkpoint=path).fit(*dots)
    for one, other in zip(whole.stages_, resumed.stages_, strict=True):
        assert_same_weights(weights_of(one), weights_of(other))


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_out_of_range_is_refused(dots, decay):
    with pytest.raises(ValueError, match="ema_decay must be at least 0 and less than 1"):
        fit_alone(dots[0], None, dots[1], ema_decay=decay)

import numpy as np
import pytest
import torch

from posemachines.beliefs import gaussian_beliefs
from posemachines.conv import JointTraining, loop
from posemachines.conv.loop import TrainingRun, belief_loss, gaussian_targets
from tests.conv.conv_toys import DOTS, draw_dots, tiny_stage


def weights_of(stage):
    return {name: tensor.clone() for name, tensor in stage.network_.state_dict().items()}


def assert_same_weights(first, second):
    assert all(torch.equal(one, two) for one, two in zip(first.values(), second.values(), strict=True))


def make_run(stage, images, joints, n_stages=2, **settings):
    torch.manual_seed(0)
    network = stage._build(4, [index > 0 for index in range(n_stages)])
    given = {"flip_order": DOTS.flip_order, "mirrors": True, "seed": 0} | settings
    return TrainingRun(network, images, None, joints, stage, **given)


def test_targets_are_those_of_the_library():
    joints = np.array([[[3, 4, 1], [9.5, 11, 1], [0, 0, 0]]], np.float32)
    ours = gaussian_targets(torch.from_numpy(joints), (5, 7), stride=4, sigma=5.0)
    assert np.allclose(ours, gaussian_beliefs(joints, (5, 7), stride=4, sigma=5.0), atol=1e-6)


def test_loss_sums_over_cells_and_averages_over_people():
    beliefs, targets = torch.zeros(2, 4, 5, 7), torch.ones(2, 4, 5, 7)
    assert belief_loss(beliefs, targets) == 4 * 35 / 2
    labelled = torch.tensor([[True, False, False], [True, True, True]])
    assert belief_loss(beliefs, targets, labelled) == (2 + 4) * 35 / 4
    assert belief_loss(beliefs, targets, labelled, emphasis=9.0) == (11 + 31) * 35 / 4


def test_intermediate_supervision_gives_every_stage_its_own_loss(dots):
    norms = {}
    for supervision in ("all", "last"):
        run = make_run(tiny_stage(), *dots, n_stages=3, supervision=supervision)
        run._train_on(np.arange(8))
        norms[supervision] = [head.beliefs.weight.grad.norm().item() for head in run.network.heads]
    assert all(norm > 0 for norm in norms["all"])
    shares = {name: [norm / by_stage[-1] for norm in by_stage] for name, by_stage in norms.items()}
    assert shares["all"][0] > 2 * shares["last"][0], "stage 1 is taught by three losses instead of one"
    assert shares["all"][1] > 1.5 * shares["last"][1]


def test_a_first_stage_without_its_own_loss_learns_less(dots):
    images, joints = dots
    stages = [tiny_stage(epochs=6)] * 2
    every = JointTraining("all").fit_stages(stages, images, joints, DOTS)
    last = JointTraining("last").fit_stages(stages, images, joints, DOTS)
    assert every[0].history_[-1]["loss"][0] < last[0].history_[-1]["loss"][0]


def test_coordinates_of_unlabelled_joints_teach_nothing(dots):
    images, joints = dots
    hidden, moved = joints.copy(), joints.copy()
    hidden[::2, 1, 2] = moved[::2, 1, 2] = 0
    moved[::2, 1, :2] += 5
    fitted = [tiny_stage().fit(images, None, y, skeleton=DOTS) for y in (hidden, moved)]
    assert_same_weights(weights_of(fitted[0]), weights_of(fitted[1]))


@pytest.mark.parametrize("mask", [True, False])
def test_maps_of_unlabelled_joints_are_masked_or_zero(dots, mask):
    images, joints = dots
    joints = joints.copy()
    joints[:, 1, 2] = 0
    run = make_run(tiny_stage(mask_unlabelled=mask, flip=False), images, joints)
    run._train_on(np.arange(8))
    gradient = run.network.heads[-1].beliefs.bias.grad.reshape(4, 4).abs().sum(1)
    assert (gradient[1] == 0) == mask
    assert (gradient[[0, 2, 3]] > 0).all()


def test_an_int_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(dots):
    state = torch.get_rng_state()
    first, second = (tiny_stage().fit(dots[0], None, dots[1], skeleton=DOTS) for _ in range(2))
    other = tiny_stage(random_state=1).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert_same_weights(weights_of(first), weights_of(second))
    assert first.feature_key != other.feature_key
    assert torch.equal(torch.get_rng_state(), state)


class Interruption(Exception):
    pass


def interrupt_after(monkeypatch, epochs):
    whole = TrainingRun._epoch

    def epoch(run, bar):
        if len(run.history) == epochs:
            raise Interruption
        whole(run, bar)

    monkeypatch.setattr(TrainingRun, "_epoch", epoch)


@pytest.fixture
def interrupted(dots, tmp_path, monkeypatch):
    """Path of the checkpoint of a training of four epochs that broke off after two."""
    path = tmp_path / "half.pt"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
        interrupt_after(patch, 2)
        with pytest.raises(Interruption):
            tiny_stage(epochs=4, checkpoint=path).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert path.exists()
    return path


def test_a_continued_training_ends_where_an_uninterrupted_one_does(dots, interrupted):
    whole = tiny_stage(epochs=4).fit(dots[0], None, dots[1], skeleton=DOTS)
    continued = tiny_stage(epochs=4, checkpoint=interrupted).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert_same_weights(weights_of(whole), weights_of(continued))
    assert [row["loss"] for row in whole.history_] == [row["loss"] for row in continued.history_]
    assert not list(interrupted.parent.iterdir())


def test_a_checkpoint_of_another_training_is_refused(dots, interrupted):
    with pytest.raises(ValueError, match=r"checkpoint .* another training"):
        tiny_stage(epochs=5, checkpoint=interrupted).fit(dots[0], None, dots[1], skeleton=DOTS)
    with pytest.raises(ValueError, match="another training"):
        tiny_stage(epochs=4, checkpoint=interrupted).fit(dots[0][:40], None, dots[1][:40], skeleton=DOTS)


def test_beliefs_that_collapse_to_zero_are_reported(caplog):
    images, joints = draw_dots(8)
    joints[1:, :, 2] = 0
    settings = {"mask_unlabelled": False, "learning_rate": 1e-2, "sigma": 0.1}
    tiny_stage(epochs=40, batch_size=2, **settings).fit(images, None, joints, skeleton=DOTS)
    assert "beliefs of stage 1 are all but zero" in caplog.text


def test_progress_and_log(dots, caplog, capsys):
    with caplog.at_level("INFO", logger="posemachines.conv.loop"):
        tiny_stage(verbose=True).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert "epoch 2 of 2: loss by stage" in caplog.text
    assert "training" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_learns_as_the_cpu_does(dots):
    on_gpu = tiny_stage(epochs=8, device="cuda").fit(dots[0], None, dots[1], skeleton=DOTS)
    on_cpu = tiny_stage(epochs=8).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert on_gpu.history_[-1]["loss"][0] == pytest.approx(on_cpu.history_[-1]["loss"][0], rel=0.2)
    assert on_gpu.predict(dots[0]).dtype == np.float32

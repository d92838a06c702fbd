import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from posemachines.beliefs import gaussian_beliefs
from posemachines.conv.networks.network import assemble
from posemachines.conv.trainer.batches import TrainingData
from posemachines.conv.trainer.loop import Phase, TrainingRun
from posemachines.conv.trainer.targets import belief_loss, gaussian_targets
from tests.conv.conv_toys import DOTS, fit_alone, split, train
from tests.toys import draw_dots

ROOT = Path(__file__).parents[2]
EXACT = {"precision": "float32", "optimiser": "sgd", "learning_rate": 1e-3}  # AdamW amplifies rounding errors


def weights_of(stage):
    return {name: tensor.clone() for name, tensor in stage.network_.state_dict().items()}


def assert_same_weights(first, second):
    assert all(torch.equal(one, two) for one, two in zip(first.values(), second.values(), strict=True))


def assert_close_weights(first, second):
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(first.values(), second.values(), strict=True))


def make_run(images, joints, n_stages=2, supervised=None, **settings):
    stage, training, runtime = split(settings)
    torch.manual_seed(0)
    network = assemble(stage.design(), 4, [index > 0 for index in range(n_stages)])
    every = tuple(range(n_stages))
    phase = Phase("joint", training.epochs, every, supervised or every)
    return TrainingRun(
        network, TrainingData(images, joints), training, [phase], runtime=runtime, flip_order=DOTS.flip_order,
        mirrors=True, seed=0,
    )  # fmt: skip


def first_step(run):
    """The network after one step, with its gradients."""
    run._start(0, None)
    n_subjects, parts = next(run.batches.epoch(0, 0))
    run._train_on(n_subjects, parts)
    return run.network


def test_targets_equal_gaussian_beliefs():
    joints = np.array([[[3, 4, 1], [9.5, 11, 1], [0, 0, 0]]], np.float32)
    ours = gaussian_targets(torch.from_numpy(joints), (5, 7), stride=4, sigma=5.0)
    assert np.allclose(ours, gaussian_beliefs(joints, (5, 7), stride=4, sigma=5.0), atol=1e-6)


def test_targets_of_several_subjects_add_up_to_at_most_one():
    joints = torch.tensor([[[4.0, 6.0, 1.0], [9.0, 11.0, 1.0]]])
    others = torch.tensor([[[[5.0, 6.0, 1.0], [0.0, 0.0, 0.0]], [[20.0, 9.0, 1.0], [2.0, 2.0, 1.0]]]])
    alone = [gaussian_targets(one, (5, 7), stride=4, sigma=5.0)[:, :2] for one in (joints, *others.unbind(1))]
    together = gaussian_targets(joints, (5, 7), stride=4, sigma=5.0, others=others)
    assert torch.allclose(together[:, :2], sum(alone).clamp(max=1))
    assert together.max() == 1
    assert torch.allclose(together[:, 2], 1 - together[:, :2].amax(1))


def test_loss_sums_over_cells_and_averages_over_subjects():
    beliefs, targets = torch.zeros(2, 4, 5, 7), torch.ones(2, 4, 5, 7)
    assert belief_loss(beliefs, targets) == 4 * 35 / 2
    labelled = torch.tensor([[True, False, False], [True, True, True]])
    assert belief_loss(beliefs, targets, labelled) == (2 + 4) * 35 / 4
    assert belief_loss(beliefs, targets, labelled, foreground_weight=9.0) == (11 + 31) * 35 / 4
    assert belief_loss(beliefs, targets, n_subjects=8) == 4 * 35 / 8


def test_intermediate_supervision_gives_every_stage_its_own_loss(dots):
    norms = {}
    for name, supervised in (("all", None), ("last", (2,))):
        network = first_step(make_run(*dots, n_stages=3, supervised=supervised))
        norms[name] = [head.beliefs.weight.grad.norm().item() for head in network.heads]
    assert all(norm > 0 for norm in norms["all"])
    shares = {name: [norm / by_stage[-1] for norm in by_stage] for name, by_stage in norms.items()}
    assert shares["all"][0] > 2 * shares["last"][0], "stage 1 learns from three losses instead of one"
    assert shares["all"][1] > 1.5 * shares["last"][1]


def test_a_first_stage_without_its_own_loss_learns_less(dots):
    every = train(2, *dots, epochs=6, supervision="all")
    last = train(2, *dots, epochs=6, supervision="last")
    assert every[0].history_[-1]["loss"][0] < last[0].history_[-1]["loss"][0]


def test_other_subjects_are_in_the_target_of_the_first_stage_only(dots):
    images, joints = dots
    others = np.roll(joints, 1, axis=0)[:, None]
    alone = train(2, images, joints, epochs=1)[0].history_[0]
    crowded = train(2, images, joints, epochs=1, others=others)[0].history_[0]
    assert crowded["loss"][0] > 1.3 * alone["loss"][0]
    assert crowded["loss"][1] < 1.2 * alone["loss"][1]
    for malformed in (joints, others[..., :2], others[1:]):
        with pytest.raises(ValueError, match="others must be"):
            train(2, images, joints, epochs=1, others=malformed)


def test_coordinates_of_unlabelled_joints_teach_nothing(dots):
    images, joints = dots
    hidden, moved = joints.copy(), joints.copy()
    hidden[::2, 1, 2] = moved[::2, 1, 2] = 0
    moved[::2, 1, :2] += 5
    fitted = [fit_alone(images, None, y) for y in (hidden, moved)]
    assert_same_weights(weights_of(fitted[0]), weights_of(fitted[1]))


@pytest.mark.parametrize("mask", [True, False])
def test_maps_of_unlabelled_joints_are_masked_or_zero(dots, mask):
    images, joints = dots
    joints = joints.copy()
    joints[:, 1, 2] = 0
    network = first_step(make_run(images, joints, mask_unlabelled=mask, flip=False))
    gradient = network.heads[-1].beliefs.bias.grad.reshape(4, 4).abs().sum(1)
    assert (gradient[1] == 0) == mask
    assert (gradient[[0, 2, 3]] > 0).all()


@pytest.mark.parametrize("accumulation_steps", [3, 100])
def test_accumulated_gradients_equal_those_of_the_whole_batch(dots, accumulation_steps):
    whole = fit_alone(dots[0], None, dots[1], **EXACT)
    parts = fit_alone(dots[0], None, dots[1], **EXACT, accumulation_steps=accumulation_steps)
    assert_close_weights(weights_of(whole), weights_of(parts))
    assert whole.history_[-1]["loss"] == pytest.approx(parts.history_[-1]["loss"], rel=1e-3)


def test_workers_change_nothing(dots):
    alone = fit_alone(dots[0], None, dots[1])
    helped = fit_alone(dots[0], None, dots[1], n_workers=2)
    assert_same_weights(weights_of(alone), weights_of(helped))


def test_an_int_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(dots):
    state = torch.get_rng_state()
    first, second = (fit_alone(dots[0], None, dots[1]) for _ in range(2))
    other = fit_alone(dots[0], None, dots[1], random_state=1)
    assert_same_weights(weights_of(first), weights_of(second))
    assert first.feature_key != other.feature_key
    assert torch.equal(torch.get_rng_state(), state)


class Interruption(Exception):
    pass


def interrupt_after(monkeypatch, steps):
    whole = TrainingRun._train_on

    def train_on(run, n_subjects, parts):
        if run.step == steps:
            raise Interruption
        whole(run, n_subjects, parts)

    monkeypatch.setattr(TrainingRun, "_train_on", train_on)


@pytest.fixture
def interrupted(dots, tmp_path, monkeypatch):
    """Checkpoint of a training with four epochs of six steps, interrupted in the middle of the third epoch."""
    path = tmp_path / "half.pt"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 15)
        with pytest.raises(Interruption):
            fit_alone(dots[0], None, dots[1], epochs=4, checkpoint=path, checkpoint_minutes=0.0)
    assert path.exists()
    return path


@pytest.mark.parametrize("changed", [{}, {"checkpoint_minutes": 7.0, "n_workers": 2}])
def test_resumed_training_gives_the_same_weights_as_uninterrupted_training(dots, interrupted, changed):
    whole = fit_alone(dots[0], None, dots[1], epochs=4)
    resumed = fit_alone(dots[0], None, dots[1], epochs=4, checkpoint=interrupted, **changed)
    assert_same_weights(weights_of(whole), weights_of(resumed))
    assert [row["loss"] for row in whole.history_] == [row["loss"] for row in resumed.history_]
    assert not list(interrupted.parent.iterdir())


def test_a_stage_resumes_from_the_checkpoint_given_to_fit(dots, interrupted):
    whole = fit_alone(dots[0], None, dots[1], epochs=4)
    stage, training, stage_runtime = split({"epochs": 4})
    stage.runtime = stage_runtime
    stage.fit(dots[0], None, dots[1], skeleton=DOTS, training=training, checkpoint=interrupted)
    assert_same_weights(weights_of(whole), weights_of(stage))
    assert not interrupted.exists()


def test_training_without_a_seed_resumes_with_the_seed_of_the_checkpoint(dots, tmp_path, monkeypatch):
    path = tmp_path / "half.pt"
    kept = {"random_state": None, "checkpoint": path}
    with monkeypatch.context() as patch:
        interrupt_after(patch, 9)
        with pytest.raises(Interruption):
            fit_alone(dots[0], None, dots[1], **kept, checkpoint_minutes=0.0)
    loss = torch.load(path, weights_only=True)["history"][0]["loss"]
    assert fit_alone(dots[0], None, dots[1], **kept).history_[0]["loss"] == loss


def test_a_checkpoint_of_another_training_is_refused(dots, interrupted):
    with pytest.raises(ValueError, match=r"checkpoint .* another training"):
        fit_alone(dots[0], None, dots[1], epochs=5, checkpoint=interrupted)
    for settings in ({"rotation": 10.0}, {"sigma": 3.0}, {"random_state": 1}, {"stage_width": 20}):
        with pytest.raises(ValueError, match="another training"):
            fit_alone(dots[0], None, dots[1], epochs=4, checkpoint=interrupted, **settings)
    with pytest.raises(ValueError, match="another training"):
        fit_alone(dots[0][:40], None, dots[1][:40], epochs=4, checkpoint=interrupted)
    assert interrupted.exists()


def test_a_damaged_checkpoint_is_refused(dots, interrupted):
    interrupted.write_bytes(interrupted.read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged"):
        fit_alone(dots[0], None, dots[1], epochs=4, checkpoint=interrupted)


def test_beliefs_that_collapse_to_zero_are_reported(caplog):
    images, joints = draw_dots(8)
    joints[1:, :, 2] = 0
    settings = {"mask_unlabelled": False, "learning_rate": 1e-2, "sigma": 0.1}
    fit_alone(images, None, joints, epochs=40, batch_size=2, **settings)
    assert "beliefs of stage 1 are almost zero" in caplog.text


def test_progress_and_log(dots, caplog, capsys):
    with caplog.at_level("INFO", logger="posemachines.conv.trainer.loop"):
        fit_alone(dots[0], None, dots[1], verbose=True)
    assert "epoch 2 of 2: loss by stage" in caplog.text
    assert "training" in capsys.readouterr().err


KILLED = """
import sys
import torch
from posemachines.conv import StagewiseTraining
from tests.conv.conv_toys import tiny_machine, tiny_training
from tests.toys import draw_dots
torch.set_num_threads(1)
folder, killed = sys.argv[1], len(sys.argv) > 2
settings = {"checkpoint": f"{folder}/training.pt", "checkpoint_minutes": 0.001} if killed else {}
training = tiny_training(StagewiseTraining, then_joint=True, epochs=20, **settings)
images, joints = draw_dots(64)
tiny_machine(training=training).fit(images, joints).save(f"{folder}/machine.safetensors")
"""


def test_training_of_a_killed_process_resumes_bit_for_bit(tmp_path):
    from posemachines import load

    folders = {name: tmp_path / name for name in ("whole", "killed")}
    for folder in folders.values():
        folder.mkdir()
    command = [sys.executable, "-c", KILLED]
    subprocess.run([*command, folders["whole"]], check=True, cwd=ROOT)
    checkpoint = folders["killed"] / "training.pt"
    process = subprocess.Popen([*command, folders["killed"], "killed"], cwd=ROOT)
    patience = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < patience:
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    process.wait()
    assert checkpoint.exists(), "the process should be killed before it has finished"
    assert not (folders["killed"] / "machine.safetensors").exists()
    subprocess.run([*command, folders["killed"], "killed"], check=True, cwd=ROOT)
    assert not checkpoint.exists()
    machines = [load(folder / "machine.safetensors") for folder in folders.values()]
    for whole, resumed in zip(*(machine.stages_ for machine in machines), strict=True):
        assert_same_weights(weights_of(whole), weights_of(resumed))
        losses = [[row["loss"] for row in stage.history_] for stage in (whole, resumed)]
        assert losses[0] == losses[1]


TOGETHER = """
import sys
import torch
from posemachines.conv import StagewiseTraining
from posemachines.conv.trainer.distributed import join_world
from tests.conv.conv_toys import tiny_machine, tiny_training
from tests.toys import draw_dots
from tests.conv.test_loop import EXACT
torch.set_num_threads(1)
images, joints = draw_dots(44)
settings = {name: value for name, value in EXACT.items() if name != "precision"}
files = {"checkpoint": f"{sys.argv[1]}.pt", "checkpoint_minutes": 0.0}
training = tiny_training(
    StagewiseTraining, then_joint=True, batch_size=int(sys.argv[2]), epochs=3, **settings, **files
)
machine = tiny_machine(training=training, precision=EXACT["precision"])
machine.fit(images, joints, validation=(images[:8], joints[:8]))
machine.save(f"{sys.argv[1]}_{join_world(cuda=False).rank}.safetensors")
"""


def test_two_processes_learn_the_same_as_one_with_twice_the_batch_size(tmp_path):
    from posemachines import load

    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, script, tmp_path / "two", "4"], check=True, env=environment, capture_output=True)
    subprocess.run([sys.executable, script, tmp_path / "one", "8"], check=True, env=environment)
    one, *two = (load(tmp_path / f"{name}.safetensors") for name in ("one_0", "two_0", "two_1"))
    for number, stage in enumerate(one.stages_):
        assert_same_weights(weights_of(two[0].stages_[number]), weights_of(two[1].stages_[number]))
        assert_close_weights(weights_of(stage), weights_of(two[0].stages_[number]))
    for alone, shared in zip(one.stages_[0].history_, two[0].stages_[0].history_, strict=True):
        assert alone["loss"] == pytest.approx(shared["loss"], rel=1e-3)
        assert alone["step"] == shared["step"]
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_learns_as_the_cpu_does(dots):
    on_gpu = fit_alone(dots[0], None, dots[1], epochs=8, device="cuda")
    on_cpu = fit_alone(dots[0], None, dots[1], epochs=8)
    assert on_gpu.history_[-1]["loss"][0] == pytest.approx(on_cpu.history_[-1]["loss"][0], rel=0.2)
    assert on_gpu.predict(dots[0]).dtype == np.float32

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from posemachines.beliefs import gaussian_beliefs
from posemachines.conv import JointTraining
from posemachines.conv.networks.network import assemble
from posemachines.conv.trainer.batches import TrainingData
from posemachines.conv.trainer.loop import Phase, TrainingRun
from posemachines.conv.trainer.targets import belief_loss, gaussian_targets
from tests.conv.conv_toys import DOTS, draw_dots, tiny_stage

ROOT = Path(__file__).parents[2]
EXACT = {"precision": "float32", "optimiser": "sgd", "learning_rate": 1e-3}  # AdamW makes much of roundings


def weights_of(stage):
    return {name: tensor.clone() for name, tensor in stage.network_.state_dict().items()}


def assert_same_weights(first, second):
    assert all(torch.equal(one, two) for one, two in zip(first.values(), second.values(), strict=True))


def assert_close_weights(first, second):
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(first.values(), second.values(), strict=True))


def make_run(stage, images, joints, n_stages=2, supervised=None):
    torch.manual_seed(0)
    network = assemble(stage._design(), 4, [index > 0 for index in range(n_stages)])
    every = tuple(range(n_stages))
    phase = Phase("joint", stage.epochs, every, supervised or every)
    data = TrainingData(images, joints)
    return TrainingRun(network, data, stage, [phase], flip_order=DOTS.flip_order, mirrors=True, seed=0)


def first_step(run):
    """One step, whose gradients stay."""
    run._start(0, None)
    n_people, parts = next(run.batches.epoch(0, 0))
    run._train_on(n_people, parts)
    return run.network


def test_targets_are_those_of_the_library():
    joints = np.array([[[3, 4, 1], [9.5, 11, 1], [0, 0, 0]]], np.float32)
    ours = gaussian_targets(torch.from_numpy(joints), (5, 7), stride=4, sigma=5.0)
    assert np.allclose(ours, gaussian_beliefs(joints, (5, 7), stride=4, sigma=5.0), atol=1e-6)


def test_targets_of_several_people_add_up_to_one_at_most():
    joints = torch.tensor([[[4.0, 6.0, 1.0], [9.0, 11.0, 1.0]]])
    others = torch.tensor([[[[5.0, 6.0, 1.0], [0.0, 0.0, 0.0]], [[20.0, 9.0, 1.0], [2.0, 2.0, 1.0]]]])
    alone = [gaussian_targets(one, (5, 7), stride=4, sigma=5.0)[:, :2] for one in (joints, *others.unbind(1))]
    together = gaussian_targets(joints, (5, 7), stride=4, sigma=5.0, others=others)
    assert torch.allclose(together[:, :2], sum(alone).clamp(max=1))
    assert together.max() == 1
    assert torch.allclose(together[:, 2], 1 - together[:, :2].amax(1))


def test_loss_sums_over_cells_and_averages_over_people():
    beliefs, targets = torch.zeros(2, 4, 5, 7), torch.ones(2, 4, 5, 7)
    assert belief_loss(beliefs, targets) == 4 * 35 / 2
    labelled = torch.tensor([[True, False, False], [True, True, True]])
    assert belief_loss(beliefs, targets, labelled) == (2 + 4) * 35 / 4
    assert belief_loss(beliefs, targets, labelled, emphasis=9.0) == (11 + 31) * 35 / 4
    assert belief_loss(beliefs, targets, n_people=8) == 4 * 35 / 8


def test_intermediate_supervision_gives_every_stage_its_own_loss(dots):
    norms = {}
    for name, supervised in (("all", None), ("last", (2,))):
        network = first_step(make_run(tiny_stage(), *dots, n_stages=3, supervised=supervised))
        norms[name] = [head.beliefs.weight.grad.norm().item() for head in network.heads]
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


def test_other_people_are_in_the_target_of_the_first_stage_only(dots):
    images, joints = dots
    others = np.roll(joints, 1, axis=0)[:, None]
    stages = [tiny_stage(epochs=1)] * 2
    alone = JointTraining().fit_stages(stages, images, joints, DOTS)[0].history_[0]
    crowded = JointTraining().fit_stages(stages, images, joints, DOTS, others=others)[0].history_[0]
    assert crowded["loss"][0] > 1.3 * alone["loss"][0]
    assert crowded["loss"][1] < 1.2 * alone["loss"][1]
    with pytest.raises(ValueError, match="others must be"):
        JointTraining().fit_stages(stages, images, joints, DOTS, others=joints)


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
    network = first_step(make_run(tiny_stage(mask_unlabelled=mask, flip=False), images, joints))
    gradient = network.heads[-1].beliefs.bias.grad.reshape(4, 4).abs().sum(1)
    assert (gradient[1] == 0) == mask
    assert (gradient[[0, 2, 3]] > 0).all()


@pytest.mark.parametrize("settings", [{"accumulate": 3}, {"accumulate": 100}])
def test_accumulated_gradients_are_those_of_the_whole_batch(dots, settings):
    whole = tiny_stage(**EXACT).fit(dots[0], None, dots[1], skeleton=DOTS)
    parts = tiny_stage(**EXACT, **settings).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert_close_weights(weights_of(whole), weights_of(parts))
    assert whole.history_[-1]["loss"] == pytest.approx(parts.history_[-1]["loss"], rel=1e-3)


def test_workers_change_nothing(dots):
    alone = tiny_stage().fit(dots[0], None, dots[1], skeleton=DOTS)
    helped = tiny_stage(n_workers=2).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert_same_weights(weights_of(alone), weights_of(helped))


def test_an_int_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(dots):
    state = torch.get_rng_state()
    first, second = (tiny_stage().fit(dots[0], None, dots[1], skeleton=DOTS) for _ in range(2))
    other = tiny_stage(random_state=1).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert_same_weights(weights_of(first), weights_of(second))
    assert first.feature_key != other.feature_key
    assert torch.equal(torch.get_rng_state(), state)


class Interruption(Exception):
    pass


def interrupt_after(monkeypatch, steps):
    whole = TrainingRun._train_on

    def train_on(run, n_people, parts):
        if run.step == steps:
            raise Interruption
        whole(run, n_people, parts)

    monkeypatch.setattr(TrainingRun, "_train_on", train_on)


@pytest.fixture
def interrupted(dots, tmp_path, monkeypatch):
    """Path of the checkpoint of a training of four epochs of six steps that broke off in the middle of the third."""
    path = tmp_path / "half.pt"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 15)
        with pytest.raises(Interruption):
            tiny_stage(epochs=4, checkpoint=path, checkpoint_minutes=0.0).fit(dots[0], None, dots[1], skeleton=DOTS)
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
    with caplog.at_level("INFO", logger="posemachines.conv.trainer.loop"):
        tiny_stage(verbose=True).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert "epoch 2 of 2: loss by stage" in caplog.text
    assert "training" in capsys.readouterr().err


KILLED = """
import sys
import torch
from posemachines import ConvPoseMachine
from tests.conv.conv_toys import DOTS, draw_dots, tiny_stage
torch.set_num_threads(1)
folder, killed = sys.argv[1], len(sys.argv) > 2
settings = {"checkpoint": f"{folder}/training.pt", "checkpoint_minutes": 0.001} if killed else {}
images, joints = draw_dots(64)
stage = tiny_stage(epochs=20, **settings)
machine = ConvPoseMachine(2, stage=stage, skeleton=DOTS, training="stagewise+joint", random_state=0)
machine.fit(images, joints).save(f"{folder}/machine.safetensors")
"""


def test_a_killed_process_continues_bit_for_bit(tmp_path):
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
    assert checkpoint.exists(), "it was to be killed in the middle"
    assert not (folders["killed"] / "machine.safetensors").exists()
    subprocess.run([*command, folders["killed"], "killed"], check=True, cwd=ROOT)
    assert not checkpoint.exists()
    machines = [load(folder / "machine.safetensors") for folder in folders.values()]
    for whole, continued in zip(*(machine.stages_ for machine in machines), strict=True):
        assert_same_weights(weights_of(whole), weights_of(continued))
        losses = [[row["loss"] for row in stage.history_] for stage in (whole, continued)]
        assert losses[0] == losses[1]


TOGETHER = """
import sys
import torch
from posemachines import ConvPoseMachine
from posemachines.conv.distributed import join_world
from tests.conv.conv_toys import DOTS, draw_dots, tiny_stage
from tests.conv.test_loop import EXACT
torch.set_num_threads(1)
images, joints = draw_dots(44)
files = {"checkpoint": f"{sys.argv[1]}.pt", "checkpoint_minutes": 0.0}
stage = tiny_stage(**EXACT, batch_size=int(sys.argv[2]), epochs=3, **files)
machine = ConvPoseMachine(2, stage=stage, skeleton=DOTS, training="stagewise+joint", random_state=0)
machine.fit(images, joints, validation=(images[:8], joints[:8]))
machine.save(f"{sys.argv[1]}_{join_world(cuda=False).rank}.safetensors")
"""


def test_two_processes_learn_what_one_with_twice_the_batch_does(tmp_path):
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
    on_gpu = tiny_stage(epochs=8, device="cuda").fit(dots[0], None, dots[1], skeleton=DOTS)
    on_cpu = tiny_stage(epochs=8).fit(dots[0], None, dots[1], skeleton=DOTS)
    assert on_gpu.history_[-1]["loss"][0] == pytest.approx(on_cpu.history_[-1]["loss"][0], rel=0.2)
    assert on_gpu.predict(dots[0]).dtype == np.float32

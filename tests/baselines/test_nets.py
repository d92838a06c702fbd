"""Networks that are not pose machines: direct regression, and an encoder-decoder."""

import pickle

import numpy as np
import pytest
import torch

import posemachines
from baselines import DeepPose, EncoderDecoderStage
from baselines.deep_pose import PoseRegressor, RegressionRun, RegressorDesign, in_pixels, in_sides
from posemachines import Augmentation, ConvPoseMachine, JointTraining, Runtime
from posemachines.comparison.machines import ONE_STAGE
from posemachines.conv import ConvStage, build_network, network_facts
from posemachines.conv.networks.facts import multiply_adds
from posemachines.conv.networks.network import assemble
from posemachines.conv.trainer.batches import Batch
from posemachines.skeleton import Skeleton
from posemachines.testing import SKELETON, make_dots, stage_checks
from tests.baselines.shapes import error, mean_error
from tests.toys import TRIANGLE, triangles

WIDTHS = (
    "stem_width", "feature_width", "coarse_width", "n_blocks", "n_coarse_blocks", "stage_width", "stage_coarse_width",
    "n_stage_blocks", "n_stage_coarse_blocks",
)  # fmt: skip
ON_CPU = {"device": "cpu", "n_jobs": 1, "random_state": 0}


def facts(stage, n_stages):
    widths = tuple(getattr(stage, name) for name in WIDTHS)
    return network_facts(build_network("cpm-lite", n_maps=15, n_stages=n_stages, widths=widths), (128, 128))


def halved(n, seed=0):
    """Triangles of half the size, (n, 32, 36, 3)."""
    images, joints = triangles(n, seed)
    small = images.reshape(n, 32, 2, 36, 2, 3).mean((2, 4)).round().astype(np.uint8)
    joints[..., :2] = (joints[..., :2] - 0.5) / 2
    return small, joints


# -- one stage ------------------------------------------------------------------------------------------------------


def test_one_stage_has_the_cost_and_the_receptive_field_of_three():
    three, one = facts(ConvStage(network="cpm-lite"), 3), facts(ConvStage(**ONE_STAGE), 1)
    assert abs(one.multiply_adds / three.multiply_adds - 1) < 0.05
    assert abs(one.receptive_fields[-1] / three.receptive_fields[-1] - 1) < 0.05


# -- direct regression ----------------------------------------------------------------------------------------


def regressor(**settings):
    return DeepPose(
        **({"epochs": 12, "learning_rate": 3e-3, "batch_size": 20, "skeleton": TRIANGLE} | ON_CPU | settings)
    )


@pytest.fixture(scope="module")
def people():
    return halved(160)


@pytest.fixture(scope="module")
def fitted(people):
    return regressor().fit(*people)


def test_joints_are_found(fitted, people):
    images, joints = halved(60, seed=1)
    assert error(fitted.predict(images), joints) < 0.5 * mean_error(people[1], joints)
    assert fitted.history_[-1]["loss"][0] < 0.5 * fitted.history_[0]["loss"][0]


def test_an_untrained_net_outputs_the_mean_pose(people):
    _, joints = people
    net = PoseRegressor(RegressorDesign((32, 36), 3))
    net.start_from(joints)
    with torch.inference_mode():
        poses = in_pixels(net(torch.zeros(1, 3, 32, 36))[0].numpy(), (32, 36))
    assert error(poses[0], joints) < 1.2 * mean_error(joints, joints)


def test_saved_and_read_again(fitted, tmp_path):
    images, _ = halved(4, seed=1)
    fitted.save(tmp_path / "net.npz")
    again = DeepPose.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.predict(images), fitted.predict(images))
    assert again.size() == fitted.size()
    assert again.count_operations(images) == fitted.count_operations(images)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).predict(images), fitted.predict(images))
    with pytest.raises(ValueError, match=r"crops must be \(32, 36\) px"):
        again.predict(np.zeros((1, 64, 64, 3), np.uint8))


def test_same_seed_same_net_even_if_interrupted(people, tmp_path, monkeypatch):
    images, _ = halved(4, seed=1)
    short = {"epochs": 3}
    whole = regressor(**short).fit(*people)
    file = tmp_path / "net.checkpoint"
    step = RegressionRun._judge
    seen = []

    def fail(run, *arguments):
        seen.append(1)
        if len(seen) > 20:
            raise KeyboardInterrupt
        return step(run, *arguments)

    unfinished = regressor(**short, checkpoint=str(file), checkpoint_minutes=0.0)
    monkeypatch.setattr(RegressionRun, "_judge", fail)
    with pytest.raises(KeyboardInterrupt):
        unfinished.fit(*people)
    assert file.is_file()
    monkeypatch.setattr(RegressionRun, "_judge", step)
    np.testing.assert_array_equal(unfinished.fit(*people).predict(images), whole.predict(images))
    assert not file.exists()


def test_unlabelled_joints_teach_nothing(people):
    images, joints = people
    made = []
    for nowhere in ((0, 0, 0), (7, 3, 0)):
        hidden = joints.copy()
        hidden[::2, 1] = nowhere
        made.append(regressor(epochs=1).fit(images, hidden).predict(images[:4]))
    np.testing.assert_array_equal(*made)
    with pytest.raises(ValueError, match="never labelled: right;"):
        regressor().fit(images, joints * np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]], np.float32))


def test_the_loss_is_half_the_squared_distance_in_sides_of_the_crop():
    poses = torch.zeros(2, 3, 2)
    joints = np.zeros((2, 3, 3), np.float32)
    joints[..., :2] = in_pixels(np.full((2, 3, 2), 0.1), (64, 80))
    joints[:, :2, 2] = 1
    joints[:, 2] = (1e6, -1e6, 0)
    part = Batch(torch.zeros(2, 3, 64, 80), torch.from_numpy(joints), None, None, None)
    loss, spread = RegressionRun._judge(RegressionRun.__new__(RegressionRun), [poses], part, 2)
    assert loss.tolist() == pytest.approx([2 * 2 * 2 * 0.1**2 / (2 * 2)])
    assert spread.tolist() == [2.0], "all subjects have the same pose here"


def test_sides_and_pixels():
    points = np.array([[0.0, 0.0], [79.0, 63.0], [39.5, 31.5]])
    np.testing.assert_allclose(in_sides(points, (64, 80)), [[-39.5 / 80, -31.5 / 80], [39.5 / 80, 31.5 / 80], [0, 0]])
    np.testing.assert_allclose(in_pixels(in_sides(points, (64, 80)), (64, 80)), points)


def test_refitting_forgets(people):
    images, joints = people
    machine = regressor(epochs=1)
    first = machine.fit(images, joints).predict(images[:4])
    again = machine.set_params(random_state=1).fit(images, joints).predict(images[:4])
    assert np.abs(again - first).max() > 1e-3
    np.testing.assert_array_equal(again, regressor(epochs=1, random_state=1).fit(images, joints).predict(images[:4]))


def test_settings_are_checked_as_those_of_stages(people):
    with pytest.raises(ValueError, match="epochs"):
        regressor(epochs=0).fit(*people)


def test_it_costs_as_much_as_three_stages():
    net = PoseRegressor(RegressorDesign((128, 128), 14))
    net.bake()
    assert abs(multiply_adds(net, (128, 128)) / facts(ConvStage(network="cpm-lite"), 3).multiply_adds - 1) < 0.05


# -- encoder and decoder --------------------------------------------------------------------------------------------


ONCE = JointTraining(epochs=1, batch_size=8)


class Quick(EncoderDecoderStage):
    """Trained for one epoch only."""

    default_training = ONCE


def encoder_decoder(**settings):
    stage = Quick(random_state=0, **settings)
    stage.runtime = Runtime(device="cpu", n_jobs=1)
    return stage


OF_LATER_STAGES = (
    "check_beliefs_have_the_shape", "check_fit_returns_itself", "check_people_are_independent",
    "check_prediction_is_repeatable", "check_refit_forgets", "check_bad_input_is_refused",
    "check_state_rebuilds_the_stage", "check_pickles",
)  # fmt: skip


@pytest.mark.parametrize(
    "check", [check for check in stage_checks() if check.__name__ not in OF_LATER_STAGES], ids=lambda one: one.__name__
)
def test_it_keeps_the_contract_of_a_first_stage(check):
    check(encoder_decoder())


def test_it_finds_joints_and_is_read_again(tmp_path):
    machine = ConvPoseMachine(
        1, stage=EncoderDecoderStage(random_state=0), epochs=10, batch_size=8, learning_rate=2e-3,
        augmentation=Augmentation(rotation=0.0, colour=0.0), device="cpu", n_jobs=1, skeleton=TRIANGLE,
    )  # fmt: skip
    images, joints = halved(60, seed=1)
    training = halved(160)
    machine.fit(*training)
    assert error(machine.predict(images), joints) < 0.75 * mean_error(training[1], joints)
    machine.save(tmp_path / "machine.npz")
    again = posemachines.load(tmp_path / "machine.npz", stage_classes=[EncoderDecoderStage])
    np.testing.assert_array_equal(again.predict(images), machine.predict(images))
    assert again.size() == machine.size()
    by_name = posemachines.load(tmp_path / "machine.npz")
    np.testing.assert_array_equal(by_name.predict(images), machine.predict(images))


def test_beliefs_lie_on_the_grid_of_a_crop_whose_sides_its_stride_does_not_divide():
    images, joints = make_dots(8)  # 20 x 28 px
    stage = encoder_decoder().fit(images, None, joints, skeleton=SKELETON)
    beliefs = stage.predict(images)
    assert beliefs.shape == (8, 4, 5, 7)
    assert np.isfinite(beliefs).all()


def test_it_reads_no_beliefs_and_has_no_other_networks():
    images, joints = make_dots(8)
    previous = np.full((8, 4, 5, 7), 0.25, np.float32)
    with pytest.raises(ValueError, match="reads no beliefs"):
        encoder_decoder().fit(images, previous, joints)
    with pytest.raises(ValueError, match="leave network out"):
        encoder_decoder(network="cpm").fit(images, None, joints)
    with pytest.raises(ValueError, match="reads no beliefs"):
        ConvPoseMachine(2, stage=encoder_decoder(), skeleton=Skeleton("dots", ("a", "b", "c"))).fit(images, joints)


def test_encoder_and_decoder_cost_as_much_as_three_stages():
    net = assemble(EncoderDecoderStage().design(), 15, [False])
    net.bake()
    assert abs(multiply_adds(net, (128, 128)) / facts(ConvStage(network="cpm-lite"), 3).multiply_adds - 1) < 0.05

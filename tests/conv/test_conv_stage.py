import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from posemachines.beliefs import decode, gaussian_beliefs
from posemachines.conv import ConvStage, JointTraining, StagewiseTraining
from posemachines.skeleton import Skeleton
from posemachines.stage import Stage
from posemachines.training import StackedTraining
from tests.conv.conv_toys import DOTS, fit_alone, tiny_runtime, tiny_stage, tiny_training, train
from tests.toys import draw_dots

LEARNS = {"epochs": 30, "learning_rate": 5e-3, "rotation": 10.0, "colour": 0.0, "sigma": 4.0}
UNPAIRED = Skeleton("dots", ("red", "green", "blue"))


def median_error(beliefs, joints):
    found, _ = decode(beliefs, stride=4)
    return np.median(np.linalg.norm(found - joints[..., :2], axis=-1))


@pytest.fixture(scope="module")
def joint(dots):
    """Three stages, trained together for two epochs."""
    return train(3, *dots)


@pytest.fixture(scope="module")
def learned():
    images, joints = draw_dots(96, height=32, width=40)
    return train(2, images, joints, UNPAIRED, **LEARNS)


def run(stages, images):
    features, previous, staged = stages[0].compute_features(images), None, []
    for stage in stages:
        previous = stage.predict(images, previous, features=features)
        staged.append(previous)
    return staged


def test_a_first_stage_learns_dots():
    images, joints = draw_dots(96, height=32, width=40)
    stage = fit_alone(images, None, joints, skeleton=UNPAIRED, **LEARNS)
    new, truth = draw_dots(32, height=32, width=40, seed=1)
    beliefs = stage.predict(new)
    assert beliefs.shape == (32, 4, 8, 10)
    assert beliefs.dtype == np.float32
    assert median_error(beliefs, truth) < 1.5
    assert stage.history_[-1]["loss"][0] < 0.5 * stage.history_[0]["loss"][0]
    assert not stage.uses_beliefs_


def test_a_later_stage_reads_the_beliefs_it_is_given():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (96, 32, 40, 3), np.uint8)  # noise: only the beliefs are informative
    _, joints = draw_dots(96, height=32, width=40)
    previous = gaussian_beliefs(joints, (8, 10), stride=4, sigma=4.0)
    stage = fit_alone(images, previous, joints, skeleton=UNPAIRED, **LEARNS)
    assert stage.uses_beliefs_
    _, truth = draw_dots(32, height=32, width=40, seed=1)
    new = rng.integers(0, 256, (32, 32, 40, 3), np.uint8)
    assert median_error(stage.predict(new, gaussian_beliefs(truth, (8, 10), stride=4, sigma=4.0)), truth) < 1.5


def test_joint_training_learns_in_every_stage(learned):
    images, joints = draw_dots(32, height=32, width=40, seed=1)
    assert all(median_error(beliefs, joints) < 1.5 for beliefs in run(learned, images))
    first, last = learned[0].history_[0]["loss"], learned[0].history_[-1]["loss"]
    assert len(last) == 2
    assert all(end < 0.5 * start for start, end in zip(first, last, strict=True))


def test_beliefs_have_the_height_of_the_targets(learned):
    images, _ = draw_dots(32, height=32, width=40, seed=1)
    beliefs = run(learned, images)[-1]
    assert 0.5 < beliefs[:, :-1].max((2, 3)).mean() < 1.2
    low, high = np.quantile(beliefs, [0.01, 0.99])
    assert low > -0.2
    assert high < 1.2


def test_stages_of_joint_training_are_fitted_clones_that_share_a_trunk(dots):
    stages = [tiny_stage(random_state=np.random.RandomState(0)), tiny_stage()]
    runtime = tiny_runtime(verbose=False)
    fitted = tiny_training().fit_stages(stages, *dots, DOTS, runtime=runtime)
    assert stages[0].random_state.randint(99) == np.random.RandomState(0).randint(99)
    assert all(stage.runtime is runtime for stage in fitted)
    assert all(not hasattr(stage, "network_") for stage in stages)
    assert fitted[0].network_.trunks[0] is fitted[1].network_.trunks[0]
    assert [stage.uses_beliefs_ for stage in fitted] == [False, True]
    assert all(stage.n_parts_ == 3 and stage.skeleton_ == DOTS for stage in fitted)


def test_a_shared_trunk_counts_once(joint):
    first, second, third = (stage.size()["parameters"] for stage in joint)
    trunk = sum(weight.numel() for weight in joint[0].network_.trunks.parameters())
    assert first > trunk
    assert second == third
    assert second == sum(weight.numel() for weight in joint[1].network_.heads.parameters())


def test_unequal_axes_and_another_size_at_prediction(joint):
    images, _ = draw_dots(2)
    assert [beliefs.shape for beliefs in run(joint, images)] == [(2, 4, 5, 7)] * 3
    other, _ = draw_dots(2, height=36, width=64)
    assert run(joint, other)[-1].shape == (2, 4, 9, 16)


def test_subjects_predicted_together_or_one_by_one_have_the_same_beliefs(joint):
    images, _ = draw_dots(70)
    together = run(joint, images)[-1]
    alone = np.concatenate([run(joint, images[index : index + 1])[-1] for index in (0, 69)])
    assert np.allclose(together[[0, 69]], alone, atol=1e-3)


def test_a_rebuilt_stage_predicts_identically(joint, dots, tmp_path):
    images, _ = dots
    rebuilt = []
    for number, stage in enumerate(joint):
        np.savez(tmp_path / f"{number}.npz", **stage.get_state())
        with np.load(tmp_path / f"{number}.npz", allow_pickle=False) as state:
            copied = clone(stage)
            copied.set_state(dict(state))
        copied.n_parts_, copied.skeleton_, copied.uses_beliefs_ = 3, DOTS, stage.uses_beliefs_
        rebuilt.append(copied)
    for ours, theirs in zip(run(joint, images), run(rebuilt, images), strict=True):
        assert np.array_equal(ours, theirs)
    assert len({stage.feature_key for stage in joint + rebuilt}) == 1
    assert [stage.size() for stage in rebuilt] == [stage.size() for stage in joint]
    assert rebuilt[1].history_ == joint[1].history_


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stage: pickle.loads(pickle.dumps(stage))])
def test_copies_predict_identically(joint, dots, copied):
    stages = copied(joint)
    assert np.array_equal(run(stages, dots[0])[-1], run(joint, dots[0])[-1])
    assert stages[0].network_.trunks[0] is stages[2].network_.trunks[0]


def test_clone_keeps_the_parameters_only(joint):
    copied = clone(joint[0])
    assert copied.get_params() == joint[0].get_params()
    assert not hasattr(copied, "network_")


def test_the_number_of_threads_is_restored(dots):
    before = torch.get_num_threads()
    fit_alone(dots[0][:8], None, dots[1][:8], n_jobs=2, epochs=1)
    assert torch.get_num_threads() == before


def test_bfloat16_predicts_nearly_the_same(joint, dots):
    images, _ = dots
    stages = copy.deepcopy(joint)
    for stage in stages:
        stage.runtime = tiny_runtime(precision="bfloat16")
    assert np.allclose(run(stages, images)[-1], run(joint, images)[-1], atol=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda:7"}, "torch finds .* CUDA devices; pass device='cpu'"),
        ({"device": "abacus"}, "device must be 'auto'"),
        ({"precision": "float8"}, "precision must be 'auto'"),
        ({"precision": "float16"}, "needs a CUDA device"),
        ({"network": "resnet"}, "network must be one of 'cpm-pretrained', 'cpm-lite'"),
        ({"optimiser": "adam"}, "optimiser must be"),
        ({"schedule": "linear"}, "schedule must be"),
        ({"init": "zero"}, "init must be"),
        ({"scale_law": "cubic"}, "scale_law must be"),
        ({"accumulation_steps": 0}, "accumulation_steps must be positive"),
        ({"n_workers": -1}, "n_workers must be"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"feature_width": 18}, "multiple of 4"),
        ({"epochs": 0}, "epochs must be 'auto' or a positive integer"),
        ({"epochs": 2.5}, "epochs must be 'auto' or a positive integer"),
        ({"epochs": "all"}, "epochs must be 'auto' or a positive integer"),
        ({"batch_size": 0}, "batch_size must be positive"),
        ({"scale_jitter": (1.2, 0.8)}, "scale_jitter must be"),
        ({"scale_jitter": 0.2}, "scale_jitter must be"),
        ({"augmentation": None}, "augmentation must be an Augmentation"),
        ({"n_jobs": 0}, "n_jobs must be"),
    ],
)
def test_settings_that_cannot_be_trained_with(dots, settings, message):
    with pytest.raises(ValueError, match=message):
        fit_alone(dots[0], None, dots[1], **settings)


def test_a_single_stage_refuses_strategies_for_several(dots):
    with pytest.raises(ValueError, match="training must be a JointTraining"):
        tiny_stage().fit(dots[0], None, dots[1], training=StackedTraining())


class Echo(Stage):
    def _fit(self, images, previous, joints):
        pass

    def _predict(self, features, previous):
        return previous


@pytest.mark.parametrize(
    ("stages", "settings", "message"),
    [
        ([ConvStage(network="cpm-lite"), Echo()], {}, "stage 2 is a Echo, but joint training needs ConvStages"),
        (
            [ConvStage(network="cpm-lite"), ConvStage(stage_width=32, network="cpm-lite")],
            {},
            "stage 2 has network .*32.* but stage 1 has",
        ),
        (
            [ConvStage(network="cpm-lite"), ConvStage(init="gaussian", network="cpm-lite")],
            {},
            "stage 2 has init 'gaussian' but stage 1 has 'he'",
        ),
        ([], {}, "stages is empty"),
        ([ConvStage(network="cpm-lite")], {"supervision": "first"}, "supervision must be 'all' or 'last'"),
    ],
)
def test_stages_that_cannot_be_trained_together(dots, stages, settings, message):
    with pytest.raises(ValueError, match=message):
        JointTraining(**settings).fit_stages(stages, *dots, DOTS)


@pytest.mark.parametrize("strategy", [JointTraining, StagewiseTraining])
def test_training_without_a_label_is_refused(dots, strategy):
    with pytest.raises(ValueError, match="no joint is labelled"):
        train(1, dots[0], dots[1] * [1, 1, 0], strategy=strategy)


def test_a_stage_fitted_alone_uses_its_default_training(dots, monkeypatch):
    monkeypatch.setattr(ConvStage, "default_training", tiny_training(epochs=3))
    stage = tiny_stage()
    stage.runtime = tiny_runtime()
    stage.fit(dots[0], None, dots[1], skeleton=DOTS)
    assert len(stage.history_) == 3
    assert np.array_equal(stage.predict(dots[0]), fit_alone(dots[0], None, dots[1], epochs=3).predict(dots[0]))


@pytest.mark.parametrize(("old", "new"), [("lite", "cpm-lite"), ("cvpr", "cpm"), ("vgg", "cpm-vgg")])
def test_old_names_of_networks_are_accepted_with_a_warning(old, new):
    with pytest.warns(DeprecationWarning, match=f"use '{new}'"):
        design = ConvStage(network=old).design()
    assert design == ConvStage(network=new).design()

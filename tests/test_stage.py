"""The contract of a stage, for the stages of the library and a third party's."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from posemachines import ConvStage, ForestStage, JointTraining, Runtime, SequentialMachine, StackedTraining, Stage
from posemachines.testing import check_stage, stage_checks


class ColourStage(Stage):
    """A third party's stage: the belief in a part decreases with the distance from the colour of the part."""

    def __init__(self, stride=4, sharpness=0.02, trust=0.5):
        self.stride = stride
        self.sharpness = sharpness
        self.trust = trust

    def _fit(self, images, previous, joints):
        x, y = joints[..., :2].round().astype(int).transpose(2, 0, 1)
        seen = images[np.arange(len(images))[:, None], y, x]
        self.colours_ = np.stack([seen[joints[:, p, 2] > 0, p].mean(0) for p in range(self.n_parts_)])

    def _predict(self, features, previous):
        n, h, w, _ = features.shape
        cells = features.reshape(n, h // self.stride, self.stride, w // self.stride, self.stride, 3).mean((2, 4))
        distance = np.linalg.norm(cells[:, None] - self.colours_[:, None, None], axis=-1)
        parts = np.exp(-self.sharpness * distance)
        beliefs = np.concatenate([parts, 1 - parts.max(1, keepdims=True)], axis=1)
        return beliefs if previous is None else self.trust * previous + (1 - self.trust) * beliefs


class QuickNet(ConvStage):
    """A net that is trained for one epoch by default."""

    default_training = JointTraining(epochs=1)
    runtime = Runtime(device="cpu")


STAGES = {
    "third party": ColourStage(),
    "forest": ForestStage(n_rounds=4, min_samples_leaf=4),
    "forest, stride 8": ForestStage(n_rounds=2, max_depth=8, stride=8, learner="scikit-learn", boosting=False),
    "conv": QuickNet(),
}


@pytest.mark.parametrize("check", stage_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", STAGES)
def test_contract(name, check):
    check(STAGES[name])


def test_third_party_stage_runs_in_a_machine(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage(), ColourStage(trust=0.3)], skeleton=skeleton).fit(images, joints)
    error = np.linalg.norm(machine.predict(images) - joints[..., :2], axis=-1)[joints[..., 2] > 0]
    assert np.median(error) < 4, "most dots are found within a cell"


class Broken(ColourStage):
    """Keeps every rule; each subclass below breaks one."""


class ChangesInput(Broken):
    breaks = "check_fit_returns_itself"

    def _fit(self, images, previous, joints):
        super()._fit(images, previous, joints)
        if previous is not None:
            previous[:] = 0


class ComputesInConstructor(Broken):
    breaks = "check_constructor_only_stores"

    def __init__(self, stride=4, sharpness=0.02, trust=0.5):
        super().__init__(stride, 2 * sharpness, trust)


class ForgetsBackground(Broken):
    breaks = "check_beliefs_have_the_shape"

    def _predict(self, features, previous):
        return super()._predict(features, previous)[:, :-1]


class LooksAtTheBatch(Broken):
    breaks = "check_people_are_independent"

    def _predict(self, features, previous):
        return super()._predict(features, previous) + len(features) / 10


class ReadsUnlabelled(Broken):
    breaks = "check_unlabelled_joints_teach_nothing"

    def _fit(self, images, previous, joints):
        super()._fit(images, previous, np.concatenate([joints[..., :2], np.ones_like(joints[..., 2:])], -1))


class SaysNaN(Broken):
    breaks = "check_beliefs_have_the_shape"

    def _predict(self, features, previous):
        return super()._predict(features, previous) * np.nan


class ForgetsItsSeed(Broken):
    breaks = "check_same_seed_same_stage"

    def _fit(self, images, previous, joints):
        super()._fit(images, previous, joints)
        self.colours_ = self.colours_ + np.random.default_rng().uniform(0, 30)


class KeepsAnObject(Broken):
    breaks = "check_state_rebuilds_the_stage"

    def _fit(self, images, previous, joints):
        super()._fit(images, previous, joints)
        self.model_ = object()


class RemembersItsFirstFit(Broken):
    breaks = "check_refit_forgets"

    def _fit(self, images, previous, joints):
        if not hasattr(self, "colours_"):
            super()._fit(images, previous, joints)


class Wanders(Broken):
    breaks = "check_prediction_is_repeatable"

    def _predict(self, features, previous):
        return super()._predict(features, previous) + np.random.default_rng().uniform(0, 0.01)


def _named(name):
    return next(check for check in stage_checks() if check.__name__ == name)


def test_what_is_not_broken_passes():
    check_stage(Broken())


@pytest.mark.parametrize("broken", Broken.__subclasses__(), ids=lambda cls: cls.__name__)
def test_the_suite_finds_what_is_broken(broken):
    with pytest.raises((AssertionError, ValueError, TypeError)):
        _named(broken.breaks)(broken())


def test_a_failed_fit_leaves_a_stage_that_is_not_fitted(dots):
    images, joints, _ = dots
    for unfitted in (ForestStage(learner="oracle"), ForestStage(n_trees=0)):
        with pytest.raises(ValueError, match=r"learner|n_trees"):
            unfitted.fit(images, None, joints)
        with pytest.raises(NotFittedError):
            unfitted.predict(images)


def test_only_stages_are_checked():
    with pytest.raises(AssertionError, match=r"must be a posemachines\.Stage"):
        check_stage(object())


def test_unlabelled_coordinates_never_reach_the_stage(dots):
    images, joints, _ = dots
    seen = {}

    class Spy(ColourStage):
        def _fit(self, images, previous, joints):
            seen["joints"] = joints
            super()._fit(images, previous, np.abs(joints))

    Spy().fit(images, None, joints)
    hidden = joints[..., 2] == 0
    assert hidden.any()
    assert not seen["joints"][hidden].any()
    assert seen["joints"].dtype == np.float32


def test_objects_in_the_state_are_refused(dots):
    images, joints, _ = dots
    stage = ColourStage().fit(images, None, joints)
    stage.model_ = object()
    with pytest.raises(TypeError, match="override get_state"):
        stage.get_state()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvStage(clip=1.0, network="cpm-lite"), r"use JointTraining\(max_grad_norm=...\)"),
        (lambda: ConvStage(scale=(0.9, 1.1), network="cpm-lite"), r"Augmentation\(scale_jitter=...\)"),
        (lambda: ConvStage(device="cpu", network="cpm-lite"), r"use ConvPoseMachine\(device=...\)"),
        (lambda: ForestStage(cells_per_person=3), r"use sampling=CellSampling\(cells_per_subject=...\)"),
        (lambda: ForestStage(context_patches=False), r"use context=ContextFeatures\(patches=...\)"),
        (lambda: ForestStage(n_jobs=2), r"use PoseMachine\(n_jobs=...\)"),
    ],
)
def test_settings_that_left_the_stages_say_where_they_are(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_renamed_parameters_of_stages_are_accepted():
    with pytest.warns(DeprecationWarning, match="use residual="):
        assert ForestStage(refine=False).residual is False
    with pytest.warns(DeprecationWarning, match="use n_folds="):
        assert StackedTraining(folds=3).n_folds == 3

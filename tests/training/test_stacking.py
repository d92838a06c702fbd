import numpy as np
import pytest

from posemachines import ForestStage, JointTraining, SequentialMachine, StackedTraining
from posemachines.testing import SKELETON, make_dots
from posemachines.training.stacking import predict_in_batches
from tests.test_stage import ColourStage


class Recorder(ColourStage):
    """Records the subjects it was trained on, by their images, and the beliefs it was given."""

    log: list = []

    def _fit(self, images, previous, joints):
        super()._fit(images, previous, joints)
        self.people_ = images.sum((1, 2, 3))
        type(self).log.append((self.people_, previous))

    def _predict(self, features, previous):
        beliefs = super()._predict(features, previous)
        seen = np.isin(features.sum((1, 2, 3)), self.people_)
        return np.where(seen[:, None, None, None], 0, beliefs)  # recognises training subjects: their beliefs are zero


@pytest.fixture
def trained(dots):
    def train(n_stages, **options):
        images, joints, skeleton = dots
        Recorder.log = []
        stages = [Recorder() for _ in range(n_stages)]
        StackedTraining(**options).fit_stages(stages, images, joints, skeleton, random_state=0)
        return images.sum((1, 2, 3)), Recorder.log

    return train


@pytest.mark.parametrize("folds", [2, 3, 40])
def test_beliefs_are_out_of_fold(trained, folds):
    people, log = trained(2, n_folds=folds)
    assert len(log) == folds + 2, "the copies of stage 1, stage 1, stage 2"
    copies, (all_first, none), (all_second, beliefs) = log[:folds], *log[folds:]
    assert none is None
    np.testing.assert_array_equal(all_first, people)
    np.testing.assert_array_equal(all_second, people)
    held_out = [np.setdiff1d(people, copy) for copy, _ in copies]
    assert sorted(np.concatenate(held_out)) == sorted(people), "every subject is held out exactly once"
    assert (beliefs.max((1, 2, 3)) > 0).all(), "no beliefs come from a copy that has seen the subject"


def test_without_stacking_beliefs_are_those_on_training_subjects(trained):
    _, log = trained(2, n_folds=1)
    assert len(log) == 2
    assert not log[1][1].any()


def test_the_last_stage_is_not_copied(trained):
    assert len(trained(3, n_folds=2)[1]) == 7
    assert len(trained(1, n_folds=2)[1]) == 1


def test_later_stages_see_the_beliefs_of_the_stage_before(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage()] * 3, skeleton=skeleton, training=StackedTraining()).fit(images, joints)
    assert [stage.uses_beliefs_ for stage in machine.stages_] == [False, True, True]


def test_one_subject_and_one_stage_need_no_folds(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images[:1], joints[:1])
    assert machine.predict(images[:1]).shape == (1, 3, 2)


def test_every_fit_has_a_checkpoint_of_its_own_in_the_folder(dots, tmp_path):
    images, joints, skeleton = dots
    seen = []

    class Checkpointed(ColourStage):
        def _fit(self, images, previous, joints):
            super()._fit(images, previous, joints)
            seen.append(self._checkpoint and self._checkpoint.name)

    StackedTraining(checkpoint=tmp_path).fit_stages([Checkpointed()] * 2, images, joints, skeleton)
    assert seen == ["stage1-copy1.part", "stage1-copy2.part", "stage1-whole.part", "stage2-whole.part"]
    StackedTraining().fit_stages([Checkpointed()], images, joints, skeleton)
    assert seen[-1] is None


def test_settings_of_networks_reach_every_fit(dots, tmp_path):
    images, joints, skeleton = dots
    seen = []

    class Trained(ColourStage):
        def _fit(self, images, previous, joints):
            super()._fit(images, previous, joints)
            seen.append((self._training.epochs, self._training.log_dir.name, self.runtime.n_jobs))

    training = StackedTraining(net=JointTraining(epochs=7, log_dir=tmp_path))
    machine = SequentialMachine([Trained()] * 2, training=training, skeleton=skeleton, n_jobs=2).fit(images, joints)
    assert seen == [(7, f"stage{name}", 2) for name in ("1-copy1", "1-copy2", "1-whole", "2-whole")]
    assert not any("_training" in vars(stage) for stage in machine.stages_)


def test_a_fold_without_labels_is_refused(dots):
    images, joints, skeleton = dots
    only_one = joints * (np.arange(40) == 7)[:, None, None]
    only_one[np.isnan(only_one)] = 0
    with pytest.raises(ValueError, match="without a labelled joint"):
        SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton).fit(images, only_one)


class FixedFeatures(Recorder):
    """Reads features that need no training, and records what `fit` was given."""

    reads_fixed_features = True
    feature_key = "halves"
    computed: list = []

    def _features(self, images):
        type(self).computed.append(len(images))
        return images // 2

    def _fit(self, images, previous, joints):
        np.testing.assert_array_equal(self._given_features, images // 2)
        super()._fit(images // 2, previous, joints)


@pytest.mark.parametrize("n_folds", [1, 3])
def test_features_that_need_no_training_are_computed_once(dots, n_folds):
    images, joints, skeleton = dots
    FixedFeatures.computed, FixedFeatures.log = [], []
    stages = [FixedFeatures() for _ in range(3)]
    StackedTraining(n_folds=n_folds).fit_stages(stages, images, joints, skeleton, random_state=0)
    assert FixedFeatures.computed == [len(images)]
    assert len(FixedFeatures.log) == 3 + 2 * (n_folds if n_folds > 1 else 0)


@pytest.mark.parametrize("features", ["hand-made", "efficientnet-lite0"])
def test_shared_features_give_the_same_forests(features, monkeypatch):
    images, joints = make_dots(8, grid=(8, 8))
    stage = ForestStage(n_rounds=2, features=features, random_state=0)

    def trained():
        fitted = StackedTraining().fit_stages([stage, stage], images, joints, SKELETON, random_state=0)
        return fitted[1].predict(images, fitted[0].predict(images, composites=True))

    shared = trained()
    monkeypatch.setattr(ForestStage, "reads_fixed_features", False)
    np.testing.assert_array_equal(shared, trained())


def test_predict_in_batches(dots):
    images, joints, skeleton = dots
    stage = ColourStage().fit(images, None, joints, skeleton=skeleton)
    np.testing.assert_array_equal(predict_in_batches(stage, images, None, batch_size=7), stage.predict(images))

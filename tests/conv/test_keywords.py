"""Keywords of the convolutional machine: how they reach the strategy, the stages and the runtime."""

import copy
import csv

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from posemachines import ConvPoseMachine, ConvStage, PoseDataset, SequentialMachine, StackedTraining
from posemachines.conv import Augmentation, JointTraining, StagewiseTraining, resolve_epochs
from posemachines.conv.trainer import settings as trainer_settings
from posemachines.conv.trainer.loop import TrainingRun
from posemachines.skeleton import Skeleton
from tests.conv.conv_toys import DOTS, tiny_machine, tiny_stage, tiny_training
from tests.toys import draw_dots


class OwnStrategy:
    """A third party's strategy that is not a dataclass."""

    def fit_stages(self, stages, images, joints, skeleton, *, random_state, runtime):
        return tiny_training().fit_stages(stages, images, joints, skeleton, random_state=random_state, runtime=runtime)


@pytest.fixture(scope="module")
def machine(dots):
    return tiny_machine(precision="float32", epochs=1).fit(*dots)


@pytest.fixture(scope="module")
def dataset():
    images, joints = draw_dots(16, height=40, width=40)
    return PoseDataset(list(images), joints, DOTS, crop_rule="photo")


# -- training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, JointTraining()),
        ("joint", JointTraining()),
        ("stagewise", StagewiseTraining()),
        ("stagewise+joint", StagewiseTraining(then_joint=True)),
        ("joint-without-supervision", JointTraining(supervision="last")),
    ],
)
def test_keywords_become_settings_of_the_strategy(name, expected):
    assert ConvPoseMachine(training=name, network="cpm-lite").make_training() == expected
    settings = {
        "epochs": 7, "batch_size": 4, "learning_rate": 0.5, "augmentation": Augmentation(rotation=3.0),
        "checkpoint": "half.pt", "log_dir": "log",
    }  # fmt: skip
    training = ConvPoseMachine(training=name, **settings).make_training()
    assert type(training) is type(expected)
    assert {key: getattr(training, key) for key in settings} == settings
    assert all(getattr(training, key) == getattr(expected, key) for key in ("sigma", "optimiser", "schedule"))


def test_a_strategy_is_used_as_given():
    training = JointTraining(epochs=3, batch_size=2)
    assert ConvPoseMachine(training=training, network="cpm-lite").make_training() is training
    own = OwnStrategy()
    assert ConvPoseMachine(training=own, network="cpm-lite").make_training() is own


@pytest.mark.parametrize("training", [JointTraining(epochs=3), StackedTraining(), OwnStrategy()])
@pytest.mark.parametrize(
    "keyword",
    [{"epochs": 5}, {"batch_size": 4}, {"learning_rate": 0.1}, {"augmentation": Augmentation.none()}],
    ids=lambda keyword: next(iter(keyword)),
)
def test_a_keyword_next_to_a_strategy_is_refused(dots, training, keyword):
    (name,) = keyword
    with pytest.raises(ValueError, match=rf"{name} and the strategy training={type(training).__name__}\(...\)"):
        tiny_machine(training=training, **keyword).fit(*dots)


def test_files_that_a_strategy_cannot_write_are_refused():
    with pytest.raises(ValueError, match="checkpoint, log_dir and the strategy"):
        ConvPoseMachine(training=OwnStrategy(), checkpoint="half.pt", log_dir="log", network="cpm-lite").make_training()


def test_network_and_stage_are_not_both_given(dots):
    with pytest.raises(ValueError, match="network and stage= are both given"):
        ConvPoseMachine(network="cpm", stage=tiny_stage(), skeleton=DOTS).fit(*dots)
    assert ConvPoseMachine(network="cpm-vgg")._make_stages()[0].network == "cpm-vgg"


@pytest.mark.parametrize(
    ("n_subjects", "epochs"), [(1, 100), (160, 100), (400, 40), (1000, 16), (1455, 11), (2000, 11), (20_000, 11)]
)
def test_automatic_epochs_are_16000_crops_within_11_to_100_passes(n_subjects, epochs):
    assert resolve_epochs("auto", n_subjects) == epochs
    assert resolve_epochs(3, n_subjects) == 3


@pytest.mark.parametrize(("n_subjects", "epochs"), [(1, 50), (100, 50), (200, 48), (1000, 16), (8000, 9), (10**6, 8)])
def test_automatic_epochs_of_a_pretrained_net_are_8_passes_and_8000_crops(n_subjects, epochs):
    assert resolve_epochs("auto", n_subjects, "cpm-pretrained") == epochs
    assert resolve_epochs(3, n_subjects, "cpm-pretrained") == 3


def test_a_machine_trains_for_the_automatic_number_of_epochs(dots, monkeypatch):
    monkeypatch.setattr(trainer_settings, "CROPS", 12 * 48)
    for training in ("joint", "stagewise"):
        fitted = tiny_machine(training=training, epochs="auto").fit(*dots)
        assert len(fitted.stages_[0].history_) == 12


def test_a_grid_search_over_keywords(dots):
    grid = {"epochs": [1, 3], "stage__n_blocks": [1, 2]}
    search = GridSearchCV(tiny_machine(), grid, cv=2, error_score="raise").fit(*dots)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert len(best.stages_[0].history_) == best.epochs == search.best_params_["epochs"]


def test_a_grid_search_over_strategies(dots):
    grid = {
        "training": [tiny_training(), tiny_training(StagewiseTraining), tiny_training(augmentation=Augmentation.none())]
    }
    search = GridSearchCV(tiny_machine(training=tiny_training()), grid, cv=2, error_score="raise").fit(*dots)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_parameters_survive_a_clone():
    machine = ConvPoseMachine(
        2, epochs=4, augmentation=Augmentation(rotation=1.0), stage=ConvStage(n_blocks=3, network="cpm-lite")
    )
    copied = clone(machine)
    assert copied.get_params(deep=False).keys() == machine.get_params(deep=False).keys()
    assert copied.get_params()["stage__n_blocks"] == 3
    assert copied.make_training() == machine.make_training()


# -- files of a training -----------------------------------------------------------------------------------------------


def test_an_interrupted_machine_resumes_from_its_checkpoint(dots, tmp_path, monkeypatch):
    path = tmp_path / "half.pt"
    settings = {"training": "stagewise", "epochs": 4}
    whole = tiny_machine(**settings).fit(*dots)
    step = TrainingRun._train_on

    def interrupt(run, n_subjects, parts):
        if run.step == 9:
            raise KeyboardInterrupt
        step(run, n_subjects, parts)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_train_on", interrupt)
        patch.setattr("posemachines.training.checkpoints.StepCheckpoint.is_due", lambda self: self.path is not None)
        with pytest.raises(KeyboardInterrupt):
            tiny_machine(**settings, checkpoint=path).fit(*dots)
    assert path.exists()
    resumed = tiny_machine(**settings, checkpoint=path).fit(*dots)
    assert np.array_equal(resumed.predict_beliefs(dots[0]), whole.predict_beliefs(dots[0]))
    assert not path.exists()


def test_log_and_checkpoint_of_stacked_training(dots, tmp_path):
    training = StackedTraining(net=tiny_training(epochs=1))
    fitted = tiny_machine(training=training, checkpoint=tmp_path / "stages", log_dir=tmp_path / "log").fit(*dots)
    tables = sorted(path.parent.name for path in (tmp_path / "log").glob("*/training.csv"))
    assert tables == ["stage1-copy1", "stage1-copy2", "stage1-whole", "stage2-whole"]
    assert sorted(path.stem for path in (tmp_path / "stages").iterdir()) == tables
    again = tiny_machine(training=training, checkpoint=tmp_path / "stages").fit(*dots)
    assert np.array_equal(again.predict_beliefs(dots[0]), fitted.predict_beliefs(dots[0]))


def test_the_log_of_a_named_strategy(dots, tmp_path):
    tiny_machine(training="stagewise", log_dir=tmp_path).fit(*dots)
    with open(tmp_path / "training.csv", newline="") as file:
        assert [row["phase"] for row in csv.DictReader(file)] == ["stage 1", "stage 2"]


# -- runtime -----------------------------------------------------------------------------------------------------------


def test_the_runtime_of_a_fitted_machine_can_be_changed(machine, dots):
    changed = copy.deepcopy(machine)
    before = changed.predict_beliefs(dots[0])
    rounded = changed.set_params(precision="bfloat16").predict_beliefs(dots[0])
    assert not np.array_equal(rounded, before)
    assert np.allclose(rounded, before, atol=0.05)
    changed.set_params(precision="float32", n_jobs=2)
    assert np.allclose(changed.predict_beliefs(dots[0]), before, atol=1e-5)
    assert all(stage.runtime.n_jobs == 2 for stage in changed.stages_)
    with pytest.raises(ValueError, match="device must be 'auto'"):
        changed.set_params(device="abacus").predict(dots[0])


def test_a_sequential_machine_passes_its_runtime_on(dots):
    training = StackedTraining(n_folds=1, net=tiny_training(epochs=1))
    machine = SequentialMachine([tiny_stage(), tiny_stage()], training=training, skeleton=DOTS, device="cpu", n_jobs=1)
    machine.set_params(precision="float16")
    with pytest.raises(ValueError, match="needs a CUDA device"):
        machine.fit(*dots)
    machine.set_params(precision="float32").fit(*dots)
    assert machine.stages_[1].runtime.precision == "float32"


# -- data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 32), (24, 28), (28, 20)])
def test_crops_of_another_size_are_refused(machine, shape):
    images, joints = draw_dots(2, height=shape[0], width=shape[1])
    calls = (
        machine.predict, machine.predict_beliefs, machine.predict_scores,
        lambda X: list(machine.staged_predict(X)), lambda X: list(machine.staged_beliefs(X)),
        lambda X: machine.score(X, joints),
    )  # fmt: skip
    for predict in calls:
        with pytest.raises(ValueError, match=rf"crops are {shape[0]} x {shape[1]} px but .* trained on 20 x 28 px"):
            predict(images)


def test_a_dataset_is_cut_at_the_crop_size(dataset):
    by_dataset = tiny_machine(crop_size=24, skeleton=None).fit(dataset)
    crops = dataset.crops(24)
    by_crops = tiny_machine(skeleton=None).fit(crops)
    by_arrays = tiny_machine().fit(crops.X, crops.y)
    expected = by_arrays.predict_beliefs(crops.X)
    assert by_dataset.crop_size_ == by_crops.crop_size_ == 24
    assert by_dataset.skeleton_ == DOTS
    for fitted in (by_dataset, by_crops):
        assert np.array_equal(fitted.predict_beliefs(crops), expected)
    assert by_dataset.score(dataset) == by_arrays.score(crops.X, crops.y)


def test_a_machine_fitted_again_uses_the_new_crop_size(dataset):
    fitted = tiny_machine(crop_size=24).fit(dataset)
    assert fitted.set_params(crop_size=32).fit(dataset).crop_size_ == 32


def test_validation_by_arrays_crops_or_a_dataset(dataset):
    train, validation = dataset[:10], dataset[10:]
    crops = validation.crops(24)
    rows = []
    for watched in ((crops.X, crops.y), [crops.X, crops.y], crops, validation):
        fitted = tiny_machine(crop_size=24).fit(train, validation=watched)
        rows.append([(row["pck@0.2"], row["pck@0.1"]) for row in fitted.stages_[0].history_])
    assert rows == rows[:1] * 4
    own = train.crops(24)
    fitted = tiny_machine(crop_size=96).fit(own.X, own.y, validation=validation)
    assert [row["pck@0.2"] for row in fitted.stages_[0].history_] == [first for first, _ in rows[0]]


def test_validation_that_does_not_match_the_training_data_is_refused(dataset):
    own = dataset.crops(24)
    other = PoseDataset(dataset.photos, dataset.joints, Skeleton("other", ("a", "b", "c")), crop_rule="photo")
    for validation, message in (
        (dataset.crops(28), "validation crops are .*28, 28.* training crops are .*24, 24"),
        ((own.X, own.y[:, :2]), "2 parts"),
        (other, "validation has the parts"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny_machine(skeleton=None).fit(own, validation=validation)


def test_arrays_without_a_skeleton_are_trained_with_a_warning(dots):
    with pytest.warns(UserWarning, match="no skeleton is given"):
        fitted = tiny_machine(skeleton=None, epochs=1).fit(*dots)
    assert not fitted.skeleton_.pairs

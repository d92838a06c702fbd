import numpy as np
import pytest

from posemachines import SequentialMachine
from posemachines.datasets import Crops, PoseDataset, make_synthetic
from posemachines.evaluation import Evaluation, GroundTruth, PredictionScores, evaluate, evaluate_machine
from posemachines.geometry import to_photo
from posemachines.skeleton import LSP, Skeleton
from tests.evaluation.machines import MeanMachine
from tests.test_stage import ColourStage


@pytest.fixture(scope="module")
def people():
    return make_synthetic(16, random_state=3, size=64)


@pytest.fixture(scope="module")
def mean(people):
    crops = people.crops(64)
    return MeanMachine(LSP).fit(crops.X, crops.y)


@pytest.fixture
def machine(dots):
    images, joints, skeleton = dots
    return SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton).fit(images, joints)


def test_every_form_of_data_gives_the_same_stages(machine, dots):
    images, joints, skeleton = dots
    crops = Crops(images, joints, skeleton=skeleton)
    of_pair, of_crops = (evaluate(machine, data, n_resamples=20) for data in ((images, joints), crops))
    assert isinstance(of_pair, Evaluation)
    assert of_pair.stages == of_crops.stages
    with pytest.warns(DeprecationWarning, match="evaluate"):
        old = evaluate_machine(machine, images, joints, n_resamples=20)
    assert old.stages == of_pair.stages


def test_a_dataset_is_cropped_and_measured_in_the_photo(people, mean):
    crops = people.crops(64)
    of_crops = evaluate(mean, crops, n_resamples=20, training=people)
    of_people = evaluate(mean, people, n_resamples=20, training=people.joints)
    assert of_people.stages == of_crops.stages
    assert of_people.stages[0].by_scale is not None
    assert of_people.stages[0].by_rarity is not None


def test_a_machine_under_a_protocol_is_scored_in_the_photo(people, mean):
    scores = evaluate(mean, people, "lsp-pc", n_resamples=20)
    assert isinstance(scores, PredictionScores)
    crops = people.crops(64)
    joints = to_photo(mean.predict(crops.X), crops.transforms)
    labelled = people.joints[..., 2] > 0
    by_hand = evaluate(joints, GroundTruth(people.joints, labelled=labelled), "lsp-pc", n_resamples=20)
    assert scores.score == by_hand.score
    assert evaluate(joints, people, "lsp-pc", n_resamples=20).score == by_hand.score
    of_crops = evaluate(mean, crops, "lsp-pc", n_resamples=20)
    assert of_crops.score.value == pytest.approx(by_hand.score.value)


def test_parts_are_matched_by_name(people, mean):
    turned = list(reversed(LSP.parts))

    class Turned:
        crop_size_ = 64
        skeleton_ = LSP.select([LSP.index(part) for part in turned])

        def predict(self, X):
            return mean.predict(X)[:, ::-1]

    expected = evaluate(mean, people, "lsp-pc", n_resamples=0).score
    assert evaluate(Turned(), people, "lsp-pc", n_resamples=0).score == expected
    with pytest.raises(ValueError, match="another order"):
        evaluate(Turned(), people.crops(64))


def test_mistakes_are_named(people, mean, machine, dots):
    images, joints, _ = dots
    with pytest.raises(ValueError, match="name one"):
        evaluate(joints, joints)
    with pytest.raises(ValueError, match="PoseDataset, Crops or a tuple"):
        evaluate(machine, images)
    with pytest.raises(ValueError, match="pixels of the photos"):
        evaluate(np.zeros((16, 14, 2)), people.crops(64), "lsp-pc")
    with pytest.raises(ValueError, match="lacks: right ankle"):
        evaluate(machine, (images, joints), "lsp-pc")
    with pytest.raises(TypeError, match="several people per image"):
        evaluate(mean, people, "coco")
    with pytest.raises(ValueError, match="observer-centric"):
        evaluate(mean, people.observer_centric(), "lsp-pc")


def test_the_head_length_of_a_dataset_is_used():
    parts = ("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax",
             "upper neck", "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow",
             "left wrist")  # fmt: skip
    rng = np.random.default_rng(0)
    joints = np.dstack([rng.uniform(5, 60, (4, 16, 2)), np.ones((4, 16))])
    photos = [np.zeros((64, 64, 3), np.uint8)] * 4
    data = PoseDataset(photos, joints, Skeleton("mpii", parts), reference_length=np.full(4, 10.0))
    assert evaluate(joints + [4.99, 0, 0], data, "mpii", n_resamples=0).score.value == 100
    assert evaluate(joints + [5.01, 0, 0], data, "mpii", n_resamples=0).score.value == 0

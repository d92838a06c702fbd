import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

import posemachines
from posemachines import (
    ConvPoseMachine,
    ConvStage,
    ForestStage,
    JointTraining,
    PoseMachine,
    SequentialMachine,
    Skeleton,
    StackedTraining,
    load,
)
from posemachines.beliefs import decode, flip_beliefs
from posemachines.datasets import load_lspet, make_synthetic
from posemachines.metrics import normalised_distances, pooled_pck, reference_length
from posemachines.testing import make_dots
from tests.test_stage import ColourStage

ROOT = Path(posemachines.__file__).parent
FOREST = ForestStage(n_rounds=4, min_samples_leaf=4)
NET = JointTraining(epochs=2)
GREEDY = StackedTraining(net=NET)


def machines(skeleton):
    return {
        "pm": PoseMachine(2, stage=FOREST, skeleton=skeleton, random_state=0),
        "cpm": ConvPoseMachine(2, epochs=2, device="cpu", skeleton=skeleton, random_state=0, network="cpm-lite"),
        "cpm, greedy": ConvPoseMachine(2, training=GREEDY, skeleton=skeleton, random_state=0, network="cpm-lite"),
        "forest, then conv": SequentialMachine(
            [FOREST, ConvStage(network="cpm-lite")], training=GREEDY, skeleton=skeleton, random_state=0
        ),
        "conv, then forest": SequentialMachine(
            [ConvStage(network="cpm-lite"), FOREST], training=GREEDY, skeleton=skeleton, random_state=0
        ),
        "third party in the middle": SequentialMachine(
            [FOREST, ColourStage(), ConvStage(network="cpm-lite")], training=GREEDY, skeleton=skeleton
        ),
    }


NAMES = [*machines(None)]


@pytest.fixture(scope="module")
def fitted(dots):
    images, joints, skeleton = dots
    return {name: machine.fit(images, joints) for name, machine in machines(skeleton).items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_machine_trains_and_predicts(name, fitted, dots):
    images, joints, skeleton = dots
    machine = fitted[name]
    n_stages = len(machine.stages_)
    beliefs = list(machine.staged_beliefs(images[:2]))
    assert [b.shape for b in beliefs] == [(2, 4, 5, 7)] * n_stages
    staged = list(machine.staged_predict(images[:2]))
    assert [joints.shape for joints in staged] == [(2, 3, 2)] * n_stages
    np.testing.assert_allclose(staged[-1], machine.predict(images[:2]), atol=0.1)
    np.testing.assert_allclose(decode(beliefs[-1], stride=4)[0], machine.predict(images[:2]), atol=0.1)
    np.testing.assert_array_equal(machine.predict_beliefs(images[:2]), beliefs[-1])
    assert machine.predict_scores(images[:2])[1].shape == (2, 3)
    assert machine.skeleton_ == skeleton
    assert 0 <= machine.score(images, joints) <= 100
    assert all(number > 0 for number in machine.size().values())


@pytest.mark.parametrize("name", ["pm", "cpm", "forest, then conv"])
def test_batches_change_nothing(name, fitted, dots):
    images, _, _ = dots
    whole = list(fitted[name].staged_beliefs(images[:7]))
    small = clone(fitted[name]).set_params(predict_batch_size=3)
    small.stages_, small.skeleton_ = fitted[name].stages_, fitted[name].skeleton_
    for one, other in zip(whole, small.staged_beliefs(images[:7]), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-2)


def test_shared_features_are_computed_once(fitted, dots, monkeypatch):
    images, _, _ = dots
    calls = []
    for name, cls in (("pm", ForestStage), ("cpm", ConvStage)):
        plain = cls._features
        monkeypatch.setattr(cls, "_features", lambda self, x, plain=plain: calls.append(type(self)) or plain(self, x))
        fitted[name].predict(images[:2])
    assert calls == [ForestStage, ConvStage]


def test_stages_are_lazy_within_a_batch(fitted, dots, monkeypatch):
    images, _, _ = dots
    machine = fitted["pm"]
    monkeypatch.setattr(machine.stages_[1], "_predict", lambda *_: pytest.fail("stage 2 was not requested"))
    next(machine.staged_beliefs(images[:2]))


def test_beliefs_are_passed_on(dots):
    """A second stage that reads only beliefs still finds the dots, so beliefs are passed on."""
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage(), ColourStage(trust=1.0)], skeleton=skeleton).fit(images, joints)
    first, second = machine.staged_beliefs(images)
    np.testing.assert_array_equal(first, second)


def test_flip_averages_the_mirrored_crop(dots):
    images, joints, skeleton = dots
    plain = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints)
    both = SequentialMachine([ColourStage()], skeleton=skeleton, flip=True).fit(images, joints)
    straight = plain.predict_beliefs(images[:2])
    mirrored = plain.predict_beliefs(images[:2, :, ::-1])
    np.testing.assert_allclose(
        both.predict_beliefs(images[:2]), (straight + flip_beliefs(mirrored, skeleton.flip_order)) / 2, atol=1e-6
    )
    with pytest.raises(ValueError, match="lacks"):
        SequentialMachine([ColourStage()], flip=True, skeleton=Skeleton("none", skeleton.parts)).fit(images, joints)


def test_parameters_follow_scikit_learn(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage(), FOREST], skeleton=skeleton)
    assert machine.get_params()["stage2__n_rounds"] == 4
    machine.set_params(stage1__trust=0.1, stage2=ColourStage(), predict_batch_size=5)
    assert machine.stages[0].trust == 0.1
    assert isinstance(machine.stages[1], ColourStage)
    with pytest.raises(ValueError, match="nonsense"):
        machine.set_params(nonsense=1)
    copy = clone(machine)
    assert copy.stages[0] is not machine.stages[0]
    assert copy.get_params()["stage1__trust"] == 0.1
    before = machine.get_params()
    machine.fit(images, joints)
    assert machine.get_params() == before
    assert not hasattr(machine.stages[0], "colours_"), "the given stages stay unfitted"
    pm = PoseMachine(stage=ForestStage()).set_params(stage__n_trees=7, n_stages=2)
    assert clone(pm).get_params()["stage__n_trees"] == 7


def test_model_selection_of_scikit_learn():
    images, joints = make_dots(24)
    skeleton = Skeleton("dots", ("right", "left", "middle"), reference=(0, 1))
    machine = SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton)
    scores = cross_val_score(machine, images, joints, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert (scores > 30).all()
    search = GridSearchCV(machine, {"stage1__sharpness": [0.02, -0.02]}, cv=2, error_score="raise").fit(images, joints)
    assert search.best_params_ == {"stage1__sharpness": 0.02}
    assert search.predict(images[:2]).shape == (2, 3, 2)


def test_score_is_pck(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints)
    labelled = joints[..., 2] > 0
    clean = np.where(labelled[..., None], joints, 0)
    distance = np.linalg.norm(machine.predict(images) - clean[..., :2], axis=-1)
    scale = reference_length(clean, skeleton)
    scored = labelled & np.isfinite(scale)[:, None]
    expected = 100 * (distance <= 0.2 * scale[:, None])[scored].mean()
    assert machine.score(images, joints) == pytest.approx(expected)


def test_same_seed_same_machine(dots):
    images, joints, skeleton = dots
    one, two = (PoseMachine(2, stage=FOREST, skeleton=skeleton, random_state=5).fit(images, joints) for _ in range(2))
    np.testing.assert_array_equal(one.predict_beliefs(images), two.predict_beliefs(images))
    other = PoseMachine(2, stage=FOREST, skeleton=skeleton, random_state=6).fit(images, joints)
    assert (one.predict_beliefs(images) != other.predict_beliefs(images)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X.astype(float), y), "must be uint8"),
        (lambda X, y: (X[..., 0], y), "stack grey pictures"),
        (lambda X, y: (X[..., :1], y), "repeat the grey channel"),
        (lambda X, y: (np.concatenate([X, X[..., :1]], -1), y), "alpha channel"),
        (lambda X, y: (X[..., :2], y), "3 channels"),
        (lambda X, y: (X[0], y), r"pass images\[None\]"),
        (lambda X, y: (X[:, :-1], y), "not a multiple of the stride 4"),
        (lambda X, y: (X[:0], y[:0]), "is empty"),
        (lambda X, y: (X, y[:-1]), "they must agree"),
        (lambda X, y: (X, y[:, :2]), "joints has 2 parts but the skeleton 'dots' has 3"),
        (lambda X, y: (X, y[..., 0]), r"must be \(N, P, 3\)"),
        (lambda X, y: (X, y.astype(str)), "must be numbers"),
        (lambda X, y: (X, np.where([0, 0, 1], 1, np.where(y == 1, 2, np.nan))), "labelled but its coordinates"),
        (lambda X, y: (X, np.where([0, 0, 1], np.nan, y)), "labelled column"),
        (lambda X, y: (X, y * 0), "never labelled: right, left, middle"),
        (lambda X, y: (X, y * [[[1], [0], [1]]]), "never labelled: left"),
        (lambda X, y: (X, y + [1000, 0, 0]), "outside|photo"),
        (lambda X, y: (X[:1], y[:1]), "1 subjects cannot fill 2 folds"),
    ],
)
def test_bad_training_data(change, message, dots):
    images, joints, skeleton = dots
    with pytest.raises(ValueError, match=message):
        SequentialMachine([ColourStage(), ColourStage()], skeleton=skeleton).fit(*change(images, joints))


def test_joints_outside_the_crop_are_not_labelled(dots):
    images, joints, skeleton = dots
    moved = joints.copy()
    moved[5:9, 0, 0] = 1000
    hidden = joints.copy()
    hidden[5:9, 0, 2] = 0
    one, two = (SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, y) for y in (moved, hidden))
    np.testing.assert_array_equal(one.stages_[0].colours_, two.stages_[0].colours_)


def test_two_columns_of_joints_are_labelled_where_finite(dots):
    images, joints, skeleton = dots
    one, two = (SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, y) for y in (joints, joints[..., :2]))
    np.testing.assert_array_equal(one.stages_[0].colours_, two.stages_[0].colours_)


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (SequentialMachine([]), "at least one stage"),
        (SequentialMachine([object()]), "every stage must be a posemachines.Stage"),
        (SequentialMachine([ColourStage(4), ColourStage(2)]), r"strides \[2, 4\]"),
        (PoseMachine(0), "n_stages must be a positive integer"),
        (
            SequentialMachine([ColourStage(), ColourStage()], training=StackedTraining(n_folds=0)),
            "n_folds must be a positive integer",
        ),
        (SequentialMachine([ColourStage()], skeleton="lsp"), "the skeleton 'lsp' has 14"),
        (SequentialMachine([ColourStage()], training=JointTraining()), "ConvStage"),
    ],
)
def test_bad_machines(machine, message, dots):
    images, joints, skeleton = dots
    machine = machine.set_params(skeleton=machine.skeleton or skeleton)
    with pytest.raises(ValueError, match=message):
        machine.fit(images, joints)


def test_predicting_before_fit(dots):
    images, joints, _ = dots
    for call in (
        lambda m: m.predict(images),
        lambda m: list(m.staged_beliefs(images)),
        lambda m: m.score(images, joints),
    ):
        with pytest.raises(NotFittedError, match="call fit first"):
            call(PoseMachine())


@pytest.mark.parametrize("name", ["pm", "cpm"])
def test_scales_are_averaged_on_the_grid_of_the_crop(name, fitted, dots):
    """The scale 1 gives the plain machine; several scales give their mean."""
    images = dots[0][:5]
    machine = copy.copy(fitted[name])
    plain = machine.predict_beliefs(images)
    machine.tta_scales = (1.0, 1.0)
    np.testing.assert_allclose(machine.predict_beliefs(images), plain, atol=1e-6)
    machine.tta_scales = (2.0,)
    larger = machine.predict_beliefs(images)
    assert larger.shape == plain.shape
    assert name != "pm" or abs(larger.sum(1) - 1).max() < 1e-4
    machine.tta_scales = (1.0, 2.0)
    np.testing.assert_allclose(machine.predict_beliefs(images), (plain + larger) / 2, atol=1e-6)


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -1), (50.0,)])
def test_bad_scales(fitted, dots, scales):
    machine = copy.copy(fitted["pm"])
    machine.tta_scales = scales
    with pytest.raises(ValueError, match="tta_scales must be"):
        machine.predict(dots[0][:2])


def test_composites_are_returned_on_request(dots):
    images, joints, skeleton = dots
    levels = Skeleton("levels", skeleton.parts, pairs=skeleton.pairs, levels=(((0, 2), (1, 2)), ((0, 1, 2),)))
    machine = PoseMachine(2, stage=FOREST, skeleton=levels, random_state=0).fit(images, joints)
    parts, everything = (
        list(machine.staged_beliefs(images[:3], composites=composites)) for composites in (False, True)
    )
    assert [stage.shape[1] for stage in parts] == [4, 4]
    assert [stage.shape[1] for stage in everything] == [9, 9]
    for few, many in zip(parts, everything, strict=True):
        np.testing.assert_array_equal(few, many[:, :4])


@pytest.mark.parametrize(("kind", "side", "megabytes"), [(PoseMachine, 128, 12), (ConvPoseMachine, 160, 14)])
def test_the_shipped_machines_predict(kind, side, megabytes, tmp_path):
    machine = kind.from_pretrained("lspet")
    people = make_synthetic(3, random_state=0)
    joints, beliefs = machine.predict_scores(people.crops(side).X)
    assert joints.shape == (3, 14, 2)
    assert ((beliefs > 0) & (beliefs < 1.1)).all()
    assert machine.skeleton_.name == "lsp"
    assert machine.flip
    (shipped,) = (ROOT / "pretrained").glob(f"{kind._shipped}lspet.*")
    assert shipped.stat().st_size < megabytes * 1e6
    machine.save(tmp_path / "copy.npz")
    np.testing.assert_array_equal(load(tmp_path / "copy.npz").predict(people.crops(side).X), joints)


def test_later_stages_of_the_shipped_machines_are_better(lspet_root):
    people = load_lspet(lspet_root)[8000:8120]
    found = {}
    for kind, side in ((PoseMachine, 128), (ConvPoseMachine, 160)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joints outside their photos
            X, y, _ = people.crops(side)
        machine = kind.from_pretrained("lspet")
        found[kind] = []
        for joints in machine.staged_predict(X):
            scale = reference_length(y, machine.skeleton_)
            distances = normalised_distances(joints, y[..., :2], scale, labelled=y[..., 2] > 0)
            found[kind].append(pooled_pck(distances, 0.2))
        assert found[kind][0] < found[kind][-1]
    assert found[PoseMachine][-1] > 30
    assert found[ConvPoseMachine][-1] > 55


@pytest.mark.parametrize("name", ["elephants", "../pm_lspet", ""])
def test_a_pretrained_machine_that_does_not_exist(name):
    with pytest.raises(ValueError, match=r"no trained PoseMachine named .* available: lspet"):
        PoseMachine.from_pretrained(name)

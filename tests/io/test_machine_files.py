import json
import zipfile

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import posemachines
from posemachines import PoseMachine, SequentialMachine
from tests.test_machine import NAMES, fitted  # noqa: F401
from tests.test_stage import ColourStage


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_machine_predicts_the_same(name, fitted, dots, tmp_path):  # noqa: F811
    images, _, skeleton = dots
    machine, file = fitted[name], tmp_path / "machine.npz"
    machine.save(file)
    loaded = posemachines.load(file, stage_classes=[ColourStage])
    assert type(loaded) is type(machine)
    assert loaded.skeleton_ == skeleton
    assert loaded.size() == machine.size()
    for one, other in zip(loaded.staged_beliefs(images), machine.staged_beliefs(images), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ["machine.npz"], "no temporary file is left"


def test_a_loaded_machine_can_be_trained_again(fitted, dots, tmp_path):  # noqa: F811
    images, joints, _ = dots
    fitted["pm"].save(tmp_path / "pm.npz")
    loaded = posemachines.load(tmp_path / "pm.npz")
    assert isinstance(loaded, PoseMachine)
    assert loaded.get_params()["stage__n_rounds"] == 4
    loaded.fit(images[:20], joints[:20]).predict(images[:1])


def test_shared_arrays_are_stored_once(fitted, tmp_path):  # noqa: F811
    machine = fitted["cpm"]
    machine.save(tmp_path / "cpm.npz")
    with np.load(tmp_path / "cpm.npz") as file:
        stored = sum(file[name].size for name in file.files if name != "machine")
    every = sum(array.size for stage in machine.stages_ for array in stage.get_state().values())
    assert stored < every
    loaded = posemachines.load(tmp_path / "cpm.npz")
    assert len({stage.feature_key for stage in loaded.stages_}) == 1, "the trunk is still run once"


def test_nothing_is_pickled(fitted, tmp_path):  # noqa: F811
    fitted["forest, then conv"].save(tmp_path / "hybrid.npz")
    with np.load(tmp_path / "hybrid.npz", allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fiub" for name in file.files)


@pytest.fixture
def saved(dots, tmp_path):
    images, joints, skeleton = dots
    SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints).save(tmp_path / "machine.npz")
    return tmp_path / "machine.npz"


def _rewrite(file, change):
    with np.load(file) as arrays:
        arrays = {name: arrays[name] for name in arrays.files}
    description = json.loads(arrays.pop("machine").tobytes())
    change(description, arrays)
    np.savez(file, machine=np.frombuffer(json.dumps(description).encode(), np.uint8), **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, _: d.update(version=99), "update it"),
        (lambda d, _: d.update(format="else"), "its format is not"),
        (lambda d, _: d["stages"][0].update({"class": "os.system"}), "is unknown"),
        (lambda d, _: d["stages"][0]["parameters"].update(evil=1), "damaged"),
        (lambda d, _: d["stages"][0]["arrays"].update(colours_="none"), "damaged"),
        (lambda d, _: d.update(stages=[]), "without stages"),
        (lambda d, _: d.update({"class": "Popen"}), "damaged"),
        (lambda d, _: d["skeleton"].update(parts=[]), "at least one part"),
        (lambda d, a: a.clear(), "damaged"),
    ],
)
def test_tampered_files_are_refused(saved, change, message):
    _rewrite(saved, change)
    with pytest.raises(ValueError, match=message):
        posemachines.load(saved, stage_classes=[ColourStage])


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_truncated_files_are_refused(saved, keep):
    data = saved.read_bytes()
    saved.write_bytes(data[:keep])
    with pytest.raises(ValueError, match="not a machine's file, or is damaged"):
        posemachines.load(saved, stage_classes=[ColourStage])


def test_flipped_bytes_are_refused_or_harmless(saved, dots):
    data = saved.read_bytes()
    expected = posemachines.load(saved, stage_classes=[ColourStage]).predict(dots[0][:2])
    refused = 0
    for place in range(0, len(data), max(1, len(data) // 80)):
        saved.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            machine = posemachines.load(saved, stage_classes=[ColourStage])
        except ValueError:  # any other exception fails the test
            refused += 1
        else:
            np.testing.assert_array_equal(machine.predict(dots[0][:2]), expected)
    assert refused > 40


def test_a_plain_array_is_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match="damaged"):
        posemachines.load(tmp_path / "array.npy")


class NamedMachine(SequentialMachine):
    """A user's machine, with an additional parameter."""

    def __init__(self, stages, *, label="mine", skeleton=None, training=None, flip=False, predict_batch_size=64,
                 random_state=None, verbose=False):  # fmt: skip
        super().__init__(stages, skeleton=skeleton, training=training, flip=flip, predict_batch_size=predict_batch_size,
                         random_state=random_state, verbose=verbose)  # fmt: skip
        self.label = label


def test_a_subclass_is_loaded_as_the_machine_that_it_is(dots, tmp_path):
    images, joints, skeleton = dots
    machine = NamedMachine([ColourStage()], skeleton=skeleton, predict_batch_size=7).fit(images, joints)
    machine.save(tmp_path / "machine.npz")
    loaded = posemachines.load(tmp_path / "machine.npz", stage_classes=[ColourStage])
    assert type(loaded) is SequentialMachine
    assert loaded.predict_batch_size == 7
    np.testing.assert_array_equal(loaded.predict(images), machine.predict(images))


def test_pickled_arrays_are_refused(saved):
    with np.load(saved) as arrays:
        arrays = {name: arrays[name] for name in arrays.files}
    np.savez(saved, **arrays, evil=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        posemachines.load(saved, stage_classes=[ColourStage])


def test_unknown_and_missing(saved, tmp_path):
    with pytest.raises(ValueError, match=r"'ColourStage', which is unknown; pass stage_classes"):
        posemachines.load(saved)
    with pytest.raises(FileNotFoundError, match="no machine at"):
        posemachines.load(tmp_path / "none.npz")
    with pytest.raises(NotFittedError):
        PoseMachine().save(tmp_path / "none.npz")
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as file:
        file.writestr("hello.txt", "x")
    with pytest.raises(ValueError, match="damaged"):
        posemachines.load(tmp_path / "other.npz")


def test_a_failed_save_leaves_the_old_file(saved, dots):
    images, joints, skeleton = dots
    before = saved.read_bytes()
    machine = SequentialMachine([ColourStage(trust=0.5)], skeleton=skeleton).fit(images, joints)
    machine.stages_[0].trust = object()
    with pytest.raises(TypeError, match="cannot be saved"):
        machine.save(saved)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["machine.npz"]

import numpy as np
import pytest

from posemachines import SequentialMachine, StackedTraining
from posemachines.training.checkpoints import read_arrays, write_arrays
from tests.test_stage import ColourStage


class Interrupted(ColourStage):
    """Can be trained `left` times and is then interrupted."""

    left = 0
    fits = 0

    def _fit(self, images, previous, joints):
        if Interrupted.left == 0:
            raise KeyboardInterrupt
        Interrupted.left -= 1
        Interrupted.fits += 1
        super()._fit(images, previous, joints)


@pytest.fixture
def machine(dots, tmp_path):
    skeleton = dots[2]

    def make(**options):
        training = StackedTraining(checkpoint=tmp_path / "kept", **options)
        return SequentialMachine([Interrupted(), Interrupted()], skeleton=skeleton, training=training, random_state=0)

    Interrupted.left, Interrupted.fits = 99, 0
    return make


@pytest.mark.parametrize("done", [1, 2, 3])
def test_interrupted_training_resumes_to_the_same_machine(dots, machine, tmp_path, done):
    images, joints, skeleton = dots
    whole = SequentialMachine([Interrupted(), Interrupted()], skeleton=skeleton, random_state=0).fit(images, joints)
    Interrupted.left, Interrupted.fits = done, 0
    with pytest.raises(KeyboardInterrupt):
        machine().fit(images, joints)
    assert len([*(tmp_path / "kept").iterdir()]) == done
    Interrupted.left = 99
    resumed = machine().fit(images, joints)
    assert Interrupted.fits == 4, "two copies, two stages, none of them twice"
    np.testing.assert_array_equal(resumed.predict_beliefs(images), whole.predict_beliefs(images))


def test_a_finished_training_is_not_repeated(dots, machine):
    images, joints, _ = dots
    first = machine().fit(images, joints)
    Interrupted.left = 0
    np.testing.assert_array_equal(machine().fit(images, joints).predict(images), first.predict(images))


@pytest.mark.parametrize("change", ["data", "parameters"])
def test_another_training_is_refused_and_the_files_stay(dots, machine, tmp_path, change):
    images, joints, _ = dots
    machine().fit(images, joints)
    before = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    other, shown = (machine(), images[::-1].copy()) if change == "data" else (machine(n_augmented=2), images)
    with pytest.raises(ValueError, match="other data or with other parameters"):
        other.fit(shown, joints)
    assert {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before


def test_a_damaged_file_says_so(tmp_path):
    path = tmp_path / "stage.npz"
    mark = np.zeros(32, np.uint8)
    write_arrays(path, {"a": np.arange(3), "fingerprint": mark})
    np.testing.assert_array_equal(read_arrays(path, mark)["a"], range(3))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="is damaged"):
        read_arrays(path, mark)

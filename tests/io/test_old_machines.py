"""Files that version 1 of the format wrote, with settings under their old names, predict what they predicted then."""

from pathlib import Path

import numpy as np
import pytest

from posemachines import ConvPoseMachine, JointTraining, PoseMachine, SequentialMachine, load
from posemachines.testing import make_dots

FILES = Path(__file__).parents[1] / "data" / "version1"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("forest.npz", PoseMachine), ("net.safetensors", ConvPoseMachine), ("hybrid.npz", SequentialMachine)],
)
def test_beliefs_are_those_of_the_old_version(name, kind, tmp_path):
    images, _ = make_dots(24)
    machine = load(FILES / name, precision="float32")
    assert type(machine) is kind
    with np.load(FILES / "beliefs.npz") as expected:
        np.testing.assert_allclose(machine.predict_beliefs(images[:4]), expected[Path(name).stem], atol=1e-4)
    machine.save(tmp_path / name)
    again = load(tmp_path / name, precision="float32")
    np.testing.assert_array_equal(again.predict_beliefs(images[:4]), machine.predict_beliefs(images[:4]))
    assert again.get_params(deep=False).keys() == machine.get_params(deep=False).keys()


def test_settings_have_their_new_names_and_places():
    forest, net = load(FILES / "forest.npz"), load(FILES / "net.safetensors")
    assert (forest.flip, tuple(forest.tta_scales), forest.predict_batch_size) == (True, (1.0, 2.0), 7)
    stage = forest.stages_[0]
    assert (stage.n_mixtures, stage.residual, stage.sampling.cells_per_subject) == (1, True, 5)
    assert (stage.context.patches, stage.context.n_peaks) == (True, 2)
    assert net.stages_[0].network == "cpm-lite"
    assert isinstance(net.training, JointTraining)
    assert (net.training.epochs, net.training.max_grad_norm, net.training.augmentation.rotation) == (2, 0.5, 10.0)
    hybrid = load(FILES / "hybrid.npz")
    assert hybrid.training.net.epochs == 2


def test_a_loaded_old_machine_is_trained_again():
    images, joints = make_dots(24)
    machine = load(FILES / "net.safetensors")
    machine.fit(images, joints)
    assert machine.predict(images).shape == (24, 3, 2)

"""The machines that ship give the beliefs that they gave when they were trained, whatever the library looks like."""

from pathlib import Path

import numpy as np
import pytest

from posemachines import ConvPoseMachine, PoseMachine
from posemachines.datasets import make_synthetic

GOLDEN = Path(__file__).parent / "data" / "shipped_machines.npz"


@pytest.fixture(scope="module")
def subjects():
    return make_synthetic(10, random_state=7)


@pytest.mark.parametrize(
    ("name", "kind", "side", "settings"),
    [("pm", PoseMachine, 128, {}), ("cpm", ConvPoseMachine, 160, {"device": "cpu", "precision": "float32"})],
)
def test_beliefs_on_ten_synthetic_crops(subjects, name, kind, side, settings):
    """Belief maps averaged over 4 x 4 cells, joints and scores, as the first release of the file gave them."""
    machine = kind.from_pretrained().set_params(**settings)
    crops = subjects.crops(side)
    with np.load(GOLDEN) as golden:
        assert abs(int(crops.X.sum(dtype=np.int64)) - int(golden[f"{name}_crops"])) < 1e-4 * crops.X.size
        staged = zip(machine.staged_beliefs(crops), machine.staged_predict_scores(crops), strict=True)
        for stage, (beliefs, (joints, scores)) in enumerate(staged, 1):
            n, maps, height, width = beliefs.shape
            coarse = beliefs.reshape(n, maps, height // 4, 4, width // 4, 4).mean((3, 5))
            np.testing.assert_allclose(coarse, golden[f"{name}_beliefs_{stage}"], atol=2e-3)
            np.testing.assert_allclose(joints, golden[f"{name}_joints_{stage}"], atol=0.05)
            np.testing.assert_allclose(scores, golden[f"{name}_scores_{stage}"], atol=2e-3)
        assert stage == 3

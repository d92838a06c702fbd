"""Rigid subjects look the same near a landmark in all of them: beliefs must peak at it, not anywhere near it."""

import numpy as np
import pytest

from posemachines.forest import CellSampling, ForestStage, PoseMachine
from posemachines.skeleton import Skeleton

from .dots import slow_as_python
from .outlines import LANDMARKS, make_outlines

SKELETON = Skeleton("outlines", tuple(f"landmark {number}" for number in range(len(LANDMARKS))))


def errors(machine, images, joints):
    """Mean distance, and mean over the parts of the length of the median offset, in pixels."""
    offsets = machine.predict(images) - joints[..., :2]
    return np.linalg.norm(offsets, axis=-1).mean(), np.linalg.norm(np.median(offsets, 0), axis=-1).mean()


@slow_as_python
def test_landmarks_are_found_within_a_cell_and_without_bias():
    seen, new = make_outlines(40), make_outlines(30, seed=1)
    stage = ForestStage(n_rounds=20, max_depth=5, min_samples_leaf=10)
    machine = PoseMachine(2, stage=stage, skeleton=SKELETON, random_state=0).fit(*seen)
    error, bias = errors(machine, *seen)
    assert error < 0.65, "about 1 px where cells beside a joint are never shown"
    assert bias < 0.3
    error, bias = errors(machine, *new)
    assert error < 0.8
    assert bias < 0.4
    assert error < 0.6 * np.linalg.norm(new[1][..., :2] - seen[1][..., :2].mean(0), axis=-1).mean(), "of the mean pose"


@slow_as_python
def test_beliefs_fall_off_within_two_cells_of_a_joint():
    images, joints = make_outlines(30)
    stage = ForestStage(n_rounds=15, max_depth=5, min_samples_leaf=10, smoothing=0, random_state=0)
    beliefs = stage.fit(images, None, joints).predict(images)
    rows, columns = np.mgrid[:16, :16] * 4 + 1.5
    away = np.hypot(rows - joints[..., 1, None, None], columns - joints[..., 0, None, None]) / 4
    at, beside = (beliefs[:, :-1][(away > low) & (away <= high)].mean() for low, high in ((0, 0.5), (1.3, 2)))
    assert at > 0.6
    assert beside < 0.25, "as high as at the joint where these cells are never shown"


def test_sigma_0_trains_on_cells_of_one_class_only(monkeypatch):
    images, joints = make_outlines(4)
    trained = []
    monkeypatch.setattr(
        "posemachines.forest.level.LevelTraining._grow", lambda self, _, targets, *rest: trained.append(targets)
    )
    for sigma in (0, 0.7):
        with pytest.raises(AttributeError):  # there is no forest
            ForestStage(sampling=CellSampling(sigma=sigma), random_state=0).fit(images, None, joints)
    whole, shared = trained
    assert set(np.unique(whole)) == {0, 1}
    assert ((shared > 0.1) & (shared < 0.9)).any()
    np.testing.assert_allclose(shared.sum(1), 1, rtol=1e-5)
    assert len(shared) > 2 * len(whole)

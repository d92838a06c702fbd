"""Gradients recorded during training."""

import numpy as np
import torch
from torch import nn

from posemachines.conv.trainer.gradients import GRADIENT_EDGES, gradient_magnitudes
from posemachines.conv.trainer.log import flat_row
from posemachines.testing import SKELETON, make_dots
from tests.conv.conv_toys import tiny_machine, tiny_training


def test_histogram_of_known_gradients():
    conv = nn.Conv2d(1, 1, (1, 4), bias=False)
    net = nn.Sequential(conv, nn.Conv2d(1, 1, 1))
    conv.weight.grad = torch.tensor([0.0, 1e-3, 1e-3, 1e-20]).reshape(1, 1, 1, 4)
    (row,) = gradient_magnitudes(net)  # the second has no gradient
    assert row["name"] == "0"
    assert row["zeros"] == 0.25
    np.testing.assert_allclose(row["std"], np.sqrt(2e-6 / 4), rtol=1e-5)
    histogram = np.array(row["histogram"])
    assert len(histogram) == len(GRADIENT_EDGES) - 1
    np.testing.assert_allclose(histogram[0], 1 / 3, rtol=1e-6)
    (middle,) = np.flatnonzero(histogram[1:]) + 1
    assert GRADIENT_EDGES[middle] <= -3 <= GRADIENT_EDGES[middle + 1]


def test_recording_gradients_adds_them_to_the_history_and_does_not_change_the_training():
    images, joints = make_dots(12)
    plain, recorded = (
        tiny_machine(training=tiny_training(record_gradients=record), skeleton=SKELETON).fit(images, joints)
        for record in (False, True)
    )
    np.testing.assert_array_equal(plain.predict_beliefs(images), recorded.predict_beliefs(images))
    assert all("gradients" not in row for row in plain.stages_[0].history_)
    for row in recorded.stages_[0].history_:
        assert len(row["gradients"]) > 10
        assert all(layer["std"] > 0 for layer in row["gradients"])
        assert "gradients" not in flat_row(row)

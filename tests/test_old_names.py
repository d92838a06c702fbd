"""Public names of the past: they warn and work, or say what to write instead."""

import importlib

import numpy as np
import pytest

from posemachines import JointTraining, SequentialMachine
from posemachines.beliefs import decode
from posemachines.datasets import PoseDataset
from posemachines.evaluation import Protocol
from posemachines.geometry import crop_transform
from posemachines.inference import frame_of_photo, predict_photo
from posemachines.testing import SKELETON, make_dots
from posemachines.visualize import draw_skeleton
from tests.test_stage import ColourStage


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("evaluation", "Report", "posemachines.report.Report"),
        ("evaluation", "Examples", "posemachines.report.Examples"),
        ("evaluation", "Figure", "posemachines.evaluation.Estimate"),
        ("evaluation", "describe_machine", "posemachines.report.machine_to_json"),
        ("visualize", "plot_pck_curves", "posemachines.report.plot_pck_curves"),
        ("training", "Stacked", "posemachines.StackedTraining"),
        ("datasets", "validate", "posemachines.labels.validate"),
        ("datasets", "draw_figures", "posemachines.datasets.make_synthetic"),
    ],
)
def test_names_that_moved(module, old, new):
    home, _, name = new.rpartition(".")
    with pytest.warns(DeprecationWarning, match=old):
        found = getattr(importlib.import_module(f"posemachines.{module}"), old)
    assert found is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("module", ["evaluation", "visualize", "training", "datasets"])
def test_names_that_never_were(module):
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        importlib.import_module(f"posemachines.{module}").nonsense  # noqa: B018


def test_methods_of_stages_and_machines(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints)
    for owner in (machine, machine.stages_[0]):
        with pytest.warns(DeprecationWarning, match=r"use size\(\)"):
            assert owner.complexity() == owner.size()
        with pytest.warns(DeprecationWarning, match=r"use count_operations\(\)"):
            assert owner.operations(images[:1]) == owner.count_operations(images[:1])


def test_keywords_with_a_new_name():
    images, joints = make_dots(2)
    beliefs = np.random.default_rng(0).random((2, 4, 5, 7))
    with pytest.warns(DeprecationWarning, match="use subpixel="):
        old = decode(beliefs, stride=4, refine=False)
    np.testing.assert_array_equal(old[0], decode(beliefs, stride=4, subpixel=False)[0])
    with pytest.warns(DeprecationWarning, match="use labelled="):
        draw_skeleton(images[0], joints[0], SKELETON, visible=joints[0, :, 2] > 0)
    with pytest.warns(DeprecationWarning, match="use record_gradients="):
        assert JointTraining(gradients=True).record_gradients
    with pytest.warns(DeprecationWarning, match="use side_convention="):
        protocol = Protocol("dots", "pck", SKELETON.parts, SKELETON.parts[:2], view="observer")
    assert protocol.side_convention == "observer"
    with pytest.warns(DeprecationWarning, match="use side_convention="):
        dataset = PoseDataset(list(images), joints, SKELETON, view="observer")
    with pytest.warns(DeprecationWarning, match="use side_convention"):
        assert dataset.view == "observer"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict_photo(None, None, (0, 0), 1, faithful=True), 'use protocol="cpm2016"'),
        (lambda: frame_of_photo(None, published=True), 'use protocol="cpm2016"'),
        (lambda: crop_transform((0, 0), 10, 32, fill=0.7), "use padding=1 / fill"),
    ],
)
def test_keywords_that_mean_something_else_now(call, message):
    with pytest.raises(TypeError, match=message):
        call()

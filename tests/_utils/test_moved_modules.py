import importlib
import sys

import pytest

import posemachines.geometry
from posemachines._utils.moved_modules import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_old_modules_are_found_with_a_warning(old):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to {MOVED[old]}"):
        module = importlib.import_module(old)
    assert module is sys.modules[MOVED[old]]
    assert module.__spec__.name == MOVED[old]


def test_names_of_old_modules_can_be_imported():
    sys.modules.pop("posemachines.crops", None)
    with pytest.warns(DeprecationWarning, match="has moved to posemachines.geometry"):
        from posemachines.crops import to_crop
    assert to_crop is posemachines.geometry.to_crop


def test_modules_that_never_were_are_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("posemachines.poses")

"""Shared fixtures and the options that choose slow tests."""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker per core: threads of several would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest

from posemachines.testing import SKELETON, make_dots


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes minutes; run with --slow"))


@pytest.fixture(scope="session")
def lspet_root() -> Path:
    """Folder of the photographs; skips the test if there is none."""
    places = [os.environ.get("POSEMACHINES_DATA"), Path(__file__).parents[2] / "shared" / "data"]
    for place in places:
        if place and (Path(place) / "lspet" / "joints.mat").is_file():
            return Path(place) / "lspet"
    pytest.skip("no photographs: set POSEMACHINES_DATA to the folder that holds lspet/")


@pytest.fixture(scope="session")
def dots():
    """(images, joints, skeleton) of forty subjects of three coloured dots; grid 5 x 7."""
    images, joints = make_dots(40)
    return images, joints, SKELETON


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)

import time

import numpy as np
import pytest

from posemachines import SequentialMachine
from posemachines.cost import machine_description, measured, milliseconds_per_image, versions
from tests.test_stage import ColourStage


def test_memory_and_time_of_a_block():
    with measured(every=0.005) as cost:
        block = np.ones(50 * 2**20 // 8)
        time.sleep(0.05)
        del block
    assert cost.seconds >= 0.05
    assert cost.peak_mib == pytest.approx(50, abs=10)


def test_a_failing_block_is_measured_too():
    with pytest.raises(KeyboardInterrupt), measured() as cost:
        raise KeyboardInterrupt
    assert cost.seconds >= 0


def test_cost_of_a_machine(dots):
    images, joints, skeleton = dots
    machine = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints)
    time_per_image = milliseconds_per_image(machine, images, n_images=5)
    assert 0 < time_per_image["median"] <= time_per_image["p95"]


def test_descriptions():
    description = machine_description()
    assert {"processor", "cores", "memory_gib", "system", "python"} == {*description}
    assert versions(["numpy", "no-such-package"]) == {"numpy": np.__version__}

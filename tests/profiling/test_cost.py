import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from posemachines import ConvPoseMachine, ForestStage, PoseMachine, SequentialMachine
from posemachines.conv import network_facts
from posemachines.forest import taps
from posemachines.profiling import energy
from posemachines.profiling.cost import (
    Cost,
    machine_description,
    measure_inference,
    measured,
    milliseconds_per_image,
    versions,
)
from posemachines.testing import SKELETON
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


class Slow:
    """Takes time, more of it in the first call, and memory."""

    def __init__(self):
        self.calls = 0

    def predict(self, images):
        assert len(images) == 1
        self.calls += 1
        block = np.ones(40 * 2**20 // 8)
        time.sleep(0.05 if self.calls == 1 else 0.02)
        del block


def test_inference_of_anything_that_predicts():
    machine = Slow()
    found = measure_inference(machine, np.zeros((9, 8, 8, 3), np.uint8), repetitions=2, n_images=4)
    assert machine.calls == 1 + 1 + 2 * 4 + 2 * 4, "cold, warm-up, time, memory"
    assert found["cold_ms"] >= 50 > found["ms_per_image"]["median"] >= 20
    assert found["peak_mib"] == pytest.approx(40, abs=10)
    assert found["complexity"] == found["operations"] == {}
    assert (found["n_images"], found["repetitions"]) == (4, 2)


def slow_visits(forest, descriptors):
    """Comparisons on the paths of all descriptors to their leaves, one at a time."""
    total = 0
    for descriptor in descriptors:
        for node in forest.roots:
            while forest.feature[node] >= 0:
                total += 1
                node = forest.child[node] + (descriptor[forest.feature[node]] > forest.threshold[node])
    return total


def test_node_visits_are_those_of_the_descriptors(dots):
    images, joints, skeleton = dots
    stage = ForestStage(n_rounds=2, max_depth=4, min_samples_leaf=4, random_state=0)
    machine = PoseMachine(2, stage=stage, skeleton=skeleton).fit(images, joints)
    first, second = machine.stages_
    some = images[:2]
    before = first.predict(some, composites=True)
    shape = before.shape[2:]
    cells = np.argwhere(np.ones((2, *shape))).astype(np.int32)
    for fitted, previous in ((first, None), (second, before)):
        descriptor = fitted._descriptor()
        bases, pitch, reach = descriptor.locate(shape)
        maps = descriptor.pack(fitted.compute_features(some), previous, reach)
        visits = sum(
            slow_visits(forest, taps.gather(maps, base, pitch, cells))
            for forest, base in zip(fitted.forests_, bases, strict=True)
        )
        assert visits > 0
        assert fitted.count_operations(some, previous) == {"node_visits": visits / 2}
    total = first.count_operations(some)["node_visits"] + second.count_operations(some, before)["node_visits"]
    assert machine.count_operations(some) == {"node_visits": total}
    assert measure_inference(machine, some, repetitions=1)["operations"] == {"node_visits": total}


def test_operations_of_augmented_views_add_up(dots):
    images, joints, skeleton = dots
    machine = PoseMachine(1, stage=ForestStage(n_rounds=1, max_depth=3), skeleton=skeleton).fit(images, joints)
    alone = machine.count_operations(images[:2])["node_visits"]
    mirrored = machine.count_operations(images[:2, :, ::-1])["node_visits"]
    assert machine.set_params(flip=True).count_operations(images[:2])["node_visits"] == alone + mirrored
    third_party = SequentialMachine([ColourStage()], skeleton=skeleton).fit(images, joints)
    assert third_party.count_operations(images[:2]) == {}


def test_multiply_adds_of_a_machine_are_those_of_its_network(dots):
    images, joints, _ = dots
    machine = ConvPoseMachine(2, epochs=1, device="cpu", skeleton=SKELETON, network="cpm-lite").fit(
        images[:8], joints[:8]
    )
    facts = network_facts(machine.as_network(), images.shape[1:3])
    assert machine.count_operations(images[:2]) == {"multiply_adds": facts.multiply_adds}


def rapl(folder, number, name, energy, wrap=1000):
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir()
    for file, text in (("name", name), ("max_energy_range_uj", wrap), ("energy_uj", energy)):
        (zone / file).write_text(f"{text}\n")
    return zone / "energy_uj"


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)


def test_energy_wraps_around(tmp_path, monkeypatch, no_gpu):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    package, memory = rapl(tmp_path, "0", "package-0", 900), rapl(tmp_path, "0:1", "dram", 10)
    core, both = rapl(tmp_path, "0:0", "core", 10), rapl(tmp_path, "1", "psys", 10)
    meter = energy.EnergyMeter()
    package.write_text("100\n")
    core.write_text("800\n")
    both.write_text("800\n")
    assert meter.read() == {"cpu": pytest.approx(200e-6)}
    package.write_text("50\n")
    memory.write_text("60\n")
    assert meter.read() == {"cpu": pytest.approx(1200e-6)}
    package.unlink()
    assert meter.read() == {"cpu": pytest.approx(1200e-6)}, "a failing meter keeps its last value"


def test_no_meter_no_energy(tmp_path, monkeypatch, no_gpu):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "missing")
    with measured() as cost:
        pass
    assert cost.joules == {}
    assert cost.to_dict()["joules"] is None
    assert measure_inference(Slow(), np.zeros((1, 8, 8, 3), np.uint8), repetitions=1)["joules_per_image"] is None


def test_energy_of_gpus(tmp_path, monkeypatch):
    readings = {0: iter([5000, 7500]), 1: iter([100, 600])}
    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(readings[handle]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with measured() as cost:
        pass
    assert cost.joules == {"gpu": pytest.approx(3.0)}


def test_cost_as_plain_numbers():
    cost = Cost(1.23456, 2.34567, 7.77, {"cpu": 2.0}, None)
    plain = {"seconds": 1.235, "cpu_seconds": 2.346, "peak_mib": 7.8, "device_peak_mib": None, "joules": {"cpu": 2.0}}
    assert cost.to_dict() == plain


def test_cpu_time_excludes_waiting():
    with measured() as cost:
        spin = [threading.Thread(target=sum, args=(range(4_000_000),)) for _ in range(2)]
        for thread in spin:
            thread.start()
        for thread in spin:
            thread.join()
        time.sleep(0.2)
    assert 0 < cost.cpu_seconds < cost.seconds - 0.15

"""Every compiled loop equals its plain numpy twin, on unequal axes."""

import numpy as np
import pytest

from posemachines.forest import _kernels, _twins, features, taps

N, P, HEIGHT, WIDTH = 2, 3, 5, 7


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def same(name, *arguments, tolerance=1e-5):
    compiled, plain = getattr(_kernels, name)(*arguments), getattr(_twins, name)(*arguments)
    assert compiled.shape == plain.shape
    assert compiled.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(compiled, plain, rtol=tolerance, atol=tolerance)


def test_every_kernel_has_a_twin_of_the_same_name():
    assert _kernels.__all__ == _twins.__all__


@pytest.mark.parametrize(("stride", "cells"), [(4, (4, 8)), (8, (4, 8)), (2, (4,)), (4, (3, 16))])
def test_image_maps(rng, stride, cells):
    images = rng.integers(0, 256, (N, 16, 24, 3), dtype=np.uint8)
    same("image_maps", images, stride, np.array(cells), features._LINEAR)


def test_image_maps_of_flat_and_striped_pictures():
    images = np.full((N, 20, 28, 3), 90, np.uint8)
    images[1, :, ::2] = 200
    same("image_maps", images, 4, np.array([4, 8]), features._LINEAR)


@pytest.mark.parametrize("radius", [0, 1, 3, 9])
def test_find_peaks(rng, radius):
    beliefs = rng.random((N, P, HEIGHT, WIDTH), dtype=np.float32).round(1)
    same("find_peaks", beliefs, 3, radius)


def test_offset_maps(rng):
    peaks = rng.integers(0, HEIGHT, (N, P, 2, 3)).astype(np.float32)
    same("offset_maps", peaks, HEIGHT, WIDTH)


def test_smooth(rng):
    same("smooth", rng.random((N, P, HEIGHT, WIDTH), dtype=np.float32), np.array([0.5, 0.2, 0.05]))


@pytest.fixture
def packed(rng):
    maps = rng.random((N, 4, HEIGHT, WIDTH), dtype=np.float32)
    table = taps.window_taps([0, 3], [-2, 0, 2])
    padding = taps.margins(table, 4)
    return taps.pack([maps], padding, np.zeros(4)), *taps.locate(table, padding, (HEIGHT, WIDTH))


def test_gather(rng, packed):
    cells = np.stack([rng.integers(0, size, 11) for size in (N, HEIGHT, WIDTH)], 1).astype(np.int32)
    same("gather", *packed, cells)


def test_walk(rng, packed):
    maps, base, pitch = packed
    tap = rng.integers(0, len(base), 3)
    children = np.array([[1, ~0], [~1, ~2], [~3, ~4]])  # a tree of two nodes, one of one node, one of a leaf
    nodes = np.concatenate([base[tap, None], pitch[tap, None], children], 1).astype(np.int32)
    thresholds = np.full(3, 0.5, np.float32)
    roots = np.array([0, 2, ~5], np.int32)
    same("walk", maps, nodes, thresholds, roots, rng.random((6, P + 1), dtype=np.float32), HEIGHT, WIDTH)

"""Compiled loops over belief maps agree with their numpy twins, on unequal axes."""

import numpy as np
import pytest

from posemachines.forest import psi
from posemachines.forest._kernels import context, context_twins, step

N, P, HEIGHT, WIDTH = 2, 3, 5, 7


def assert_same(name, *given, dtype=np.float32):
    compiled, plain = (getattr(module, name)(*given) for module in (context, context_twins))
    assert compiled.shape == plain.shape
    assert compiled.dtype == plain.dtype == dtype
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6 if dtype == np.float32 else 0)
    return compiled


@pytest.fixture
def beliefs(rng):
    return rng.random((N, P, HEIGHT, WIDTH), dtype=np.float32)


def test_every_kernel_has_a_twin_of_the_same_name():
    assert context.__all__ == context_twins.__all__


def test_constants_equal_those_of_the_twins():
    assert (context.REPEAT, context.SLACK) == (context_twins.REPEAT, context_twins.SLACK)


def test_cells_that_are_processed_together_stay_inside_the_packed_maps():
    assert context.SLACK >= step.CELLS - 1 + 3, "cells beyond a row, and the bytes read together with a code"


@pytest.mark.parametrize("radius", [0, 1, 3, 9])
def test_find_peaks(beliefs, radius):
    peaks = assert_same("find_peaks", beliefs.round(1), 3, radius)
    assert peaks.shape == (N, P, 3, 3)


def test_find_peaks_below_zero(beliefs):
    peaks = assert_same("find_peaks", -beliefs, 2, 2)
    assert (peaks[..., 2] < 0).all()


def test_offset_codes(rng):
    peaks = np.stack([rng.integers(0, size, (N, P, 2)) for size in (HEIGHT, WIDTH)] + [rng.random((N, P, 2))], -1)
    codes = assert_same("offset_codes", peaks.astype(np.float32), *psi._offsets(HEIGHT, WIDTH), dtype=np.uint8)
    assert codes.shape == (N, 18, HEIGHT, WIDTH)


@pytest.mark.parametrize("n_weights", [1, 3, 12])
def test_smooth(rng, beliefs, n_weights):
    assert_same("smooth", beliefs, rng.random(n_weights, dtype=np.float32))


@pytest.mark.parametrize("reach", [0, 1, 9])
@pytest.mark.parametrize(("n_images", "n_dense"), [(2, 0), (2, 4), (1, 1)])
def test_pack(rng, beliefs, reach, n_images, n_dense):
    images = rng.integers(0, 64, (N, n_images, HEIGHT, WIDTH), dtype=np.uint8)
    dense = rng.integers(0, 64, (N, n_dense, HEIGHT, WIDTH), dtype=np.uint8)
    fill = rng.choice(np.array([-1, 0, 63], np.int16), n_images + P)
    packed = assert_same("pack", images, beliefs, dense, fill, reach, dtype=np.uint8)
    pitch = WIDTH + 2 * reach
    bordered, plain = (HEIGHT + 2 * reach) * pitch, HEIGHT * pitch
    assert packed.shape == (N, (n_images + P) * bordered + n_dense * plain + context.SLACK)


def test_codes_of_beliefs_are_clipped(beliefs):
    images, dense = (np.zeros((1, 0, HEIGHT, WIDTH), np.uint8) for _ in range(2))
    beliefs = beliefs[:1, :1] * 5 - 2
    packed = assert_same("pack", images, beliefs, dense, np.zeros(1, np.int16), 0, dtype=np.uint8)
    assert (packed[0, : HEIGHT * WIDTH].reshape(HEIGHT, WIDTH)[beliefs[0, 0] >= 1] == 63).all()
    assert not packed[0, : HEIGHT * WIDTH].reshape(HEIGHT, WIDTH)[beliefs[0, 0] <= 0].any()


def test_gather(rng):
    packed = rng.integers(0, 64, (N, 200), dtype=np.uint8)
    base, subjects, places = (
        rng.integers(0, end, n).astype(np.int32) for end, n in ((100, P), (N, HEIGHT), (100, HEIGHT))
    )
    descriptors = assert_same("gather", packed, base, subjects, places, dtype=np.uint8)
    assert descriptors.shape == (P, HEIGHT)

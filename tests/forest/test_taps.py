import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemachines.forest import taps


def descriptor(codes, fill, table, subject, i, j):
    """Descriptor of a cell, read tap by tap; maps without a `fill` are dense."""
    height, width = codes.shape[2:]
    numbers = []
    for channel, row, column in table:
        y, x = i + row, j + column
        if channel >= len(fill):
            y, x = i, j
        elif fill[channel] == taps.REPEAT:
            y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        inside = 0 <= y < height and 0 <= x < width
        numbers.append(codes[subject, channel, y, x] if inside else fill[channel])
    return numbers


def pack_some(rng, n, n_maps, shape, fill, reach):
    """Packed maps, and their codes (N, A + B + D, h, w)."""
    n_images, n_beliefs, n_dense = n_maps
    images, dense = (rng.integers(0, 64, (n, count, *shape), dtype=np.uint8) for count in (n_images, n_dense))
    beliefs = rng.integers(0, 64, (n, n_beliefs, *shape), dtype=np.uint8)
    as_beliefs = (((beliefs + 0.5) / 64) ** 2).astype(np.float32)
    packed = taps.pack(images, as_beliefs, dense, np.array(fill, np.int16), reach)
    return packed, np.concatenate([images, beliefs, dense], 1)


def assert_gathers(packed, codes, fill, table, reach):
    n, _, *shape = codes.shape
    base, pitch = taps.locate(table, len(fill), reach, shape)
    assert base.dtype == np.int32
    cells = np.argwhere(np.ones((n, *shape))).astype(np.int32)
    gathered = taps.gather(packed, base, pitch, cells)
    assert gathered.dtype == np.uint8
    np.testing.assert_array_equal(gathered, [descriptor(codes, fill, table, *cell) for cell in cells])


@pytest.mark.parametrize("fill", [(-1, -1, -1), (0, 63, 5), (-1, 0, -1)])
def test_descriptors_are_read_at_the_taps(rng, fill):
    """Two image maps, one belief map and two dense maps; taps reach beyond the grid of 5 x 7."""
    packed, codes = pack_some(rng, 2, (2, 1, 2), (5, 7), fill, 6)
    table = np.concatenate([taps.window_taps([0, 2], [-6, 0, 6]), [[1, -1, 2], [3, 0, 0], [4, 0, 0]]])
    assert_gathers(packed, codes, fill, table, 6)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_descriptors_of_any_shape(data):
    n = data.draw(st.integers(1, 3), "subjects")
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)), "shape")
    n_maps = data.draw(st.tuples(*[st.integers(0, 2)] * 3).filter(any), "maps")
    reach = data.draw(st.integers(0, 6), "reach")
    n_bordered = n_maps[0] + n_maps[1]
    fill = data.draw(st.lists(st.sampled_from([-1, 0, 9, 63]), min_size=n_bordered, max_size=n_bordered), "fill")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    table = rng.integers(-reach, reach + 1, (9, 3))
    table[:, 0] = rng.integers(0, sum(n_maps), 9)
    table[table[:, 0] >= n_bordered, 1:] = 0
    assert_gathers(*pack_some(rng, n, n_maps, shape, fill, reach), fill, table, reach)


def test_dense_maps_ignore_the_offsets(rng):
    packed, codes = pack_some(rng, 1, (1, 0, 1), (3, 4), (0,), 1)
    base, pitch = taps.locate(np.array([[1, 0, 0], [1, 1, -1]]), 1, 1, (3, 4))
    assert base[0] == base[1]
    assert taps.gather(packed, base, pitch, np.array([[0, 2, 3]], np.int32)).tolist() == [[codes[0, 1, 2, 3]] * 2]


def test_codes_of_beliefs_are_of_their_square_roots(rng):
    beliefs = np.array([0, 1 / 64**2, 0.25, 0.5, 1, 2], np.float32).reshape(1, 1, 2, 3)
    empty = np.empty((1, 0, 2, 3), np.uint8)
    packed = taps.pack(empty, beliefs, empty, np.zeros(1, np.int16), 0)
    assert packed[0, :6].tolist() == [0, 1, 32, 45, 63, 63]


def test_descriptors_are_in_fortran_order(rng):
    packed, _ = pack_some(rng, 2, (3, 0, 0), (5, 7), (0, 0, 0), 1)
    base, pitch = taps.locate(taps.window_taps([0, 1, 2], [-1, 1]), 3, 1, (5, 7))
    assert taps.gather(packed, base, pitch, np.zeros((4, 3), np.int32)).flags.f_contiguous


def test_window_taps_are_ordered_by_channel_row_column():
    table = taps.window_taps([4, 5], [-1, 1])
    assert table.tolist()[:4] == [[4, -1, -1], [4, -1, 1], [4, 1, -1], [4, 1, 1]]
    assert (table[4:] == table[:4] + [1, 0, 0]).all()

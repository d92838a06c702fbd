import numpy as np
import pytest

from posemachines.forest import taps

SHAPE = 5, 7


@pytest.fixture
def maps():
    return np.random.default_rng(0).random((2, 3, *SHAPE), dtype=np.float32)


@pytest.mark.parametrize("constant", [np.nan, 0.0, 1.0])
def test_a_descriptor_is_a_slice_of_the_padded_maps(maps, constant):
    table = np.concatenate([taps.window_taps([0], [-1, 1]), taps.window_taps([2], [-6, 0, 6]), [[1, 0, 0]]])
    padding = taps.margins(table, 3)
    np.testing.assert_array_equal(padding, [1, 0, 6])
    packed = taps.pack([maps[:, :1], maps[:, 1:]], padding, np.full(3, constant))
    cells = np.argwhere(np.ones((2, *SHAPE)))
    descriptors = taps.gather(packed, *taps.locate(table, padding, SHAPE), cells.astype(np.int32))
    if np.isnan(constant):
        padded = np.pad(maps, ((0, 0), (0, 0), (6, 6), (6, 6)), mode="edge")
    else:
        padded = np.pad(maps, ((0, 0), (0, 0), (6, 6), (6, 6)), constant_values=constant)
    for f, (channel, row, column) in enumerate(table):
        shifted = padded[:, channel, 6 + row : 11 + row, 6 + column : 13 + column]
        np.testing.assert_array_equal(descriptors[:, f], shifted.ravel())


def test_every_channel_has_its_own_fill(maps):
    table = taps.window_taps([0, 1, 2], [-1, 0, 1])
    padding = taps.margins(table, 3)
    packed = taps.pack([maps], padding, np.array([0, 1, np.nan]))
    corner = taps.gather(packed, *taps.locate(table, padding, SHAPE), np.zeros((1, 3), np.int32))[0]
    assert list(corner[:3]) == [0, 0, 0]
    assert list(corner[9:12]) == [1, 1, 1]
    assert list(corner[18:20]) == [maps[0, 2, 0, 0]] * 2


def test_window_taps_are_ordered_by_channel_row_column():
    table = taps.window_taps([4, 5], [-1, 1])
    assert table.tolist()[:4] == [[4, -1, -1], [4, -1, 1], [4, 1, -1], [4, 1, 1]]
    assert (table[4:] == table[:4] + [1, 0, 0]).all()

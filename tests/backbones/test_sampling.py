import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posemachines.backbones import resample

STRIDE = st.sampled_from([2, 4, 8, 16, 32])
grids = {
    "stride": STRIDE,
    "to_stride": STRIDE,
    "offset": st.floats(-8, 40),
    "to_offset": st.floats(-8, 40),
    "source": st.tuples(st.integers(1, 9), st.integers(1, 9)),
    "shape": st.tuples(st.integers(1, 12), st.integers(1, 12)),
}


def places(n, stride, offset):
    return stride * np.arange(n) + offset


def of_grid(own):
    """The keywords of a call, of drawn grids."""
    return {name: own[name] for name in ("stride", "offset", "to_stride", "to_offset")}


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries(grids))
def test_linear_interpolation_at_the_places_of_the_cells(own):
    """The same as numpy's, axis by axis: linear between cells, constant beyond the outermost ones."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 3, *own["source"]))
    expected = maps
    for axis in (2, 3):
        known = places(own["source"][axis - 2], own["stride"], own["offset"])
        wanted = places(own["shape"][axis - 2], own["to_stride"], own["to_offset"])
        expected = np.apply_along_axis(lambda line, k=known, w=wanted: np.interp(w, k, line), axis, expected)
    found = resample(torch.from_numpy(maps), own["shape"], **of_grid(own))
    assert found.shape == (2, 3, *own["shape"])
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries(grids), st.floats(-100, 100))
def test_constant_maps_stay_constant(own, value):
    found = resample(torch.full((1, 2, *own["source"]), value), own["shape"], **of_grid(own))
    assert torch.allclose(found, torch.full_like(found, value), atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries(grids))
def test_ramps_stay_ramps_at_their_true_places(own):
    """A map of the row (column) of each cell, in pixels, gives the rows (columns) of the other grid's cells."""
    height, width = own["source"]
    rows, columns = places(height, own["stride"], own["offset"]), places(width, own["stride"], own["offset"])
    ramps = np.stack(np.meshgrid(rows, columns, indexing="ij"))[None]
    found = resample(torch.from_numpy(ramps), own["shape"], **of_grid(own))[0].numpy()
    wanted = [places(n, own["to_stride"], own["to_offset"]) for n in own["shape"]]
    np.testing.assert_allclose(found[0, :, 0], wanted[0].clip(rows[0], rows[-1]), atol=1e-3)
    np.testing.assert_allclose(found[1, 0], wanted[1].clip(columns[0], columns[-1]), atol=1e-3)
    assert (found[0] == found[0, :, :1]).all()
    assert np.ptp(found[1], axis=0).max() < 1e-9


def test_the_same_grid_changes_nothing():
    maps = torch.randn(2, 3, 5, 7)
    assert torch.allclose(resample(maps, (5, 7), stride=8, offset=3.5, to_stride=8, to_offset=3.5), maps)


def test_maps_may_be_cut_or_extended():
    maps = torch.arange(5.0)[None, None, None].expand(1, 1, 2, 5)
    grid = {"stride": 4, "offset": 1.5, "to_stride": 4, "to_offset": 1.5}
    assert resample(maps, (2, 3), **grid)[0, 0, 0].tolist() == [0, 1, 2]
    assert resample(maps, (2, 7), **grid)[0, 0, 1].tolist() == [0, 1, 2, 3, 4, 4, 4]


def test_a_cell_between_two_others_is_their_weighted_mean():
    maps = torch.tensor([[[[0.0, 8.0, 16.0]]]])
    moved = resample(maps, (1, 3), stride=8, offset=5.0, to_stride=8, to_offset=3.5)
    assert moved[0, 0, 0].tolist() == [0, 8 - 1.5, 16 - 1.5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_type_and_the_gradients_are_kept(dtype):
    maps = torch.ones(1, 2, 3, 4, dtype=dtype, requires_grad=True)
    moved = resample(maps, (5, 6), stride=8, offset=3.5, to_stride=4, to_offset=1.5)
    assert moved.dtype == dtype
    assert moved.is_contiguous(memory_format=torch.channels_last)
    moved.sum().backward()
    assert maps.grad.sum().item() == pytest.approx(moved.numel(), rel=1e-2)

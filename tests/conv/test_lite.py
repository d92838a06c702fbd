import numpy as np
import pytest
import torch

from posemachines.conv.networks.lite import LiteTrunk, ScaledConv2d, fold, unfold
from posemachines.conv.networks.network import Design, assemble

WIDTHS = (8, 16, 8, 1, 1, 12, 8, 1, 1)


def make_network(n_stages=3, n_maps=4, **settings):
    torch.manual_seed(0)
    return assemble(Design(widths=WIDTHS, **settings), n_maps, [stage > 0 for stage in range(n_stages)])


@pytest.mark.parametrize("shape", [(20, 28), (4, 4), (32, 16), (36, 64)])
def test_beliefs_are_at_stride_4(shape):
    staged = make_network()(torch.randn(2, 3, *shape))
    assert [tuple(beliefs.shape) for beliefs in staged] == [(2, 4, shape[0] // 4, shape[1] // 4)] * 3


def test_unfold_inverts_fold_for_odd_sides():
    maps = torch.randn(2, 3, 5, 7)
    assert fold(maps).shape == (2, 12, 3, 4)
    assert torch.equal(unfold(fold(maps), (5, 7)), maps)


def test_an_untrained_network_predicts_background():
    for beliefs in make_network()(torch.randn(4, 3, 32, 32) / 4):
        assert abs(beliefs[:, -1].mean() - 1) < 0.1
        assert beliefs[:, :-1].abs().mean() < 0.1


def test_kernels_have_zero_mean_and_unit_gain_and_bake_preserves_them():
    conv = ScaledConv2d(6, 5, 3)
    maps = torch.randn(64, 6, 16, 16)
    kernel = conv.kernel()
    assert torch.allclose(kernel.mean((1, 2, 3)), torch.zeros(5), atol=1e-6)
    assert abs(conv(maps).std() - 1) < 0.1
    before = conv(maps)
    conv.bake()
    assert torch.allclose(conv(maps), before)
    assert torch.equal(conv.kernel(), conv.weight)


def test_receptive_fields_grow_from_stage_to_stage():
    network = make_network()
    images = torch.randn(1, 3, 128, 256, requires_grad=True)
    reach = []
    for beliefs in network(images):
        (gradient,) = torch.autograd.grad(beliefs[0, 0, 16, 32], images, retain_graph=True)
        columns = np.flatnonzero(gradient.abs().sum((0, 1, 2)).numpy())
        reach.append(columns[-1] - columns[0])
    assert reach[0] < reach[1] < reach[2]


def test_cells_are_aligned_with_the_belief_grid():
    """With flipped kernels, a flipped image gives flipped features: nothing is shifted by half a cell."""
    trunk = LiteTrunk(*WIDTHS[:5])
    with torch.no_grad():
        for module in trunk.modules():
            if isinstance(module, ScaledConv2d):
                module.weight += module.weight.flip(-1)
    images = torch.randn(1, 3, 32, 32)
    features = fold(trunk(images))
    assert torch.allclose(fold(trunk(images.flip(-1))).flip(-1), features, atol=1e-4)


def test_a_centre_map_reaches_the_later_stages():
    network = make_network(sees_centre=True)
    images = torch.randn(2, 3, 32, 32) / 4
    middle = network(images)
    moved = network(images, None, torch.tensor([[3.0, 5.0], [3.0, 5.0]]))
    assert torch.equal(middle[0], moved[0])
    assert not torch.allclose(middle[1], moved[1])
    assert torch.equal(middle[2], network(images, None, torch.full((2, 2), 15.5))[2])

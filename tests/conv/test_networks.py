import numpy as np
import pytest
import torch
from torch import nn

from posemachines.conv.networks.facts import multiply_adds, network_facts
from posemachines.conv.networks.network import NETWORKS, build_network, centre_maps, network_name
from posemachines.conv.networks.published import (
    BranchTrunk,
    FirstBranchHead,
    LaterBranchHead,
    LaterVggHead,
    VggTrunk,
    pool,
)

MEASURED = {  # parts, stages, parameters (M), multiply-adds (G), receptive fields with Caffe's pooling
    "cpm": (14, 6, 31.22, 175.4, (167, 407, 647, 887, 1127, 1367)),
    "cpm-flic": (9, 4, 21.32, 154.5, (167, 407, 647, 887)),
    "cpm-vgg": (14, 6, 29.85, 88.4, (164, 404, 644, 884, 1124, 1364)),
}


@pytest.fixture(scope="module", params=["cpm", "cpm-vgg"])
def network(request):
    """Network with two stages and two parts, in evaluation mode."""
    torch.manual_seed(0)
    return build_network(request.param, n_maps=3, n_stages=2).eval()


def build_hollow(name, n_maps, n_stages, **settings):
    with torch.device("meta"):
        return build_network(name, n_maps=n_maps, n_stages=n_stages, **settings)


def mirror_kernels(module):
    """Make all kernels symmetric under a horizontal flip."""
    with torch.no_grad():
        for conv in module.modules():
            if isinstance(conv, nn.Conv2d):
                conv.weight += conv.weight.flip(-1)
                conv.weight *= (2 / conv.weight[0].numel()) ** 0.5 / conv.weight.std()
    module.double()


def caffe_pool(maps, kernel, stride, reduce):
    """Caffe's pooling of (H, W) without padding: sizes rounded up, windows clipped at the border."""
    shape = [int(np.ceil((size - kernel) / stride)) + 1 for size in maps.shape]
    pooled = np.empty(shape, maps.dtype)
    for row, column in np.ndindex(*shape):
        window = maps[row * stride : row * stride + kernel, column * stride : column * stride + kernel]
        pooled[row, column] = reduce(window)
    return pooled


# -- cost and receptive fields---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("caffe_compatible", [False, True])
def test_published_cost_and_receptive_fields(name, caffe_compatible):
    n_parts, n_stages, parameters, multiply_adds, fields = MEASURED[name]
    facts = network_facts(build_hollow(name, n_parts + 1, n_stages, caffe_compatible=caffe_compatible), (368, 368))
    assert round(facts.parameters / 1e6, 2) == parameters
    assert round(facts.multiply_adds / 1e9, 1) == multiply_adds
    if name != "cpm-vgg" and not caffe_compatible:  # 2x2 windows cover one pixel less at strides 1, 2 and 4
        fields = tuple(field - 7 for field in fields)
    assert facts.receptive_fields == fields


def test_cost_grows_with_the_image_and_receptive_fields_do_not():
    hollow = build_hollow("cpm-vgg", 4, 2)
    small, large = (network_facts(hollow, size) for size in ((64, 64), (64, 128)))
    assert large.multiply_adds == 2 * small.multiply_adds
    assert (large.parameters, large.receptive_fields) == (small.parameters, small.receptive_fields)


def test_facts_of_a_single_later_stage():
    whole = build_hollow("cpm", 4, 3)
    alone = network_facts(whole.stage(1), (64, 64))
    trunk, head = whole.trunks[1], whole.heads[1]
    assert alone.parameters == sum(weight.numel() for part in (trunk, head) for weight in part.parameters())
    assert alone.receptive_fields == (64 + (4 + 3 * 10) * 8,)  # the trunk, a 5x5 and three 11x11 convolutions


# -- alignment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "caffe_compatible"), [("cpm", False), ("cpm-vgg", False), ("cpm-vgg", True)])
def test_aligned_cells_are_centred_on_8_i_plus_3_5(name, caffe_compatible):
    """With 8 n columns, flipping the image flips the n cells of the beliefs, so their centres are at 8 i + 3.5."""
    torch.manual_seed(0)
    network = build_network(
        name, n_maps=3, n_stages=2, caffe_compatible=caffe_compatible, sees_centre=not caffe_compatible
    ).eval()
    mirror_kernels(network)
    images = torch.randn(1, 3, 16, 32).double()
    with torch.no_grad():
        for ours, mirrored in zip(network(images), network(images.flip(-1)), strict=True):
            assert ours.std() > 0.01
            assert torch.allclose(mirrored.flip(-1), ours)


def test_caffe_compatible_cells_are_centred_on_8_i_plus_7():
    """With 8 n + 7 columns, all pooling windows are inside; flipping the image flips the cells, centred at 8 i + 7."""
    torch.manual_seed(0)
    trunk, head = BranchTrunk(caffe_compatible=True).eval(), FirstBranchHead(3).eval()
    mirror_kernels(trunk)
    mirror_kernels(head)
    with torch.no_grad():
        images = torch.randn(1, 3, 16, 39).double()
        beliefs, mirrored = (head(trunk(given), None, None) for given in (images, images.flip(-1)))
        assert beliefs.shape == (1, 3, 2, 4)
        assert beliefs.std() > 0.01
        assert torch.allclose(mirrored.flip(-1), beliefs)
        images = torch.randn(1, 3, 16, 40).double()  # with 8 n columns, the last window is clipped
        beliefs, mirrored = (head(trunk(given), None, None) for given in (images, images.flip(-1)))
        assert not torch.allclose(mirrored.flip(-1), beliefs, atol=1e-2)


# -- pooling and centre map -------------------------------------------------------------------------------------------


def test_caffe_compatible_pooling():
    maps = torch.randn(1, 1, 368, 368)
    for size in (184, 92, 46):
        expected = caffe_pool(maps[0, 0].numpy(), 3, 2, np.max)
        maps = pool(caffe_compatible=True)(maps)
        assert maps.shape == (1, 1, size, size)
        assert np.array_equal(maps[0, 0].numpy(), expected)


def test_other_pooling_is_2x2():
    maps = torch.randn(1, 1, 12, 20)
    assert torch.equal(pool(caffe_compatible=False)(maps)[0, 0], maps.reshape(6, 2, 10, 2).amax((1, 3)))
    sizes = {}
    for name in ("cpm", "cpm-flic", "cpm-vgg"):
        for caffe_compatible in (False, True):
            modules = build_hollow(name, 3, 2, caffe_compatible=caffe_compatible).modules()
            kernels = [module.kernel_size for module in modules if isinstance(module, nn.MaxPool2d)]
            sizes[name, caffe_compatible] = kernels
    assert sizes.pop(("cpm", True)) == sizes.pop(("cpm-flic", True)) == [3] * 6
    assert sizes.pop(("cpm-vgg", True)) == sizes.pop(("cpm-vgg", False)) == [2] * 3
    assert set(map(tuple, sizes.values())) == {(2,) * 6}


@pytest.mark.parametrize("centre", [(183.5, 183.5), (120.0, 250.25), (2.0, 366.0)])
def test_the_caffe_compatible_centre_map_averages_a_gaussian(centre):
    rows, columns = np.mgrid[:368, :368]
    drawn = np.exp(-((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / (2 * 21**2))
    ours = centre_maps(1, (368, 368), torch.tensor([centre]), stride=8, caffe_compatible=True)
    assert ours.shape == (1, 1, 46, 46)
    assert ours.dtype == torch.float32
    assert np.allclose(ours[0, 0].numpy(), caffe_pool(drawn, 9, 8, np.mean), atol=1e-6)


@pytest.mark.parametrize("stride", [4, 8])
def test_the_centre_map_has_its_peak_at_the_centre(stride):
    cells = torch.tensor([[3, 5], [10, 0], [0, 7]])
    maps = centre_maps(3, (64, 96), cells * stride + (stride - 1) / 2, stride=stride)
    assert maps.shape == (3, 1, 64 // stride, 96 // stride)
    for (column, row), drawn in zip(cells.tolist(), maps[:, 0], strict=True):
        assert drawn[row, column] == drawn.max() == 1
    assert torch.allclose(maps[0, 0, :, 1], maps[0, 0, :, 5])  # equally far to the left and right of the peak
    width = 64 * 21 / 368
    assert torch.isclose(maps[0, 0, 5, 4], torch.tensor(np.exp(-(stride**2) / (2 * width**2)), dtype=torch.float32))


@pytest.mark.parametrize("caffe_compatible", [False, True])
def test_the_default_centre_is_that_of_the_crop(caffe_compatible):
    maps = centre_maps(2, (48, 80), stride=8, caffe_compatible=caffe_compatible)
    assert maps.shape == (2, 1, 6, 10)
    middle = torch.tensor([[39.5, 23.5]])
    assert torch.equal(maps, centre_maps(2, (48, 80), middle.expand(2, 2), stride=8, caffe_compatible=caffe_compatible))
    if not caffe_compatible:
        assert torch.equal(maps, maps.flip(2, 3))


# -- connections ----------------------------------------------------------------------------------------------------


def given_to(head, name):
    """Run a head on constant maps and return the input of its first context convolution."""
    seen = []
    conv = dict(head.layers.named_children())[name]
    conv.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    head(torch.full((1, 128, 2, 3), 1.0), torch.full((1, 4, 2, 3), 2.0), torch.full((1, 1, 2, 3), 3.0))
    return seen[0][0, :, 0, 0]


def test_nets_a_and_b_concatenate_features_beliefs_and_centre_map():
    for sees_centre in (True, False):
        joined = given_to(LaterBranchHead(4, sees_centre), "Mconv1")
        assert len(joined) == 36 + sees_centre
        assert joined[32:36].tolist() == [2.0] * 4
        assert joined[36:].tolist() == [3.0] * sees_centre


def test_net_c_concatenates_beliefs_features_and_centre_map():
    for sees_centre in (True, False):
        joined = given_to(LaterVggHead(4, sees_centre), "Mconv1")
        assert joined.tolist() == [2.0] * 4 + [1.0] * 128 + [3.0] * sees_centre


def test_six_stages_share_two_trunks_in_nets_a_and_b_one_in_net_c():
    assert build_hollow("cpm", 15, 6).trunk_of == (0, 1, 1, 1, 1, 1)
    assert build_hollow("cpm-flic", 10, 4).trunk_of == (0, 1, 1, 1)
    vgg = build_hollow("cpm-vgg", 15, 6)
    assert vgg.trunk_of == (0,) * 6
    assert len(vgg.trunks) == 1
    assert build_hollow("cpm", 3, 1).trunk_of == (0,)


def test_a_shared_trunk_runs_once(network):
    runs = []
    hooks = [trunk.register_forward_hook(lambda *_: runs.append(1)) for trunk in network.trunks]
    with torch.no_grad():
        network(torch.zeros(1, 3, 16, 16))
    for hook in hooks:
        hook.remove()
    assert len(runs) == len(network.trunks)


def test_a_single_stage_computes_the_same_as_in_the_network(network):
    images = torch.randn(2, 3, 16, 24)
    with torch.no_grad():
        first, second = network(images)
        assert torch.equal(network.stage(0)(images)[0], first)
        assert torch.equal(network.stage(1)(images, first)[0], second)
    assert network.stage(1).heads[0] is network.heads[1]


def test_later_stages_depend_on_beliefs_and_centres(network):
    images = torch.randn(1, 3, 24, 24)
    with torch.no_grad():
        first, second = network(images)
        other_first, other_second = network(images, centres=torch.tensor([[0.0, 0.0]]))
        assert torch.equal(first, other_first)
        assert not torch.equal(second, other_second)
        assert not torch.equal(network.stage(1)(images, first + 1)[0], second)


# -- parts, stages and sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cpm", "cpm-flic", "cpm-vgg"])
@pytest.mark.parametrize(("n_maps", "n_stages"), [(2, 1), (5, 2), (18, 3)])
def test_any_number_of_parts_and_stages(name, n_maps, n_stages):
    hollow = build_hollow(name, n_maps, n_stages, caffe_compatible=True)
    staged = hollow(torch.empty(2, 3, 24, 40, device="meta"))
    assert [tuple(beliefs.shape) for beliefs in staged] == [(2, n_maps, 3, 5)] * n_stages


@pytest.mark.parametrize("shape", [(20, 28), (33, 24), (8, 8), (17, 15)])
def test_aligned_networks_round_the_belief_grid_up(network, shape):
    with torch.no_grad():
        staged = network(torch.zeros(1, 3, *shape))
    assert {tuple(beliefs.shape[2:]) for beliefs in staged} == {(-(-shape[0] // 8), -(-shape[1] // 8))}


@pytest.mark.parametrize(("name", "shape"), [("cpm", (20, 24)), ("cpm", (24, 31)), ("cpm-vgg", (24, 33))])
def test_caffe_compatible_networks_reject_sides_that_are_not_multiples_of_8(name, shape):
    hollow = build_hollow(name, 3, 2, caffe_compatible=True)
    with pytest.raises((ValueError, RuntimeError)):
        hollow(torch.empty(1, 3, *shape, device="meta"))


def test_beliefs_may_be_negative_and_features_may_not(network):
    torch.manual_seed(1)
    images = torch.randn(1, 3, 24, 24)
    with torch.no_grad():
        assert all((trunk(images) >= 0).all() for trunk in network.trunks)
        assert all((beliefs < 0).any() for beliefs in network(images))


def test_an_unknown_network_is_rejected():
    with pytest.raises(
        ValueError, match=r"network must be one of 'cpm-pretrained', 'cpm-lite', .*, 'cpm-vgg'; got 'resnet'"
    ):
        build_network("resnet", n_maps=3, n_stages=2)


@pytest.mark.parametrize(
    ("old", "new"), [("lite", "cpm-lite"), ("cvpr", "cpm"), ("flic", "cpm-flic"), ("vgg", "cpm-vgg")]
)
def test_old_names_are_deprecated(old, new):
    with pytest.warns(DeprecationWarning, match=f"network='{old}' is deprecated .* use '{new}'"):
        assert network_name(old) == new
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert build_hollow(old, 3, 1).design.name == new


def test_new_names_do_not_warn():
    assert [network_name(name) for name in NETWORKS] == [*NETWORKS]


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_are_those_of_the_convolutions(name):
    hollow, counted = build_hollow(name, 4, 2), {True: 0, False: 0}

    def count(conv, _, maps):
        counted[conv in heads] += maps.shape[2:].numel() * conv.weight.numel()

    heads = {module for module in hollow.heads.modules() if isinstance(module, nn.Conv2d)}
    for module in hollow.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    hollow(torch.empty(1, 3, 48, 64, device="meta"))
    whole, of_heads = sum(counted.values()), counted[True]
    found = multiply_adds(hollow, (48, 64))
    if name in ("cpm-pretrained", "cpm-hand-made"):  # interpolation and conversion of colours are matrix products
        assert 0.97 * found <= whole < found
    else:
        assert found == whole
    assert multiply_adds(hollow, (48, 64), trunks=False) == of_heads


# -- training -------------------------------------------------------------------------------------------------------


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    network = build_network("cpm", n_maps=3, n_stages=1)
    images = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        assert not torch.equal(network(images)[0], network(images)[0])
        network.eval()
        assert torch.equal(network(images)[0], network(images)[0])
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5, 0.5]
    assert not [module for module in build_hollow("cpm-vgg", 3, 2).modules() if isinstance(module, nn.Dropout)]


def convolutions(module):
    return [conv for conv in module.modules() if isinstance(conv, nn.Conv2d)]


def test_published_gaussian_initialisation():
    torch.manual_seed(0)
    network = build_network("cpm", n_maps=3, n_stages=2)
    network.initialise("gaussian")
    for conv in convolutions(network):
        assert abs(conv.weight.std() - 0.01) < 0.001
        assert abs(conv.weight.mean()) < 0.002
        assert not conv.bias.any()


def test_he_initialisation_preserves_the_scale_of_the_maps():
    torch.manual_seed(0)
    network = build_network("cpm-vgg", n_maps=3, n_stages=2)
    network.initialise("he")
    last = {convolutions(head)[-1] for head in network.heads}
    for conv in convolutions(network):
        expected = 0.01 if conv in last else (2 / conv.weight[0].numel()) ** 0.5
        assert abs(conv.weight.std() / expected - 1) < 0.15
        assert not conv.bias.any()
    with torch.no_grad():
        images = torch.randn(1, 3, 32, 32)
        assert 0.1 < VggTrunk.forward(network.trunks[0], images).std() < 10
        assert all(beliefs.abs().max() < 2 for beliefs in network.eval()(images))


def test_initialise_leaves_cpm_lite_unchanged():
    network = build_network("cpm-lite", n_maps=3, n_stages=2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for way in ("he", "gaussian"):
        network.initialise(way)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_loss_of_all_stages_reaches_the_trunks():
    torch.manual_seed(0)
    network = build_network("cpm", n_maps=2, n_stages=2)
    network.initialise("he")
    sum(beliefs.square().sum() for beliefs in network(torch.randn(1, 3, 16, 16))).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in network.parameters() if weight.ndim == 4)

import copy
import io
import pickle
import runpy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from posemachines.conv._kernels import fft, spectra
from posemachines.conv._kernels.fft import LargeConv2d, conv2d_fft

SHAPES = [  # subjects, input and output channels, size of the kernel, size of the maps
    (1, 1, 1, (3, 3), (5, 7)),
    (2, 3, 4, (5, 3), (1, 9)),
    (2, 5, 7, (9, 5), (13, 17)),
    (3, 4, 2, (11, 11), (6, 4)),
    (1, 6, 3, (7, 7), (40, 31)),
    (2, 4, 6, (9, 9), (64, 80)),
    (1, 3, 5, (3, 11), (50, 101)),
    (3, 8, 8, (11, 11), (46, 46)),
]


def draw(subjects, n_in, n_out, kernel, size, seed=0):
    """Maps, weights with unit gain, and bias."""
    random = torch.Generator().manual_seed(seed)
    maps, weight, bias = (
        torch.randn(*shape, generator=random) for shape in ((subjects, n_in, *size), (n_out, n_in, *kernel), (n_out,))
    )
    return maps, weight / weight[0].numel() ** 0.5, bias


def direct(maps, weight, bias=None):
    return functional.conv2d(maps, weight, bias, padding=(weight.shape[2] // 2, weight.shape[3] // 2))


def layer(method="fft", seed=0, n_in=4, n_out=6, size=9):
    torch.manual_seed(seed)
    made = LargeConv2d(n_in, n_out, size)
    made.method = method
    return made


@pytest.fixture(autouse=True)
def enabled(monkeypatch):
    monkeypatch.setattr(fft, "ENABLED", True)


@pytest.fixture
def small_chunks(monkeypatch):
    """Process tiles and spectra in many small chunks."""
    monkeypatch.setattr(spectra, "CHUNK", 5000)
    monkeypatch.setattr(spectra, "GROUP", 1000)


@pytest.mark.parametrize("shape", SHAPES)
def test_convolution_equals_torch(shape):
    maps, weight, bias = draw(*shape)
    expected = direct(maps, weight, bias)
    for given_maps in (maps, maps.contiguous(memory_format=torch.channels_last), maps.mT.contiguous().mT):
        found = conv2d_fft(given_maps, weight, bias)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-5
    assert (conv2d_fft(maps, weight) - direct(maps, weight)).abs().max() < 1e-5


@pytest.mark.parametrize("steps", [(1, 1), (4, 9), (8, 5), (13, 17)])
def test_results_do_not_depend_on_the_tiling(steps):
    maps, weight, bias = draw(2, 5, 7, (9, 5), (13, 17))
    axes = [spectra.Axis(*sizes) for sizes in zip(maps.shape[2:], weight.shape[2:], steps, strict=True)]
    tiling = spectra.Tiling(*axes)
    assert tiling.exact == (steps in [(1, 1), (13, 17)])
    found = fft._Convolution.apply(maps, weight, bias, tiling)
    assert (found - direct(maps, weight, bias)).abs().max() < 1e-5
    spectrum = spectra.kernel_spectrum(weight, tiling)
    assert torch.allclose(fft._Convolution.apply(maps, weight, bias, tiling, spectrum), found, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_equal_torch(shape):
    tensors = [tensor.requires_grad_() for tensor in draw(*shape)]
    expected, found = direct(*tensors), conv2d_fft(*tensors)
    above = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    theirs = torch.autograd.grad(expected, tensors, above)
    ours = torch.autograd.grad(found, tensors, above)
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[5], SHAPES[7]])
def test_results_do_not_depend_on_the_chunks(shape):
    subjects, *_, (height, _) = shape
    tiling, _ = fft.best_tiling(*(tensor.shape for tensor in draw(*shape)[:2]), False)
    pieces = list(tiling.chunks(subjects, shape[1]))
    assert len(pieces) > 1
    assert max(inside.stop for _, _, inside in pieces) >= height
    assert len(tiling.groups(16, *shape[1:3])) > 1
    test_convolution_equals_torch(shape)
    test_gradients_equal_torch(shape)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_only_required_gradients_are_computed(wanted):
    tensors = draw(2, 3, 4, (5, 7), (12, 9))
    for index in wanted:
        tensors[index].requires_grad_()
    conv2d_fft(*tensors).square().sum().backward()
    ours = [tensor.grad for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    direct(*tensors).square().sum().backward()
    for index, (one, tensor) in enumerate(zip(ours, tensors, strict=True)):
        assert (one is None) == (index not in wanted)
        assert one is None or torch.allclose(one, tensor.grad, atol=1e-4)


def test_gradient_equals_finite_differences():
    maps, weight, bias = draw(1, 2, 3, (3, 5), (6, 5))
    towards = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    weight.requires_grad_()
    (slope,) = torch.autograd.grad(conv2d_fft(maps, weight, bias).square().sum(), weight)
    ahead, behind = (conv2d_fft(maps, weight + step * towards, bias).square().sum() for step in (1e-2, -1e-2))
    assert torch.isclose((ahead - behind) / 2e-2, (slope * towards).sum(), rtol=1e-3)


def test_training_a_network_with_in_place_activations():
    torch.manual_seed(0)
    network = nn.Sequential(LargeConv2d(3, 8, 9), nn.ReLU(inplace=True), LargeConv2d(8, 2, 7))
    twin = copy.deepcopy(network)
    for module, method in [(network[0], "fft"), (network[2], "fft"), (twin[0], "direct"), (twin[2], "direct")]:
        module.method = method
    maps, _, _ = draw(2, 3, 1, (1, 1), (15, 22))
    losses = []
    for model in (network, twin):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        losses.append([])
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(maps).square().mean()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0]


def test_second_derivatives_are_rejected():
    maps, weight, bias = draw(1, 2, 3, (3, 3), (5, 5))
    weight.requires_grad_()
    (gradient,) = torch.autograd.grad(conv2d_fft(maps, weight, bias).square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("kernel", "dtype", "message"),
    [((4, 3), torch.float32, "odd sides; got 4 x 3"), ((3, 3), torch.float64, "float32; got torch.float64")],
)
def test_unsupported_kernels_are_rejected(kernel, dtype, message):
    maps, weight, _ = draw(1, 2, 3, kernel, (8, 8))
    with pytest.raises(ValueError, match=message):
        conv2d_fft(maps.to(dtype), weight)


def test_state_and_initial_weights_are_those_of_conv2d():
    made = layer()
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 6, 9, padding=4)
    with torch.no_grad():
        made(torch.rand(1, 4, 12, 12))
    assert made._spectra
    assert list(made.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(one, made.state_dict()[name]) for name, one in plain.state_dict().items())
    plain.load_state_dict(made.state_dict())
    assert isinstance(made, nn.Conv2d)
    assert layer(size=3).padding == (1, 1)
    assert LargeConv2d(2, 3, 5, bias=False)(torch.rand(1, 2, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match="must be odd, so that maps keep their size; got 8"):
        LargeConv2d(2, 3, 8)


def test_spectra_are_cached_until_the_weights_change():
    made, maps = layer(), torch.rand(1, 4, 20, 20)
    with torch.no_grad():
        first = made(maps)
        kept = dict(made._spectra)
        assert torch.equal(made(maps), first)
        assert all(made._spectra[tile] is entry for tile, entry in kept.items())
        for size in (8, 12, 28, 31):
            other = torch.rand(2, 4, size, size)
            assert torch.allclose(made(other), direct(other, made.weight, made.bias), atol=1e-5)
    assert len(made._spectra) == fft.KEPT
    made(maps).sum().backward()
    assert not made._spectra


def change_by_a_step(made):
    made(torch.rand(1, 4, 9, 9)).square().sum().backward()
    torch.optim.SGD(made.parameters(), lr=0.1).step()


def change_in_place(made):
    with torch.no_grad():
        made.weight.mul_(2)


def change_by_a_new_parameter(made):
    made.weight = nn.Parameter(torch.randn_like(made.weight))


def change_by_loading(made):
    made.load_state_dict(layer(seed=1).state_dict())


def change_through_data(made):
    made.weight.data.mul_(2)
    made.forget()


@pytest.mark.parametrize(
    "change",
    [change_by_a_step, change_in_place, change_by_a_new_parameter, change_by_loading, change_through_data],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_changed_weights_get_new_spectra(change, mode):
    made, maps = layer(), torch.rand(2, 4, 20, 13)
    with mode():
        before = made(maps)
    change(made)
    with mode():
        after = made(maps)
        assert (after - before).abs().max() > 1e-2
        assert torch.allclose(after, direct(maps, made.weight, made.bias), atol=1e-5)


def test_weights_created_in_inference_mode():
    with torch.inference_mode():
        made, maps = layer(), torch.rand(1, 4, 12, 12)
        assert torch.allclose(made(maps), direct(maps, made.weight, made.bias), atol=1e-5)
        assert not made._spectra


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it)), saved])
def test_copies_do_not_include_spectra(copied):
    made, maps = layer(), torch.rand(1, 4, 30, 30)
    with torch.no_grad():
        expected = made(maps)
        twin = copied(made)
        assert not twin._spectra
        assert made._spectra
        assert twin.method == "fft"
        assert torch.equal(twin(maps), expected)
    assert len(pickle.dumps(made)) < 2 * made.weight.numel() * made.weight.element_size()


@pytest.fixture
def no_fft(monkeypatch):
    def fail(*_):
        raise AssertionError("FFT was used")

    monkeypatch.setattr(fft._Convolution, "apply", fail)


@pytest.mark.usefixtures("no_fft")
def test_direct_where_fft_does_not_apply():
    made, maps = layer(), torch.rand(1, 4, 20, 20)
    expected = direct(maps, made.weight, made.bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(maps).dtype == torch.bfloat16
    assert torch.allclose(copy.deepcopy(made).double()(maps.double()).float(), expected, atol=1e-5)
    assert torch.allclose(made(maps[0]), expected[0], atol=1e-5)
    assert made(maps[:0]).shape == (0, 6, 20, 20)
    assert copy.deepcopy(made).to("meta")(maps.to("meta")).shape == expected.shape
    assert torch.allclose(torch.compile(made, backend="eager", fullgraph=True)(maps), expected, atol=1e-5)
    assert len(list(torch.export.export(made, (maps,)).graph.nodes)) < 8
    made.method = "direct"
    assert torch.allclose(made(maps), expected, atol=1e-5)
    made.method = "fourier"
    with pytest.raises(ValueError, match="method must be 'auto', 'direct' or 'fft'; got 'fourier'"):
        made(maps)


@pytest.mark.usefixtures("no_fft")
def test_direct_when_kernels_are_disabled(monkeypatch):
    monkeypatch.setattr(fft, "ENABLED", False)
    made, maps = layer("fft"), torch.rand(1, 4, 20, 20)
    assert torch.equal(made(maps), direct(maps, made.weight, made.bias))


@pytest.mark.parametrize(("value", "enabled"), [("0", False), ("1", True), ("", True), (None, True)])
def test_the_environment_variable_disables_the_fft(monkeypatch, value, enabled):
    if value is None:
        monkeypatch.delenv("POSEMACHINES_KERNELS", raising=False)
    else:
        monkeypatch.setenv("POSEMACHINES_KERNELS", value)
    assert runpy.run_path(fft.__file__.replace("fft.py", "__init__.py"))["ENABLED"] == enabled


@pytest.mark.usefixtures("no_fft")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_direct_while_traced():
    made, maps = layer(), torch.rand(1, 4, 20, 20)
    traced = torch.jit.trace(made, maps, check_trace=False)
    assert torch.allclose(traced(maps), direct(maps, made.weight, made.bias), atol=1e-5)


@pytest.mark.parametrize(
    ("subjects", "n_in", "n_out", "size", "side", "by_fft"),
    [
        (1, 128, 128, 9, 184, True),
        (1, 128, 128, 9, 92, True),
        (1, 48, 128, 11, 46, True),
        (16, 128, 128, 11, 46, True),
        (1, 32, 512, 9, 46, True),
        (1, 128, 128, 7, 46, True),
        (1, 3, 128, 9, 368, False),
        (16, 3, 128, 9, 368, False),
        (1, 128, 32, 5, 46, False),
        (1, 128, 128, 3, 46, False),
        (1, 512, 512, 1, 46, False),
        (2, 4, 6, 9, 20, False),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_the_faster_method_is_chosen(subjects, n_in, n_out, size, side, by_fft, cached):
    shapes = torch.Size((subjects, n_in, side, side)), torch.Size((n_out, n_in, size, size))
    tiling, cost = fft.best_tiling(*shapes, cached)
    assert (cost < fft.direct_cost(*shapes)) == by_fft
    assert max(tiling.tile) <= max(fft.LARGEST_TILE, 2 * size)
    assert cost == min(fft.fft_cost(*shapes, tiling, cached), cost)


@pytest.mark.parametrize("cost", [0.5, 2.0])
def test_auto_follows_the_costs(cost, monkeypatch):
    made, maps, calls = layer("auto"), torch.rand(1, 4, 20, 20), []
    monkeypatch.setattr(fft, "direct_cost", lambda *_: fft.fft_cost(*_, fft.best_tiling(*_, True)[0], True) / cost)
    monkeypatch.setattr(made, "_direct", lambda _: calls.append("direct"))
    with torch.no_grad():
        made(maps)
    assert calls == ["direct"] * (cost > 1)


SIZES = st.integers(1, 24)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(SIZES, SIZES),
    kernel=st.tuples(*[st.sampled_from([1, 3, 5, 7, 9, 11])] * 2),
    channels=st.tuples(*[st.integers(1, 4)] * 2),
    factor=st.floats(-3, 3, width=32),
    shift=st.tuples(*[st.integers(-3, 3)] * 2),
    seed=st.integers(0, 99),
)
def test_linearity_and_translation(size, kernel, channels, factor, shift, seed):
    maps, weight, _ = draw(2, *channels, kernel, size, seed)
    first, second = maps[:1], maps[1:]
    mixed = conv2d_fft(first + factor * second, weight)
    assert torch.allclose(mixed, conv2d_fft(first, weight) + factor * conv2d_fft(second, weight), atol=1e-4)
    wide = functional.pad(maps, [3 + side // 2 for side in (kernel[1], kernel[1], kernel[0], kernel[0])])
    moved = conv2d_fft(wide.roll(shift, (2, 3)), weight)
    assert torch.allclose(moved, conv2d_fft(wide, weight).roll(shift, (2, 3)), atol=1e-4)

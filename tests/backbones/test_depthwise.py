import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from posemachines.backbones.depthwise import DepthwiseConv2d


def pair(size, stride, padding, dtype=torch.float32):
    """Our convolution and torch's, with the same weights."""
    torch.manual_seed(0)
    ours = DepthwiseConv2d(6, size, stride, padding)
    plain = nn.Conv2d(6, 6, size, stride, padding, groups=6)
    plain.load_state_dict(ours.state_dict())
    return ours.to(dtype), plain.to(dtype)


def gradients(conv, maps, slope):
    maps = maps.clone().requires_grad_()
    found = conv(maps)
    (found * slope).sum().backward()
    return found.detach(), maps.grad, conv.weight.grad, conv.bias.grad


def assert_equal(first, second, **tolerance):
    for one, two in zip(first, second, strict=True):
        assert one.dtype == two.dtype
        assert torch.allclose(one, two, **tolerance)


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    padded=st.booleans(),
    height=st.integers(5, 14),
    width=st.integers(5, 14),
)
def test_results_and_gradients_are_those_of_torch(size, stride, padded, height, width):
    ours, plain = pair(size, stride, size // 2 if padded else 0)
    generator = torch.Generator().manual_seed(height)
    maps = torch.randn(2, 6, height, width, generator=generator).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        slope = torch.randn(plain(maps).shape, generator=generator)
    assert_equal(gradients(ours, maps, slope), gradients(plain, maps, slope), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_mixed_precision(size, stride):
    """Closer to those in single precision than torch's own in bfloat16."""
    ours, plain = pair(size, stride, size // 2)
    maps = torch.randn(2, 6, 16, 20)
    slope = torch.randn(plain(maps).shape).bfloat16().float()
    exact = gradients(pair(size, stride, size // 2)[1], maps.bfloat16().float(), slope)
    with torch.autocast("cpu", torch.bfloat16):
        low = gradients(ours, maps, slope)
        theirs = gradients(plain, maps, slope)
    assert low[0].dtype == theirs[0].dtype == torch.bfloat16
    assert [one.dtype for one in low[1:]] == [torch.float32] * 3
    for number in (2, 3):  # of the weights and biases
        assert (low[number] - exact[number]).norm() <= 1.1 * (theirs[number] - exact[number]).norm() + 1e-3
    assert (low[1] - exact[1]).norm() < 0.01 * exact[1].norm()


def test_frozen_weights_have_no_gradient():
    ours, _ = pair(5, 1, 2)
    ours.requires_grad_(False)
    maps = torch.randn(1, 6, 8, 8)
    assert not ours(maps).requires_grad
    maps.requires_grad_()
    ours(maps).sum().backward()
    assert maps.grad is not None
    assert ours.weight.grad is None


def test_only_the_weights_need_a_gradient():
    ours, plain = pair(5, 2, 2)
    maps = torch.randn(1, 6, 9, 11)
    for conv in (ours, plain):
        conv(maps).square().sum().backward()
    assert torch.allclose(ours.weight.grad, plain.weight.grad, atol=1e-3, rtol=1e-4)


def test_double_precision_is_left_to_torch():
    ours, _ = pair(5, 1, 2, torch.double)
    maps = torch.randn(1, 6, 7, 7, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(ours, (maps,))


def test_nothing_but_the_class_differs():
    ours, plain = pair(3, 1, 1)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    with torch.inference_mode():
        maps = torch.randn(1, 6, 7, 9)
        assert torch.equal(ours(maps), plain(maps))

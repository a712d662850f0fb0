"""What the convolutions see of the past and the future, and how they compute it, written out."""

import numpy as np
import pytest
import torch
import torch.nn as nn
from building import built, values

from darts_pl.ops.series.convolution import AlongTime, CausalConvolution


def reach(name: str, tokens: int = 41, at: int = 20) -> set[int]:
    """Offsets of the tokens that output `at` depends on, no ReLU being shut."""
    operation = built(name, 1, tokens, 4)
    for weight in operation.parameters():
        nn.init.uniform_(weight, 0.1, 0.2)
    x = (torch.rand(1, 1, tokens, 4, dtype=torch.float64) + 0.5).requires_grad_()
    (operation(x)[0, 0, at] * values(4)).sum().backward()
    return set((x.grad.abs().sum((0, 1, 3)).nonzero().flatten() - at).tolist())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("time_conv", range(-2, 1)),
        ("tcn", range(-12, 1)),
        ("conv_mixer", range(-4, 5)),
        ("multi_scale_conv", range(-7, 8)),
    ],
)
def test_reach(name, expected):
    assert reach(name) == set(expected)


@pytest.mark.parametrize("dilation", [1, 2])
def test_causal_convolution_by_its_definition(dilation):
    torch.manual_seed(0)
    conv = AlongTime(CausalConvolution(3, kernel=3, dilation=dilation)).double()
    x = values(2, 2, 9, 3)
    weight, bias = conv.inner.weight[:, :, 0].detach().numpy(), conv.inner.bias.detach().numpy()
    expected = np.zeros((2, 2, 9, 3)) + bias
    for n in range(9):
        for tap in range(3):
            seen = n - (2 - tap) * dilation
            if seen >= 0:
                expected[:, :, n] += x[:, :, seen].numpy() @ weight[:, :, tap].T
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_tcn_block_adds_its_input_inside():
    """With the convolutions at zero a block is the ReLU of its input, and what follows is linear."""
    operation, x = built("tcn", 2, 12, 4), values(2, 2, 12, 4)
    for module in operation.modules():
        if isinstance(module, CausalConvolution):
            nn.init.zeros_(module.weight), nn.init.zeros_(module.bias)
    torch.testing.assert_close(operation(x), operation[-1](x.clamp(min=0)))
    dilations = [m.dilation[1] for m in operation.modules() if isinstance(m, CausalConvolution)]
    assert dilations == [1, 1, 2, 2]


@pytest.mark.parametrize(("tokens", "scales"), [(24, (3, 7, 15)), (5, (3, 7, 9)), (2, (3,)), (1, (1,))])
def test_scales_differ_and_fit(tokens, scales):
    operation = built("multi_scale_conv", 2, tokens, 4)
    assert operation.scales == scales
    assert [branch[0].inner.kernel_size[1] for branch in operation.branches] == list(scales)


def test_each_scale_sees_as_far_as_its_kernel():
    operation = built("multi_scale_conv", 1, 41, 4)
    for branch, scale in zip(operation.branches, operation.scales):
        x = values(1, 1, 41, 4).requires_grad_()
        branch(x)[0, 0, 20].sum().backward()
        assert len(x.grad.abs().sum((0, 1, 3)).nonzero()) == scale


@pytest.mark.parametrize(("tokens", "lengths"), [(16, [8, 4]), (13, [7, 4]), (3, [2]), (1, [])])
def test_pyramid_has_coarser_scales(tokens, lengths):
    operation, found = built("pyramid_conv", 2, tokens, 4), []
    for down in operation.down:
        down.register_forward_hook(lambda module, args, output: found.append(output.shape[2]))
    operation(values(2, 2, tokens, 4))
    assert found == lengths


def test_pyramid_skips_keep_the_finest_scale():
    """Without what comes up from below only the last linear map is left."""
    operation, x = built("pyramid_conv", 2, 13, 4), values(2, 2, 13, 4)
    for up in operation.up:
        nn.init.zeros_(up.inner.weight), nn.init.zeros_(up.inner.bias)
    torch.testing.assert_close(operation(x), operation.mix(x))


def test_pyramid_brings_coarse_tokens_to_their_place():
    """Average pairs, repeat them, add to the tokens: by hand."""
    operation = built("pyramid_conv", 1, 3, 4)
    down, up = operation.down[0].inner, operation.up[0].inner
    operation.activation = nn.Identity()
    eye = torch.eye(4, dtype=torch.float64)
    with torch.no_grad():
        down.weight.copy_((eye / 2)[:, :, None, None].expand(-1, -1, 1, 2)), down.bias.zero_()
        up.weight.zero_(), up.weight[:, :, 0, 1].copy_(eye), up.bias.zero_()
        operation.mix.weight.copy_(eye), operation.mix.bias.zero_()
    x = torch.tensor([1.0, 3.0, 10.0], dtype=torch.float64).view(1, 1, 3, 1).expand(1, 1, 3, 4)
    assert operation(x)[0, 0, :, 0].tolist() == [3, 5, 20]  # the odd last token is paired with itself


def test_conv_mixer_is_its_two_equations():
    operation, x = built("conv_mixer", 2, 12, 4), values(2, 2, 12, 4)
    conv, gelu, norm = operation.tokens
    taps, tokens = conv.inner.weight[:, 0, 0], x.shape[2]
    assert len(taps[0]) == 9
    mixed = torch.zeros_like(x) + conv.inner.bias
    for n in range(tokens):
        for tap, m in enumerate(range(n - 4, n + 5)):
            if 0 <= m < tokens:
                mixed[:, :, n] += taps[:, tap] * x[:, :, m]
    z = x + nn.functional.layer_norm(gelu(mixed), (4,), norm.weight, norm.bias)
    torch.testing.assert_close(operation(x), operation.channels(z))

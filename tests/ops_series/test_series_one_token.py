"""Operations on series of one token, as tokens of variates are, where they take a short way: against the long one."""

import pytest
import torch
import torch.nn.functional as F
from building import built, values
from torch import Tensor

from darts_pl.ops.series.times_net import _gathered, folded_neighbours, main_periods


def fourier(module, x: Tensor) -> Tensor:
    weight = torch.complex(module.weight[0], module.weight[1])
    filtered = torch.einsum("bvmd,mde->bvme", torch.fft.rfft(x, dim=2), weight)
    return torch.fft.irfft(filtered, n=1, dim=2)


def wavelet(module, x: Tensor) -> Tensor:
    rows = x.flatten(0, 1).transpose(1, 2)
    levels = [weight.T @ level for weight, level in zip(module.weight, module.coefficients(rows), strict=True)]
    return (torch.cat(levels, dim=-1) @ module.synthesis).transpose(1, 2).unflatten(0, x.shape[:2])


def times_net(module, x: Tensor) -> Tensor:
    rows = x.flatten(0, 1)
    index, inside = folded_neighbours(main_periods(rows, 2)[0], 1, 3)
    window = _gathered(rows, index, inside)  # (R, k, 1, taps, D)
    hidden = torch.einsum("rknod,odh->rknh", window, module.widen.taps()) + module.widen.bias
    window = _gathered(module.activation(hidden).flatten(1, 2), index, inside)
    return (torch.einsum("rknoh,ohd->rnd", window, module.narrow.taps()) + module.narrow.bias).unflatten(0, x.shape[:2])


def dlinear(module, x: Tensor) -> Tensor:
    average = x.flatten(0, 1).transpose(1, 2) @ module.average.matrix
    return module.trend(average).transpose(1, 2).unflatten(0, x.shape[:2])


def causal(conv, x: Tensor) -> Tensor:
    before = (conv.kernel_size[1] - 1) * conv.dilation[1]
    return F.conv2d(F.pad(x, (before, 0)), conv.weight, conv.bias, dilation=conv.dilation)


def time_conv(module, x: Tensor) -> Tensor:
    return module[2](module[1](causal(module[0].inner, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)))


def tcn(module, x: Tensor) -> Tensor:
    y = x.permute(0, 3, 1, 2)
    for block in module[0].inner:
        y = (y + causal(block.layers[2], causal(block.layers[0], y).relu()).relu()).relu()
    return module[1](y.permute(0, 2, 3, 1))


def conv_mixer(module, x: Tensor) -> Tensor:
    conv, activation, norm = module.tokens[0].inner, *module.tokens[1:]
    y = F.conv2d(x.permute(0, 3, 1, 2), conv.weight, conv.bias, padding=conv.padding, groups=conv.groups)
    return module.channels(x + norm(activation(y.permute(0, 2, 3, 1))))


LONG = {each.__name__: each for each in (fourier, wavelet, times_net, dlinear, time_conv, tcn, conv_mixer)}
FEW = {"time_conv": (2, 3, 5), "tcn": (2, 3, 5)}  # tokens of which the first taps meet none


@pytest.mark.parametrize(("name", "tokens"), [(name, n) for name in LONG for n in (1, *FEW.get(name, ()))])
def test_the_short_way_gives_the_same(name: str, tokens: int) -> None:
    module, x = built(name, 3, tokens, 8), values(4, 3, tokens, 8).requires_grad_()
    weights = values(4, 3, tokens, 8, seed=2)
    found = [module(x), LONG[name](module, x)]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)
    inputs = [x, *module.parameters()]
    slopes = [
        torch.autograd.grad((y * weights).sum(), inputs, allow_unused=True, materialize_grads=True) for y in found
    ]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)

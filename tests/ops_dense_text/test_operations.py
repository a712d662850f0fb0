"""Primitives of texts and tables beside what they say they compute, written out in float64."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from darts_pl.ops import dense, text

CHANNELS, LENGTHS = 4, (7, 3, 1)


@pytest.fixture
def padded():
    """Three texts of 7, 3 and 1 places, zero where they are padded: (states (3, C, 7), mask (3, 1, 7))."""
    torch.manual_seed(0)
    mask = (torch.arange(7) < torch.tensor(LENGTHS)[:, None]).unsqueeze(1)
    return torch.randn(3, CHANNELS, 7, dtype=torch.float64) * mask, mask


def built(name: str) -> nn.Module:
    torch.manual_seed(1)
    operation = text.OPERATIONS[name](CHANNELS, 1, True).double()
    for parameter in operation.parameters():  # normalisations that shift, so that a missing mask shows
        nn.init.normal_(parameter)
    return operation.train()


@pytest.mark.parametrize("name", text.PRIMITIVES)
def test_padding_changes_nothing(name, padded):
    x, mask = padded
    operation = built(name)
    y = operation(x, mask)
    assert y.shape == x.shape and not bool(y.masked_select(~mask).any())
    for number, length in enumerate(LENGTHS):
        alone = operation(x[number : number + 1, :, :length], mask[number : number + 1, :, :length])
        torch.testing.assert_close(y[number, :, :length], alone[0], rtol=0, atol=1e-12)


def test_pooling_by_hand(padded):
    x, mask = padded
    largest, mean = built("max_pool_3")(x, mask), built("avg_pool_3")(x, mask)
    for number, length in enumerate(LENGTHS):
        for place in range(length):
            near = x[number, :, max(0, place - 1) : min(length, place + 2)]
            torch.testing.assert_close(largest[number, :, place], near.amax(dim=1))
            torch.testing.assert_close(mean[number, :, place], near.mean(dim=1))


def layer_norm(x, norm):
    mean = x.mean(dim=1, keepdim=True)
    spread = ((x - mean) ** 2).mean(dim=1, keepdim=True)
    return (x - mean) / (spread + norm.eps).sqrt() * norm.weight[:, None] + norm.bias[:, None]


@pytest.mark.parametrize(("name", "kernel", "dilation", "times"), [("sep_conv_5", 5, 1, 2), ("dil_conv_3", 3, 2, 1)])
def test_separable_convolutions_by_formula(name, kernel, dilation, times, padded):
    x, mask = padded
    operation = built(name)
    expected = x
    for convolution in operation.convolutions:
        depthwise, pointwise, norm = convolution
        reach = dilation * (kernel - 1) // 2
        rows = F.pad(expected.relu(), (reach, reach))
        shifted = torch.stack([rows[:, :, k * dilation : k * dilation + x.shape[2]] for k in range(kernel)])
        mixed = torch.einsum("knct,ck->nct", shifted, depthwise.weight[:, 0])
        mixed = torch.einsum("nct,dc->ndt", mixed, pointwise.weight[:, :, 0])
        expected = layer_norm(mixed, norm) * mask
    assert len(operation.convolutions) == times
    torch.testing.assert_close(operation(x, mask), expected)


def test_the_block_of_seven_is_one_dense_convolution():
    (convolution,) = built("conv_block_7").convolutions
    assert convolution[0].weight.shape == (CHANNELS, CHANNELS, 7) and convolution[0].groups == 1


def test_an_operation_without_a_mask_gets_its_output_masked(padded):
    x, mask = padded
    shifted = text.masked(nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1).double())
    assert not bool(shifted(x, mask).masked_select(~mask).any())
    assert text.masked(text.MaxPool()).__class__ is text.MaxPool


FORMULAS = {
    "none": lambda op, x: 0 * x,
    "skip_connect": lambda op, x: x,
    "linear_block": lambda op, x: _norm(x @ op[0].weight.T + op[0].bias).relu(),
    "dropout_block": lambda op, x: _norm(x @ op[0].weight.T + op[0].bias).relu(),
    "encoder_block": lambda op, x: _norm((x @ op[0].weight.T + op[0].bias).relu() @ op[2].weight.T + op[2].bias).relu(),
    "gated_block": lambda op, x: _norm(_gated(*(x @ op[0].weight.T + op[0].bias).chunk(2, dim=1))),
}


def _gated(values, gates):
    return values / (1 + (-gates).exp())


def _norm(x):
    return (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()


@pytest.mark.parametrize("name", dense.PRIMITIVES)
def test_blocks_of_tables_by_formula(name):
    torch.manual_seed(0)
    operation, x = dense.OPERATIONS[name](8, 1, True).double().eval(), torch.randn(5, 8, dtype=torch.float64)
    torch.testing.assert_close(operation(x), FORMULAS[name](operation, x))
    assert set(FORMULAS) == set(dense.PRIMITIVES)

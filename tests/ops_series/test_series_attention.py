"""Attention against its definition, what patches hold, and who attends to whom."""

import pytest
import torch
from building import built, values
from torch.nn.functional import scaled_dot_product_attention

from darts_pl.ops.series.attention import Attention, ChannelAttention, VariateAttention, head_count


@pytest.mark.parametrize(("dim", "heads"), [(8, 4), (9, 3), (6, 3), (10, 2), (7, 1)])
def test_heads_divide_the_width(dim, heads):
    assert head_count(dim) == heads


def test_attention_is_pytorchs():
    query, key, value = (values(2, 5, width, seed=width) for width in (8, 8, 12))
    parts = [x.view(2, 5, 4, -1).transpose(1, 2) for x in (query, key, value)]
    expected = scaled_dot_product_attention(*parts).transpose(1, 2).reshape(2, 5, 12)
    torch.testing.assert_close(Attention(4)(query, key, value), expected)


@pytest.mark.parametrize(("tokens", "length", "patches"), [(96, 8, 12), (12, 4, 3), (13, 4, 4), (2, 1, 2), (1, 1, 1)])
def test_patches_along_time(tokens, length, patches):
    operation = built("patch_embed", 2, tokens, 8)
    assert operation.length == length and operation.position.shape == (patches, 8)
    assert (operation.attention is None) == (patches == 1)


def test_a_patch_sees_its_own_tokens_first_and_the_others_through_attention():
    operation, x = built("patch_embed", 1, 12, 8), values(1, 1, 12, 8)
    changed = x.clone()
    changed[:, :, 0] += 1
    through_attention = (operation(changed) - operation(x))[0, 0].abs().amax(-1)
    assert (through_attention > 1e-6).all()
    with torch.no_grad():
        operation.attention.out.weight.zero_()
    embedded_only = (operation(changed) - operation(x))[0, 0].abs().amax(-1)
    assert (embedded_only[:4] > 1e-6).all() and (embedded_only[4:] == 0).all()


def test_the_end_is_padded_by_the_last_value():
    operation, x = built("patch_embed", 1, 13, 8), values(1, 1, 13, 8)
    longer = torch.cat([x, x[:, :, -1:].expand(-1, -1, 3, -1)], dim=2)
    torch.testing.assert_close(operation(x), operation(longer)[:, :, :13])


@pytest.mark.parametrize("tokens", [12, 1])
def test_inverted_attention_mixes_series_whatever_their_order(tokens):
    operation, x = built("inverted_attention", 5, tokens, 8), values(2, 5, tokens, 8)
    assert isinstance(operation, VariateAttention)
    order = [3, 0, 4, 2, 1]
    torch.testing.assert_close(operation(x[:, order]), operation(x)[:, order])
    changed = x.clone()
    changed[:, 4] += 1
    assert ((operation(changed) - operation(x))[:, :4].abs().amax((0, 2, 3)) > 1e-6).all()


def test_one_token_a_series_is_plain_self_attention_over_series():
    operation, x = built("inverted_attention", 5, 1, 8), values(2, 5, 1, 8)
    tokens = x[:, :, 0]
    query, key, value = (
        layer(tokens).view(2, 5, 4, 2).transpose(1, 2) for layer in (operation.query, operation.key, operation.value)
    )
    expected = operation.out(scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(2, 5, 8))
    torch.testing.assert_close(operation(x)[:, :, 0], expected)


def test_what_is_fetched_from_another_series_stays_at_its_time():
    operation, x = built("inverted_attention", 3, 6, 8), values(1, 3, 6, 8)
    with torch.no_grad():
        operation.query.weight.zero_()  # every series attends to all alike, whatever they hold
    expected = operation.out(operation.value(x).mean(1, keepdim=True)).expand_as(x)
    torch.testing.assert_close(operation(x), expected)


def test_channels_are_the_variates_of_a_single_series():
    operation, x = built("inverted_attention", 1, 12, 8), values(2, 1, 12, 8)
    assert isinstance(operation, ChannelAttention)
    order = [3, 0, 7, 4, 6, 2, 1, 5]
    torch.testing.assert_close(operation(x[..., order]), operation(x)[..., order])
    changed = x.clone()
    changed[..., 0] += 1
    assert ((operation(changed) - operation(x)).abs().amax((0, 1, 2)) > 1e-6).all()

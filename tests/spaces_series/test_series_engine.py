"""What engines share in a forecasting network, against its modules run one by one in float64."""

import pytest
import torch
from series_building import SHAPE, batch, supernet, tiny_space

from darts_pl.engine.choosing import running_by
from darts_pl.spaces.series.known import KnownPart, distinct_rows


def hours(steps: int, unlike: bool) -> torch.Tensor:
    """(4, steps, 2): windows that begin at different hours; with `unlike` no two steps have the same features."""
    time = torch.tensor([[0], [3], [50], [51]]) + torch.arange(steps)
    second = time * 0.01 + torch.arange(4)[:, None] if unlike else time % 3
    return torch.stack([time % 4, second], dim=-1).double()


@pytest.mark.parametrize("unlike", [False, True])
def test_equal_rows_are_found(unlike: bool) -> None:
    x = hours(24, unlike)
    found = distinct_rows(x)
    if unlike:
        assert found is None
    else:
        rows, places = found
        assert len(rows) == len(x.flatten(0, 1).unique(dim=0)) == 12
        assert torch.equal(rows[places].view(x.shape), x)


def test_what_equal_features_say_is_computed_once_and_the_same(mode: str) -> None:
    net = supernet(tiny_space(mode))
    x = {**batch(SHAPE), "past_known": hours(24, False), "future_known": hours(12, False)}
    seen, known = [], net.forecaster.known_part
    known.hidden.register_forward_hook(lambda module, given, result: seen.append(result.shape[:-1].numel()))
    ours, plain = slopes_by(net, x, "auto"), slopes_by(net, x, "plain")
    assert seen == [12, 12, 4 * 24, 4 * 12] and not known.once_a_row
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def slopes_by(net, x, engine: str) -> list[torch.Tensor]:
    """The forecast and its slopes, of alphas and weights."""
    with running_by(net, engine):
        y = net(x)
        parameters = [*net.arch_parameters(), *net.weight_parameters()]
        slopes = torch.autograd.grad(y.square().mean(), parameters, allow_unused=True)
    return [y, *(slope for slope in slopes if slope is not None)]


def test_features_that_are_differentiated_are_taken_one_by_one() -> None:
    part = KnownPart(2, 8, 3).double()
    part.once_a_row = True
    known = hours(24, False).requires_grad_()
    torch.nn.init.normal_(part.out.weight)
    (slope,) = torch.autograd.grad(part(known).sum(), known)
    assert slope.shape == known.shape and bool((slope != 0).any())

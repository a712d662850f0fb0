"""Optimisers that step fast step as their formula says."""

import pytest
import torch

from darts_pl.lit.optimizers import stepping_fast


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_on_a_cpu(decoupled):
    """Adam (arXiv:1412.6980, algorithm 1) with weight decay in the gradient, or decoupled (arXiv:1711.05101)."""
    rate, betas, eps, decay = 0.03, (0.5, 0.999), 1e-8, 0.1
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(7, 3, dtype=torch.float64, generator=generator).requires_grad_()
    expected = weight.detach().clone()
    first, second = torch.zeros_like(expected), torch.zeros_like(expected)
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizer = stepping_fast(kind([weight], lr=rate, betas=betas, eps=eps, weight_decay=decay))
    assert optimizer.param_groups[0]["fused"]
    for step in range(1, 6):
        gradient = torch.randn(7, 3, dtype=torch.float64, generator=generator)
        weight.grad = gradient.clone()
        optimizer.step()
        if decoupled:
            expected = expected - rate * decay * expected
        else:
            gradient = gradient + decay * expected
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient.square()
        corrected = second / (1 - betas[1] ** step)
        expected = expected - rate * first / (1 - betas[0] ** step) / (corrected.sqrt() + eps)
        assert (weight - expected).abs().max() < 1e-12


def test_a_setting_that_was_made_stays():
    weight = torch.zeros(3, requires_grad=True)
    optimizer = stepping_fast(torch.optim.Adam([weight], foreach=True))
    assert optimizer.param_groups[0]["foreach"] and not optimizer.param_groups[0]["fused"]

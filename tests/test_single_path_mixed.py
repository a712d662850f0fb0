"""GDAS on one choice: alphas trained by draws of one candidate find the right one."""

import itertools

import pytest
import torch
import torch.nn as nn

from darts_pl.relaxations import Gumbel
from darts_pl.relaxations.mixing import SinglePath
from darts_pl.spaces import MixedOperation

CANDIDATES = {"same": lambda x: x, "exchanged": lambda x: x.roll(1), "negated": lambda x: -x}


class Does(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("names", list(itertools.permutations(CANDIDATES))[::2], ids="-".join)
@pytest.mark.parametrize("seed", range(3))
def test_the_right_candidate_is_found(names, seed):
    """The target is the input itself; 300 steps of Adam on the squared error of single draws."""
    torch.manual_seed(seed)
    choice = MixedOperation({name: Does(CANDIDATES[name]) for name in names}, SinglePath())
    relaxation, alpha = Gumbel(tau_start=5.0, tau_end=0.5, hard=True).train(), nn.Parameter(torch.zeros(1, 3))
    optimizer = torch.optim.Adam([alpha], lr=0.05)
    for step in range(300):
        relaxation.anneal(step / 299)
        x = torch.randn(32)
        loss = (choice(x, relaxation(alpha)[0]) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert names[int(alpha.argmax())] == "same" and float(relaxation.expected(alpha.detach()).max()) > 0.9

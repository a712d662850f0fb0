"""What the contracts are tested for: every relaxation is one line here and passes the same tests."""

from collections.abc import Callable

import pytest
import torch

from darts_pl.relaxations import Gumbel, Relaxation, Softmax

RELAXATIONS: dict[str, Callable[[], Relaxation]] = {
    "softmax": Softmax,
    "gumbel": lambda: Gumbel(tau_start=5.0, tau_end=0.5),
    "gumbel_hard": lambda: Gumbel(tau_start=5.0, tau_end=0.5, hard=True),
}


@pytest.fixture(params=list(RELAXATIONS))
def relaxation(request: pytest.FixtureRequest) -> Relaxation:
    """Each relaxation in turn, new for each test."""
    return RELAXATIONS[request.param]()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from one random state."""
    torch.manual_seed(0)

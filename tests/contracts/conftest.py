"""What the contracts are tested for: every relaxation is one line here and passes the same tests."""

from collections.abc import Callable

import pytest
import torch

from darts_pl.relaxations import Dirichlet, Gumbel, Relaxation, Sigmoid, Softmax, Uniform

RELAXATIONS: dict[str, Callable[[], Relaxation]] = {
    "softmax": Softmax,
    "gumbel": lambda: Gumbel(tau_start=5.0, tau_end=0.5),
    "gumbel_hard": lambda: Gumbel(tau_start=5.0, tau_end=0.5, hard=True),
    "dirichlet": Dirichlet,
    "dirichlet_kl": lambda: Dirichlet(kl_weight=1e-3),
    "sigmoid": lambda: Sigmoid(zero_one_weight=1.0),
    "uniform": Uniform,
}
TRAINED = [name for name, make in RELAXATIONS.items() if make().trains_alphas]


@pytest.fixture(params=list(RELAXATIONS))
def relaxation(request: pytest.FixtureRequest) -> Relaxation:
    """Each relaxation in turn, new for each test."""
    return RELAXATIONS[request.param]()


@pytest.fixture(params=TRAINED)
def trained_relaxation(request: pytest.FixtureRequest) -> Relaxation:
    """Each relaxation whose gates depend on alpha: what is asked of gradients and movement is not asked of random
    search."""
    return RELAXATIONS[request.param]()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from one random state."""
    torch.manual_seed(0)

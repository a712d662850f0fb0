"""What the space of forecasting networks is tested for: every mode, and relaxations of every family."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from darts_pl.genotype.series import MODES
from darts_pl.relaxations import Dirichlet, Gumbel, Relaxation, Sigmoid, Softmax

sys.path.append(str(Path(__file__).resolve().parent))

RELAXATIONS: dict[str, Callable[[], Relaxation]] = {
    "softmax": Softmax,
    "gumbel_hard": lambda: Gumbel(tau_start=5.0, tau_end=0.5, hard=True),
    "dirichlet": lambda: Dirichlet(kl_weight=1e-3),
    "sigmoid": lambda: Sigmoid(zero_one_weight=1.0),
}


@pytest.fixture(params=list(RELAXATIONS))
def relaxation(request: pytest.FixtureRequest) -> Relaxation:
    """One relaxation of each family in turn, new for each test."""
    return RELAXATIONS[request.param]()


@pytest.fixture(params=list(MODES))
def mode(request: pytest.FixtureRequest) -> str:
    """Each architecture mode in turn."""
    return request.param


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from one random state."""
    torch.manual_seed(0)

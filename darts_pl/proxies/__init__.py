"""Zero-cost proxies: scores of untrained networks, higher is better. `measure` measures, `combined` ranks."""

# Importing a module registers its proxies.
from darts_pl.proxies import (  # noqa: F401
    activations,
    conditioning,
    fisher,
    gradients,
    jacobian,
    size,
    synflow,
    zen,
    zico,
)
from darts_pl.proxies.base import PROXIES, Proxy, register
from darts_pl.proxies.combine import SCHEMES, combined, random_schemes, scheme
from darts_pl.proxies.measure import Score, measure

__all__ = ["PROXIES", "SCHEMES", "Proxy", "Score", "combined", "measure", "random_schemes", "register", "scheme"]

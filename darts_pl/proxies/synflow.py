"""SynFlow: the flow of signal through a network made linear, without data."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from darts_pl.proxies.base import Batch, Loss, gradients, layer_weights, mapped, register, weights

NORMALIZATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
# The identity on large positive numbers, or made to be.
RECTIFIERS: tuple[type[nn.Module], ...] = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU),
    *(nn.Mish, nn.Softplus, nn.Hardswish),
)


@runtime_checkable
class HasLinearForm(Protocol):
    """A module, anybody's, that multiplies signals and says what a linear network has in its place."""

    def linear_form(self, x: Tensor, /) -> Tensor:
        """What `forward` is to be, with its inputs and outputs."""


def linearize(network: nn.Module) -> None:
    """Make `network` what SynFlow asks for, in place: every weight its absolute value, in double precision,
    normalisations and rectifiers the identity, and what has a `linear_form` that one. Architecture parameters keep
    their signs."""
    network.double()
    with torch.no_grad():
        for parameter in weights(network):
            parameter.abs_()
    for module in network.modules():
        if isinstance(module, HasLinearForm):
            _run_by(module, module.linear_form)
        elif isinstance(module, (*NORMALIZATIONS, *RECTIFIERS)):
            _run_by(module, lambda x: x)


def _run_by(module: nn.Module, forward: Callable[..., Tensor]) -> None:
    module.forward = forward


@register("synflow")
def synflow(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """SynFlow: log Σ |θ · ∂R/∂θ| over the layer weights, R the sum of the outputs for an input of ones.

    Tanaka et al., arXiv:2006.05467, equation 2, on the network with |θ|; as in arXiv:2101.08134 without batch
    normalisation and summed over the network, the logarithm as in NASLib. In double precision, as R grows
    exponentially with depth. Rectifiers such as ReLU pass all that is positive, so they are taken out, their smooth
    relatives too; layer normalisations likewise, and those of windows. Sigmoids, softmax and attention stay. A module
    that multiplies signals may have a `linear_form` for it. Other than published, one sample of the batch's shape is
    used, the samples being alike.
    """
    linearize(network)
    network.eval()
    x = mapped(batches[0][0], lambda value: torch.ones_like(value[:1], dtype=torch.double))
    parameters = layer_weights(network)
    found = gradients(network(x).sum(), parameters)
    total = sum((p * g).abs().sum().item() for p, g in zip(parameters, found))
    if total <= 0:
        raise ValueError("no signal passes from the input to the output")
    return math.log(total)

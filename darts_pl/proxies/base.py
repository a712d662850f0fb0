"""What every proxy is given, how it is named, and which tensors of a network count as its weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.spaces.base import Supernet

Inputs = Tensor | Mapping[str, Tensor]
Batch = tuple[Inputs, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Measure = Callable[[nn.Module, Sequence[Batch], Loss], float]

ARCHITECTURE = ("alphas.", "betas.")


@dataclass(frozen=True)
class Proxy:
    """A score of an untrained network that is hoped to rank networks as training would. Higher is better.

    Args:
        name: as it stands in configurations and tables.
        score: `(network, batches, loss) -> float`. It is given a network of its own that it may change, in train mode
            without dropout, and may draw from torch's seeded global generator. It raises ValueError where it cannot be
            told for this network or these batches.
    """

    name: str
    score: Measure

    @property
    def summary(self) -> str:
        """The first sentence of its documentation."""
        return " ".join((self.score.__doc__ or "").split("\n\n")[0].split())


PROXIES: dict[str, Proxy] = {}


def register(name: str) -> Callable[[Measure], Measure]:
    """Decorator that makes a function the proxy `name`."""

    def add(score: Measure) -> Measure:
        PROXIES[name] = Proxy(name, score)
        return score

    return add


def weights(network: nn.Module) -> list[nn.Parameter]:
    """Every parameter but those of the architecture: what `weight_parameters()` of a supernet gives, else all whose
    names do not begin with `alphas.` or `betas.`."""
    if isinstance(network, Supernet):
        return network.weight_parameters()
    return [parameter for name, parameter in network.named_parameters() if not name.startswith(ARCHITECTURE)]


def layer_weights(network: nn.Module) -> list[nn.Parameter]:
    """The weights of layers: those parameters of at least two dimensions that want gradients.

    The published proxies sum over the weights of convolutions and linear layers. This is the same in networks of these
    and takes in attention, spectral and state-space layers; biases and the scales of normalisations stay out.

    Raises:
        ValueError: there are none.
    """
    found = [parameter for parameter in weights(network) if parameter.dim() >= 2 and parameter.requires_grad]
    if not found:
        raise ValueError("the network has no layer weights")
    return found


def gradients(
    value: Tensor, parameters: Sequence[Tensor], *, create_graph: bool = False, retain_graph: bool | None = None
) -> list[Tensor]:
    """d value / d parameters, zeros where a parameter has no part in `value`.

    Raises:
        ValueError: `value` depends on no parameter at all.
    """
    if not value.requires_grad:
        raise ValueError("the output depends on no weight")
    found = torch.autograd.grad(
        value, list(parameters), create_graph=create_graph, retain_graph=retain_graph, allow_unused=True
    )
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found)]


def mapped(x: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """`change` of the input, or of each floating-point entry of an input that is a dictionary."""
    if isinstance(x, Tensor):
        return change(x)
    return {name: change(value) if value.is_floating_point() else value for name, value in x.items()}


def tensors(x: Inputs) -> list[Tensor]:
    """The floating-point tensors of an input, each with the batch as its first dimension."""
    values = [x] if isinstance(x, Tensor) else list(x.values())
    return [value for value in values if value.is_floating_point()]


def batch_size(x: Inputs) -> int:
    """B."""
    return len(tensors(x)[0])

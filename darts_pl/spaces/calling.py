"""How a batch's inputs are handed to somebody's module."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch.nn as nn


def call(module: nn.Module, x: Any) -> Any:
    """The module's outputs on the inputs of a batch: a tuple or list goes to its parameters in order, a dictionary to
    those of its names where `forward` has them, else as it is."""
    if isinstance(x, (tuple, list)):
        return module(*x)
    if isinstance(x, Mapping) and _takes_names(module, x):
        return module(**x)
    return module(x)


def _takes_names(module: nn.Module, names: Mapping[str, Any]) -> bool:
    parameters = inspect.signature(module.forward).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    return set(names) <= set(parameters)

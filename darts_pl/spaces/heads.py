"""Outputs of networks for one task or several."""

from collections.abc import Mapping

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError


class Heads(nn.Module):
    """A linear head, or one for every task by name.

    Args:
        channels: C. outputs: how many, by task where there are several.

    Raises:
        ConfigError: a task whose name cannot name a module.
    """

    def __init__(self, channels: int, outputs: int | Mapping[str, int]):
        super().__init__()
        self.several = isinstance(outputs, Mapping)
        sizes = outputs if self.several else {"output": outputs}
        for name in sizes:
            if not name or "." in name or hasattr(nn.ModuleDict(), name):
                raise ConfigError(f"task {name!r}: expected a name without dots that is none of torch's own")
        self.heads = nn.ModuleDict({name: nn.Linear(channels, size) for name, size in sizes.items()})

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """(B, C) → (B, outputs), by task where there are several."""
        found = {name: head(x) for name, head in self.heads.items()}
        return found if self.several else found["output"]

"""Samples by their numbers, as `Batches` asks for them: from one tensor, or from a dictionary of them."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Rows:
    """`rows[chosen]` for int64 [B] is `{name: tensor[chosen]}`.

    Args:
        tensors: name → [samples, ...], all of as many samples and on one device.
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = dict(tensors)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie; numbers are expected there."""
        return next(iter(self.tensors.values())).device

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, chosen: Tensor) -> dict[str, Tensor]:
        return {name: tensor[chosen] for name, tensor in self.tensors.items()}


def gatherer(values: Tensor | Mapping[str, Tensor]) -> "Tensor | Rows":
    """What `Batches` can take samples from: a tensor as it is, a dictionary of them as `Rows`."""
    return values if isinstance(values, Tensor) else Rows(values)

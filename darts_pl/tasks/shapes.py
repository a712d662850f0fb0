"""Outputs and targets of one number or a row of numbers a sample, brought to one shape: never by broadcasting."""

from typing import Any

from torch import Tensor, promote_types

from darts_pl.errors import ConfigError


def rows(output: Tensor, y: Tensor, width: int, what: str) -> tuple[Tensor, Tensor]:
    """Both as (B, width) floats of one dtype; where `width` is 1, each may come as (B,) or (B, 1).

    A loss of (B, 1) and (B,) would be that of all B x B pairs.

    Args:
        what: whose shapes they are, for messages.

    Raises:
        ConfigError: any other shape, or different numbers of samples.
    """
    allowed = {(len(y), width)} | ({(len(y),)} if width == 1 else set()) if y.dim() else set()
    if tuple(output.shape) not in allowed or tuple(y.shape) not in allowed:
        expected = "(B,) or (B, 1)" if width == 1 else f"(B, {width})"
        raise ConfigError(
            f"{what}: found outputs {tuple(output.shape)} and targets {tuple(y.shape)}, expected {expected} of both, "
            "for one number B of samples"
        )
    dtype = promote_types(output.dtype, y.dtype)
    return output.reshape(-1, width).to(dtype), y.reshape(-1, width).to(dtype)


def without_column(output: Any, y: Any) -> tuple[Any, Any]:
    """Outputs (B, 1) as (B,) where the targets are floats (B,); anything else as it is."""
    both = isinstance(output, Tensor) and isinstance(y, Tensor)
    if both and y.is_floating_point() and y.dim() == 1 and tuple(output.shape) == (len(y), 1):
        return output.squeeze(1), y
    return output, y

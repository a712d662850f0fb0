"""A batch of inputs without its values: nested shapes and types, as data declare and files keep them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import torch
from torch import Tensor

from darts_pl.bounded.texts import shown
from darts_pl.errors import ConfigError

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
LARGEST = 10_000_000  # elements of one sample that a file may ask for


@dataclass(frozen=True)
class TensorInput:
    """One tensor of a sample.

    Args:
        shape: without the batch's dimension. dtype: a key of `DTYPES`.
        high: of whole numbers, one above the largest value; None where it is not known.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    high: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.dtype not in DTYPES:
            raise ConfigError(f"inputs: found dtype {self.dtype!r}, expected one of {', '.join(DTYPES)}")


Inputs: TypeAlias = "TensorInput | Mapping[str, Inputs] | Sequence[Inputs]"
Declared: TypeAlias = Sequence[int] | TensorInput | Mapping[str, "Inputs"] | Sequence["Inputs"]
"""What data or users declare of one sample: also the sizes alone, of one float tensor; see `as_inputs`."""
Outputs: TypeAlias = int | Mapping[str, "Outputs"]
"""How many outputs data ask for, by task where there are several."""


def as_inputs(declared: object) -> Inputs:
    """What data declare as their `input_shape`, in one form: (C, H, W) of images becomes a float tensor of this shape.

    Raises:
        ConfigError: neither a tuple of sizes, nor a `TensorInput`, nor a dictionary or tuple of them.
    """
    if isinstance(declared, TensorInput):
        return declared
    if isinstance(declared, Mapping):
        return {name: as_inputs(part) for name, part in declared.items()}
    if isinstance(declared, (tuple, list)) and declared:
        if all(isinstance(size, int) for size in declared):
            return TensorInput(tuple(declared))
        return tuple(as_inputs(part) for part in declared)
    raise ConfigError(f"input_shape: found {declared!r}, expected sizes, a TensorInput, or a dict or tuple of them")


def as_declared(inputs: Inputs) -> "tuple[int, int, int] | Inputs":
    """The other way round: a float tensor of three sizes as (C, H, W) of images, anything else as it is."""
    if isinstance(inputs, TensorInput) and len(inputs.shape) == 3 and inputs.dtype == "float32":
        channels, height, width = inputs.shape
        return channels, height, width
    return inputs


def inputs_of(batch: Any) -> Inputs:
    """The description of a batch, samples first: a tensor, or a dictionary, tuple or list of what this describes.

    Raises:
        ConfigError: something else than tensors in it, or a type of numbers that is not known.
    """
    if isinstance(batch, Tensor):
        names = {dtype: name for name, dtype in DTYPES.items()}
        if batch.dtype not in names or batch.dim() == 0:
            raise ConfigError(f"inputs: found {batch.dtype} {tuple(batch.shape)}, expected (samples, ...) of {names}")
        whole = not batch.is_floating_point() and batch.dtype != torch.bool and batch.numel()
        return TensorInput(tuple(batch.shape[1:]), names[batch.dtype], int(batch.max()) + 1 if whole else None)
    if isinstance(batch, Mapping):
        return {str(name): inputs_of(part) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        return tuple(inputs_of(part) for part in batch)
    raise ConfigError(f"inputs: found {type(batch).__name__}, expected a tensor, or a dictionary or tuple of tensors")


def widest(one: Inputs, other: Inputs) -> Inputs:
    """`one`, with `high` of whole numbers as large as that of either; `other` has the same parts."""
    if isinstance(one, TensorInput) and isinstance(other, TensorInput):
        high = max((each.high for each in (one, other) if each.high is not None), default=None)
        return TensorInput(one.shape, one.dtype, high)
    if isinstance(one, Mapping) and isinstance(other, Mapping) and set(one) <= set(other):
        return {name: widest(part, other[name]) for name, part in one.items()}
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)) and len(one) == len(other):
        return tuple(map(widest, one, other))
    return one


def example(inputs: Inputs, samples: int = 2, seed: int = 0) -> Any:
    """Values of this description, the same for a seed: normal deviates, or whole numbers below `high`."""
    generator = torch.Generator().manual_seed(seed)

    def values(part: Inputs) -> Any:
        if isinstance(part, Mapping):
            return {name: values(each) for name, each in part.items()}
        if not isinstance(part, TensorInput):
            return tuple(values(each) for each in part)
        size, dtype = (samples, *part.shape), DTYPES[part.dtype]
        if dtype.is_floating_point:
            return torch.randn(size, generator=generator, dtype=dtype, device="cpu")
        high = 2 if dtype == torch.bool else part.high or 1
        return torch.randint(high, size, generator=generator, device="cpu").to(dtype)

    return values(inputs)


def to_plain(inputs: Inputs) -> Any:
    """The description as JSON can write it."""
    if isinstance(inputs, TensorInput):
        return {"shape": list(inputs.shape), "dtype": inputs.dtype, "high": inputs.high}
    if isinstance(inputs, Mapping):
        return {"parts": {name: to_plain(part) for name, part in inputs.items()}}
    return {"parts": [to_plain(part) for part in inputs]}


def from_plain(plain: Any) -> Inputs:
    """The description that `to_plain` wrote.

    Raises:
        ConfigError: anything else, or sizes beyond reason.
    """
    found = _from_plain(plain)
    if (total := _elements(found)) > LARGEST:
        raise ConfigError(f"inputs: found {total:,} elements a sample, expected at most {LARGEST:,}")
    return found


def _elements(inputs: Inputs) -> int:
    if isinstance(inputs, TensorInput):
        return math.prod(inputs.shape)
    return sum(1 + _elements(part) for part in (inputs.values() if isinstance(inputs, Mapping) else inputs))


def _are_sizes(shape: Any) -> TypeGuard[list[int]]:
    return isinstance(shape, list) and all(type(size) is int and 0 <= size <= LARGEST for size in shape)


def _from_plain(plain: Any) -> Inputs:
    if not isinstance(plain, Mapping):
        raise ConfigError(f"inputs: found {shown(repr(plain))}, expected what describes tensors")
    if "parts" in plain:
        parts = plain["parts"]
        if isinstance(parts, Mapping):
            return {str(name): _from_plain(part) for name, part in parts.items()}
        if isinstance(parts, list) and parts:
            return tuple(_from_plain(part) for part in parts)
        raise ConfigError(f"inputs: found the parts {shown(repr(parts))}, expected a mapping or a list")
    shape, dtype, high = plain.get("shape"), plain.get("dtype"), plain.get("high")
    if (
        not _are_sizes(shape)
        or not isinstance(dtype, str)
        or not (high is None or (type(high) is int and 0 < high < 2**31))
    ):
        raise ConfigError(f"inputs: found {shown(repr(plain))}, expected shape, dtype and high")
    return TensorInput(tuple(shape), dtype, high)

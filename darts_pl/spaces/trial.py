"""A trial run of a network with all its candidates, so that what does not fit is told by name before any work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.inputs import Inputs, Outputs, as_inputs, example
from darts_pl.ops.image import OPERATIONS, Builder
from darts_pl.relaxations.mixing import Candidate
from darts_pl.spaces.base import Supernet, as_mixing, call
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.mixed import Call

SAMPLES = 2
# What the code of users raises for inputs that do not fit; anything else is shown with its traceback.
FAULTS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError)


class Probe:
    """A mixing that runs every candidate and compares what they give; its output is the first's."""

    def __init__(self, choice: ChoiceModule):
        self.choice, self.ran = choice, False

    def __call__(self, x: Any, candidates: Iterable[Candidate], gate: Tensor) -> Tensor:
        """See `darts_pl.relaxations.mixing`."""
        self.ran = True
        label, outputs, versions = self.choice.label, {}, {}
        given = _flat_tensors(_input_parts(x))
        before = [tensor._version for tensor in given]
        for name, candidate in zip(self.choice.names, candidates, strict=True):
            try:
                outputs[name] = candidate(x)
            except FAULTS as error:
                raise ConfigError(
                    f"choice {label!r}: candidate {name!r} failed on {_describe_inputs(x)}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            if not isinstance(outputs[name], Tensor):
                found = type(outputs[name]).__name__
                raise ConfigError(f"choice {label!r}: candidate {name!r} gives a {found}, expected one tensor to mix")
            versions[name] = outputs[name]._version
            changed = [tensor._version for tensor in given] != before
            if changed or any(outputs[other]._version != versions[other] for other in versions):
                raise ConfigError(
                    f"choice {label!r}: candidate {name!r} changes what it is given in place, so that the others would "
                    "see something else. Take inplace=False"
                )
        first = self.choice.names[0]
        for name, output in outputs.items():
            if output.shape != outputs[first].shape:
                raise ConfigError(
                    f"choice {label!r}: candidates give different shapes, {first!r} {tuple(outputs[first].shape)} and "
                    f"{name!r} {tuple(output.shape)} on {_describe_inputs(x)}. What is mixed must have one shape"
                )
        return outputs[first]


def _describe_inputs(x: object) -> str:
    shapes = [str(tuple(part.shape)) for part in _input_parts(x) if isinstance(part, Tensor)]
    return f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {', '.join(shapes)}"


def _input_parts(x: object) -> list[object]:
    if isinstance(x, Call):
        return [*x.arguments, *x.named.values()]
    return list(x) if isinstance(x, (list, tuple)) else [x]


@torch.no_grad()
def try_out(network: nn.Module, inputs: Inputs, outputs: Outputs | None, name: str) -> None:
    """Run `network` once in eval mode on made-up inputs of two samples, every candidate of every choice included. Lazy
    modules get their shapes by it.

    Args:
        outputs: what the data ask for: a number, or by name, or None where nothing is known.
        name: of the network, for messages.

    Raises:
        ConfigError: the network or a candidate fails, candidates differ in shape, a choice is not run, outputs of
            another shape than asked for.
    """
    choices = [part for part in network.modules() if isinstance(part, ChoiceModule)]
    device = next((p.device for p in network.parameters() if not _is_lazy(p)), torch.device("cpu"))
    x = _to_device(example(inputs, SAMPLES), device)
    with _probed(choices) as probes, _eval(network):
        try:
            y = call(network, x)
        except FAULTS as error:
            raise ConfigError(
                f"{name} failed on {_describe_inputs(_flat_tensors(x))}: {type(error).__name__}: {error}"
            ) from error
    for choice, probe in probes.items():
        if not probe.ran:
            raise ConfigError(
                f"choice {choice.label!r} ({', '.join(choice.names)}) is in {name} but forward does not run it, so it "
                "cannot be found out what is good there. Call it in forward, or leave it out"
            )
    check_outputs(y, outputs, name)


def try_own_operations(
    supernet: Supernet, primitives: Sequence[str], operations: Mapping[str, Builder], input_shape: Any, outputs: int
) -> None:
    """`try_out` a supernet of image cells where some of its `primitives` are not this library's; not where candidates
    are built for a part of the channels, as the others are not tried alone.

    Raises:
        ConfigError: an operation fails, or its output has another shape than the others'.
    """
    own = [name for name in primitives if operations[name] is not OPERATIONS.get(name)]
    whole = all(as_mixing(edge.mixing).channel_divisor == 1 for edge in supernet.choices())
    if own and whole:
        with torch.random.fork_rng(devices=[]):
            try_out(supernet, as_inputs(input_shape), outputs, f"a supernet with {', '.join(own)}")


def _is_lazy(parameter: nn.Parameter) -> bool:
    return isinstance(parameter, nn.parameter.UninitializedParameter)


@contextmanager
def _probed(choices: list[ChoiceModule]) -> Iterator[dict[ChoiceModule, Probe]]:
    probes = {choice: Probe(choice) for choice in choices}
    before = {edge: edge.mixing for choice in choices for edge in choice.mixed_operations().values()}
    for choice, probe in probes.items():
        choice.bind(probe)
        choice.take(torch.zeros(len(choice.targets), len(choice.names)))
    try:
        yield probes
    finally:
        for choice in choices:
            choice.gates = None
        for edge, mixing in before.items():
            edge.mixing = mixing


@contextmanager
def _eval(network: nn.Module) -> Iterator[None]:
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def _to_device(x: Any, device: torch.device) -> Any:
    if isinstance(x, Tensor):
        return x.to(device)
    if isinstance(x, Mapping):
        return {name: _to_device(part, device) for name, part in x.items()}
    return tuple(_to_device(part, device) for part in x)


def _flat_tensors(x: object) -> list[Tensor]:
    if isinstance(x, Tensor):
        return [x]
    parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, (list, tuple)) else ()
    return [tensor for part in parts for tensor in _flat_tensors(part)]


def check_outputs(y: object, outputs: Outputs | None, name: str) -> None:
    """Raises ConfigError where outputs `y` of two samples are not those that the data ask for, see `try_out`."""
    if isinstance(outputs, Mapping):
        if not isinstance(y, Mapping) or set(y) != set(outputs):
            named = f"the outputs {', '.join(map(str, y))}" if isinstance(y, Mapping) else f"a {type(y).__name__}"
            raise ConfigError(f"{name} gives {named}, expected a dictionary of {', '.join(outputs)}, as the data have")
        for key, size in outputs.items():
            check_outputs(y[key], size, f"{name}, output {key!r},")
        return
    if outputs is None:
        return
    allowed = [(SAMPLES, outputs)] + ([(SAMPLES,)] if outputs == 1 else [])
    if not isinstance(y, Tensor) or tuple(y.shape) not in allowed:
        found = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ConfigError(
            f"{name} gives {found} for {SAMPLES} samples, expected {allowed[0]}: the data ask for {outputs} outputs"
        )

"""A trained network as one file: weights, genotype, preprocessing and classes, in safetensors; nothing is unpickled."""

import inspect
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl._version import versions
from darts_pl.bounded.tensors import check_digest, read_tensors, write_tensors
from darts_pl.data.base import PairedDataModule
from darts_pl.errors import ConfigError, GenotypeError, RunError
from darts_pl.models.header import OWN, SPACES, AnySpace, Header, check_size, read_header, write_header
from darts_pl.models.trained import TrainedModel
from darts_pl.ops.image import Builder
from darts_pl.paths import write_atomically
from darts_pl.spaces import ModuleSpace
from darts_pl.spaces.base import DerivedNetwork, PlainNetwork, Space

log = logging.getLogger("darts_pl")


def save_model(
    path: Path, network: DerivedNetwork, space: AnySpace, *, data: PairedDataModule, details: Mapping[str, Any]
) -> Path:
    """Write `network` of `space`, trained on `data` (a data module, whose preprocessing and classes are taken), to
    `path`, and return the path."""
    header = write_header(
        network.genotype,
        space,
        input_shape=data.input_shape,
        outputs=data.outputs,
        classes=data.classes,
        preprocessing=data.preprocessing,
        details=details,
        versions=versions(),
    )
    state = network.module.state_dict() if isinstance(network, PlainNetwork) else _without_auxiliary(network)
    # Clones: a module that is used twice has its tensors under two names, which safetensors refuses.
    kept = {name: value.detach().clone().contiguous() for name, value in state.items()}
    return write_atomically(path, lambda temporary: write_tensors(temporary, kept, {"header": header}))


def _without_auxiliary(network: DerivedNetwork) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if not name.startswith("auxiliary.")}


def load_model(
    path: Path | str,
    *,
    operations: Mapping[str, Builder] | None = None,
    target: Callable[..., nn.Module] | AnySpace | None = None,
    stem: Callable[[int, int], nn.Module] | None = None,
) -> TrainedModel:
    """The model of a file written by `save_model`, or of a run folder that holds one, in eval mode on the CPU.

    Args:
        operations: builders of operations that the genotype uses and the library does not know.
        target: what builds a network of one's own, as the search was given it, or its `ModuleSpace`; of a space of
            one's own the space. stem: what builds a stem of one's own in the cell space.

    Raises:
        RunError: no such file, not a model of this library or version, damaged; a network of one's own without
            `target`: a file's word is no reason to import and run code.
        GenotypeError: an operation that neither the library nor `operations` knows.
    """
    file = _model_file(Path(path))
    texts, state = read_tensors(file, "a model")
    check_digest(file, state, texts)
    header = read_header(texts.get("header", "{}"), str(file))
    try:
        check_size(header, len(state))
    except ConfigError as error:
        raise RunError(f"{file}: {error}") from error
    space = _space(header, file, operations, target, stem)

    def build() -> nn.Module:
        return space.network(header.genotype, header.inputs, header.outputs)

    network = _fitted(build, state, file, trusted=target is not None)
    model = TrainedModel(
        network,
        header.preprocessing,
        genotype=header.genotype,
        classes=header.classes,
        input_shape=header.inputs,
        details=header.details,
    )
    return model.eval()


def _space(
    header: Header,
    file: Path,
    operations: Mapping[str, Builder] | None,
    target: Callable[..., nn.Module] | AnySpace | None,
    stem: Callable[[int, int], nn.Module] | None,
) -> AnySpace:
    """The space that a header describes, made of what the caller hands over where that is code."""
    if header.builder == OWN:
        return _own_space(header, file, target)
    arguments = dict(header.arguments)
    if header.builder == "cells" and arguments["stem"] is None:
        if stem is None:
            raise RunError(f"{file}: the network has a stem of its own. Pass what builds it: load(path, stem=...)")
        arguments["stem"] = stem
    try:
        return SPACES[header.builder].space(**arguments, operations=operations)
    except ConfigError as error:
        raise RunError(f"{file}: its network cannot be built: {error}") from error


def _own_space(header: Header, file: Path, target: Callable[..., nn.Module] | AnySpace | None) -> AnySpace:
    if target is None:
        raise RunError(
            f"{file} holds weights of {header.target}, which is not imported on a file's word. Pass what builds the "
            "network: load(path, target=...)"
        )
    if isinstance(target, Space):
        return target
    is_class = isinstance(target, type) and issubclass(target, Space)
    if is_class:
        raise RunError(f"{file}: found the class of a space, expected the space: target={header.target}(...)")
    known = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    if lost := [key for key in header.further if key in known or open_ended]:
        raise RunError(
            f"{file}: the argument {lost[0]}={header.further[lost[0]]} could not be kept. Pass the whole space: "
            "load(path, target=darts_pl.ModuleSpace(..., {...}))"
        )
    # A function that binds arguments itself has none of them.
    return ModuleSpace(target, {k: value for k, value in header.arguments.items() if k in known or open_ended})


def _fitted(build: Callable[[], nn.Module], state: dict[str, Tensor], file: Path, *, trusted: bool) -> nn.Module:
    """The network that a header describes, with the weights `state`. It is tried without memory first: a header may
    ask for any size, and only weights of that size justify it. Not where the caller's own code builds it (`trusted`),
    which may ask for values that there are not without memory."""
    try:
        if not trusted:
            with torch.device("meta"):
                trial = build()
            _load(trial, state, file, assign=True)
        network = build()
    except (ConfigError, TypeError, KeyError, ValueError) as error:
        raise RunError(f"{file}: its network cannot be built: {error}") from error
    except GenotypeError as error:
        raise GenotypeError(f"{file}: {error} Pass its builder: load(path, operations={{name: builder}})") from error
    _load(network, state, file)
    return network


def _load(network: nn.Module, state: dict[str, Tensor], file: Path, **how: bool) -> None:
    try:
        network.load_state_dict(state, **how)
    except RuntimeError as error:
        raise RunError(f"{file}: its weights do not fit its genotype and space: {str(error)[:300]}") from error


def _model_file(path: Path) -> Path:
    candidates = [path, path / "model.safetensors", path / "retrain" / "model.safetensors"]
    if found := [candidate for candidate in candidates if candidate.is_file()]:
        if len(found) > 1:
            log.warning("%s holds two models; taking %s, not %s", path, *found)
        return found[0]
    raise RunError(f"no model at {path}: looked for {', '.join(map(str, candidates))}")

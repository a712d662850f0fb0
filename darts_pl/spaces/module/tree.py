"""Choices in the tree of a network's modules: found and labelled, followed under decisions, replaced by what was
chosen."""

import re
from collections.abc import Iterator, Mapping

import torch.nn as nn

from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import Cell, ModuleGenotype
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.options import Chosen

LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ /-]*")
INNER = re.compile(r"(^|/)mixed/(?:candidates|blocks)/")  # names of our own on the way to a candidate
ROOT = "choice"


def label_choices(network: nn.Module, made: list[ChoiceModule]) -> dict[str, ChoiceModule]:
    """Give every choice without a label its place in the network, and return one choice a label in the order of the
    network.

    Args:
        made: all choices that were constructed with the network.

    Raises:
        ConfigError: there is none; one that is no part of the network; a label that cannot be one; equal labels of
            choices that differ.
    """
    found = {path: module for path, module in network.named_modules() if isinstance(module, ChoiceModule)}
    _check_all_found(list(found.values()), made)
    labels: dict[str, ChoiceModule] = {}
    given = {choice.label for choice in found.values() if choice.label is not None}
    for path, choice in found.items():
        if choice.label is None:
            choice.label = _place(path)
            if choice.label in labels or choice.label in given:
                raise ConfigError(f"two choices are at the place {choice.label!r}. Give one of them a label")
        _check_label(choice.label)
        known = labels.setdefault(choice.label, choice)
        if known.signature() != choice.signature():
            raise ConfigError(
                f"choices with the label {choice.label!r} differ: {_describe(known)} and {_describe(choice)}. Give "
                "them labels of their own, or equal candidates"
            )
    return labels


def _check_all_found(found: list[ChoiceModule], made: list[ChoiceModule]) -> None:
    if not made and not found:
        raise ConfigError(
            "the network has no choice in it. Put darts_pl.Choice, InputChoice, Repeat, ChannelChoice or Cell where "
            "something is to be found"
        )
    known = set(map(id, found))
    for choice in made:
        if id(choice) not in known:
            name = f"{type(choice).__name__} {choice.label!r}" if choice.label else f"a {type(choice).__name__}"
            raise ConfigError(
                f"{name} ({', '.join(choice.names)}) was built but is no part of the network: a plain list or dict "
                "hides modules from torch. Use nn.ModuleList or nn.ModuleDict, or leave it out"
            )


def _place(path: str) -> str:
    place = "/" + path.replace(".", "/")
    while place != (shorter := INNER.sub(r"\1", place)):
        place = shorter
    return place.strip("/") or ROOT


def _check_label(label: str) -> None:
    if not LABEL.fullmatch(label) or hasattr(nn.ParameterDict(), label):
        raise ConfigError(f"label {label!r}: expected letters, digits, _, -, / or blanks, and no name of torch's own")


def _describe(choice: ChoiceModule) -> str:
    return f"{type(choice).__name__} of {len(choice.targets)} rows over {', '.join(choice.names)}"


def reached_labels(module: nn.Module, decisions: Mapping[str, Chosen]) -> Iterator[str]:
    """The labels that are met in `module` where each choice is decided so: those in candidates that are not chosen are
    not met. A label may come more than once.

    Raises:
        GenotypeError: nothing is decided for a label that is met.
    """
    if isinstance(module, ChoiceModule):
        if module.kind not in decisions:
            names = ", ".join(module.names)
            raise GenotypeError(f"genotype: nothing is decided for {module.kind!r}, expected one of {names}")
        yield module.kind
        parts = [module.freeze(decisions[module.kind])]
    else:
        parts = list(module.children())
    for part in parts:
        yield from reached_labels(part, decisions)


def genotype_of(decisions: Mapping[str, Chosen], network: nn.Module) -> ModuleGenotype:
    """The genotype of these decisions, without those that nothing chosen leads to."""
    met = set(reached_labels(network, decisions))
    kept = {label: chosen for label, chosen in decisions.items() if label in met}
    cells = {label: chosen for label, chosen in kept.items() if isinstance(chosen, Cell)}
    choices = {label: chosen for label, chosen in kept.items() if not isinstance(chosen, Cell)}
    return ModuleGenotype(choices, cells)


def decisions_of(
    genotype: ModuleGenotype, choices: Mapping[str, ChoiceModule], network: nn.Module
) -> dict[str, Chosen]:
    """What the genotype decides for every label of `network`; for those that nothing chosen leads to, anything.

    Raises:
        GenotypeError: a label that does not exist or that nothing leads to, one that is missing, a choice that cannot
            be (the message names the label).
    """
    given: dict[str, Chosen] = {**genotype.choices, **genotype.cells}
    for label, chosen in given.items():
        if label not in choices:
            raise GenotypeError(f"genotype: {label!r} is no choice of this network. {nearest(label, choices)}")
        try:
            choices[label].options.check(chosen)
        except ValueError as error:
            raise GenotypeError(f"genotype: {label}: {error}") from error
    met = set(reached_labels(network, given))
    if idle := [label for label in given if label not in met]:
        raise GenotypeError(f"genotype: {idle[0]!r} is decided, but nothing that was chosen leads to it. Leave it out")
    return {label: given[label] if label in met else choice.options.any_choice() for label, choice in choices.items()}

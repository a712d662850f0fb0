"""Check a composed configuration before work starts: Hydra lets `+foo=1` and a misspelt argument of a part pass."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterable, Mapping

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from darts_pl.commands.composition import EXPERIMENT_HEADER
from darts_pl.commands.suggestions import options_hint
from darts_pl.errors import ConfigError, nearest
from darts_pl.overrides import shell_word
from darts_pl.schema.trainer import OWNED, explain_owned
from darts_pl.schema.values import Range

CHECKED = (bool, int, float, str, type(None))


def check_config(cfg: DictConfig) -> None:
    """Check every key of `cfg` against its schema, and the arguments of every part against what it calls.

    A node made from a dataclass has that dataclass's keys; one with `_target_` the parameters of its target; any
    other mapping is free, but looked into.

    Raises:
        ConfigError: an unknown or removed key, a value missing, of the wrong type or out of range, a target that
            cannot be found.
    """
    _check_node(cfg, "")


def _check_node(node: DictConfig, place: str, hint: str = "") -> None:
    """Args: hint: what to do where a value is missing."""
    schema = OmegaConf.get_type(node)
    if dataclasses.is_dataclass(schema):
        _check_fields(node, place, [field.name for field in dataclasses.fields(schema)])
    values = _values(node, place, hint)
    if dataclasses.is_dataclass(schema):
        for field in dataclasses.fields(schema):
            _check_range(values[field.name], field.metadata.get("range"), f"{place}{field.name}")
    if "_target_" in values:
        _check_arguments(values, place)
    hints = _hints(schema)
    for key, value in values.items():
        if isinstance(value, DictConfig):
            _check_node(value, f"{place}{key}.", hints.get(key, hint))


def _hints(schema: object) -> dict[str, str]:
    """What the fields of a schema say where a value in them is missing, as `metadata={"missing": sentence}`."""
    fields = dataclasses.fields(schema) if dataclasses.is_dataclass(schema) else ()
    return {field.name: field.metadata["missing"] for field in fields if "missing" in field.metadata}


def _values(node: DictConfig, place: str, hint: str) -> dict[str, object]:
    """The values by key, their interpolations resolved."""
    values: dict[str, object] = {}
    for key in node:
        try:
            values[str(key)] = node[key]
        except MissingMandatoryValue as error:
            if hint:
                raise ConfigError(f"{hint} (the key {place}{key!s} has no value)") from error
            raise ConfigError(f"{place}{key!s}: no value given, expected {place}{key!s}=<value>") from error
        except OmegaConfBaseException as error:
            raise ConfigError(f"{place}{key!s}: {str(error).splitlines()[0]}") from error
    return values


def _check_fields(node: DictConfig, place: str, fields: list[str]) -> None:
    if not place and isinstance(node.get("experiment"), DictConfig):
        raise ConfigError(f"experiment: {EXPERIMENT_HEADER}")
    _check_names(node, place, fields, [*fields, "+experiment"] if not place else fields)
    present = set(node)  # `in node` is False where a value is missing or cannot be resolved
    for name in fields:
        if name not in present:
            raise ConfigError(f"{place}{name}: the key was removed, but the command needs it")


def _check_range(value: object, limits: Range | None, place: str) -> None:
    """A field of the schema may bring the values that it can work with, see `within`."""
    if limits is not None and value is not None and value not in limits:
        raise ConfigError(f"{place}: found {value!r}, expected {limits}")


def _check_names(found: Iterable[object], place: str, allowed: Iterable[str], choices: Iterable[str]) -> None:
    allowed = set(allowed)
    for key in map(str, found):
        if key not in allowed:
            hint = nearest(key, choices)
            elsewhere = "" if hint.startswith("Did you mean") else options_hint(place.removesuffix("."), key)
            raise ConfigError(f"{place}{key}: unknown key. {elsewhere or hint}")


def _check_arguments(values: Mapping[str, object], place: str) -> None:
    parameters = _parameters(str(values["_target_"]), place)
    if parameters is None:
        return
    if place == "trainer." and (flags := [name for name in values if name in OWNED]):
        raise ConfigError(f"{place}{flags[0]}: {explain_owned(flags[0])}")
    arguments = [key for key in values if not (key.startswith("_") and key.endswith("_"))]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        _check_names(arguments, place, parameters, parameters)
    for key in arguments:
        if key in parameters:
            _check_type(values[key], parameters[key].annotation, f"{place}{key}")


def _parameters(target: str, place: str) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of the target, None for a built-in that does not tell them."""
    try:
        called = get_object(target)
        return _with_inherited(called, inspect.signature(called).parameters)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{place}_target_: cannot load {target!r}: {error}") from error
    except (ValueError, TypeError):
        return None


def _with_inherited(called: object, own: Mapping[str, inspect.Parameter]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a class whose `**others` go to the class above it, as those of data modules do: with what that
    one takes by name. Where none of those above does, they are as they were."""
    found = dict(own)
    for base in called.__mro__[1:] if isinstance(called, type) else ():
        others = [name for name, each in found.items() if each.kind is each.VAR_KEYWORD]
        taken = inspect.signature(base).parameters if others and "__init__" in vars(base) else {}
        if taken:
            del found[others[0]]
            found = {**taken, **found}
    return found


def _check_type(value: object, annotation: object, place: str) -> None:
    """Compare plain values with plain annotations; whatever is richer is left to the part itself."""
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        if value not in choices:
            raise ConfigError(f"{place}: found {value!r}. {nearest(str(value), map(str, choices))}")
        return
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    allowed = typing.get_args(annotation) if union else (annotation,)
    if not all(kind in CHECKED for kind in allowed) or not isinstance(value, CHECKED):
        return
    if not any(_fits(value, kind) for kind in allowed):
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in allowed)
        told = f"{place}: found {value!r}, expected {names}"
        if str in allowed:
            told += ". A text that looks like something else goes into quotes: " + shell_word(f'{place}="{value}"')
        raise ConfigError(told)


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))

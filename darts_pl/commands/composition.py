"""Errors of composing a configuration, told with the key, what was found, what was expected and the nearest choice."""

import dataclasses
import difflib
import re
import typing
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser
from hydra.errors import MissingConfigException, OverrideParseException, SearchPathException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from darts_pl.commands.command_line import explain_several, explain_word
from darts_pl.commands.suggestions import options_hint, options_of, preset_hint, section_hint
from darts_pl.errors import nearest
from darts_pl.schema.trainer import OWNED, explain_owned

EXPERIMENT_HEADER = "an experiment's file must begin with the line '# @package _global_', before any comment"
RULE_HEADER = "a rule's file must begin with the line '# @package rules.{}', before any comment"
PLUS = re.compile(r"Could not override '(?P<group>[^']+)'\. No match.*use (?P<override>\+\S+)", re.DOTALL)

SEVERAL = re.compile(r"(?P<form>Ambiguous value for argument|Sweep parameters) '(?P<word>.+?)'(?:\n| req)", re.DOTALL)
UNLOADED = re.compile(r"Could not load '(?P<group>\w+)/(?P<choice>[^']+)'")
RULE = re.compile(r"In '(?:[^']*/)?rule/(?P<name>[^']+)'")
PRESET = re.compile(r"In '(?:[^']*/)?(?P<group>experiment|debug)/(?P<name>[^']+)'")


def explain_composition(error: BaseException, command: str | None = None, words: Sequence[str] = ()) -> str:
    """The message for an error that Hydra or OmegaConf raised before the command began.

    Args:
        command: its name, such as "search". words: those of the command line.
    """
    if isinstance(error, MissingConfigException):
        return _missing_file(error)
    if isinstance(error, OverrideParseException):
        return explain_word(str(error.override), words)
    if found := SEVERAL.search(str(error)):
        return explain_several(found["word"], sweep=found["form"] == "Sweep parameters")
    if isinstance(error, SearchPathException):
        return f"--config-dir: {_first_line(error)}, expected a folder of configuration files"
    if found := PLUS.search(str(error)):
        return f"{found['group']}: not part of this configuration; to add it write {found['override']}, with a plus"
    if found := PRESET.match(str(error)):
        folder = get_args_parser().parse_known_args(list(words))[0].config_dir
        if hint := preset_hint(found["group"], found["name"], command, folder):
            return hint
    cause = _cause(error)
    if "@experiment." in str(error) or (_where(error) and cause is not None and cause.key == "experiment"):
        return f"{_where(error)}{EXPERIMENT_HEADER}"
    if (found := RULE.match(str(error))) and cause is not None and cause.key == "rule":
        return _where(error) + RULE_HEADER.format(found["name"])
    if cause is not None:
        return _where(error) + explain_key(cause)
    return _first_line(error)


def explain_key(error: OmegaConfBaseException) -> str:
    """The message for an error about one key: unknown, of the wrong type, or without a value."""
    key = error.full_key or error.key or "configuration"
    parent = error.parent_node
    if isinstance(error, ConfigAttributeError | ConfigKeyError) and isinstance(parent, DictConfig):
        return _unknown_key(key, str(error.key), parent)
    if isinstance(error, ValidationError):
        return f"{key}: found {error.value!r}, expected {_expected(error)}"
    return f"{key}: {_first_line(error)}"


def _unknown_key(place: str, key: str, parent: DictConfig) -> str:
    choices = _choices(parent)
    meant = difflib.get_close_matches(key, [*choices, *OWNED], n=1) if place == f"trainer.{key}" else []
    if meant and meant[0] in OWNED:
        return f"{place}: {explain_owned(meant[0])}"
    if not choices and "_target_" in parent and (hint := options_hint(place.rsplit(".", 1)[0], key)):
        return f"{place}: no such key. {hint}"
    if not choices:
        return f"{place}: no such key; its mapping is free, and what is new in it is added with a plus: +{place}=..."
    hint = nearest(key, choices)
    if not hint.startswith("Did you mean"):
        if parent._get_parent() is None:
            misspelt = difflib.get_close_matches(key, ["hydra"])
            hint = nearest(key, misspelt) if misspelt else section_hint(parent, key) or hint
        elif "_target_" in parent:
            hint = " ".join([options_hint(place.rsplit(".", 1)[0], key), hint]).strip()
    return f"{place}: no such key. {hint}"


def _missing_file(error: MissingConfigException) -> str:
    """A file of a group that is not there; Hydra hands over the ones that are."""
    if not error.options:
        found = UNLOADED.search(str(error))  # one of a list of files
        hint = [nearest(found["choice"], options)] if found and (options := options_of(found["group"])) else []
        return " ".join([_first_line(error), *hint])
    choice = (error.missing_cfg_file or "").rsplit("/", 1)[-1]
    return f"{_first_line(error)}. {nearest(choice, error.options)}"


def _choices(parent: DictConfig) -> list[str]:
    """The keys that could have been meant; `experiment` is a group that no configuration holds as a key."""
    keys = [str(key) for key in parent if key != "hydra" and not str(key).startswith("_")]
    return [*keys, "+experiment"] if parent._get_parent() is None else keys


def _expected(error: ValidationError) -> str:
    """The type that the schema declares for the key, else OmegaConf's own words."""
    schema = OmegaConf.get_type(error.parent_node) if isinstance(error.parent_node, DictConfig) else None
    if dataclasses.is_dataclass(schema):
        kind = typing.get_type_hints(schema).get(str(error.key))
        if isinstance(kind, type):
            return kind.__name__
        if kind is not None:
            return str(kind).replace("typing.", "")
    return f"another type ({_first_line(error)})"


def _cause(error: BaseException) -> OmegaConfBaseException | None:
    """OmegaConf's error behind Hydra's: its cause for an override, its context for a file."""
    for behind in (error, error.__cause__, error.__context__):
        if isinstance(behind, OmegaConfBaseException):
            return behind
    return None


def _where(error: BaseException) -> str:
    """The configuration file at fault, where Hydra names it."""
    found = re.match(r"In '[^']+': ", str(error))
    return found.group(0) if found else ""


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

"""Where a key or an experiment that does not fit belongs: another option, another section, another command."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from darts_pl.commands.config_files import isolated_hydra
from darts_pl.overrides import quoted, typed
from darts_pl.paths import conf_dir
from darts_pl.schema import DARTSConfig, RetrainCommand, SearchCommand

COMMANDS = {"search": SearchCommand, "retrain": RetrainCommand, "pipeline": DARTSConfig}


def options_hint(place: str, key: str) -> str:
    """Which options of the group at `place`, such as "data", have `key`, or one close to it; empty where none has."""
    keys = {option: _keys(conf_dir() / place, option) for option in options_of(place)}
    close = difflib.get_close_matches(key, {name for names in keys.values() for name in names}, n=1)
    if not close:
        return ""
    begin = "It is" if close[0] == key else f"Did you mean {close[0]!r}? It is"
    having = [option for option, names in keys.items() if close[0] in names]
    return f"{begin} a setting of {place}={', '.join(having)}, and not of the one chosen here."


def options_of(place: str) -> list[str]:
    """The options of the group at `place`."""
    return sorted(path.stem for path in (conf_dir() / place).glob("*.yaml")) if place.isidentifier() else []


def _keys(folder: Path, option: str) -> set[str]:
    """The settings of an option, with those of the options beside it that it is made from."""
    content = yaml.safe_load((folder / f"{option}.yaml").read_text(encoding="utf-8")) or {}
    above = [name for name in content.get("defaults", []) if isinstance(name, str) and name != "_self_"]
    own = {str(key) for key in content if key != "defaults" and not str(key).startswith("_")}
    return own.union(*(_keys(folder, name) for name in above))


def section_hint(root: DictConfig, key: str) -> str:
    """Which sections of a configuration, or which other commands, have a key that its root has not; empty if none."""
    nodes = {str(name): root._get_node(name) for name in root if name != "hydra"}
    inside = [f"{name}.{key}" for name, node in nodes.items() if isinstance(node, DictConfig) and key in node]
    if inside:
        return f"Did you mean {' or '.join(inside)}?"
    others = commands_with(key)
    return f"It is a setting of {_listed(others)}." if others else ""


def commands_with(key: str) -> list[str]:
    """The commands that have `key` at the root of their configuration."""
    return [name for name, kind in COMMANDS.items() if key in {field.name for field in dataclasses.fields(kind)}]


def preset_hint(group: str, name: str, command: str | None, config_dir: str | None = None) -> str:
    """The commands that a preset is for; empty where it is for `command`, or for none.

    Args:
        group: experiment or debug.
        config_dir: the folder of configuration files that was given.
    """
    given = typed(f"+{group}", name)
    places = [f"hydra.searchpath=[{quoted('file://' + str(Path(config_dir).absolute()))}]"] if config_dir else []
    fits = [each for each in COMMANDS if _composes(each, [f"+{group}={quoted(name)}", *places])]
    if not fits or (command or "search") in fits:
        return ""
    return f"+{group}={name} is for another command: {_listed(fits, f' {given}')}"


def _composes(command: str, overrides: Sequence[str]) -> bool:
    with isolated_hydra():
        try:
            compose(command, list(overrides))
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError):
            return False
    return True


def _listed(commands: Sequence[str], words: str = "") -> str:
    return " or ".join(f"python -m darts_pl.{name}{words}" for name in commands)

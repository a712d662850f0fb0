"""From the process's arguments to a running command; those of a run that is gone on with are read from its folder."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from darts_pl import last_words, schema
from darts_pl.assembly.origins import (
    SEARCHPATH,
    Origin,
    key_of,
    line_of,
    origin_of,
    parse_override,
    searchpath_override,
)
from darts_pl.assembly.replay import Replay, ReplayOverride, check_replay
from darts_pl.commands import run_command
from darts_pl.commands.explain import explain
from darts_pl.errors import ConfigError, DartsError, RunError
from darts_pl.paths import check_working_folder
from darts_pl.stages.manifest import MANIFEST
from darts_pl.stages.orphans import end_with_starter
from darts_pl.stages.places import check_inside, existing_run


def launch(task: Callable[[DictConfig], None], name: str) -> int:
    """Run the command `name` on the process's arguments and return its exit status."""
    end_with_starter()
    register()
    try:
        check_working_folder()
        argv = arguments(sys.argv[1:], name)
    except (DartsError, OSError) as error:
        print(f"error: {explain(error, composing=True)}", file=sys.stderr)
        return 2
    with last_words.watched_from_outside(name):
        return run_command(task, name, argv)


def register() -> None:
    """Tell Hydra the schemas and OmegaConf the resolver that conf/hydra uses."""
    schema.register()
    OmegaConf.register_new_resolver("darts_pl.run_dir", lambda resume, fresh: resume or fresh, replace=True)


def arguments(argv: list[str], command: str) -> list[str]:
    """The command's arguments; where one is `resume=<folder>`, those that started that run are added, but for those
    that are given anew, with the folders of configuration files that it was given.

    Raises:
        ConfigError: an argument that Hydra cannot read.
        RunError: the folder to resume does not exist or holds no run; it is a sweep's and `-m` is missing, or the
            other way round; it holds links that lead out of it, or asks for code that neither darts_pl has nor `argv`
            names (see `check_replay`). `trust=true` in `argv` allows the last two.
    """
    if not any("resume=" in text for text in argv):
        return argv
    given = get_args_parser().parse_args(argv)
    now = [_parse_override(text) for text in given.overrides]
    if (resume := _last_value(now, "resume")) is None:
        return argv
    folder, trusted = existing_run(Path(str(resume))), _last_value(now, "trust") is True
    _check_kind(folder, given.multirun)
    if not trusted:
        check_inside(folder)
    origin = origin_of(folder)
    if origin.command not in (None, command):
        raise RunError(f"{folder} holds a {origin.command} run, this is {command}")
    full, replay = _replay(command, argv, given, now, origin)
    check_replay(replay, trusted=trusted)
    if any(not word.named for word in replay.overrides):
        print(f"going on with: {replay.naming}", file=sys.stderr)
    return full


def _replay(
    command: str, argv: list[str], given: Namespace, now: Sequence[Override], origin: Origin
) -> tuple[list[str], Replay]:
    """All arguments, and what is to be looked at in them.

    Args:
        given: `argv` as Hydra parses it. now: its overrides. origin: what started the run.
    """
    words, own_path = _merge_overrides(origin.overrides, now), _last_value(now, SEARCHPATH)
    config_dir = None if given.config_dir else origin.config_dir
    searchpath = origin.searchpath if own_path is None else []
    first = argv.index(given.overrides[0])
    options = [*argv[:first], *argv[first + len(given.overrides) :]]
    folders = ["--config-dir", config_dir] if config_dir else []
    full = [*folders, *options, *searchpath_override(searchpath), *(line_of(word.override) for word in words)]
    replay = Replay(
        command=given.config_name or command,
        origin=origin.file,
        overrides=words,
        trusting=_command_line(command, [*options, *given.overrides, "trust=true"]),
        naming=_command_line(command, full),
        named_folders=[*_as_searchpath(given.config_dir), *(own_path if isinstance(own_path, list) else [])],
        added_folders=[*_as_searchpath(config_dir), *searchpath],
        multirun=given.multirun,
    )
    return full, replay


def _as_searchpath(config_dir: str | None) -> list[str]:
    return [f"file://{Path(config_dir).absolute()}"] if config_dir else []


def _command_line(command: str, arguments: Sequence[str]) -> str:
    return shlex.join(["python", "-m", f"darts_pl.{command}", *arguments])


def _parse_override(text: str) -> Override:
    try:
        return parse_override(text)
    except HydraException as error:
        raise ConfigError(explain(error, composing=True) or str(error)) from error


def _last_value(overrides: Sequence[Override], key: str) -> object:
    """What the last override of `key` says; None where there is none."""
    return next((each.value() for each in reversed(overrides) if key_of(each) == key), None)


def _check_kind(folder: Path, sweeping: bool) -> None:
    """Raises RunError for a sweep without -m and for a run with it."""
    is_run = (folder / MANIFEST).is_file()
    if not is_run and not sweeping:
        raise RunError(f"resume={folder}: found a sweep. Add -m to go on with all its jobs, or take one: {folder}/0")
    if is_run and sweeping:
        raise RunError(f"resume={folder}: found a single run, expected the folder of a sweep. Leave -m out")


def _merge_overrides(before: Sequence[Override], now: Sequence[Override]) -> list[ReplayOverride]:
    """The overrides of then, in their order, those that are given now in the place of the ones of their key."""
    keys = {key_of(each) for each in now}
    kept = {key_of(each): ReplayOverride(each, named=False) for each in before if key_of(each) not in keys}
    places = dict.fromkeys(key_of(each) for each in (*before, *now))
    given = [(key_of(each), ReplayOverride(each, named=True)) for each in now]
    return [word for key in places for word in ([kept[key]] if key in kept else [w for k, w in given if k == key])]

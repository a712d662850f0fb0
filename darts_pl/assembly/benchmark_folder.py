"""The settings of a benchmark of search methods, read from its folder to go on with."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darts_pl.assembly.origins import key_of, override_of, parse_override
from darts_pl.assembly.replay import Replay, ReplayOverride, check_replay, untrusted_requests
from darts_pl.bounded import read_json
from darts_pl.errors import ConfigError, RunError
from darts_pl.paths import conf_dir
from darts_pl.stages.benchmark.settings import FILE, OPTIONS, Settings, experiment, methods_in, parse, settings_file

LISTS = {"methods": "method", "seeds": "seed"}  # how the settings that have several values are given


def read_settings(folder: Path, *, trust: bool) -> Settings:
    """The settings of the benchmark in `folder`.

    Raises:
        RunError: there is none; it is damaged; it asks for what no command line could have asked for; without `trust`,
            it has links that lead out of it or names code of others.
    """
    path = settings_file(folder, trust=trust)
    try:
        written = read_json(path)
        overrides = [_check_override(path, text) for text in written.pop("overrides")]
        again = parse([*_arguments(written), *overrides, f"trust={str(trust).lower()}"], methods_in(conf_dir()))
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    found = Settings(**{**vars(again), "folder": folder})
    for replay in _replays(path, found):
        check_replay(replay, trusted=trust)
    return found


def resume_command(folder: Path, settings: Settings) -> str:
    """The command line that goes on with a benchmark."""
    foreign = any(untrusted_requests(replay) for replay in _replays(folder / FILE, settings))
    return _command_line(folder, trust=settings.trust or foreign)


def _command_line(folder: Path, *, trust: bool) -> str:
    words = ["python", "-m", "darts_pl.benchmark", "nasbench201", f"resume={folder}"]
    return shlex.join([*words, *(["trust=true"] if trust else [])])


def _arguments(written: Mapping[str, Any]) -> list[str]:
    """The arguments that would ask for this."""
    lists = {option: ",".join(map(str, written[key])) for key, option in LISTS.items()}
    others = {key: value for key, value in written.items() if key not in LISTS and value is not None}
    if unknown := sorted({*others} - {*OPTIONS}):
        raise KeyError(f"{unknown[0]} is no setting of a benchmark")
    return [f"{key}={value}" for key, value in {**lists, **others}.items()]


def _check_override(path: Path, text: str) -> str:
    if key_of(override_of(path, text)) in OPTIONS:
        raise RunError(f"{path}: found {text!r} among its overrides, expected a setting of the searches")
    return text


def _replays(path: Path, settings: Settings) -> Sequence[Replay]:
    """The search of each method, as far as code is concerned."""
    own = [ReplayOverride(parse_override(text), named=False) for text in settings.overrides]
    trusting = _command_line(path.parent, trust=True)
    shared = [experiment(method, settings.scale, conf_dir()) for method in settings.methods]
    return [
        Replay("search", path, [*(ReplayOverride(parse_override(text), named=True) for text in texts), *own], trusting)
        for texts in shared
    ]

"""What a benchmark of search methods was asked for, read from its folder to go on with."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darts_pl.assembly.origins import key_of, override_of, parsed
from darts_pl.assembly.replay import Replay, Word, asked_for, check_replay
from darts_pl.bounded import read_json
from darts_pl.errors import ConfigError, RunError
from darts_pl.paths import conf_dir
from darts_pl.stages.benchmark.settings import OPTIONS, Settings, experiment, methods_in, parse
from darts_pl.stages.places import check_inside

ASKED = "benchmark.json"
LISTS = {"methods": "method", "seeds": "seed"}  # how the settings that have several values are given


def asked_in(folder: Path, *, trust: bool) -> Settings:
    """The settings of the benchmark in `folder`.

    Raises:
        RunError: there is none; it is damaged; it asks for what no command line could have asked for; without `trust`,
            it has links that lead out of it or names code of others.
    """
    path = folder / ASKED
    if not path.is_file():
        raise RunError(f"resume={folder}: found no {ASKED}, expected the folder of a benchmark")
    if not trust:
        check_inside(folder)
    try:
        asked = read_json(path)
        overrides = [_override(path, text) for text in asked.pop("overrides")]
        again = parse([*_words(asked), *overrides, f"trust={str(trust).lower()}"], methods_in(conf_dir()))
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    found = Settings(**{**vars(again), "folder": folder})
    for replay in _replays(path, found):
        check_replay(replay, trusted=trust)
    return found


def going_on(folder: Path, settings: Settings) -> str:
    """The command line that goes on with a benchmark."""
    asked = any(asked_for(replay) for replay in _replays(folder / ASKED, settings))
    return _line(folder, trust=settings.trust or asked)


def _line(folder: Path, *, trust: bool) -> str:
    words = ["python", "-m", "darts_pl.benchmark", "nasbench201", f"resume={folder}"]
    return shlex.join([*words, *(["trust=true"] if trust else [])])


def _words(asked: Mapping[str, Any]) -> list[str]:
    """The arguments that would ask for this."""
    lists = {option: ",".join(map(str, asked[key])) for key, option in LISTS.items()}
    others = {key: value for key, value in asked.items() if key not in LISTS and value is not None}
    if unknown := sorted({*others} - {*OPTIONS}):
        raise KeyError(f"{unknown[0]} is no setting of a benchmark")
    return [f"{key}={value}" for key, value in {**lists, **others}.items()]


def _override(path: Path, text: Any) -> str:
    if key_of(override_of(path, text)) in OPTIONS:
        raise RunError(f"{path}: found {text!r} among its overrides, expected a setting of the searches")
    return text


def _replays(path: Path, settings: Settings) -> Sequence[Replay]:
    """The search of each method, as far as code is concerned."""
    asked, trusting = [Word(parsed(text), named=False) for text in settings.overrides], _line(path.parent, trust=True)
    own = [experiment(method, settings.scale, conf_dir()) for method in settings.methods]
    return [
        Replay("search", path, [*(Word(parsed(text), named=True) for text in texts), *asked], trusting) for texts in own
    ]

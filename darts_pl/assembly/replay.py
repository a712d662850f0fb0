"""What a run folder may ask for when its command is given again: a folder is data, and may be a stranger's.

Settings are taken from it; code is not, unless it is darts_pl's own. What else would be run has to be named by the
present command too, and so do values that are read from the environment (`${oc.env:...}`, `${now:...}`).
"""

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darts_pl.assembly.origins import line_of, pairs_of, searchpath_override
from darts_pl.commands.explain import explain
from darts_pl.commands.trusted import Pair, leaves, untrusted_code
from darts_pl.errors import ConfigError, RunError
from darts_pl.paths import conf_dir

PLAIN_INTERPOLATION = re.compile(r"\$\{[\w.\[\]]+\}")  # another setting's value
MOST_JOBS = 1000  # of a sweep that differ in more than numbers


@dataclass(frozen=True)
class ReplayOverride:
    """An override of a command, and whether the present command line names it."""

    override: Override
    named: bool


@dataclass(frozen=True)
class Replay:
    """A command that goes on with a run.

    Args:
        command: what is composed. origin: the file that tells how the run was started. overrides: its own.
        naming, trusting: the command lines that name all again, where one can, and that trust the folder.
        named_folders, added_folders: of configuration files, as search paths, from the command line and from `origin`.
        multirun: whether it is a sweep.
    """

    command: str
    origin: Path
    overrides: Sequence[ReplayOverride]
    trusting: str
    naming: str = ""
    named_folders: Sequence[str] = ()
    added_folders: Sequence[str] = ()
    multirun: bool = False


def check_replay(replay: Replay, *, trusted: bool) -> None:
    """Look at what a folder adds to the command that resumes it, before anything is imported, built or written.

    Raises:
        ConfigError: the configuration cannot be composed.
        RunError: the folder asks for code of others, and the command names it neither again nor says trust=true.
    """
    asked = untrusted_requests(replay, trusted=trusted)
    listed = "".join(f"\n  {each}" for each in asked)
    if asked and not trusted:
        naming = f"name it again:\n  {replay.naming}\nor trust the folder as a whole" if replay.naming else "trust it"
        raise RunError(
            f"{replay.origin} asks for what is not darts_pl's own:{listed}\n"
            f"A run folder is data and may be a stranger's, so nothing was run. If you know what this is, {naming}:"
            f"\n  {replay.trusting}"
        )
    if asked:
        print(f"trust=true: taken from {replay.origin} are{listed}", file=sys.stderr)


def untrusted_requests(replay: Replay, *, trusted: bool = False) -> list[str]:
    """What only a folder names and darts_pl does not have, in words: folders of configuration files, values of the
    environment, code of others with its arguments.

    Args:
        trusted: whether configuration files that only the folder names may be read.
    """
    if not replay.added_folders and all(word.named for word in replay.overrides):
        return []
    asked = [f"configuration files of {place.removeprefix('file://')}" for place in replay.added_folders]
    asked += [line_of(word.override) for word in replay.overrides if not word.named and _reads_environment(word)]
    asked += [f"{key}={value}" for key, value in _unnamed_pairs(replay, trusted)]
    return list(dict.fromkeys(asked))


def _reads_environment(word: ReplayOverride) -> bool:
    """Whether an override has an interpolation that is more than another setting's value."""
    return "${" in PLAIN_INTERPOLATION.sub("", line_of(word.override))


def _unnamed_pairs(replay: Replay, trusted: bool) -> list[Pair]:
    """(key, value) of code of others and of its arguments, in any job, that only the folder names. Configuration files
    that only the folder names are not read before it is trusted."""
    found: dict[tuple[str, str], Pair] = {}
    folders = [*replay.named_folders, *(replay.added_folders if trusted else ())]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for words in _jobs(replay):
            try:
                pairs = untrusted_code(_compose(replay.command, [text for text, _ in words], folders))
            except (HydraException, OmegaConfBaseException) as error:
                if replay.added_folders and not trusted:  # refused for them already; what they hold may be missed here
                    return list(found.values())
                raise ConfigError(explain(error, composing=True) or str(error)) from error
            if pairs:
                named = _named_pairs(replay, words)
                found |= {(key, repr(value)): (key, value) for key, value in pairs if (key, repr(value)) not in named}
    return list(found.values())


def _named_pairs(replay: Replay, words: Sequence[tuple[str, ReplayOverride]]) -> set[tuple[str, str]]:
    """(key, value's text) of all that the command line, the folders that it names, and darts_pl's own files say."""
    told = [pair for _, word in words if word.named for pair in pairs_of(word.override)]
    kept = [text for text, word in words if word.named or _chooses_a_file(word.override)]
    try:
        config = _compose(replay.command, kept, replay.named_folders)
        told += [*leaves(OmegaConf.to_container(config, resolve=False)), *untrusted_code(config)]
    except (HydraException, OmegaConfBaseException):  # a choice among the files of a folder that is not named
        pass
    return {(key, repr(value)) for key, value in told}


def _compose(command: str, overrides: Sequence[str], folders: Sequence[str]) -> DictConfig:
    return compose(command, [*searchpath_override(folders), *overrides])


def _chooses_a_file(override: Override) -> bool:
    """Whether an override chooses among the files of a group."""
    loader = GlobalHydra.instance().config_loader()
    return not override.is_delete() and bool(loader.get_group_options(override.key_or_group))


def _jobs(replay: Replay) -> Iterator[list[tuple[str, ReplayOverride]]]:
    """The overrides of every job, those of Hydra itself left out; of numbers that are swept over the first."""
    words = [word for word in replay.overrides if not word.override.is_hydra_override()]
    options = [_options(word.override) if replay.multirun else [line_of(word.override)] for word in words]
    for number, texts in enumerate(itertools.product(*options)):
        if number == MOST_JOBS:
            raise RunError(f"{replay.origin}: a sweep of more than {MOST_JOBS} jobs. Start it with the whole command")
        yield list(zip(texts, words))


def _options(override: Override) -> list[str]:
    """The overrides that a sweep makes of one."""
    if not override.is_sweep_override():
        return [line_of(override)]
    key = override.get_key_element()
    if isinstance(value := override.value(), IntervalSweep):
        return [f"{key}={value.start}"]
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        loader = GlobalHydra.instance().config_loader()
        override = OverridesParser.create(loader).parse_override(line_of(override))
    values = override.sweep_string_iterator()
    if override.is_range_sweep():
        return [f"{key}={next(values)}"]
    texts = list(values)
    numbers = all(re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", text) for text in texts)
    return [f"{key}={text}" for text in (texts[:1] if numbers else texts)]

"""How a run or a sweep was started, as its folder tells it: overrides and configuration folders of its command."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep
from hydra.errors import HydraException

from darts_pl.bounded import read_yaml
from darts_pl.bounded.texts import shown
from darts_pl.commands.trusted import Pair, leaves
from darts_pl.errors import RunError
from darts_pl.overrides import quoted
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.places import SWEEP

OF_THE_MOMENT = ("resume", "trust")  # what a command says of itself, not of the run
PLAIN = (*OF_THE_MOMENT, "name", "genotype")  # keys without a dot that are no group of files, and may hold a path
LONGEST = 30_000  # characters of all overrides together: Hydra's grammar takes ever longer for longer lists
HYDRA, SEARCHPATH = "hydra", "hydra.searchpath"


@dataclass(frozen=True)
class Origin:
    """What started a run.

    Attributes:
        file: where this is told. overrides: of the command line, in its order. command: its name; None for a sweep,
            whose runs say it.
        config_dir, searchpath: folders of configuration files besides the package's, from --config-dir and
            hydra.searchpath.
    """

    file: Path
    overrides: list[Override]
    command: str | None = None
    config_dir: str | None = None
    searchpath: list[str] = field(default_factory=list)


def origin_of(folder: Path) -> Origin:
    """What started the run or the sweep in `folder`.

    Raises:
        RunError: its file is damaged, or asks for what is never taken from a folder: Hydra's own settings, options of
            the command line, configuration files by a path.
    """
    is_run = (folder / MANIFEST).is_file()
    file = folder / (MANIFEST if is_run else SWEEP)
    try:
        command, texts, folders = _of_run(read_manifest(folder)) if is_run else (None, *_of_sweep(file))
        config_dir, searchpath = folders.get("config_dir"), list(folders.get("searchpath") or ())
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file} is damaged: it does not tell how the run was started ({error!r})") from error
    told = [*searchpath, *([] if config_dir is None else [config_dir])]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in [*texts, *told]):
        found = shown(repr([texts, told]))
        raise RunError(f"{file} is damaged: found {found} as what started the run, expected lists of texts")
    if (length := sum(map(len, texts))) > LONGEST:
        raise RunError(f"{file}: found overrides of {length:,} characters, expected at most {LONGEST:,}")
    overrides = [override_of(file, text) for text in texts]
    kept = [each for each in overrides if key_of(each) not in OF_THE_MOMENT]
    return Origin(file, kept, command, config_dir, searchpath)


# Both give what is written there, which `origin_of` looks at.
def _of_run(manifest: Mapping[str, Any]) -> tuple[str, list[str], Mapping[str, Any]]:
    return manifest["command"], manifest.get("overrides", []), manifest.get("config_folders", {})


def _of_sweep(file: Path) -> tuple[list[str], Mapping[str, Any]]:
    """Overrides and folders of the multirun.yaml that Hydra leaves in a sweep's folder."""
    hydra = read_yaml(file)[HYDRA]
    return hydra["overrides"]["task"], config_folders(hydra["runtime"])


def overrides_of_run(texts: Sequence[str]) -> list[str]:
    """The overrides of a command that belong to its run."""
    return [text for text in texts if key_of(parse_override(text)) not in OF_THE_MOMENT]


def config_folders(runtime: Mapping[str, Any]) -> dict[str, Any]:
    """`--config-dir` and `hydra.searchpath` of the command line as absolute places, among the sources in Hydra's
    `runtime`; relative ones began in the folder that the command was started in."""
    config_dir, searchpath = None, []
    for source in runtime["config_sources"]:
        if source["provider"] == "command-line":
            config_dir = str(Path(runtime["cwd"], source["path"]))
        elif source["provider"] == "hydra.searchpath in command-line":
            path = Path(runtime["cwd"], source["path"]) if source["schema"] == "file" else source["path"]
            searchpath.append(f"{source['schema']}://{path}")
    return {"config_dir": config_dir, "searchpath": searchpath}


def override_of(file: Path, text: str) -> Override:
    """The override `text` of a run folder's file.

    Raises:
        RunError: it is none, or one that is never taken from a folder.
    """
    try:
        found = parse_override(text)
    except (HydraException, TypeError, ValueError, RecursionError) as error:  # also digits beyond Python's limit
        raise RunError(f"{file}: found {shown(repr(text))} among its overrides, expected key=value") from error
    if HYDRA in re.split(r"\W", f"{found.key_or_group} {found.package}"):
        raise RunError(
            f"{file}: found {shown(repr(text))} among its overrides. Settings of Hydra say where files are written and "
            "what runs, so they are never taken from a folder, and no run leaves them there: bring the file "
            "back to what it was"
        )
    if "." not in found.key_or_group and key_of(found) not in PLAIN and not all(map(_is_choice, _values(found))):
        raise RunError(
            f"{file}: found {shown(repr(text))} among its overrides, expected the name of a configuration file"
        )
    return found


def _values(override: Override) -> Sequence[object]:
    """The value of an override, each where it has several; none of a mapping."""
    value = override.value()
    if isinstance(value, dict):  # of a key that is no group; Hydra tells where it is one
        return []
    return value if isinstance(value, list) else value.list if isinstance(value, ChoiceSweep) else [value]


def _is_choice(name: object) -> bool:
    """Whether `name` is a plain value, and as the name of a configuration file one within the folder of its group."""
    if isinstance(name, list):
        return all(map(_is_choice, name))
    paths = PurePosixPath(str(name)), PureWindowsPath(str(name))
    return not isinstance(name, dict) and not any(path.is_absolute() or ".." in path.parts for path in paths)


def parse_override(text: str) -> Override:
    """An override as Hydra reads it.

    Raises:
        HydraException: it is none.
    """
    return OverridesParser.create().parse_override(text)


def line_of(override: Override) -> str:
    """An override as it was written; Hydra's parser notes it in every one that it makes of a text."""
    assert override.input_line is not None
    return override.input_line


def key_of(override: Override) -> str:
    """The key of an override with its package, without the sign that adds or deletes it."""
    return override.get_key_element().lstrip("+~")


def searchpath_override(places: Sequence[str]) -> list[str]:
    """The override that gives Hydra further folders of configuration files; none where there are none."""
    return [f"{SEARCHPATH}=[{','.join(map(quoted, places))}]"] if places else []


def pairs_of(override: Override) -> list[Pair]:
    """(dotted key, plain value) of everything that an override says; each choice where it sweeps over several."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        value = [parse_override(f"key={each}").value() for each in override.sweep_string_iterator()]
    return [] if isinstance(value, Sweep) else leaves(value, f"{override.key_or_group}.")

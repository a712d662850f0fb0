"""A command's arguments; those of a run that is gone on with are read from its folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from darts_pl.bounded import read_yaml
from darts_pl.errors import RunError
from darts_pl.overrides import quoted
from darts_pl.stages.run import MANIFEST, SWEEP, existing_run, read_manifest


def arguments(argv: list[str]) -> list[str]:
    """The command's arguments; where the only override is `resume=<folder>`, those that started that run are added,
    with the folders of configuration files that it was given.

    Raises:
        RunError: the folder to resume does not exist or holds no run; it is a sweep's and `-m` is missing, or the
            other way round.
    """
    given = _resume_of(argv)
    if given is None:
        return argv
    folder = existing_run(Path(given))
    is_run, sweeping = (folder / MANIFEST).is_file(), not {"-m", "--multirun"}.isdisjoint(argv)
    if not is_run and not sweeping:
        raise RunError(f"resume={folder}: found a sweep. Add -m to go on with all its jobs, or take one: {folder}/0")
    if is_run and sweeping:
        raise RunError(f"resume={folder}: found a single run, expected the folder of a sweep. Leave -m out")
    others = [text for text in argv if "=" in text and not text.startswith(("resume=", "-"))]
    if others:
        return argv
    started_by, folders = _run_origin(folder) if is_run else _sweep_origin(folder)
    place = next(place for place, text in enumerate(argv) if text.startswith("resume="))
    options, overrides = _config_dir(folders, argv), [*_searchpath(folders), *started_by]
    return [*options, *argv[:place], *overrides, *argv[place:]]  # overrides together: argparse takes one group of them


def _resume_of(argv: list[str]) -> str | None:
    """The folder that `argv` asks to resume, with Hydra's quotes taken off; None where there is none to check."""
    found = [text for text in argv if text.startswith("resume=")]
    if not found:
        return None
    try:
        value = OverridesParser.create().parse_override(found[-1]).value()
    except OverrideParseException:  # Hydra tells it with its place
        return None
    return None if value is None else str(value)


def _run_origin(folder: Path) -> tuple[list[str], dict]:
    """(overrides, folders of configuration files) that started the run in `folder`."""
    manifest = read_manifest(folder)
    return manifest.get("overrides", []), manifest.get("config_folders", {})


def _sweep_origin(folder: Path) -> tuple[list[str], dict]:
    """The same for the sweep in `folder`, from the multirun.yaml that Hydra leaves there."""
    hydra = read_yaml(folder / SWEEP)
    try:
        return without_resume(hydra["hydra"]["overrides"]["task"]), config_folders(hydra["hydra"]["runtime"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / SWEEP} is damaged: it lacks what Hydra writes there ({error!r})") from error


def config_folders(runtime: Mapping) -> dict:
    """`--config-dir` and `hydra.searchpath` of the command line as absolute places, among the sources in Hydra's
    `runtime`; relative ones began in the folder that the command was started in."""
    found = {"config_dir": None, "searchpath": []}
    for source in runtime["config_sources"]:
        if source["provider"] == "command-line":
            found["config_dir"] = str(Path(runtime["cwd"], source["path"]))
        elif source["provider"] == "hydra.searchpath in command-line":
            path = Path(runtime["cwd"], source["path"]) if source["schema"] == "file" else source["path"]
            found["searchpath"].append(f"{source['schema']}://{path}")
    return found


def _config_dir(folders: Mapping, argv: list[str]) -> list[str]:
    given = any(text.startswith(("--config-dir", "-cd")) for text in argv)
    return ["--config-dir", folders["config_dir"]] if folders.get("config_dir") and not given else []


def _searchpath(folders: Mapping) -> list[str]:
    places = [quoted(place) for place in folders.get("searchpath", [])]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []


def without_resume(overrides: Iterable[str]) -> list[str]:
    return [text for text in overrides if not text.startswith("resume=")]

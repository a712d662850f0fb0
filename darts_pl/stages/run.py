"""A run's folder: its configuration, its manifest, which stages are done; opened anew or to go on."""

import datetime
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from darts_pl import last_words
from darts_pl._version import versions
from darts_pl.bounded import read_yaml
from darts_pl.bounded.texts import file_digest, shown
from darts_pl.errors import RunError
from darts_pl.paths import write_text_atomically
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.places import SWEEP, check_inside, check_writable
from darts_pl.stages.provenance import config_digest, flatten, is_volatile

log = logging.getLogger("darts_pl")

CONFIG = "config.yaml"
PAUSED = "paused"  # a stage that is to be gone on with, without having been interrupted


class RunFolder:
    """The folder of one run. Open it by `RunFolder.open`.

    Attributes:
        path: the folder. manifest: what manifest.json holds. resumed: whether the folder held this run already.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], resumed: bool):
        self.path, self.manifest, self.resumed = Path(path), manifest, resumed

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        command: str,
        config: Mapping[str, Any],
        device: str,
        overrides: Sequence[str] = (),
        config_folders: Mapping[str, Any] | None = None,
    ) -> "RunFolder":
        """Start a run in `path`, or go on with the one that lies there.

        Args:
            overrides, config_folders: what Hydra needs to compose `config` again, kept in the manifest.

        Raises:
            RunError: the folder is not writable, its disk is nearly full, it holds links that lead out of it though
                `config` does not say `trust`, or a run of another configuration (the message lists the keys that
                differ).
        """
        path = Path(path)
        if not config.get("trust"):
            check_inside(path)
        check_writable(path)
        last_words.note(folder=str(path.absolute()), torch=versions()["torch"])
        if (path / MANIFEST).is_file():
            run = cls(path, read_manifest(path), resumed=True)
            run._check_same(command, config, overrides)
            run._warn_of_changes(device)
            run._update(status="running")
            return run
        write_text_atomically(path / CONFIG, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
        manifest = {
            "command": command,
            "seed": config.get("seed"),
            "config_sha256": config_digest(config),
            "overrides": list(overrides),
            "config_folders": dict(config_folders or {}),
            "versions": versions(),
            "device": device,
            "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "status": "running",
            "seconds": 0.0,
            "peak_memory_mib": 0.0,
            "stages": {},
        }
        run = cls(path, manifest, resumed=False)
        run._update()
        return run

    def _check_same(self, command: str, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        if self.manifest["command"] != command:
            raise RunError(f"{self.path} holds a {self.manifest['command']} run, this is {command}")
        if self.manifest["config_sha256"] == config_digest(config):
            self._check_file()
            return
        before = flatten(_mapping(self.path / CONFIG))
        now = flatten(config)
        given = {override.lstrip("+~").partition("=")[0] for override in overrides}
        later = [key for key in now if key not in before and key not in given]  # options that came after the run
        if self.manifest["config_sha256"] == config_digest(config, later):
            self._check_file()
            return
        changed = [k for k in {**before, **now} if before.get(k) != now.get(k) and not is_volatile(k)]
        listed = "; ".join(f"{key}: {before.get(key)!r} there, {now.get(key)!r} here" for key in changed[:8])
        raise RunError(
            f"{self.path} is a run of another configuration ({listed or 'config.yaml was edited'}). Resume with the "
            "command that started it, with only resume=<folder>, or start a new run."
        )

    def _check_file(self) -> None:
        """Raises RunError where config.yaml, which people and reports go by, is not the run's configuration."""
        path = self.path / CONFIG
        if path.is_file() and config_digest(_mapping(path)) != self.manifest["config_sha256"]:
            raise RunError(
                f"{path} is not the configuration that the run was begun with, by its digest in {MANIFEST}: it was "
                "edited or damaged. A run's settings cannot be changed; bring the file back, or start a new run."
            )

    def _warn_of_changes(self, device: str) -> None:
        before = {**self.manifest.get("versions", {}), "device": self.manifest.get("device")}
        now = {**versions(), "device": device}
        changed = [f"{k}: {before.get(k)} there, {now.get(k)} here" for k in now if before.get(k) != now.get(k)]
        if changed:
            log.warning(
                "%s was begun on other versions or another device (%s); that the result equals that of an "
                "uninterrupted run bit for bit is not promised",
                self.path,
                "; ".join(changed),
            )

    def done(self, stage: str) -> bool:
        """Whether `stage` was finished in this folder."""
        return self.manifest["stages"].get(stage, {}).get("status") == "complete"

    @contextmanager
    def stage(
        self, name: str, *, inputs: Mapping[str, Path] | None = None, data: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Account for a stage: digests of its input files, seconds (added up over interruptions), and what the caller
        puts into the yielded dictionary; marked complete on leaving without an error, unless its status is `PAUSED`.

        Args:
            inputs: the stage's input files by name. data: the digest of its data, the same for all stages of a run.

        Raises:
            RunError: the run was begun with other data.
        """
        self.check_data(data)
        entry = self.manifest["stages"].setdefault(name, {"seconds": 0.0})
        entry["status"] = "running"
        entry["inputs"] = {key: file_digest(path) for key, path in (inputs or {}).items()}
        if data is not None:
            entry["inputs"]["data"] = data
        self._update()
        last_words.note(at=f"the start of {name}")
        started = time.perf_counter()
        try:
            yield entry
            if entry["status"] != PAUSED:
                entry["status"] = "complete"
        finally:
            if entry["status"] == "running":
                entry["status"] = self.manifest["status"] = "stopped"
            spent = time.perf_counter() - started
            entry["seconds"] = round(entry["seconds"] + spent, 3)
            peak = max(self.manifest["peak_memory_mib"], entry.get("peak_memory_mib", 0.0))
            self._update(seconds=round(self.manifest["seconds"] + spent, 3), peak_memory_mib=peak)

    def check_data(self, digest: str | None) -> None:
        """Raises RunError where a stage of the run used data of another digest."""
        for name, entry in self.manifest["stages"].items():
            before = entry.get("inputs", {}).get("data")
            if None not in (before, digest) and before != digest:
                raise RunError(
                    f"{self.path}: its stage {name!r} used data of sha256 {before}, found data of sha256 {digest} now. "
                    "Bring the data back to what they were, or start a new run."
                )

    def note(self, **facts: Any) -> None:
        """Keep facts of the whole run in the manifest."""
        self._update(**facts)

    def distinguishing_settings(self) -> dict[str, Any]:
        """What tells this run from others: its seed and what its command set, in a sweep only what its runs differ
        in."""
        shared = _overrides_of_sweep(self.path.parent)
        pairs = [text.lstrip("+~").partition("=") for text in self.manifest["overrides"] if text not in shared]
        return {"seed": self.manifest["seed"], **{key: _number_or_text(value) for key, sign, value in pairs if sign}}

    def complete(self) -> None:
        """Mark the whole run complete."""
        self._update(status="complete")

    def _update(self, **changes: Any) -> None:
        self.manifest.update(changes)
        write_text_atomically(self.path / MANIFEST, json.dumps(self.manifest, indent=2) + "\n")

    def write_json(self, name: str, content: Any) -> Path:
        """Write `content` as JSON to the file `name` of the folder."""
        return write_text_atomically(self.path / name, json.dumps(content, indent=2) + "\n")


def _overrides_of_sweep(folder: Path) -> list[str]:
    """What the command of a sweep gave to all of its runs alike, among what it gave them in turn; empty for a folder
    that is no sweep's."""
    if not (folder / SWEEP).is_file():
        return []
    try:
        return list(_mapping(folder / SWEEP)["hydra"]["overrides"]["task"])
    except (RunError, LookupError, TypeError) as error:
        log.warning("%s cannot be read, so TensorBoard shows what is alike in all runs too: %s", folder / SWEEP, error)
        return []


def _number_or_text(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged: found {shown(repr(found))}, expected a mapping")
    return found

"""Run folders as a stranger could hand them on, and what they leave behind where they get through."""

import json
import os
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from darts_pl.paths import conf_dir
from darts_pl.stages.provenance import config_digest

MODULE = """
from pathlib import Path

Path({marker!r}).touch()
from darts_pl.data import digits_data as Data
from darts_pl.spaces import CellSpace as Space


def go(*arguments, **named):
    return Path({marker!r}).touch()
"""


class Payload:
    """Its pickle makes a file when it is read."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.marker}",))


def rewritten(run: Path, **manifest: object) -> None:
    """Change what the manifest of `run` says."""
    told = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**told, **manifest}))


def forged(run: Path, overrides: list[str], command: str = "search") -> None:
    """Let `run` say that `overrides` started it, as whoever hands it on can: with the digest that belongs to them."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = OmegaConf.to_container(compose(command, [*overrides, f"resume={run}"]), resolve=True)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    rewritten(run, command=command, overrides=overrides, config_sha256=config_digest(config))


def content(folder: Path) -> dict[str, str]:
    """Every entry below `folder`: what a file holds, where a link leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_file() and "__pycache__" not in path.parts:
            found[str(path.relative_to(folder))] = path.read_bytes().hex()
    return found

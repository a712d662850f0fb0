"""The schema of the pipeline and conf/pipeline.yaml say the same, and nothing in them is without effect."""

import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pipeline_series import FinishedRun, composed

from darts_pl.assembly import register
from darts_pl.assembly.origins import OF_THE_MOMENT
from darts_pl.forecasting import build_plan, find_forecaster, parts
from darts_pl.paths import conf_dir
from darts_pl.schema import DARTSConfig
from darts_pl.stages.manifest import read_manifest
from darts_pl.stages.run import RunFolder


def fields(schema: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, default) of every plain field; those that a file of conf/ fills in are left out."""
    defaults = schema()
    for field in dataclasses.fields(schema):
        value = getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields(type(value), f"{field.name}.")
        elif value != {}:
            yield f"{prefix}{field.name}", value


FIELDS = dict(fields(DARTSConfig))


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    """conf/pipeline.yaml with its defaults, as plain values."""
    register()
    with initialize_config_dir(str(conf_dir().absolute()), version_base="1.3"):
        config = compose("pipeline", ["data.csv=my.csv"])
    return OmegaConf.to_container(config, resolve=True)


@pytest.mark.parametrize("name", FIELDS)
def test_a_default_is_what_the_file_says(composition: dict[str, Any], name: str) -> None:
    section, _, key = name.rpartition(".")
    written = OmegaConf.to_container(OmegaConf.load(conf_dir() / "pipeline.yaml"))  # without what the schema adds
    assert key in (written[section] if section else written)
    assert (composition[section] if section else composition)[key] == FIELDS[name]


class Watched(Mapping):
    """A mapping that notes which of its keys were asked for."""

    def __init__(self, values: Mapping[str, Any], prefix: str, seen: set[str]):
        sections = {name.partition(".")[0] for name in FIELDS if "." in name} if not prefix else set()
        self.values_ = {
            key: Watched(value, f"{key}.", seen) if key in sections else value for key, value in values.items()
        }
        self.prefix, self.seen = prefix, seen

    def __getitem__(self, key: str) -> Any:
        self.seen.add(f"{self.prefix}{key}")
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_every_setting_is_read(whole: FinishedRun, csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what makes the parts, by the order of the stages over a finished run, by another setting that names it, or by
    what looks at the folder that is gone on with."""
    seen: set[str] = set(OF_THE_MOMENT)
    config = Watched(composed(csv), "", seen)
    monkeypatch.setattr(parts, "json", SimpleNamespace(loads=lambda text: config))
    made = parts.build_parts("")
    data = made.final_data()
    made.search_data()
    made.method(made.make_space(whole.json("candidates/pool.json")[0]["space"]))
    folder = Path(shutil.copytree(whole.path, tmp_path / "run"))
    run = RunFolder(folder, read_manifest(folder), resumed=True)
    find_forecaster(run, None, config, build_plan(config, data), data)
    for file in ("pipeline.yaml", "hydra/default.yaml", "hardware/auto.yaml"):
        text = (conf_dir() / file).read_text(encoding="utf-8")
        seen |= set(re.findall(r"\$\{([\w.]+)\}", text))
    assert sorted(set(FIELDS) - seen) == []

"""Every value of a setting stands once, in conf/: schemas have types, dataclasses of Python take values from there."""

import dataclasses

import pytest
from omegaconf import MISSING, OmegaConf

from darts_pl import DARTSConfig, SearchConfig, schema
from darts_pl.errors import ConfigError
from darts_pl.paths import conf_dir
from darts_pl.schema.values import file_values, settings


@pytest.mark.parametrize("node", [schema.SearchCommand, schema.RetrainCommand, schema.Retraining])
def test_a_schema_of_a_command_has_no_values(node):
    found = {field.name: getattr(node(), field.name) for field in dataclasses.fields(node)}
    assert {name: each for name, each in found.items() if each != MISSING and each not in ({}, [])} in (
        {},
        {"retraining": schema.Retraining()},
    )


def test_a_search_from_python_begins_with_the_papers_settings():
    written = [OmegaConf.load(conf_dir() / file) for file in ("search.yaml", "experiment/cifar_first_order.yaml")]
    (base, paper), space, config = written, OmegaConf.load(conf_dir() / "space/cells.yaml"), SearchConfig()
    shared = {field.name for field in dataclasses.fields(SearchConfig)} & {*base, *paper}
    assert {"epochs", "learning_rate", "arch_learning_rate", "clip_norm", "seed", "guards"} <= shared
    for name in shared:
        assert getattr(config, name) == (paper if name in paper else base)[name] or name == "batch_size"
    assert list(config.arch_betas) == base.alphas_optimizer.betas
    for name in ("init_channels", "layers", "num_nodes", "primitives", "operations", "stem"):
        assert getattr(config, name) == space[name]
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        SearchConfig(epoch=3)


def test_defaults_are_not_shared_between_configurations():
    written = file_values("pipeline.yaml", data="data/windows.yaml", hardware="hardware/auto.yaml")
    DARTSConfig().space.modes.append("another")
    assert DARTSConfig().space.modes == written["space"]["modes"]


def test_a_value_in_the_code_and_in_a_file_or_in_neither_is_refused():
    twice, nowhere = type("Twice", (), {"epochs": 3}), type("Nowhere", (), {"epochs": MISSING})
    twice.__annotations__ = nowhere.__annotations__ = {"epochs": int}
    with pytest.raises(TypeError, match=r"Twice\.epochs: its value stands in the code and in conf/"):
        settings({"epochs": 3})(twice)
    with pytest.raises(TypeError, match=r"Nowhere\.epochs: its value stands neither"):
        settings({})(nowhere)

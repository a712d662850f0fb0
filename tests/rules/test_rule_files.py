"""The configuration files of rules hold the constructors' own defaults, and lie where the command looks for rules."""

import inspect

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from darts_pl import rules
from darts_pl.paths import conf_dir

NAMES = {
    "sdarts_rs": rules.SDARTSRandom,
    "sdarts_adv": rules.SDARTSAdversarial,
    "beta_decay": rules.BetaDecay,
    "auxiliary_skip": rules.AuxiliarySkip,
    "drop_path": rules.DropPath,
    "eigenvalue_stop": rules.EigenvalueStop,
    "skip_stop": rules.SkipStop,
    "ranking_stop": rules.RankingStop,
}


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_the_defaults(name):
    path = conf_dir() / "rule" / f"{name}.yaml"
    first, second, *_ = path.read_text().splitlines()
    assert first == f"# @package rules.{name}" and second.startswith("# ")
    config = OmegaConf.load(path)
    assert type(instantiate(config)) is NAMES[name]
    defaults = {key: parameter.default for key, parameter in inspect.signature(NAMES[name]).parameters.items()}
    assert {key: value for key, value in config.items() if key != "_target_"} == defaults

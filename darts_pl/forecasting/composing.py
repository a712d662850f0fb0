"""The configuration of `darts_pl.pipeline` composed from Python: the same files, the same checks as the command's."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darts_pl import schema
from darts_pl.commands import check_config
from darts_pl.commands.config_files import isolated_hydra
from darts_pl.commands.explain import explain
from darts_pl.errors import ConfigError, nearest

GROUPS = ("relaxation", "mixing", "hypergradient", "rule", "derivation", "hardware", "trainer", "logger", "callbacks")
SECTIONS = ("space", "train", "final", "multi_fidelity", "ablation", "robust_pool")
OPTIMIZERS = ("weights_optimizer", "alphas_optimizer", "final_optimizer")
PARTS = ("relaxation", "mixing", "hypergradient", "derivation", "rules", *OPTIMIZERS)


def composed(
    config: schema.DARTSConfig, choices: Mapping[str, str | Sequence[str]], nodes: Mapping[str, Mapping]
) -> dict[str, Any]:
    """Plain values, as in conf/pipeline.yaml.

    Args:
        config: the settings. choices: group → name of a file in conf/, such as {"relaxation": "dirichlet"}; the group
            `rule` takes several. nodes: key → what goes over a file's content, such as `data`.

    Raises:
        ConfigError: a group, name, key or value that does not exist or cannot be, with the nearest.
    """
    overrides = [_override(group, choice) for group, choice in choices.items()]
    try:
        with isolated_hydra():
            found = compose("pipeline", ["data=windows", *overrides])
            OmegaConf.set_struct(found, False)
            given = dataclasses.asdict(config)
            for section in SECTIONS:
                found[section] = OmegaConf.merge(found[section], given[section])
            for key in ("name", "seed", "checkpoint_every_s", "trust"):
                found[key] = given[key]
            for part in PARTS:
                if given[part]:
                    whole = part == "rules" or "_target_" in given[part]
                    found[part] = given[part] if whole else OmegaConf.merge(found[part], given[part])
            for group in ("hardware", "trainer", "logger", "callbacks"):
                found[group] = OmegaConf.merge(found[group], given[group])
            for key, node in nodes.items():
                found[key] = OmegaConf.merge(found[key], node)
            check_config(found)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, composing=True) or str(error)) from error
    return OmegaConf.to_container(found, resolve=True)


def _override(group: str, choice: str | Sequence[str]) -> str:
    if group not in GROUPS:
        raise ConfigError(f"parts: {group!r} is no part. {nearest(group, GROUPS)}")
    return f"{group}={choice}" if isinstance(choice, str) else f"{group}=[{','.join(choice)}]"

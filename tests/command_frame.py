"""A small configuration for the frame of the commands, with a part that tells wrong settings from defects."""

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from darts_pl.errors import ConfigError


@dataclass
class Inner:
    depth: int = 1


@dataclass
class Schema:
    epochs: int = 3
    seed: int = 0
    rate: float = 0.1
    genotype: str = "DARTS_V1"
    resume: str | None = None
    space: dict[str, Any] = field(default_factory=dict)
    relaxation: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


class Space:
    """A part with plain annotations, as the project's own parts have."""

    def __init__(self, layers: int, kind: Literal["wide", "deep"] = "wide", ratio: float | None = None):
        if layers < 1:
            raise ConfigError(f"space.layers: found {layers}, expected at least 1")
        if layers == 13:
            raise TypeError("a defect inside the part")
        self.layers = layers


FILES = {
    "search.yaml": """
        defaults: [commands_test_schema, {space: cells}, {relaxation: softmax}, _self_,
                   {override hydra/job_logging: none}, {override hydra/hydra_logging: none}]
        hydra: {run: {dir: outputs/run}, sweep: {dir: outputs/sweep}}
        """,
    "space/cells.yaml": f"{{_target_: {__name__}.Space, layers: 8}}",
    "relaxation/softmax.yaml": "{_target_: builtins.dict}",
    "relaxation/gumbel.yaml": "{_target_: builtins.dict, tau: 1.0}",
    "experiment/cifar_first_order.yaml": "# @package _global_\nepochs: 50",
    "experiment/broken.yaml": "# @package _global_\nepoch: 50",
    "experiment/typed.yaml": "# @package _global_\nepochs: many",
    "experiment/headless.yaml": "# a comment first\n# @package _global_\nepochs: 1",
    "experiment/headless_part.yaml": "# a comment first\n# @package _global_\ndefaults: [override /relaxation: gumbel]",
    "experiment/syntax.yaml": "# @package _global_\nepochs: [",
}


def write_conf(folder: Path) -> None:
    """Write the configuration folder and make its schema known."""
    ConfigStore.instance().store(name="commands_test_schema", node=Schema)
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))


def build(cfg: DictConfig) -> None:
    """What every command does: build the parts."""
    instantiate(cfg.space)


def told(capsys: pytest.CaptureFixture) -> str:
    """What was printed as errors, none of it by Hydra."""
    message = capsys.readouterr().err
    assert "Error executing job with overrides" not in message
    return message


def begin_run() -> None:
    """What makes a run of the folder of the present job."""
    Path(HydraConfig.get().runtime.output_dir, "manifest.json").write_text("{}")

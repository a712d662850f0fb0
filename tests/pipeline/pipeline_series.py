"""A small series with a daily season, and pipelines over it that take seconds."""

import contextlib
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from darts_pl import pipeline
from darts_pl.assembly import register
from darts_pl.forecasting import parts_factory
from darts_pl.paths import conf_dir
from darts_pl.stages.pipeline.parts import PipelineParts

TARGETS, LOOK_BACK, HORIZON, SEASON = ["load", "flow"], 24, 8, 24
ROWS, TRAIN, TEST = 400, 280, 320  # rows, end of training, beginning of the test, at the shares 0.7, 0.1, 0.2
DATA = [
    "data.targets=[load,flow]",
    "data.past_covariates=[wind]",
    f"data.look_back={LOOK_BACK}",
    f"data.horizon={HORIZON}",
    "hardware.accelerator=cpu",
]
SPACE = [
    "space.modes=[encoder_only,mamba]",
    "space.hidden_dims=[8]",
    "space.layers=[1]",
    "space.num_nodes=[1]",
    "space.operations=[identity,time_conv,grn,dlinear]",
    "space.operations_per_candidate=[2,3]",
    "space.tokens=[patches,variates]",
    "space.attentions=[full,mamba]",
    "space.patch_lengths=[8]",
]
TINY = [
    *DATA,
    *SPACE,
    "train.epochs=2",
    "train.batch_size=16",
    "train.alpha_warmup_epochs=0",
    "final.epochs=2",
    "final.batch_size=16",
    "final.random_architectures=1",
    "final.baseline_epochs=2",
    "multi_fidelity.num_candidates=6",
    "multi_fidelity.proxies=[params,naswot,zico]",
    "multi_fidelity.repeats=1",
    "multi_fidelity.max_samples=16",
    "multi_fidelity.top_k=4",
    "multi_fidelity.choice_epochs=1",
    "multi_fidelity.max_workers=1",
    "multi_fidelity.collect_stats=false",
    "robust_pool.pools=2",
    "robust_pool.pool_size=2",
    "robust_pool.num_candidates=3",
]


def hourly(rows: int = ROWS) -> pd.DataFrame:
    """Two targets and a covariate; `flow` drifts, so that the parts differ in level."""
    t, noise = np.arange(rows), np.random.default_rng(0).standard_normal((rows, 3))
    return pd.DataFrame(
        {
            "date": pd.date_range("2021-01-04", periods=rows, freq="h"),
            "load": 10 + 3 * np.sin(2 * np.pi * t / SEASON) + 0.3 * noise[:, 0],
            "flow": 200 + 20 * np.cos(2 * np.pi * t / SEASON) + 0.05 * t + 4 * noise[:, 1],
            "wind": 5 + noise[:, 2],
        }
    )


def write_csv(path: Path, frame: pd.DataFrame) -> Path:
    """`frame` as a file whose numbers are read back exactly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, float_format="%.17g")
    return path


def composed(csv: Path, *words: str) -> dict[str, Any]:
    """The configuration of the tiny pipeline as plain values."""
    register()
    with initialize_config_dir(str(conf_dir().absolute()), version_base="1.3"):
        config = compose("pipeline", [f"data.csv={csv}", *TINY, *words])
    return OmegaConf.to_container(config, resolve=True)


def parts_from(csv: Path, *words: str) -> PipelineParts:
    """The parts of the tiny pipeline, made as a worker makes them."""
    return parts_factory(composed(csv, *words))()


def command(*words: str) -> tuple[int, str, str]:
    """(exit status, what was printed, errors) of `python -m darts_pl.pipeline` with these words, in this process."""
    printed, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        patch.setattr(sys, "argv", ["darts_pl.pipeline", *words])
        return pipeline.main(), printed.getvalue(), errors.getvalue()


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its folder and what was printed."""

    path: Path
    printed: str = ""

    def table(self, name: str) -> pd.DataFrame:
        """A CSV file of the run without the columns that no two runs share."""
        table = pd.read_csv(self.path / name)
        return table[[column for column in table.columns if not column.startswith("seconds")]]

    def json(self, name: str) -> Any:
        """A JSON file of the run without seconds and memory."""
        return _without_costs(json.loads((self.path / name).read_text(encoding="utf-8")))

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of the final table by name."""
        return {row["name"]: row for row in self.json("results.json")["rows"]}

    @property
    def winner(self) -> str:
        """The id of the chosen candidate."""
        return self.json("results.json")["chosen"]["id"]


def run_pipeline(folder: Path, csv: Path, *words: str) -> FinishedRun:
    """The tiny pipeline in `folder`."""
    status, printed, errors = command(f"data.csv={csv}", *TINY, *words, f"hydra.run.dir={folder}")
    assert status == 0, errors
    return FinishedRun(folder, printed)


TABLES = ("candidates.csv", "choose/choices.csv", "search/rungs.csv", "screen/scores.csv", "ablation.csv")
TABLES += ("robust_pool.csv", "errors_by_horizon.csv")


def assert_same_run(found: FinishedRun, expected: FinishedRun) -> None:
    """Every table and every figure of the results is equal to the last bit, seconds aside."""
    for name in TABLES:
        pd.testing.assert_frame_equal(found.table(name), expected.table(name), check_exact=True, obj=name)
    assert found.json("results.json") == expected.json("results.json")


def _without_costs(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_costs(each) for key, each in value.items() if key not in ("seconds", "stages")}
    return [_without_costs(each) for each in value] if isinstance(value, list) else value

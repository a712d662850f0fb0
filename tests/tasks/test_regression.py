"""Regression: losses and figures against scikit-learn; shapes are reconciled or refused, never broadcast."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from darts_pl.errors import ConfigError
from darts_pl.tasks import Regression


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("width", [1, 3])
def test_figures_are_those_of_all_samples_at_once(width: int) -> None:
    task, output, y = Regression(width), some(9, width), some(9, width, seed=1)
    metrics = task.metrics()
    for part in (slice(0, 4), slice(4, 8), slice(8, 9)):
        metrics.update(task.loss(output[part], y[part]), output[part], y[part])
    found = metrics.compute("val")
    assert found == pytest.approx(
        {
            "val_loss": mean_squared_error(y, output),
            "val_mse": mean_squared_error(y, output),
            "val_mae": mean_absolute_error(y, output),
            "val_r2": r2_score(y, output),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize(("name", "of"), [("mse", F.mse_loss), ("mae", F.l1_loss), ("huber", F.huber_loss)])
@pytest.mark.parametrize("output_shape", [(6,), (6, 1)])
@pytest.mark.parametrize("y_shape", [(6,), (6, 1)])
def test_one_target_in_any_form(name: str, of, output_shape: tuple, y_shape: tuple) -> None:
    task, output, y = Regression(loss=name), some(6) * 3, some(6, seed=1)
    expected = of(output, y)
    assert task.loss(output.reshape(output_shape), y.reshape(y_shape)) == pytest.approx(expected.item())
    metrics = task.metrics()
    metrics.update(expected, output.reshape(output_shape), y.reshape(y_shape))
    assert metrics.compute("x")["x_mse"] == pytest.approx(F.mse_loss(output, y).item())


@pytest.mark.parametrize(
    ("width", "output", "y"),
    [(1, (4, 1), (4, 4)), (1, (4,), (1,)), (1, (4, 2), (4, 2)), (3, (4, 3), (4,)), (3, (4, 3), (4, 1)), (1, (), ())],
)
def test_other_shapes_are_refused_with_both(width: int, output: tuple, y: tuple) -> None:
    task = Regression(width)
    with pytest.raises(ConfigError, match="regression: found outputs") as raised:
        task.loss(torch.zeros(output), torch.zeros(y))
    assert str(output) in str(raised.value) and str(y) in str(raised.value)


def test_a_half_precision_output_and_a_double_one() -> None:
    task = Regression()
    assert task.loss(torch.zeros(2, dtype=torch.float16), torch.full((2,), 0.1)).dtype == torch.float32
    assert task.loss(torch.zeros(2, dtype=torch.float64), torch.ones(2)).dtype == torch.float64


def test_one_sample_has_no_r2_and_a_state_goes_on() -> None:
    task, output, y = Regression(2), some(5, 2), some(5, 2, seed=1)
    whole, part, resumed = task.metrics(), task.metrics(), task.metrics()
    part.update(task.loss(output[:1], y[:1]), output[:1], y[:1])
    assert np.isnan(part.compute("x")["x_r2"]) and np.isfinite(part.compute("x")["x_mse"])
    resumed.load_state_dict(part.state_dict())
    resumed.update(task.loss(output[1:], y[1:]), output[1:], y[1:])
    whole.update(task.loss(output, y), output, y)
    assert resumed.compute("x") == pytest.approx(whole.compute("x"))
    whole.reset()
    assert whole.compute("x") == {}


def test_settings() -> None:
    assert Regression().better(0.1, 0.2) and not Regression().better(float("nan"), 0.2)
    assert Regression.monitor == "mse"
    with pytest.raises(ConfigError, match=r"loss='hubert' is no loss of a regression\. Did you mean 'huber'"):
        Regression(loss="hubert")
    with pytest.raises(ConfigError, match="num_targets=0"):
        Regression(0)

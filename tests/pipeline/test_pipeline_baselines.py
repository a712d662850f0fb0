"""Each baseline against its formula in numpy."""

import numpy as np
import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.ops.series import SeriesShape
from darts_pl.stages.pipeline.baselines import DLinear, NLinear, SeasonalNaive, baseline
from darts_pl.stages.pipeline.final import baselines_that_fit

SHAPE = SeriesShape(look_back=30, horizon=10, targets=2, past_covariates=1)


@pytest.fixture
def past() -> np.ndarray:
    """[4, 30, 3]: two targets, then a covariate."""
    return np.random.default_rng(1).standard_normal((4, 30, 3))


def forecast(network: torch.nn.Module, past: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network.double()({"past": torch.from_numpy(past)}).numpy()


def drawn(network: torch.nn.Module) -> torch.nn.Module:
    """The network with random weights, so that no two of them are alike."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    return network.double()


def linear(layer: torch.nn.Linear, values: np.ndarray) -> np.ndarray:
    """[B, T] → [B, P]."""
    return values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


@pytest.mark.parametrize("season", [1, 7, 10, 30])
def test_the_season_before_is_repeated(past: np.ndarray, season: int) -> None:
    found = forecast(SeasonalNaive(SHAPE, season), past)
    assert found.shape == (4, 10, 2)
    for step in range(10):
        np.testing.assert_array_equal(found[:, step], past[:, 30 - season + step % season, :2])


def test_naive_forecasts_by_name(past: np.ndarray) -> None:
    last = forecast(baseline("last value", SHAPE, 7), past)
    np.testing.assert_array_equal(last, np.repeat(past[:, -1:, :2], 10, axis=1))
    seasonal = forecast(baseline("seasonal naive", SHAPE, 7), past)
    np.testing.assert_array_equal(seasonal[:, :8], past[:, [23, 24, 25, 26, 27, 28, 29, 23], :2])


def test_nlinear(past: np.ndarray) -> None:
    """Zeng et al., arXiv:2205.13504, section 4."""
    network = drawn(NLinear(SHAPE))
    found = forecast(network, past)
    for target in range(2):
        series, last = past[..., target], past[:, -1:, target]
        np.testing.assert_allclose(found[..., target], linear(network.map, series - last) + last, atol=1e-12)


def test_dlinear(past: np.ndarray) -> None:
    """The trend is the mean of 25 steps about each, the ends standing for what lies beyond them."""
    network = drawn(DLinear(SHAPE))
    found = forecast(network, past)
    for target in range(2):
        series = past[..., target]
        padded = np.pad(series, ((0, 0), (12, 12)), mode="edge")
        trend = np.stack([np.convolve(row, np.full(25, 1 / 25), mode="valid") for row in padded])
        expected = linear(network.trend, trend) + linear(network.remainder, series - trend)
        np.testing.assert_allclose(found[..., target], expected, atol=1e-12)


def test_dlinear_starts_as_the_mean_of_the_look_back(past: np.ndarray) -> None:
    network = DLinear(SHAPE)
    for layer in (network.trend, network.remainder):
        torch.nn.init.zeros_(layer.bias)
    expected = np.repeat(past[..., :2].mean(axis=1, keepdims=True), 10, axis=1)
    np.testing.assert_allclose(forecast(network, past), expected, atol=1e-7)


def test_parameters_are_those_of_maps_shared_by_all_targets() -> None:
    assert NLinear(SHAPE).count_parameters() == 30 * 10 + 10
    assert DLinear(SHAPE).count_parameters() == 2 * (30 * 10 + 10)


def test_an_unknown_baseline_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"final\.baselines: 'dlinaer' does not exist. Did you mean 'dlinear'"):
        baseline("dlinaer", SHAPE, 7)


def test_a_season_longer_than_the_look_back() -> None:
    """It is left out with a note, and refused by itself."""
    names = ["last value", "seasonal naive", "nlinear"]
    kept, notes = baselines_that_fit(names, season=31, look_back=30)
    assert kept == ["last value", "nlinear"]
    assert notes == ["No seasonal naive forecast: a season has 31 steps, the look-back 30."]
    assert baselines_that_fit(names, season=30, look_back=30) == (names, [])
    assert baselines_that_fit(names[:1], season=31, look_back=30) == (names[:1], [])
    with pytest.raises(ConfigError, match="a season of 31 steps does not fit a look-back of 30"):
        SeasonalNaive(SHAPE, 31)

"""Moving averages, DLinear, TimeMixer and N-BEATS against computations written out in NumPy."""

import numpy as np
import pytest
import torch
import torch.nn as nn
from building import built, values

from darts_pl.ops.series.decomposition import MovingAverage
from darts_pl.ops.series.nbeats import seasonality_basis, trend_basis


def moving_average(x: np.ndarray, kernel: int) -> np.ndarray:
    """Over axis 2, the ends repeated."""
    half = kernel // 2
    last = x.shape[2] - 1
    columns = [x[:, :, [min(max(n + k, 0), last) for k in range(-half, half + 1)]].mean(2) for n in range(last + 1)]
    return np.stack(columns, axis=2)


@pytest.mark.parametrize(("tokens", "kernel"), [(96, 25), (25, 25), (24, 25), (12, 13), (2, 3), (1, 1)])
def test_dlinear_is_two_maps_over_time(tokens, kernel):
    operation, x = built("dlinear", 2, tokens, 5), values(3, 2, tokens, 5)
    trend = moving_average(x.numpy(), kernel)
    w = {name: weight.detach().numpy() for name, weight in operation.named_parameters()}
    expected = np.einsum("mn,bvnd->bvmd", w["trend.weight"], trend)
    if tokens > 1:
        expected += np.einsum("mn,bvnd->bvmd", w["remainder.weight"], x.numpy() - trend)
    np.testing.assert_allclose(operation(x).detach().numpy(), expected, rtol=1e-9, atol=1e-11)


def test_dlinear_superposes_over_time_and_mixes_no_channels():
    operation = built("dlinear", 1, 24, 4)
    zero = operation(torch.zeros(1, 1, 24, 4, dtype=torch.float64))
    a, b = values(1, 1, 24, 4), values(1, 1, 24, 4, seed=2)
    torch.testing.assert_close(
        operation(2 * a - 3 * b) - zero, 2 * (operation(a) - zero) - 3 * (operation(b) - zero), rtol=0, atol=1e-10
    )
    changed = a.clone()
    changed[..., 0] = b[..., 0]
    torch.testing.assert_close(operation(changed)[..., 1:], operation(a)[..., 1:])


def test_moving_average_of_a_ramp_and_a_constant():
    average = MovingAverage(5, kernel=3)
    ramp = torch.arange(5.0).view(1, 1, 5)
    torch.testing.assert_close(average(ramp)[0, 0], torch.tensor([1 / 3, 1, 2, 3, 11 / 3]))
    torch.testing.assert_close(MovingAverage(96)(torch.ones(2, 3, 96)), torch.ones(2, 3, 96))


@pytest.mark.parametrize(("tokens", "lengths"), [(96, [96, 48, 24]), (13, [13, 6, 3]), (3, [3, 1]), (1, [1])])
def test_time_mixer_scales_are_averages_by_two(tokens, lengths):
    operation, x = built("time_mixer", 1, tokens, 4), values(2, 4, tokens)
    expected = x.numpy()
    for scale, length in zip(operation.scales(x), lengths, strict=True):
        np.testing.assert_allclose(scale.numpy(), expected[..., :length])
        half = expected.shape[-1] // 2
        expected = expected[..., : 2 * half].reshape(2, 4, half, 2).mean(-1)


def test_time_mixer_mixes_seasons_upwards_and_trends_downwards():
    """The whole block in NumPy, channels first (R, D, n)."""
    operation, x = built("time_mixer", 2, 13, 4), values(3, 2, 13, 4)

    def run(layers: nn.Module, rows: np.ndarray) -> np.ndarray:
        return layers(torch.from_numpy(rows)).detach().numpy()

    fine = x.flatten(0, 1).transpose(1, 2).numpy()
    middle = fine[..., :12].reshape(6, 4, 6, 2).mean(-1)
    coarse = middle.reshape(6, 4, 3, 2).mean(-1)
    scales = [fine, middle, coarse]
    trends = [moving_average(s[:, None].swapaxes(2, 3), k)[:, 0].swapaxes(1, 2) for s, k in zip(scales, (13, 7, 3))]
    seasons = [scale - trend for scale, trend in zip(scales, trends)]
    seasons[1] = seasons[1] + run(operation.bottom_up[0], seasons[0])
    seasons[2] = seasons[2] + run(operation.bottom_up[1], seasons[1])
    trends[1] = trends[1] + run(operation.top_down[1], trends[2])
    trends[0] = trends[0] + run(operation.top_down[0], trends[1])
    expected = sum(
        run(project, scale + run(operation.feed_forward, (season + trend).swapaxes(1, 2)).swapaxes(1, 2))
        for project, scale, season, trend in zip(operation.project, scales, seasons, trends)
    )
    found = operation(x).flatten(0, 1).transpose(1, 2).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("tokens", [1, 2, 13, 24])
def test_bases_of_nbeats(tokens):
    time = np.arange(tokens) / tokens
    np.testing.assert_allclose(trend_basis(tokens, 3).numpy(), [time**power for power in range(4)], atol=1e-12)
    harmonics = range(max(1, tokens // 2))
    cosines = [np.cos(2 * np.pi * i * time) for i in harmonics]
    sines = [np.sin(2 * np.pi * i * time) for i in harmonics if i]
    np.testing.assert_allclose(seasonality_basis(tokens).numpy(), cosines + sines, atol=1e-12)


def in_span(y: np.ndarray, basis: np.ndarray) -> float:
    """Largest part of the columns of y [N, M] that the rows of the basis [K, N] cannot write."""
    return np.abs(y - basis.T @ np.linalg.lstsq(basis.T, y, rcond=None)[0]).max()


def test_nbeats_answers_in_its_bases_and_passes_on_what_is_left():
    operation, x = built("nbeats", 2, 24, 4), values(3, 2, 24, 4)
    rows = x.flatten(0, 1).transpose(1, 2)
    left, trend = operation.trend(rows)
    _, seasonality = operation.seasonality(left)
    time = np.arange(24) / 24
    powers = np.stack([time**power for power in range(4)])
    waves = np.stack([f(2 * np.pi * i * time) for i in range(12) for f in (np.cos, np.sin)])
    columns = [part.detach().numpy().reshape(-1, 24).T for part in (trend, rows - left, seasonality)]
    assert in_span(columns[0], powers) < 1e-10 and in_span(columns[1], powers) < 1e-10
    assert in_span(columns[2], waves) < 1e-10 and in_span(columns[2], powers) > 1e-3
    total = (trend + seasonality).transpose(1, 2).view(3, 2, 24, 4)
    torch.testing.assert_close(operation(x), total)


def test_first_block_of_nbeats_takes_away_what_it_explains():
    block, x = built("nbeats", 1, 12, 4).trend, values(2, 4, 12)
    w = {name: weight.detach().numpy() for name, weight in block.named_parameters()}
    hidden = x.numpy()
    for layer in ("layers.0", "layers.2"):
        hidden = np.maximum(hidden @ w[f"{layer}.weight"].T + w[f"{layer}.bias"], 0)
    powers = np.stack([(np.arange(12) / 12) ** power for power in range(4)])
    powers /= np.sqrt((powers**2).mean(1, keepdims=True))
    left, forecast = (part.detach().numpy() for part in block(x))
    np.testing.assert_allclose(left, x.numpy() - hidden @ w["backcast.weight"].T @ powers, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forecast, hidden @ w["forecast.weight"].T @ powers, rtol=1e-9, atol=1e-12)

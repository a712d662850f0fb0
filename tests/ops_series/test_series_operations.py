"""What every series operation must do: keep the shape, use all its weights, treat each sample by itself."""

import copy

import pytest
import torch
from building import GRIDS, built, values

from darts_pl.ops.series import FAMILIES, OPERATIONS

NAMES = [
    "identity", "time_conv", "grn", "wavelet", "fourier", "tcn", "residual_mlp", "conv_mixer", "multi_scale_conv",
    "pyramid_conv", "patch_embed", "inverted_attention", "dlinear", "time_mixer", "nbeats", "times_net",
]  # fmt: skip
LEARNED = [name for name in NAMES if name != "identity"]
CAUSAL = ("identity", "time_conv", "tcn", "grn", "residual_mlp")


def test_the_sixteen_operations_each_in_one_family():
    assert sorted(OPERATIONS) == sorted(NAMES)
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(NAMES)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_are_kept_in_train_and_eval_mode(name, dtype, grid):
    operation = built(name, *grid, dtype=dtype)
    x = values(2, *grid[:2], grid[2], dtype=dtype)
    y = operation(x)
    assert y.shape == x.shape and y.dtype == dtype and torch.isfinite(y).all()
    assert torch.equal(operation.train()(x), y)  # nothing is drawn and nothing remembered


@pytest.mark.parametrize("name", LEARNED)
def test_float32_models_turn_into_float64_ones(name):
    operation = built(name, 2, 12, 8, dtype=torch.float32)
    x = values(2, 2, 12, 8)
    expected = operation(x.float())
    y = operation.double()(x)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y.float(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("name", LEARNED)
def test_gradients_reach_the_input_and_every_weight(name, grid):
    operation = built(name, *grid).train()
    x = values(4, *grid).requires_grad_()
    (operation(x) * values(4, *grid, seed=2)).sum().backward()
    assert x.grad.abs().sum() > 1e-8
    for weight_name, weight in operation.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 1e-8, weight_name


@pytest.mark.parametrize("name", LEARNED)
def test_second_derivatives_are_right(name):
    """A hypergradient differentiates gradients: against central differences of the first derivative."""
    operation = built(name, 2, 9, 4)
    weights = list(operation.parameters())
    x, target = values(2, 2, 9, 4), values(2, 2, 9, 4, seed=2)
    direction = [values(*w.shape, seed=3) for w in weights]

    def gradients(create_graph=False):
        loss = (operation(x) - target).square().mean()
        return torch.autograd.grad(loss, weights, create_graph=create_graph)

    slope = sum((g * d).sum() for g, d in zip(gradients(create_graph=True), direction))
    exact = torch.autograd.grad(slope, weights, allow_unused=True, materialize_grads=True)
    step, sides = 1e-6, []
    for sign in (1, -2):
        with torch.no_grad():
            for w, d in zip(weights, direction):
                w.add_(d, alpha=sign * step)
        sides.append(gradients())
    for found, ahead, behind in zip(exact, *sides):
        torch.testing.assert_close(found, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("grid", [(3, 12, 8), (1, 24, 8), (2, 1, 4)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_does_not_depend_on_the_rest_of_the_batch(name, grid):
    operation = built(name, *grid).train()
    x = values(5, *grid)
    alone = operation(x[:1])
    torch.testing.assert_close(operation(x)[:1], alone, rtol=0, atol=1e-11)
    others = torch.cat([x[:1], 50 * values(4, *grid, seed=3).cumsum(2)])
    torch.testing.assert_close(operation(others)[:1], alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "inverted_attention"])
def test_series_are_treated_alike_and_apart(name):
    operation = built(name, 3, 12, 8)
    x = values(2, 3, 12, 8)
    changed = x.clone()
    changed[:, 1] = values(2, 12, 8, seed=3)
    y, z = operation(x), operation(changed)
    torch.testing.assert_close(z[:, [0, 2]], y[:, [0, 2]], rtol=0, atol=1e-12)
    torch.testing.assert_close(operation(x[:, [2, 0, 1]]), y[:, [2, 0, 1]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_causal_operations_and_only_they_hide_the_future(name):
    operation = built(name, 2, 12, 8)
    x = values(2, 2, 12, 8)
    changed = x.clone()
    changed[:, :, 7:] += values(2, 2, 5, 8, seed=3)
    difference = (operation(changed) - operation(x)).abs().amax((0, 1, 3))
    assert (difference[7:] > 1e-6).any()
    assert (difference[:7] < 1e-12).all() == (name in CAUSAL)


@pytest.mark.parametrize("name", LEARNED)
def test_weights_travel_through_a_state_dict(name):
    first, x = built(name, 2, 12, 8), values(2, 2, 12, 8)
    second = copy.deepcopy(first)
    with torch.no_grad():
        for weight in second.parameters():
            weight.add_(1)
    assert not torch.allclose(first(x), second(x))
    second.load_state_dict(first.state_dict(), strict=True)
    assert torch.equal(first(x), second(x))
    assert set(first.state_dict()) == {weight for weight, _ in first.named_parameters()}  # constants are not stored


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_weights(name):
    first, second = built(name, 2, 12, 8), built(name, 2, 12, 8)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision(name):
    operation, x = built(name, 2, 12, 8, dtype=torch.float32), values(2, 2, 12, 8, dtype=torch.float32)
    expected = operation(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = operation(x)
    assert y.shape == x.shape
    if name != "times_net":  # its periods may change with the rounding
        torch.testing.assert_close(y.float(), expected, rtol=0.1, atol=0.1)
    y.float().square().mean().backward() if name in LEARNED else None
    assert all(torch.isfinite(weight.grad).all() for weight in operation.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_models(name):
    operation = built(name, 2, 12, 8, dtype=torch.float32).to(torch.bfloat16)
    assert operation(values(2, 2, 12, 8).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("name", NAMES)
def test_scale_of_fresh_outputs(name):
    """Candidates compete on one edge: none may drown the others from the start."""
    y = built(name, 3, 12, 32)(values(16, 3, 12, 32))
    assert 0.15 < y.std() < 3


@pytest.mark.parametrize("name", NAMES)
def test_export(name):
    operation, x = built(name, 2, 12, 8, dtype=torch.float32), values(3, 2, 12, 8, dtype=torch.float32)
    exported = torch.export.export(operation, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    other = values(5, 2, 12, 8, seed=3, dtype=torch.float32)
    torch.testing.assert_close(exported.module()(other), operation(other))

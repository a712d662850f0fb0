"""The parts of `DARTSTrainer` that train in memory: scores, search, derivation, final training."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from windows import HORIZON, LOOK_BACK, loader, loaders, series, small_config, trainer

import darts_pl
from darts_pl.data.series import Scaler
from darts_pl.errors import ConfigError, DataError
from darts_pl.genotype import SeriesGenotype
from darts_pl.proxies import PROXIES, SCHEMES


@pytest.fixture(scope="module")
def searched():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    made = trainer(seed=1)
    model = made.create_model()
    start = {kind: alpha.detach().clone() for kind, alpha in model.alphas.items()}
    found = made.train_darts_model(model, *loaders()[:2], epochs=3)
    assert torch.equal(state, torch.get_rng_state())  # nothing is drawn from the caller's generator
    return made, model, start, found


def test_a_search_tells_losses_and_alphas(searched):
    _, model, start, found = searched
    assert found["model"] is model and isinstance(found["genotype"], SeriesGenotype)
    assert len(found["train_losses"]) == len(found["val_losses"]) == len(found["history"]) == 3
    assert found["train_losses"][-1] < found["train_losses"][0]
    assert found["alpha_updates"] == 2 * math.ceil((350 - LOOK_BACK - HORIZON + 1) / 32)  # one epoch warms up
    for kind, history in found["alpha_history"].items():
        assert history.shape == (4, *start[kind].shape)
        np.testing.assert_array_equal(history[0], start[kind].numpy())
        np.testing.assert_array_equal(history[1], history[0])
        assert (history[-1] != history[0]).all()
    assert found["metrics"]["val_mse"] == found["history"][-1]["val_mse"]


def test_the_derived_network_is_of_the_present_alphas_and_fresh(searched):
    made, model, _, _ = searched
    first, second = made.derive_final_architecture(model), made.derive_final_architecture(model)
    for kind, alpha in model.alphas.items():
        if kind in first.genotype.choices:
            assert first.genotype.choices[kind] == model.space.names(kind)[int(alpha[0].argmax())]
    assert first.genotype == second.genotype and isinstance(first.model, nn.Module)
    assert sum(p.numel() for p in first.model.parameters()) < sum(p.numel() for p in model.weight_parameters())
    before = [p.clone() for p in second.model.parameters()]
    found = made.train_final_model(first.model, *loaders(), epochs=4)
    assert all(torch.equal(p, q) for p, q in zip(second.model.parameters(), before))
    metrics, info = found["final_metrics"], found["training_info"]
    assert len(info["history"]) == info["epochs"] <= 4 and 1 <= info["epoch_best"] <= info["epochs"]
    x, y = loaders()[2].dataset.tensors
    with torch.no_grad():
        error = (found["model"].eval()({"past": x}) - y).double()
    assert metrics["mse"] == pytest.approx(error.square().mean().item(), rel=1e-5)
    assert metrics["mae"] == pytest.approx(error.abs().mean().item(), rel=1e-5)
    steps = [row["mse"] for row in info["by_step"]]
    np.testing.assert_allclose(steps, error.square().mean(dim=(0, 2)).numpy(), rtol=1e-5)


def test_the_scale_of_mase_and_of_the_original():
    """Standardised by a scaler of means (10, -3) and deviations (2, 5): errors times these, over naive errors."""

    class Fitted:
        mean_, scale_ = np.array([10.0, -3.0]), np.array([2.0, 5.0])

    made = trainer(scaler=Fitted(), seasonal_period=3)
    network = made.derive_final_architecture(made.create_model()).model
    found = made.train_final_model(network, *loaders(), epochs=1)["final_metrics"]
    x, y = loaders()[2].dataset.tensors
    with torch.no_grad():
        error = (network.eval()({"past": x}) - y).double().numpy() * Fitted.scale_
    train_x, train_y = loaders()[0].dataset.tensors
    rows = torch.cat([train_x, train_y], dim=1).double().numpy() * Fitted.scale_
    naive = np.abs(rows[:, 3:] - rows[:, :-3]).mean(axis=(0, 1))
    assert found["mae_original"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert found["mse_original"] == pytest.approx((error**2).mean(), rel=1e-5)
    assert found["mase"] == pytest.approx((np.abs(error).mean(axis=(0, 1)) / naive).mean(), rel=1e-5)


def test_scores_of_a_model():
    made = trainer()
    model, (train, _, _) = made.create_model(), loaders()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    raw = made.evaluate_zero_cost_metrics_raw(model, train, max_samples=12, num_batches=2)
    assert set(raw["metrics"]) == set(PROXIES) - {"epe_nas"} and "class labels" in raw["errors"]["epe_nas"]
    assert raw["metrics"]["params"] == sum(p.numel() for p in model.weight_parameters())
    assert raw["spread"]["params"] == 0 < raw["spread"]["naswot"]
    assert raw["metrics"] == made.evaluate_zero_cost_metrics_raw(model, train, 12, 2)["metrics"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    scored = made.evaluate_zero_cost_metrics(model, train, 12, 2, ablation=True, n_random=2, seed=3)
    assert set(SCHEMES) | {"random 1", "random 2"} == set(scored["scores"])
    assert "grasp" not in scored["metrics"]  # fast
    assert scored["scores"]["params"] == pytest.approx(np.log1p(raw["metrics"]["params"]))
    values = [scored["metrics"][name] for name in scored["weights"]["size"]]
    assert scored["scores"]["size"] == pytest.approx(np.mean(np.log1p(values)))
    assert scored["score"] == scored["scores"]["equal"]


def test_any_module_can_be_scored():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * LOOK_BACK, 32), nn.ReLU(), nn.Linear(32, 2 * HORIZON))
    model.append(nn.Unflatten(1, (HORIZON, 2)))
    raw = trainer().evaluate_zero_cost_metrics_raw(model, loaders()[0], max_samples=8, num_batches=2, fast_mode=True)
    assert raw["metrics"]["params"] == sum(p.numel() for p in model.parameters())
    assert raw["spread"]["l2_norm"] == 0  # the same weights in every repeat


ALIKE = [
    pytest.param(parts, marks=pytest.mark.slow) for parts in ({"rule": ["beta_decay"]}, {"derivation": "top_edges"})
]


@pytest.mark.parametrize("parts", [{"relaxation": "dirichlet"}, *ALIKE])
def test_methods_are_composed_of_parts(parts):
    made = trainer(parts=parts)
    model = made.create_model({"mode": "mamba", "hidden_dim": 8, "layers": 1, "patch_length": 8})
    found = made.train_darts_model(model, *loaders(batch_size=64)[:2], epochs=2)
    assert found["alpha_updates"] > 0 and found["genotype"].mode == "mamba"


def test_optimizers_hardware_and_windows_of_a_configuration_are_used():
    config = small_config()
    config.alphas_optimizer = {"lr": 1e-30}
    config.hardware, config.train.max_windows = {"precision": "64-true"}, 64
    made = trainer(config=config)
    model = made.create_model()
    found = made.train_darts_model(model, *loaders()[:2], epochs=2)
    assert found["alpha_updates"] == 64 // 32
    np.testing.assert_allclose(found["alpha_history"]["encoder"][-1], found["alpha_history"]["encoder"][0], atol=1e-20)
    network = made.derive_final_architecture(model).model
    assert math.isfinite(made.train_final_model(network, *loaders(), epochs=1)["final_metrics"]["mse"])
    assert next(network.parameters()).dtype == torch.float64


def test_scores_of_double_windows_are_those_of_single_ones():
    made = trainer()
    model, (train, _, _) = made.create_model(), loaders()
    double = [(x.double(), y.double()) for x, y in [next(iter(train))] * 2]
    single = [(x.float(), y.float()) for x, y in double]
    first, second = (made.evaluate_zero_cost_metrics(model, each, 12, 2) for each in (double, single))
    assert first["metrics"] == second["metrics"] and set(first["errors"]) <= {"epe_nas"}


def test_rules_with_an_auxiliary_skip_find_one():
    plain, aided = (trainer(parts=parts).create_model(seed=2) for parts in ({}, {"rule": ["auxiliary_skip"]}))
    skips = [sum(choice.auxiliary is not None for choice in model.choices()) for model in (plain, aided)]
    assert skips[0] == 0 < skips[1]


def test_what_cannot_be_leaves_its_folder_free(tmp_path):
    with pytest.raises(ConfigError, match=r"'synflwo' does not exist\. Did you mean 'synflow'"):
        trainer().multi_fidelity_search(*loaders(), proxies=["synflwo"], folder=tmp_path / "run")
    assert not (tmp_path / "run" / "manifest.json").exists()


class Halved(nn.Module):
    """An operation of a user's, a linear map to half the input at the start."""

    def __init__(self, grid):
        super().__init__()
        self.map = nn.Linear(grid.dim, grid.dim)

    def forward(self, x):
        return self.map(x) + x / 2


def test_operations_may_come_in_a_plain_dictionary(tmp_path):
    made = trainer()
    settings = {"hidden_dim": 8, "layers": 1, "primitives": ["halved"], "operations": {"halved": Halved}}
    model = made.create_model({**settings, "patch_length": 8})
    assert any(isinstance(module, Halved) for module in model.modules())
    found = made.train_darts_model(model, *loaders(batch_size=64)[:2], epochs=2)
    edges = [edge.op for node in found["genotype"].cells["encoder"].nodes for edge in node]
    assert edges and set(edges) == {"halved"}
    assert any(isinstance(module, Halved) for module in made.derive_final_architecture(model).model.modules())


def test_a_single_level_search_sees_the_weights_batches():
    made, results = trainer(), []
    for bilevel in (True, False):
        model = made.create_model(seed=2)
        results.append(made.train_darts_model(model, *loaders()[:2], epochs=2, use_bilevel_optimization=bilevel))
    first, second = (result["alpha_history"]["encoder"][-1] for result in results)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: trainer(sed=1), r"unknown argument 'sed'. Did you mean 'seed'"),
        (lambda: trainer(config=darts_pl.DARTSConfig(sapce=None)), r"unknown argument 'sapce'. Did you mean 'space'"),
        (lambda: trainer(config=darts_pl.DARTSConfig(data={"csv": "x"})), r"config.data: .*give loaders"),
        (lambda: trainer().save_best_model(paht="x"), r"unknown argument 'paht'. Did you mean 'path'"),
        (lambda: trainer(parts={"relaxations": "x"}), r"'relaxations' is no part. Did you mean 'relaxation'"),
        (lambda: trainer(parts={"relaxation": "drichlet"}), r"drichlet.*Did you mean 'dirichlet'"),
        (lambda: trainer(device="tpu"), r"accelerator='tpu'"),
        (lambda: trainer(device="cuda:x"), r"device='cuda:x'"),
        (lambda: trainer(output_dim=3), r"output_dim=3: expected 1 to input_dim=2"),
        (lambda: trainer(seasonal_period=0), r"seasonal_period=0"),
        (lambda: trainer(target_names=["a"]), r"target_names: found 1, expected 2"),
        (lambda: trainer(scaler=object()), r"scaler: found object"),
        (lambda: trainer(scaler=Scaler(np.zeros(2), np.array([1.0, 0.0]))), r"scaler: .*scales above 0"),
        (lambda: trainer(scaler=Scaler(np.array([np.inf, 0.0]), np.ones(2))), r"scaler: .*expected finite numbers"),
        (lambda: trainer().create_model({"mod": "mamba"}), r"unknown argument 'mod'. Did you mean 'mode'"),
        (lambda: trainer().create_model({"mode": "mambo"}), r"space.mode='mambo' does not exist. Did you mean 'mamba'"),
        (
            lambda: trainer().train_darts_model(nn.Linear(2, 2), *loaders()[:2]),
            r"model: found Linear, expected what DARTSTrainer.create_model gives",
        ),
        (
            lambda: trainer().train_darts_model(trainer().create_model(), *loaders()[:2], wieght_decay=0.1),
            r"train: unknown argument 'wieght_decay'. Did you mean 'weight_decay'",
        ),
        (
            lambda: trainer().train_darts_model(trainer().create_model(), *loaders()[:2], batch_size=8),
            r"batch_size: batches have the size of the first one of train_loader",
        ),
        (
            lambda: trainer().train_final_model(trainer().create_model(), *loaders()),
            r"model: found SeriesSupernet, expected what DARTSTrainer.derive_final_architecture gives",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


def test_settings_of_other_types_are_refused():
    config = small_config()
    config.space.heads = "two"
    with pytest.raises(ConfigError, match=r"heads.*'two'"):
        trainer(config=config)


def test_loaders_are_read_with_care():
    made = trainer()
    model, (train, val, _) = made.create_model(), loaders()
    bad = series()
    bad[100, 1] = torch.nan
    cases = {
        r"train_loader: past holds nan in window 77, step 23, channel 1": (loader(bad[:350]), val),
        r"val_loader: found windows of .*targets=1.*, the trainer was made for": (train, loader(series(), targets=1)),
        r"train_loader has no batch": ([], val),
        r"expected a pair \(x, y\)": ([torch.zeros(4, 24, 2)], val),
        r"all \d+ validation windows share time steps with training windows": (train, train),
    }
    for words, pair in cases.items():
        with pytest.raises(DataError, match=words):
            made.train_darts_model(model, *pair, epochs=2)


def test_windows_that_float32_cannot_hold_are_refused():
    """Raw ones of a meter at ten million, and a value beyond float32, wherever loaders are read."""
    made = trainer()
    model, (_, val, _) = made.create_model(), loaders()
    huge = series().double()
    huge[100, 1] = 1e39
    far = r"channel 0 of past deviates by .* Standardise the series before"
    for rows, words in (
        (1e7 + 25 * series().double(), far),
        (huge, r"past of window 77, step 23, channel 1 .* 1e\+39"),
    ):
        with pytest.raises(DataError, match=r"train_loader: " + words):
            made.train_darts_model(model, loader(rows[:350]), val, epochs=2)
        with pytest.raises(DataError, match=r"dataloader: (channel 0 of )?past"):
            made.evaluate_zero_cost_metrics(model, loader(rows[:350], 320), 320, 1)


def test_names_of_the_face():
    assert {"DARTSTrainer", "DARTSConfig", "RobustPoolSearchConfig", "load"} <= set(darts_pl.__all__)
    assert all(getattr(darts_pl, name) for name in darts_pl.__all__)

"""The Python face of forecasting: every stage of `darts_pl.pipeline` on windows that loaders give."""

import copy
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch.nn as nn

from darts_pl.errors import ConfigError, RunError, known_arguments
from darts_pl.forecasting import inputs
from darts_pl.forecasting.in_memory import check_trainable, space_of, train_network, train_supernet
from darts_pl.forecasting.models import Derived, create_supernet, derive
from darts_pl.forecasting.order import build_plan, check_search, find_forecaster
from darts_pl.forecasting.parts import parts_factory
from darts_pl.forecasting.scoring import raw_scores, schemes_to_score, weighted_score
from darts_pl.forecasting.setup import Setup, changed
from darts_pl.forecasting.studies import compare_pools, compare_schemes
from darts_pl.models import TrainedModel, load_model
from darts_pl.ops.series import SeriesShape
from darts_pl.schema import DARTSConfig
from darts_pl.spaces.series import SeriesSupernet
from darts_pl.tasks import Forecasting


class DARTSTrainer:
    """Finds, trains and hands over a forecasting network for windows of B samples: x float (B, T, C), y (B, P, Y).

    Loaders give pairs (x, y); the Y targets are the first of the C channels; x may be a dictionary of `past` and the
    features `past_known` (B, T, F) and `future_known` (B, P, F). Windows should be cut from standardised series, split
    by time first. Batches have the size of the training loader's first one, their order follows from `seed`. Runs of
    several stages lie in a folder (`python -m darts_pl.report <folder>` reads it) and start worker processes: in a
    script they belong under `if __name__ == "__main__":`.

    Args:
        input_dim: C. hidden_dims: widths that candidates get one of. forecast_horizon: P. seq_length: T.
        device: `auto`, `cpu`, `cuda` (`cuda:1` for the second) or `mps`. seed: of everything drawn.
        output_dim: Y, by default C. known_features: F.
        config: all settings, those of conf/pipeline.yaml by default; `hidden_dims` and `seed` above go before it.
        parts: group → choice of conf/, such as {"relaxation": "dirichlet", "rule": ["beta_decay"]}.
        scaler: by what the series were standardised, a `Scaler` or scikit-learn's `StandardScaler` fitted to the C
            channels; saved models then take and give values on the original scale.
        seasonal_period: steps of a season, for MASE and the seasonal naive forecast. target_names: of the Y targets.

    Raises:
        ConfigError: an unknown argument, name or value, with the nearest.
    """

    @known_arguments
    def __init__(
        self,
        input_dim: int,
        hidden_dims: Sequence[int],
        forecast_horizon: int,
        seq_length: int,
        device: str = "auto",
        seed: int = 0,
        *,
        output_dim: int | None = None,
        known_features: int = 0,
        config: DARTSConfig | None = None,
        parts: Mapping[str, str | Sequence[str]] | None = None,
        scaler: inputs.AnyScaler | None = None,
        seasonal_period: int = 1,
        target_names: Sequence[str] | None = None,
    ):
        targets = input_dim if output_dim is None else output_dim
        if not 1 <= targets <= input_dim:
            raise ConfigError(f"output_dim={targets}: expected 1 to input_dim={input_dim}")
        self.shape = SeriesShape(seq_length, forecast_horizon, targets, input_dim - targets, known_features)
        self.config = copy.deepcopy(config or DARTSConfig())
        inputs.check_settings(self.config)
        self.config.space.hidden_dims, self.config.seed = list(hidden_dims), seed
        known = inputs.facts(self.shape, scaler, seasonal_period, target_names)
        self._setup = Setup(self.shape, known, dict(parts or {}), device)
        self._setup.parts(self.config)  # what is wrong with the settings shows now
        self.best_model: TrainedModel | None = None
        self.best_file: Path | None = None

    @known_arguments
    def create_model(self, settings: Mapping[str, Any] | None = None, seed: int | None = None) -> SeriesSupernet:
        """A supernet: of a candidate drawn from the configured space, or of `settings` of a `SeriesSpace`, such as
        {"mode": "mamba", "hidden_dim": 16}. `seed` is of the draw and of the weights, by default the trainer's."""
        seed = self.config.seed if seed is None else seed
        return create_supernet(self._setup, self.config, settings, seed)

    @known_arguments
    def evaluate_zero_cost_metrics_raw(
        self,
        model: nn.Module,
        dataloader: Iterable,
        max_samples: int | None = None,
        num_batches: int | None = None,
        fast_mode: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """Every proxy of `model`: `metrics`, `spread` over repeats, `values`, `errors`, `seconds`; see `raw_scores`."""
        fidelity = self.config.multi_fidelity
        return raw_scores(
            model,
            dataloader,
            Forecasting(self.config.train.loss).loss,
            max_samples=max_samples or fidelity.max_samples,
            num_batches=num_batches or fidelity.num_batches,
            fast_mode=fast_mode,
            repeats=fidelity.repeats,
            seed=self.config.seed,
            device=self._setup.parts(self.config).hardware.device,
            factory=inputs.factory_of(model),
        )

    @known_arguments
    def evaluate_zero_cost_metrics(
        self,
        model: nn.Module,
        dataloader: Iterable,
        max_samples: int | None = None,
        num_batches: int | None = None,
        fast_mode: bool = True,
        ablation: bool = False,
        n_random: int = 0,
        random_sigma: float = 0.5,
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The raw scores, `score` by the configured weighting scheme, and `scores` and `weights` by scheme; with
        `ablation` of all schemes and of `n_random` drawn ones. See `weighted_score`."""
        found = self.evaluate_zero_cost_metrics_raw(model, dataloader, max_samples, num_batches, fast_mode)
        seed, main = self.config.seed if seed is None else seed, self.config.multi_fidelity.scheme
        weights = schemes_to_score(
            main, found["metrics"], ablation=ablation, n_random=n_random, sigma=random_sigma, seed=seed
        )
        scores = {name: weighted_score(found["metrics"], each) for name, each in weights.items()}
        return {**found, "score": scores[main], "scores": scores, "weights": weights}

    def train_darts_model(
        self,
        model: SeriesSupernet,
        train_loader: Iterable,
        val_loader: Iterable,
        epochs: int | None = None,
        arch_learning_rate: float | None = None,
        model_learning_rate: float | None = None,
        use_bilevel_optimization: bool | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Search `model`: weights train on `train_loader`, alphas on the windows of `val_loader` that share no time
        step with it.

        Args:
            model: what `create_model` gave; it is trained in place. settings: further fields of `DARTSTrainConfig`.

        Returns:
            model; genotype (of the epoch best in validation); train_losses, val_losses, one an epoch; alpha_history,
            kind → [epochs + 1, E, K]; alpha_updates; metrics of the last epoch; history, a row an epoch.
        """
        rates = {"arch_learning_rate": arch_learning_rate, "model_learning_rate": model_learning_rate}
        changes = {"epochs": epochs, **rates, "use_bilevel_optimization": use_bilevel_optimization, **settings}
        inputs.check_batch_size(settings)
        config = changed(self.config, "train", changes)
        space_of(model)
        loaders = {"train": train_loader, "val": val_loader}
        data, parts = self._setup.in_memory(config, loaders, "search", config.train.loss)
        return train_supernet(model, data, parts, config.train.epochs)

    @known_arguments
    def derive_final_architecture(self, model: SeriesSupernet) -> Derived:
        """(network, genotype) of the present alphas, by the configured rule; the network holds only what was selected
        and begins with fresh weights."""
        return derive(self._setup, self.config, model)

    def train_final_model(
        self,
        model: nn.Module,
        train_loader: Iterable,
        val_loader: Iterable,
        test_loader: Iterable,
        epochs: int | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Train a derived network, keep its best epoch by validation, test it once.

        Args:
            model: trained in place from the weights that it has. settings: further fields of `FinalTrainConfig`.

        Returns:
            model; final_metrics (mse, mae of the windows as given; mse_original, mae_original, mase on the scale of the
            scaler); training_info (history, train_losses, val_losses, epochs, epoch_best, val_mse, by_step).
        """
        inputs.check_batch_size(settings)
        check_trainable(model)
        config = changed(self.config, "final", {"epochs": epochs, **settings})
        loaders = {"train": train_loader, "val": val_loader, "test": test_loader}
        data, parts = self._setup.in_memory(config, loaders, "retrain", config.final.loss)
        return train_network(model, data, parts, config.final.epochs)

    def multi_fidelity_search(
        self,
        train_loader: Iterable,
        val_loader: Iterable,
        test_loader: Iterable,
        num_candidates: int | None = None,
        search_epochs: int | None = None,
        final_epochs: int | None = None,
        max_samples: int | None = None,
        top_k: int | None = None,
        max_workers: int | None = None,
        collect_stats: bool | None = None,
        folder: Path | str | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """All stages of `darts_pl.pipeline`; a `folder` that holds such a run is gone on with.

        Args:
            folder: of the run, by default outputs/<name>/<time>. settings: further fields of
                `MultiFidelitySearchConfig`.

        Returns:
            final_model (a `TrainedModel`), candidates, top_candidates (promoted), trained_candidates (searched),
            best_candidate (rows of candidates.csv), final_results (final_metrics of the searched model, rows of the
            final table, notes), search_config, stats (rows of stats.csv, None where they were not collected), folder.
        """
        changes = {"num_candidates": num_candidates, "max_samples": max_samples, "top_k": top_k, **settings}
        changes |= {"max_workers": max_workers, "collect_stats": collect_stats}
        config = changed(self.config, "multi_fidelity", changes)
        config = changed(config, "train", {"epochs": search_epochs})
        config = changed(config, "final", {"epochs": final_epochs})
        loaders = {"train": train_loader, "val": val_loader, "test": test_loader}
        with self._setup.run(config, loaders, folder) as (run, plain, data):
            plan = build_plan(plain, data)
            check_search(parts_factory(plain)(), plan)
            results = find_forecaster(run, parts_factory(plain), plain, plan, data)
        self.best_file = run.path / "retrain" / "model.safetensors"
        self.best_model = load_model(self.best_file)
        return {"final_model": self.best_model, **inputs.search_results(run.path, results), "search_config": plain}

    def ablation_weight_search(
        self,
        train_loader: Iterable,
        val_loader: Iterable,
        num_candidates: int | None = None,
        search_epochs: int | None = None,
        max_workers: int | None = None,
        folder: Path | str | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Which weighting scheme of proxies ranks candidates as training does: all are searched for `search_epochs`.

        Args:
            settings: fields of `AblationSearchConfig`: schemes, n_random, random_sigma.

        Returns:
            schemes (rows: spearman with the trained loss, with the run's own scheme, overlap of what they promote),
            best_scheme, proxies (rank correlation of each), folder.
        """
        config = changed(self.config, "ablation", settings)
        fidelity = {"num_candidates": num_candidates, "max_workers": max_workers, "rungs": 1}
        config = changed(config, "multi_fidelity", fidelity)
        config = changed(config, "train", {"epochs": search_epochs})
        with self._setup.run(config, {"train": train_loader, "val": val_loader}, folder) as (run, plain, data):
            return {**compare_schemes(run, parts_factory(plain), plain, build_plan(plain, data)), "folder": run.path}

    def robust_initial_pool_over_op_pools(
        self,
        train_loader: Iterable,
        val_loader: Iterable,
        pools: int | None = None,
        pool_size: int | None = None,
        num_candidates: int | None = None,
        max_workers: int | None = None,
        folder: Path | str | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """How much the promoted candidates hang on the operations at hand; see `compare_pools` for what is returned,
        and `folder`. `pools` is 3 where neither it nor the configuration says another number."""
        changes = {"pools": pools or self.config.robust_pool.pools or 3, "pool_size": pool_size}
        config = changed(self.config, "robust_pool", {**changes, "num_candidates": num_candidates, **settings})
        config = changed(config, "multi_fidelity", {"max_workers": max_workers})
        with self._setup.run(config, {"train": train_loader, "val": val_loader}, folder) as (run, plain, data):
            return {**compare_pools(run, parts_factory(plain), plain, build_plan(plain, data)), "folder": run.path}

    @known_arguments
    def save_best_model(self, path: Path | str) -> Path:
        """Copy the model of the last `multi_fidelity_search` to `path`: one file with genotype, weights, scaler,
        configuration and versions.

        Raises:
            RunError: there was no such search.
        """
        if self.best_file is None:
            raise RunError("there is no best model yet: multi_fidelity_search finds one")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(self.best_file, path))

    def load(self, path: Path | str) -> TrainedModel:
        """The model of a file or run folder, in eval mode; `darts_pl.load` is the same."""
        self.best_model = load_model(path)
        return self.best_model

"""Two looks at the screening alone: which weighting scheme tells most, and how much hangs on the operations at hand."""

from collections.abc import Mapping
from typing import Any

from darts_pl.forecasting.order import MAIN_SCHEME, Plan, measuring_settings, worker_count
from darts_pl.paths import write_atomically
from darts_pl.stages.jobs import Workers
from darts_pl.stages.pipeline.candidates import candidates
from darts_pl.stages.pipeline.correlation import proxy_correlations, scheme_table
from darts_pl.stages.pipeline.halving import halve
from darts_pl.stages.pipeline.parts import PartsFactory
from darts_pl.stages.pipeline.robust_pool import robust_pool
from darts_pl.stages.pipeline.screen import promote, screen
from darts_pl.stages.run import RunFolder


def compare_schemes(run: RunFolder, make_parts: PartsFactory, config: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Screen all candidates, search all of them for `train.epochs`, and compare the weighting schemes of the plan:
    `schemes` (rows of ablation.csv), `proxies` (see `proxy_correlations`), `best_scheme` (None where too few candidates
    tell)."""
    fidelity, timeout_s = config["multi_fidelity"], config["multi_fidelity"]["candidate_timeout_s"]
    pool = candidates(run, plan.ranges, count=fidelity["num_candidates"], seed=config["seed"])
    with Workers(make_parts, worker_count(fidelity["max_workers"]), run.path) as workers:
        scores = screen(
            run,
            workers,
            pool,
            weights=plan.weights,
            timeout_s=timeout_s,
            collect_stats=False,
            **measuring_settings(config),
        )
        every = promote(run, scores, len(pool))
        ends = [config["train"]["epochs"]]
        rungs = halve(run, workers, pool, every, ends=ends, eta=fidelity["eta"], timeout_s=timeout_s)
    losses = rungs.set_index("id")["val_mse"].astype("float64").dropna()
    table = scheme_table(scores, losses, fidelity["proxies"], plan.schemes, MAIN_SCHEME, fidelity["top_k"])
    write_atomically(run.path / "ablation.csv", lambda path: table.to_csv(path, index=False))
    run.complete()
    told = table.dropna(subset=["spearman_loss"])
    best = None if told.empty else str(told.loc[told["spearman_loss"].astype("float64").idxmax(), "scheme"])
    return {
        "schemes": table.to_dict("records"),
        "proxies": proxy_correlations(scores, losses, fidelity["proxies"]),
        "best_scheme": best,
    }


def compare_pools(run: RunFolder, make_parts: PartsFactory, config: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Screen the same candidates with operations from several pools: `pools` (rows of robust_pool.csv), and the means
    over pools of their `spearman` and `overlap`; both are near 1 where what is promoted does not hang on the pool."""
    fidelity = config["multi_fidelity"]
    pool = candidates(run, plan.ranges, count=config["robust_pool"]["num_candidates"], seed=config["seed"])
    with Workers(make_parts, worker_count(fidelity["max_workers"]), run.path) as workers:
        table = robust_pool(
            run,
            workers,
            pool,
            plan.ranges.operations,
            **config["robust_pool"],
            top_k=fidelity["top_k"],
            weights=plan.weights,
            seed=config["seed"],
            timeout_s=fidelity["candidate_timeout_s"],
            **measuring_settings(config),
        )
    run.complete()
    means = {name: float(table[name].mean()) for name in ("spearman", "overlap")}
    return {"pools": table.to_dict("records"), **means}

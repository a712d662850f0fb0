"""The stages of `darts_pl.pipeline` in order, each given plain values."""

import copy
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darts_pl.data.series import WindowDataModule
from darts_pl.errors import ConfigError, RunError, nearest
from darts_pl.forecasting.inputs import DataFacts
from darts_pl.hardware import available_cores
from darts_pl.ops.series import FAMILIES
from darts_pl.paths import write_atomically
from darts_pl.progress import part_done, whole_run
from darts_pl.proxies import PROXIES, random_schemes, scheme
from darts_pl.reports.pipeline_page import write_pipeline_report
from darts_pl.spaces.series.labels import ARGUMENTS
from darts_pl.stages.jobs import Workers
from darts_pl.stages.pipeline.baselines import BASELINES
from darts_pl.stages.pipeline.candidates import Ranges, candidates, check_spaces, draw_pool, named_operations
from darts_pl.stages.pipeline.choose import choose
from darts_pl.stages.pipeline.correlation import proxy_correlations, scheme_table
from darts_pl.stages.pipeline.final import baselines_that_fit, final
from darts_pl.stages.pipeline.halving import genotype_text, halve, rung_epochs
from darts_pl.stages.pipeline.parts import PartsFactory, PipelineParts
from darts_pl.stages.pipeline.results import candidate_table, write_results
from darts_pl.stages.pipeline.robust_pool import operation_pools, robust_pool
from darts_pl.stages.pipeline.screen import promote, screen
from darts_pl.stages.run import RunFolder

log = logging.getLogger("darts_pl")

PARTS = 4  # of a run: the screening, the searches, the choice, the training of what was chosen
PLAIN_OPERATION = "identity"
MAIN_SCHEME = "the run's"  # the row of ablation.csv that others are compared with


@dataclass(frozen=True)
class Plan:
    """What a run's configuration asks for, checked before any work: see `build_plan`."""

    ranges: Ranges
    weights: Mapping[str, float]
    schemes: Mapping[str, Mapping[str, float]]
    ends: Sequence[int]
    baselines: Sequence[str]
    notes: Sequence[str]


def build_plan(config: Mapping[str, Any], data: WindowDataModule | DataFacts) -> Plan:
    """The plan of `config` (plain values, as in conf/pipeline.yaml) on `data` (prepared for retraining).

    Raises:
        ConfigError: names that do not exist, numbers that do not go together.
    """
    space, fidelity, train = config["space"], config["multi_fidelity"], config["train"]
    _check_known("multi_fidelity.proxies", fidelity["proxies"], PROXIES)
    _check_known("final.baselines", config["final"]["baselines"], BASELINES)
    operations = named_operations(space["operations"], space["families"], FAMILIES)
    counts = space["operations_per_candidate"]
    if len(counts) != 2:
        raise ConfigError(f"space.operations_per_candidate={counts}: expected two numbers, the fewest and the most")
    ranges = Ranges(
        **{key: space[key] for key in ("modes", "hidden_dims", "layers", "num_nodes", "patch_lengths")},
        **{key: space[key] for key in ("names_per_choice", "heads", "dropout")},
        operations=operations,
        fewest=counts[0],
        most=min(counts[1], len(operations)),
        choices={argument: space[argument] for argument in ARGUMENTS.values()},
    )
    check_spaces(ranges, data.input_shape)
    worker_count(fidelity["max_workers"])
    robust = config["robust_pool"]
    operation_pools(operations, robust["pools"], robust["pool_size"] if robust["pools"] else 1, config["seed"])
    baselines, notes = baselines_that_fit(
        config["final"]["baselines"], data.seasonal_period, data.input_shape.look_back
    )
    ends = rung_epochs(train["epochs"], fidelity["rungs"], fidelity["eta"], train["alpha_warmup_epochs"])
    weights = scheme(fidelity["scheme"], fidelity["proxies"])
    return Plan(ranges, weights, _schemes(config, weights), ends, baselines, notes)


def check_search(parts: PipelineParts, plan: Plan) -> None:
    """Put a search together as workers will, but for the operations, which may fail in some candidates.

    Raises:
        ConfigError, DataError: what every search would fail by.
    """
    data, (candidate,) = parts.search_data(), draw_pool(plan.ranges, 1, parts.seed)
    space = parts.make_space({**candidate["space"], "primitives": [PLAIN_OPERATION]})
    method, shape = parts.method(space), data.input_shape
    supernet = space.supernet(shape, data.outputs, relaxation=copy.deepcopy(method.relaxation), mixing=method.mixing)
    rules = copy.deepcopy(list(method.rules))
    method.make_module(supernet, task=data.task, epochs=parts.search_epochs, rules=rules).configure_optimizers()


def _schemes(config: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """The weighting schemes to compare, the run's own first."""
    ablation, proxies = config["ablation"], config["multi_fidelity"]["proxies"]
    known = {name: scheme(name, PROXIES) for name in ablation["schemes"]}
    idle = [name for name, each in known.items() if not set(each) & set(proxies)]
    if idle:
        log.info("not compared, as they weigh none of the proxies measured: %s", ", ".join(idle))
    named = {name: scheme(name, proxies) for name in known if name not in idle}
    drawn = random_schemes(ablation["n_random"], ablation["random_sigma"], config["seed"], weights)
    return {MAIN_SCHEME: weights, **named, **{f"random {index + 1}": each for index, each in enumerate(drawn)}}


def _check_known(key: str, names: Sequence[str], known: Collection[str]) -> None:
    if not names and key == "multi_fidelity.proxies":
        raise ConfigError(f"{key}=[]: expected at least one of {', '.join(known)}")
    for name in names:
        if name not in known:
            raise ConfigError(f"{key}: {name!r} does not exist. {nearest(name, known)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"{key}: the same name twice in {list(names)}")


def worker_count(setting: int | None) -> int:
    """`setting`, or one a CPU core that this process may use.

    Raises:
        ConfigError: fewer than one.
    """
    if setting is not None and setting < 1:
        raise ConfigError(f"multi_fidelity.max_workers={setting}: expected at least 1, or null for one a CPU core")
    return setting or available_cores()


def chosen_genotype(run: RunFolder, winner: str) -> str:
    """What the search of a candidate found, as JSON.

    Raises:
        RunError: its file is gone.
    """
    found = genotype_text(run, winner)
    if found is None:
        raise RunError(
            f"{run.path}: the genotype of {winner}, which was chosen, is gone from the folder `search`. Put it back, "
            "or start a new run"
        )
    return found


def measuring_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """How candidates are screened: the arguments of `screen_candidate`."""
    return {key: config["multi_fidelity"][key] for key in ("proxies", "repeats", "num_batches", "max_samples")}


def find_forecaster(
    run: RunFolder, make_parts: PartsFactory, config: Mapping[str, Any], plan: Plan, data: WindowDataModule
) -> dict[str, Any]:
    """Run the stages that are not done yet and return what results.json holds.

    Args:
        make_parts: in worker processes. config: plain values, as in conf/pipeline.yaml. plan: of `config`.
        data: prepared for retraining.
    """
    fidelity, last, seed = config["multi_fidelity"], config["final"], config["seed"]
    timeout_s, proxies = fidelity["candidate_timeout_s"], fidelity["proxies"]
    measuring = measuring_settings(config)
    if not run.done("data"):
        with run.stage("data", data=data.fingerprint):
            pass
    run.check_data(data.fingerprint)
    pool = candidates(run, plan.ranges, count=fidelity["num_candidates"], seed=seed)
    parts = PARTS + bool(config["robust_pool"]["pools"])
    with whole_run(parts), Workers(make_parts, worker_count(fidelity["max_workers"]), run.path) as workers:
        scores = screen(
            run,
            workers,
            pool,
            weights=plan.weights,
            timeout_s=timeout_s,
            collect_stats=fidelity["collect_stats"],
            **measuring,
        )
        part_done()
        promoted = promote(run, scores, fidelity["top_k"])
        rungs = halve(run, workers, pool, promoted, ends=plan.ends, eta=fidelity["eta"], timeout_s=timeout_s)
        part_done()
        reached = rungs[(rungs["rung"] == rungs["rung"].max()) & rungs["kept"]]["id"]
        choices = choose(run, workers, pool, list(reached), epochs=fidelity["choice_epochs"], timeout_s=timeout_s)
        part_done()
        winner = choices[choices["chosen"]]["id"].iloc[0]
        figures = final(
            run,
            workers,
            settings=pool[winner],
            genotype=chosen_genotype(run, winner),
            ranges=plan.ranges,
            random_architectures=last["random_architectures"],
            baselines=plan.baselines,
            epochs=last["epochs"],
            baseline_epochs=last["baseline_epochs"],
            seed=seed,
        )
        part_done()
        if (robust := config["robust_pool"])["pools"]:
            robust_pool(
                run,
                workers,
                pool,
                plan.ranges.operations,
                **robust,
                top_k=fidelity["top_k"],
                weights=plan.weights,
                seed=seed,
                timeout_s=timeout_s,
                **measuring,
            )
            part_done()
    table = candidate_table(run, pool, proxies, scores, promoted, rungs, choices)
    # after the first rung, so that all that were searched have had the same
    losses = rungs[rungs["rung"] == 0].set_index("id")["val_mse"].astype("float64").dropna()
    schemes = scheme_table(scores, losses, proxies, plan.schemes, MAIN_SCHEME, fidelity["top_k"])
    write_atomically(run.path / "ablation.csv", lambda path: schemes.to_csv(path, index=False))
    results = write_results(
        run,
        table=table,
        figures=figures,
        correlations=proxy_correlations(scores, losses, proxies),
        target_names=data.target_names,
        notes=plan.notes,
        collect_stats=fidelity["collect_stats"],
    )
    run.complete()
    write_pipeline_report(run.path)
    return results

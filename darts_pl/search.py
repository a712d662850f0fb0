"""`python -m darts_pl.search`: search an architecture, derive it, retrain it briefly beside baselines, report."""

import sys
from functools import partial

from hydra.utils import instantiate
from omegaconf import DictConfig

from darts_pl.assembly import launch, open_run, retraining_parts
from darts_pl.lit import SearchModule, check_method, check_warmup
from darts_pl.stages.architecture import find_architecture, summary
from darts_pl.stages.phases import phases_of
from darts_pl.stages.search import Method, search


def task(config: DictConfig) -> None:
    """Compose the parts from `config`, check that they fit together, then run the stages."""
    check_warmup(config.alpha_warmup_epochs, config.epochs)
    hardware, space = instantiate(config.hardware), instantiate(config.space)
    hardware.apply()
    run = open_run(config, "search", hardware)
    data = instantiate(config.data, purpose="search", batch_size=config.batch_size, seed=config.seed)
    data.prepare()
    retrain, linear_data = retraining_parts(config, space, hardware)
    method = search_method(config, space)

    results = find_architecture(
        run,
        space=space,
        search=partial(
            search,
            run,
            method,
            space=space,
            data=data,
            hardware=hardware,
            epochs=config.epochs,
            seed=config.seed,
            checkpoint_every_s=config.checkpoint_every_s,
            guards=config.guards,
        ),
        retrain=retrain,
        random_seed=config.seed if config.retraining.random_architecture else None,
        linear_data=linear_data,
    )
    print(summary(run, results))


def search_method(config: DictConfig, space) -> Method:
    """The method that `config` composes, once its parts are known to fit each other."""
    relaxation, mixing = instantiate(config.relaxation), instantiate(config.mixing)
    rules, hypergradient = list(instantiate(config.rules).values()), instantiate(config.hypergradient)
    check_method(relaxation, mixing, hypergradient, rules)
    rule = instantiate(config.derivation)
    space.check_rule(rule)
    make_module = partial(
        SearchModule,
        hypergradient=hypergradient,
        weights_optimizer=instantiate(config.weights_optimizer),
        alphas_optimizer=instantiate(config.alphas_optimizer),
        seed=config.seed,
        min_learning_rate=config.min_learning_rate,
        alpha_warmup_epochs=config.alpha_warmup_epochs,
        clip_norm=config.clip_norm,
    )
    return Method(
        relaxation=relaxation,
        mixing=mixing,
        derive=partial(space.derive, rule=rule),
        make_module=make_module,
        rules=rules,
        phases=phases_of(config.phases),
        selection=instantiate(config.selection) or None,
    )


def main() -> int:
    """Entry point of the command."""
    return launch(task, "search")


if __name__ == "__main__":
    sys.exit(main())

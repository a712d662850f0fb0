"""`python -m darts_pl.search`: search an architecture, derive it, retrain it briefly beside baselines, report."""

import sys
from functools import partial

from hydra.utils import instantiate
from omegaconf import DictConfig

from darts_pl.assembly import launch
from darts_pl.schema.values import plain_values


def task(config: DictConfig) -> None:
    """Compose the parts from `config`, check that they fit together, then run the stages."""
    # Here and not above, so that --help, --cfg and completion wait for neither torch nor Lightning.
    from darts_pl.assembly import (
        check_no_series,
        open_run,
        prepare_space,
        prepared_data,
        retraining_parts,
        search_method,
    )
    from darts_pl.commands.trainer import hardware_of, trainer_settings
    from darts_pl.lit import check_warmup
    from darts_pl.stages.architecture import find_architecture, summary
    from darts_pl.stages.search import search

    check_no_series(config)
    check_warmup(config.alpha_warmup_epochs, config.epochs)
    plain = plain_values(config)
    hardware, trainer, space = hardware_of(plain), trainer_settings(plain), instantiate(config.space)
    method = search_method(config, space)
    hardware.apply()
    run = open_run(config, "search", hardware)
    data = prepared_data(config, purpose="search", batch_size=config.batch_size, seed=config.seed)
    prepare_space(space, data)
    space.check_derivation(method.derivation)  # once more: now the network is known
    retrain, retraining_data = retraining_parts(config, hardware, trainer)

    results = find_architecture(
        run,
        space=space,
        task=data.task,
        search=partial(
            search,
            run,
            method,
            space=space,
            data=data,
            hardware=hardware,
            epochs=config.epochs,
            seed=config.seed,
            trainer=trainer,
            guards=config.callbacks.guards,
            pictures=config.callbacks.pictures,
        ),
        retrain=retrain,
        random_seed=config.seed if config.retraining.random_architecture else None,
        reference_data=retraining_data if config.retraining.linear_baseline else None,
    )
    print(summary(run, results))


def main() -> int:
    """Entry point of the command."""
    return launch(task, "search")


if __name__ == "__main__":
    sys.exit(main())

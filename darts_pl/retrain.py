"""`python -m darts_pl.retrain genotype=<file, run folder or known name>`: train a derived network, test it, save it."""

import sys

from hydra.utils import instantiate
from omegaconf import DictConfig

from darts_pl import genotype as genotypes
from darts_pl.assembly import launch
from darts_pl.errors import ConfigError
from darts_pl.genotype.reading import BEST
from darts_pl.schema.values import plain_values


def task(config: DictConfig) -> None:
    """Compose the parts from `config`, check the genotype, then retrain, or go on."""
    # Here and not above, so that --help, --cfg and completion wait for neither torch nor Lightning.
    from darts_pl.assembly import check_no_series, open_run, prepare_space, retraining_parts
    from darts_pl.commands.trainer import hardware_of, trainer_settings
    from darts_pl.stages.architecture import retrain_only, retrain_summary
    from darts_pl.stages.retrain import check_builds, check_fits

    if config.retraining.epochs < 1:
        raise ConfigError(f"retraining.epochs={config.retraining.epochs}: at least 1 is needed to retrain")
    check_no_series(config)
    plain = plain_values(config)
    hardware, trainer, space = hardware_of(plain), trainer_settings(plain), instantiate(config.space)
    hardware.apply()
    run = open_run(config, "retrain", hardware)
    # A run goes on with what it began with, whatever became of the file or folder that was given then.
    going_on = run.resumed and (run.path / BEST).is_file()
    genotype = genotypes.read(run.path if going_on else config.genotype)
    check_fits(genotype, space)
    retrain, data = retraining_parts(config, hardware, trainer)
    prepare_space(space, data)
    check_builds(genotype, space, data)
    results = retrain_only(
        run,
        genotype,
        space=space,
        task=data.task,
        retrain=retrain,
        reference_data=data if config.retraining.linear_baseline else None,
        random_seed=config.seed if config.retraining.random_architecture else None,
    )
    print(retrain_summary(run, results))


def main() -> int:
    """Entry point of the command."""
    return launch(task, "retrain")


if __name__ == "__main__":
    sys.exit(main())

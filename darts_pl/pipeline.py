"""`python -m darts_pl.pipeline`: from candidates to a retrained forecasting model beside its baselines."""

import sys

from omegaconf import DictConfig, OmegaConf

from darts_pl.assembly import launch


def task(config: DictConfig) -> None:
    """Compose the parts from `config`, check that they fit together, then run the stages."""
    # Here and not above, so that --help, --cfg and completion wait for neither torch nor Lightning.
    from darts_pl.assembly import open_run
    from darts_pl.forecasting import check_search, find_forecaster, plan_of, source_of
    from darts_pl.stages.pipeline.summary import summary

    plain = OmegaConf.to_container(config, resolve=True)
    source = source_of(plain)
    parts = source()
    parts.hardware.apply()
    run = open_run(config, "pipeline", parts.hardware)
    data = parts.final_data()
    plan = plan_of(plain, data)
    check_search(parts, plan)
    results = find_forecaster(run, source, plain, plan, data)
    print(summary(run, results))


def main() -> int:
    """Entry point of the command."""
    return launch(task, "pipeline")


if __name__ == "__main__":
    sys.exit(main())

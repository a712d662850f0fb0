"""`python -m darts_pl.pipeline`: from candidates to a retrained forecasting model beside its baselines."""

import sys

from omegaconf import DictConfig

from darts_pl.assembly import launch
from darts_pl.schema.values import plain_values


def task(config: DictConfig) -> None:
    """Compose the parts from `config`, check that they fit together, then run the stages."""
    # Here and not above, so that --help, --cfg and completion wait for neither torch nor Lightning.
    from darts_pl.assembly import open_run
    from darts_pl.forecasting import build_plan, check_search, find_forecaster, parts_factory
    from darts_pl.stages.pipeline.summary import summary

    plain = plain_values(config)
    make_parts = parts_factory(plain)
    parts = make_parts()
    parts.hardware.apply()
    run = open_run(config, "pipeline", parts.hardware)
    data = parts.final_data()
    plan = build_plan(plain, data)
    check_search(parts, plan)
    results = find_forecaster(run, make_parts, plain, plan, data)
    print(summary(run, results))


def main() -> int:
    """Entry point of the command."""
    return launch(task, "pipeline")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m darts_pl.benchmark`: search methods and zero-cost proxies measured on NAS-Bench-201, and what a
step of each method, of each mode of forecasting networks, and by each engine costs."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from darts_pl.assembly import register
from darts_pl.commands.explain import Stopped, explain
from darts_pl.commands.output import ConsoleHandler, OutputClosed, checked_output
from darts_pl.errors import DartsError
from darts_pl.paths import check_working_folder, conf_dir
from darts_pl.stages.benchmark.settings import methods_in, parse

EXAMPLES = """examples
  python -m darts_pl.benchmark nasbench201                          every method, three seeds, at two-core scale
  python -m darts_pl.benchmark nasbench201 method=darts,drnas seed=0,1,2 jobs=2
  python -m darts_pl.benchmark nasbench201 method=drnas scale=published hardware.accelerator=cuda
  python -m darts_pl.benchmark cost                                 seconds a step and memory beside DARTS
  python -m darts_pl.benchmark modes                                seconds a search step of forecasting networks
  python -m darts_pl.benchmark proxies cells=300 jobs=2             how well zero-cost proxies rank cells
  python -m darts_pl.benchmark speed minutes=3                      how much faster which engine takes a search step
  python -m darts_pl.benchmark speed network=nasbench201            the same elsewhere: nasbench201, derived, forecast

settings
  method=a,b     which methods; all by default
  seed=0,1,2     which seeds
  scale=published   the published size, for a GPU; two_cores by default
  jobs=2         searches at a time, each with its share of the CPU's threads (threads=N for another number)
  resume=FOLDER  go on with an interrupted benchmark; with trust=true also where it names code of your own
  steps=8 rounds=3   of the benchmarks cost and modes
  key=value      any setting of the searches, such as epochs=5
  cells=300 channels=16 layers=1 batch=64 shrink=1 repeats=1 proxies=a,b   of the proxies, beside seed, jobs, resume
  network=cifar engine=plain,fast order=first,second batch=16,64 threads=1,all mixing=full rounds=3 minutes=3
  channels=16 layers=8 side=32 naive=FILE   of speed; FILE is an implementation to compare with, whose code runs"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table and where it lies last; 0, 1 where a search failed, 2 after an error that
    the user can mend, 130 after Ctrl-C."""
    parsed = _parser().parse_args(argv)
    register()
    try:
        check_working_folder()
        with checked_output(), _lines_on_the_terminal():
            return _run(parsed.benchmark, parsed.settings)
    except (DartsError, OSError) as error:
        if (told := explain(error, composing=False)) is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        return 2
    except Stopped as stop:
        print(stop, file=sys.stderr)
        return stop.status
    except OutputClosed as closed:
        print(closed.code, file=sys.stderr)
        return 2


def _run(benchmark: str, arguments: Sequence[str]) -> int:
    """The exit status of a benchmark; what needs torch is imported once its arguments are known to be right."""
    if benchmark == "proxies":
        from darts_pl.assembly.benchmarks import run_proxies

        return run_proxies(arguments)
    if benchmark == "speed":
        from darts_pl.assembly.benchmarks import run_speed

        return run_speed(arguments)
    settings = parse(arguments, methods_in(conf_dir()))
    from darts_pl.assembly import benchmarks

    run = {"nasbench201": benchmarks.run_nasbench201, "cost": benchmarks.run_cost, "modes": benchmarks.run_modes}
    return run[benchmark](settings)


@contextmanager
def _lines_on_the_terminal() -> Iterator[None]:
    """Show what darts_pl logs, one line a finished search, beside the progress bar."""
    logger, handler = logging.getLogger("darts_pl"), ConsoleHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m darts_pl.benchmark",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=("nasbench201", "cost", "modes", "proxies", "speed"))
    parser.add_argument("settings", nargs="*", metavar="key=value")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`python -m darts_pl.benchmark`: search methods and zero-cost proxies measured on NAS-Bench-201, and what a
step of each method, and of each mode of forecasting networks, costs."""

import argparse
import datetime
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich import get_console
from rich.logging import RichHandler

from darts_pl import assembly
from darts_pl.commands.check import check_config
from darts_pl.commands.explain import explain
from darts_pl.commands.output import OutputClosed, checked_output
from darts_pl.commands.stops import Stopped, goes_on_by
from darts_pl.data.nasbench201_tables import Tables
from darts_pl.errors import ConfigError, DartsError, RunError
from darts_pl.paths import check_working_folder, conf_dir, write_text_atomically
from darts_pl.reports.benchmark_page import markdown, write_benchmark
from darts_pl.reports.proxies_page import write_proxies
from darts_pl.stages.benchmark import nasbench201
from darts_pl.stages.benchmark.cost import cost_jobs, cost_table
from darts_pl.stages.benchmark.jobs import Job, run_jobs
from darts_pl.stages.benchmark.modes import mode_costs
from darts_pl.stages.benchmark.proxies import describe, score_cells
from darts_pl.stages.benchmark.proxy_ranks import ranking, score_table
from darts_pl.stages.benchmark.proxy_settings import parse_proxies, setup_json
from darts_pl.stages.benchmark.settings import Settings, experiment, methods_in, parse
from darts_pl.stages.lock import locked

EXAMPLES = """examples
  python -m darts_pl.benchmark nasbench201                          every method, three seeds, at two-core scale
  python -m darts_pl.benchmark nasbench201 method=darts,drnas seed=0,1,2 jobs=2
  python -m darts_pl.benchmark nasbench201 method=drnas scale=published hardware.accelerator=cuda
  python -m darts_pl.benchmark cost                                 seconds a step and memory beside DARTS
  python -m darts_pl.benchmark modes                                seconds a search step of forecasting networks
  python -m darts_pl.benchmark proxies cells=300 jobs=2             how well zero-cost proxies rank cells

settings
  method=a,b     which methods; all by default
  seed=0,1,2     which seeds
  scale=published   the published size, for a GPU; two_cores by default
  jobs=2         searches at a time, each with its share of the CPU's threads (threads=N for another number)
  resume=FOLDER  go on with an interrupted benchmark
  steps=8 rounds=3   of the benchmarks cost and modes
  key=value      any setting of the searches, such as epochs=5
  cells=300 channels=16 layers=1 batch=64 shrink=1 repeats=1 proxies=a,b   of the proxies, beside seed, jobs, resume"""

ASKED = "benchmark.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table and where it lies last; 0, 1 where a search failed, 2 after an error that
    the user can mend, 130 after Ctrl-C."""
    parsed = _parser().parse_args(argv)
    assembly.register()
    try:
        check_working_folder()
        if parsed.benchmark == "proxies":
            with checked_output(), _lines_on_the_terminal():
                return run_proxies(parsed.settings)
        settings = parse(parsed.settings, methods_in(conf_dir()))
        with checked_output(), _lines_on_the_terminal():
            return {"nasbench201": run_nasbench201, "cost": run_cost, "modes": run_modes}[parsed.benchmark](settings)
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


@contextmanager
def _lines_on_the_terminal() -> Iterator[None]:
    """Show what darts_pl logs, one line a finished search, beside the progress bar."""
    logger, handler = logging.getLogger("darts_pl"), RichHandler(show_path=False, markup=False)
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
    parser.add_argument("benchmark", choices=("nasbench201", "cost", "modes", "proxies"))
    parser.add_argument("settings", nargs="*", metavar="key=value")
    return parser


def run_nasbench201(settings: Settings) -> int:
    """Search with every method and seed, look the cells up, write the tables and the page."""
    tables = Tables.load()
    folder, settings = _asked(settings)
    jobs = [job for method in settings.methods for job in _jobs(folder, method, settings)]
    asked = {key: value for key, value in vars(settings).items() if key != "folder"}
    with locked(folder), goes_on_by(_resuming("nasbench201", folder), folder):
        write_text_atomically(folder / ASKED, json.dumps(asked, indent=2) + "\n")
        print(f"{len(jobs)} searches in {folder}, {settings.jobs} at a time")
        failed = run_jobs(jobs, settings.jobs, settings.threads)
        if not any(job.done for job in jobs):
            raise RunError(f"no search was finished; see the job.log in the folders of {folder}")
        _write(folder, jobs, settings, tables, [job.name for job in failed])
    return 1 if failed else 0


def _resuming(benchmark: str, folder: Path) -> str:
    return shlex.join(["python", "-m", "darts_pl.benchmark", benchmark, f"resume={folder}"])


def _asked(settings: Settings) -> tuple[Path, Settings]:
    """A new folder and what is asked for, or the one to go on with and what was asked for there. The number of threads
    is settled here, once: results depend on it."""
    if settings.folder is None:
        folder = _fresh_folder("nasbench201")
        return folder, replace(settings, threads=settings.threads or max(1, (os.cpu_count() or 1) // settings.jobs))
    path = settings.folder / ASKED
    if not path.is_file():
        raise RunError(f"resume={settings.folder}: found no {ASKED}, expected the folder of a benchmark")
    try:
        asked = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: tuple(asked.pop(key)) for key in ("methods", "seeds", "overrides")}
        return settings.folder, Settings(**lists, **asked, folder=settings.folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged: {error}") from error


def _fresh_folder(name: str) -> Path:
    return Path("outputs", name, datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")).absolute()


def _jobs(folder: Path, method: str, settings: Settings) -> list[Job]:
    """The searches of a method; what is wrong with its configuration shows here, before any of them starts."""
    jobs = []
    variants = _variants(method, settings)
    for seed in settings.seeds:
        for index, variant in enumerate(variants):
            name = f"{method}/seed_{seed}" + (f"/variant_{index}" if len(variants) > 1 else "")
            shared = (*experiment(method, settings.scale, conf_dir()), f"hardware.threads={settings.threads}")
            overrides = (*shared, *variant, *settings.overrides, f"seed={seed}")
            jobs.append(Job(name, folder / name, overrides))
    return jobs


def _composed(method: str, settings: Settings) -> tuple[DictConfig, dict]:
    """(the configuration of a method's searches, the sweep it consists of: key → values)."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            given = [*experiment(method, settings.scale, conf_dir()), *settings.overrides]
            config = compose("search", given, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(explain(error, composing=True) or str(error)) from error
    sweep = OmegaConf.to_container(config.hydra.sweeper, resolve=False).get("params") or {}
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    check_config(config)
    assembly.search_method(config, instantiate(config.space))  # parts that do not go together show here
    return config, sweep


def _variants(method: str, settings: Settings) -> list[list[str]]:
    """The overrides of each search that a method makes a seed: one, or the values of the sweep that it consists of."""
    variants: list[list[str]] = [[]]
    for key, values in _composed(method, settings)[1].items():
        variants = [[*before, f"{key}={value.strip()}"] for before in variants for value in str(values).split(",")]
    return variants


def _write(folder: Path, jobs: Sequence[Job], settings: Settings, tables: Tables, failed: Sequence[str]) -> None:
    rows, curves = [], []
    for job in jobs:
        if job.done:
            method, seed = job.name.split("/")[:2]
            place = {"method": method, "seed": int(seed.removeprefix("seed_"))}
            rows.append({**place, **nasbench201.run_row(job.folder, tables), "folder": job.name})
            curves += [{**place, "folder": job.name, **row} for row in nasbench201.anytime(job.folder, tables)]
    every = pd.DataFrame(rows)
    runs = nasbench201.best_variants(every)
    shown = pd.DataFrame(curves)
    shown = shown[shown["folder"].isin(runs["folder"])]
    summary = nasbench201.summary(runs, settings.methods)
    references = nasbench201.references(tables)
    marks = {"median": tables.median, "random_10": tables.expected_best_of(10), "optimum": tables.best()[1]}
    facts = [
        ("searches", str(len(every))),
        ("seeds", ", ".join(map(str, settings.seeds))),
        ("scale", settings.scale),
        ("settings", " ".join(settings.overrides) or "those of the experiments"),
    ]
    notices = [f"Failed, so not in the table: {', '.join(failed)}."] if failed else []
    page = write_benchmark(folder, every, shown, summary, references, marks, facts, notices)
    get_console().print(markdown(summary, references), markup=False, soft_wrap=True)
    print(f"Table   {folder / 'summary.md'}\nCurves  {folder / 'curves.png'}\nReport  {page}")


def run_cost(settings: Settings) -> int:
    """Measure every method's step beside that of DARTS and print the table."""
    for method in settings.methods:
        config, _ = _composed(method, settings)
    folder = _fresh_folder("cost")
    jobs = cost_jobs(
        settings.methods,
        folder,
        steps=settings.steps,
        rounds=settings.rounds,
        batch_size=config.batch_size,
        overrides=settings.overrides,
    )
    print(f"{len(jobs)} short searches in {folder}")
    with locked(folder):
        table = cost_table(jobs, folder, settings.threads or os.cpu_count() or 1)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    print("Memory on a CPU is the growth of the process's peak, which says little of searches this small.")
    print(f"Table   {folder / 'cost.csv'}")
    return 0


def run_modes(settings: Settings) -> int:
    """Measure a search step of each mode of forecasting networks and print the table."""
    folder = _fresh_folder("modes")
    torch.set_num_threads(settings.threads or 1)
    with locked(folder):
        table = mode_costs(folder, steps=settings.steps, rounds=settings.rounds)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(f"Table   {folder / 'modes.csv'}")
    return 0


def run_proxies(arguments: Sequence[str]) -> int:
    """Score random cells by zero-cost proxies, rank them beside their accuracies, write tables and picture."""
    setup, jobs, given = parse_proxies(arguments)
    tables = Tables.load()
    folder = given or _fresh_folder("proxies")
    with locked(folder), goes_on_by(_resuming("proxies", folder), folder):
        write_text_atomically(folder / ASKED, setup_json(setup))
        print(f"{setup.cells} cells in {folder}, {jobs} at a time")
        records = score_cells(folder, setup, jobs)
        scores = score_table(records, tables)
        text = write_proxies(folder, scores, ranking(records, scores, setup.seed), describe(setup))
        get_console().print(text, markup=False, soft_wrap=True)
        print(f"Table   {folder / 'summary.md'}\nFigure  {folder / 'correlations.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

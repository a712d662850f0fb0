"""The benchmarks put together: searches composed and started, tables and pages written."""

import datetime
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from hydra import compose
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich import get_console

from darts_pl.assembly.benchmark_folder import read_settings, resume_command
from darts_pl.assembly.parts import search_method
from darts_pl.commands.check import check_config
from darts_pl.commands.config_files import isolated_hydra
from darts_pl.commands.explain import INTERRUPTED, Stopped, explain, resumable_by
from darts_pl.data.nasbench201_tables import Tables
from darts_pl.engine.choosing import ENGINES
from darts_pl.engine.native.cell import is_available
from darts_pl.errors import ConfigError, RunError
from darts_pl.hardware import available_cores
from darts_pl.paths import conf_dir, write_text_atomically
from darts_pl.reports.benchmark_page import markdown, write_benchmark
from darts_pl.reports.proxies_page import write_proxies
from darts_pl.reports.speed_page import write_speed
from darts_pl.schema.values import plain_values
from darts_pl.stages.benchmark import nasbench201
from darts_pl.stages.benchmark.cost import cost_jobs, cost_table
from darts_pl.stages.benchmark.modes import mode_costs
from darts_pl.stages.benchmark.proxies import describe, score_cells
from darts_pl.stages.benchmark.proxy_ranks import ranking, score_table
from darts_pl.stages.benchmark.proxy_settings import parse_proxies, setup_json
from darts_pl.stages.benchmark.settings import FILE, Settings, experiment
from darts_pl.stages.benchmark.speed.machine import describe_machine
from darts_pl.stages.benchmark.speed.measuring import Measuring
from darts_pl.stages.benchmark.speed.settings import Speed, parse_speed
from darts_pl.stages.jobs import CommandJob, run_commands
from darts_pl.stages.lock import locked


def run_nasbench201(settings: Settings) -> int:
    """Search with every method and seed, look the cells up, write the tables and the page."""
    folder, settings = _open_folder(settings)
    assert settings.threads is not None
    tables = Tables.load()
    jobs = [job for method in settings.methods for job in _jobs(folder, method, settings)]
    written = {key: value for key, value in vars(settings).items() if key not in ("folder", "trust")}
    with locked(folder), resumable_by(resume_command(folder, settings), folder):
        write_text_atomically(folder / FILE, json.dumps(written, indent=2) + "\n")
        print(f"{len(jobs)} searches in {folder}, {settings.jobs} at a time")
        failed = run_commands(jobs, settings.jobs, settings.threads)
        if not any(job.done for job in jobs):
            raise RunError(f"no search was finished; see the job.log in the folders of {folder}")
        _write(folder, jobs, settings, tables, [job.name for job in failed])
    return 1 if failed else 0


def _open_folder(settings: Settings) -> tuple[Path, Settings]:
    """A new folder and what is asked for, or the one to go on with and what was asked for there. The number of threads
    is settled here, once: results depend on it."""
    if settings.folder is None:
        folder = _fresh_folder("nasbench201")
    else:
        folder, settings = settings.folder, read_settings(settings.folder, trust=settings.trust)
    return folder, replace(settings, threads=settings.threads or max(1, (os.cpu_count() or 1) // settings.jobs))


def _fresh_folder(name: str) -> Path:
    return Path("outputs", name, datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")).absolute()


def _jobs(folder: Path, method: str, settings: Settings) -> list[CommandJob]:
    """The searches of a method; what is wrong with its configuration shows here, before any of them starts."""
    jobs = []
    variants = _variants(method, settings)
    for seed in settings.seeds:
        for index, variant in enumerate(variants):
            name = f"{method}/seed_{seed}" + (f"/variant_{index}" if len(variants) > 1 else "")
            shared = (*experiment(method, settings.scale, conf_dir()), f"hardware.threads={settings.threads}")
            trust = ("trust=true",) if settings.trust else ()
            overrides = (*shared, *variant, *settings.overrides, f"seed={seed}", *trust)
            jobs.append(CommandJob(name, folder / name, overrides))
    return jobs


def _compose(method: str, settings: Settings) -> tuple[DictConfig, dict[str, object]]:
    """(the configuration of a method's searches, the sweep it consists of: key → values)."""
    with isolated_hydra():
        try:
            given = [*experiment(method, settings.scale, conf_dir()), *settings.overrides]
            config = compose("search", given, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(explain(error, composing=True) or str(error)) from error
    sweep = plain_values(config.hydra.sweeper, resolve=False).get("params") or {}
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    check_config(config)
    search_method(config, instantiate(config.space))  # parts that do not go together show here
    return config, sweep


def _variants(method: str, settings: Settings) -> list[list[str]]:
    """The overrides of each search that a method makes a seed: one, or the values of the sweep that it consists of."""
    variants: list[list[str]] = [[]]
    for key, values in _compose(method, settings)[1].items():
        variants = [[*before, f"{key}={value.strip()}"] for before in variants for value in str(values).split(",")]
    return variants


def _write(folder: Path, jobs: Sequence[CommandJob], settings: Settings, tables: Tables, failed: Sequence[str]) -> None:
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
        config, _ = _compose(method, settings)
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
    command = shlex.join(["python", "-m", "darts_pl.benchmark", "proxies", f"resume={folder}"])
    with locked(folder), resumable_by(command, folder):
        write_text_atomically(folder / FILE, setup_json(setup))
        print(f"{setup.cells} cells in {folder}, {jobs} at a time")
        records = score_cells(folder, setup, jobs)
        scores = score_table(records, tables)
        text = write_proxies(folder, scores, ranking(records, scores, setup.seed), describe(setup))
        get_console().print(text, markup=False, soft_wrap=True)
        print(f"Table   {folder / 'summary.md'}\nFigure  {folder / 'correlations.png'}")
    return 0


def run_speed(arguments: Sequence[str]) -> int:
    """Measure steps by several engines in turns, print and write the table."""
    speed, notices = _buildable(parse_speed(arguments, [name for name in ENGINES if name != "auto"], available_cores()))
    folder = _fresh_folder("speed")
    command = shlex.join(["python", "-m", "darts_pl.benchmark", "speed", *arguments])
    beside = "naive, of the file that was named" if speed.naive else "plain; no naive implementation was named"
    facts = [("command", command), ("compared with", beside)]
    print(f"{len(speed.cases)} rows in {folder}")
    write = partial(_write_speed, folder, {**describe_machine(), **dict(facts)}, facts)
    with locked(folder), _stopping_in(folder):
        measuring = Measuring(speed, notices, partial(write, "Not all is measured yet, or the benchmark was stopped."))
        measuring.run()
        text = write(None, measuring)
    get_console().print(text, markup=False, soft_wrap=True)
    print(f"Figures {folder / 'speed.json'}\nTable   {folder / 'speed.md'}\nReport  {folder / 'report.html'}")
    return 0 if measuring.rows else 1


def _buildable(speed: Speed) -> tuple[Speed, list[str]]:
    """(`speed` without the native engine where it cannot be built, since the fast one would run in its place; what is
    to be said of it). It is built before anything is measured."""
    native = [case for case in speed.cases if case.engine == "native"]
    if not native or is_available():
        return speed, []
    others = tuple(case for case in speed.cases if case not in native)
    return replace(speed, cases=others), ["The native engine cannot be built on this machine."]


def _write_speed(
    folder: Path, machine: dict[str, object], facts: Sequence[tuple[str, str]], notice: str | None, found: Measuring
) -> str:
    """What was measured so far, as the table in Markdown too."""
    notices = [*found.notices, *([notice] if notice else [])]
    limits = {str(threads): each for threads, each in found.limits.items()}
    return write_speed(folder, {**machine, "limits": limits}, found.rows, facts, notices)


@contextmanager
def _stopping_in(folder: Path) -> Iterator[None]:
    """Around work that is not gone on with.

    Raises:
        Stopped: after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(INTERRUPTED, f"stopped; what was measured lies in {folder}") from error

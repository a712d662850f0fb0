"""What a step of each method costs: short searches in processes of their own, beside DARTS in the same round."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.bounded.tables import read_table
from darts_pl.errors import RunError
from darts_pl.paths import write_atomically
from darts_pl.stages.jobs import CommandJob, run_commands
from darts_pl.stages.manifest import read_manifest

REFERENCE = "darts"
EPOCHS = 3  # as many as a search in phases needs at least


def cost_jobs(
    methods: Sequence[str], folder: Path, *, steps: int, rounds: int, batch_size: int, overrides: Sequence[str]
) -> list[CommandJob]:
    """`rounds` rounds of one short search a method, the reference first in each, so that what slows the machine down
    for a while slows neighbours down alike. Alphas are trained from the first step on."""
    images = 2 * batch_size * steps  # both halves
    settings = (f"epochs={EPOCHS}", f"data.limit_train={images}", "alpha_warmup_epochs=0", "guards=false")
    ordered = [REFERENCE, *(name for name in methods if name != REFERENCE)]
    return [
        CommandJob(
            f"round_{index}/{name}",
            folder / f"round_{index}" / name,
            (f"+experiment=nasbench201_{name}", *settings, *overrides),
        )
        for index in range(rounds)
        for name in ordered
    ]


def cost_table(jobs: Sequence[CommandJob], folder: Path, threads: int) -> pd.DataFrame:
    """Run the jobs one after the other; seconds a step and memory of each method, and both relative to the reference.

    The seconds are the median over rounds of the mean step; `relative` is the median over rounds of the ratio to the
    reference in the same round. Memory is what the search added to what the process held before it. Written to
    cost.csv.

    Raises:
        RunError: a search failed.
    """
    if failed := run_commands(jobs, 1, threads):
        raise RunError(f"{failed[0].name} failed; see {failed[0].folder}/job.log")
    rows = pd.DataFrame([_measured(job) for job in jobs])
    reference = rows[rows["method"] == REFERENCE].set_index("round")
    for name in ("seconds_per_step", "memory_mib"):
        rows[f"relative_{name}"] = rows[name] / rows["round"].map(reference[name])
    table = rows.drop(columns="round").groupby("method", sort=False).median().reset_index()
    write_atomically(folder / "cost.csv", lambda path: table.to_csv(path, index=False))
    return table


def _measured(job: CommandJob) -> dict[str, Any]:
    timing = read_table(job.folder / "timing.csv")
    search = read_manifest(job.folder)["stages"]["search"]
    index, method = job.name.split("/")
    return {
        "round": index,
        "method": method,
        "seconds_per_step": (timing["seconds_per_step"] * timing["steps"]).sum() / timing["steps"].sum(),
        "memory_mib": search["peak_memory_mib"] - search["memory_before_mib"],
    }

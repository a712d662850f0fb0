"""The report of one staged pipeline: read its folder, collect the sections, say what is not there yet."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from darts_pl.reports.boundary import attempt, filled_sections
from darts_pl.reports.next_steps import command_blocks
from darts_pl.reports.page import Block, Page, Text, save
from darts_pl.reports.pipeline_alphas import alpha_blocks
from darts_pl.reports.pipeline_files import PipelineFiles, read_pipeline
from darts_pl.reports.pipeline_forecasts import forecast_blocks, horizon_blocks
from darts_pl.reports.pipeline_funnel import funnel_blocks
from darts_pl.reports.pipeline_genotype import genotype_blocks
from darts_pl.reports.pipeline_operations import operation_blocks
from darts_pl.reports.pipeline_proxies import proxy_blocks
from darts_pl.reports.pipeline_results import result_blocks
from darts_pl.reports.pipeline_stats import stats_blocks, training_blocks
from darts_pl.reports.run_page import facts, title_of
from darts_pl.reports.sections import configuration_blocks, version_blocks

# Title, what makes its blocks, and the stage that it waits for where there are none.
SECTIONS = (
    ("Results", result_blocks, "the last stage, which tests the networks"),
    ("Funnel of candidates", funnel_blocks, "the first stage, which draws the candidates"),
    ("Proxies", proxy_blocks, "the screen"),
    ("Operations and choices", operation_blocks, "the first stage, which draws the candidates"),
    ("Gates during the search", alpha_blocks, "the search"),
    ("The chosen architecture", genotype_blocks, "the choice among the searched candidates"),
    ("Forecasts", forecast_blocks, "the last stage, which tests the networks"),
    ("Error by horizon", horizon_blocks, "the last stage, which tests the networks"),
    ("Training from fresh weights", training_blocks, "the retraining"),
    ("Time, memory and workers", stats_blocks, "the first stage"),
)
ENDING = (
    ("What next", lambda found: command_blocks(found.run)),
    ("Configuration", lambda found: configuration_blocks(found.run)),
    ("Versions", lambda found: version_blocks(found.run)),
)


def write_pipeline_report(run_dir: Path | str, output: Path | str | None = None) -> Path:
    """Write the page of a pipeline run to `output`, by default `report.html` in its folder; the path that was written.

    Raises:
        RunError: no such folder, no run in it, or the page cannot be written.
    """
    found = read_pipeline(run_dir)
    return save(pipeline_page(found), Path(output) if output else found.run.folder / "report.html")


def pipeline_page(found: PipelineFiles) -> Page:
    """The page of a pipeline that has been read; a section without data says which stage it waits for, and sections
    whose data cannot be drawn are left out and named in the notices."""
    left_out: list[str] = []
    parts = [(title, partial(_blocks_or_wait, found, make, stage)) for title, make, stage in SECTIONS]
    filled = filled_sections([*parts, *((title, partial(make, found)) for title, make in ENDING)], left_out)
    run = found.run
    status = str(run.manifest.get("status", "unknown"))
    head: list[tuple[str, str]] = attempt("what stands under the title", partial(facts, run), [], left_out)
    open_ends: list[str] = attempt("what is unfinished", partial(notices, found), [], left_out)
    return Page(title_of(run), status, head, filled, [*open_ends, *left_out])


def _blocks_or_wait(found: PipelineFiles, make: Callable[[PipelineFiles], list[Block]], stage: str) -> list[Block]:
    return make(found) or [Text(f"Nothing here{'' if found.run.complete else ' yet'}: this comes from {stage}.")]


def notices(found: PipelineFiles) -> list[str]:
    """What is unfinished, missing or damaged, before the sections."""
    run, told = found.run, []
    if not run.complete:
        stages = run.manifest.get("stages") or {}
        done = [name for name, entry in stages.items() if entry.get("status") == "complete"]
        reached = f"complete: {', '.join(done)}" if done else "no stage is complete"
        told.append(f"This run has not finished ({reached}). The page shows what is there.")
    if run.missing:
        told.append(f"Not in the run folder: {', '.join(run.missing)}.")
    if run.damaged:
        told.append(f"Could not be read: {'; '.join(run.damaged)}.")
    return told

"""The report of one run: read its folder, collect the sections that have something to show, write it."""

from functools import partial
from pathlib import Path

from darts_pl.reports import gate_sections, next_steps, sections, tables
from darts_pl.reports.boundary import attempt, filled_sections
from darts_pl.reports.page import Page, save
from darts_pl.reports.run_files import RunFiles, configured, read_run

SECTIONS = (
    ("Results", sections.result_blocks),
    ("Warnings", sections.warning_blocks),
    ("Genotype", sections.genotype_blocks),
    ("Architecture weights", gate_sections.alpha_blocks),
    ("Training curves", sections.curve_blocks),
    ("Entropy and skip connections", sections.architecture_blocks),
    ("Operations", sections.operation_blocks),
    ("Retraining", sections.training_blocks),
    ("Size beside published genotypes", sections.size_blocks),
    ("Timing", sections.timing_blocks),
    ("What next", next_steps.command_blocks),
    ("Configuration", sections.configuration_blocks),
    ("Versions", sections.version_blocks),
)


def write_report(run_dir: Path | str, output: Path | str | None = None) -> Path:
    """Write the page of a run to `output`, by default `report.html` in its folder; the path that was written.

    Raises:
        RunError: no such folder, no run in it, or the page cannot be written.
    """
    run = read_run(run_dir)
    return save(run_page(run), Path(output) if output else run.folder / "report.html")


def run_page(run: RunFiles) -> Page:
    """The page of a run that has been read; sections without data are left out, and those whose data cannot be drawn
    are named in the notices."""
    left_out: list[str] = []
    filled = filled_sections(((title, partial(make, run)) for title, make in SECTIONS), left_out)
    status = str(run.manifest.get("status", "unknown"))
    head: list[tuple[str, str]] = attempt("what stands under the title", partial(facts, run), [], left_out)
    return Page(title_of(run), status, head, filled, [*_notices(run), *left_out])


def title_of(run: RunFiles) -> str:
    """What made the run, what it is called, and its folder: "Search: digits, run 3 of sweep_2026-01-02"."""
    called = configured(run, "name")
    named = called if isinstance(called, str) and called and called not in run.folder.name else None
    folder = run.folder.name
    if folder.isdecimal():
        folder = f"run {folder} of {run.folder.parent.name}"
    return f"{run.command.capitalize()}: {', '.join(filter(None, (named, folder)))}"


def facts(run: RunFiles) -> list[tuple[str, str]]:
    """What the header of a page says about a run: (name, value) pairs from its manifest."""
    manifest = run.manifest
    started = str(manifest.get("started", tables.NOTHING)).replace("T", " ")
    memory = tables.format_value(manifest.get("peak_memory_mib") or None, lambda mib: f"{mib:,.0f} MiB")
    pairs = [
        ("started", started),
        ("device", tables.format_value(manifest.get("device"))),
        ("seed", tables.format_value(manifest.get("seed"))),
        ("time", tables.format_value(manifest.get("seconds"), tables.format_duration)),
        (tables.memory_name(manifest.get("device")), memory),
    ]
    overrides = [text for text in run.overrides if not text.startswith("seed=")]
    pairs += [("set", " ".join(overrides))] if overrides else []
    versions = manifest.get("versions") or {}
    return pairs + [(name, str(versions[name])) for name in ("darts_pl", "torch", "lightning") if name in versions]


def _notices(run: RunFiles) -> list[str]:
    notices = []
    if not run.complete:
        epochs = 0 if run.history is None else len(run.history)
        notices.append(f"This run has not finished: {epochs} epochs are recorded. The page shows what is there.")
    if run.missing:
        notices.append("Not in the run folder: " + ", ".join(run.missing) + ".")
    if run.damaged:
        notices.append("Could not be read: " + "; ".join(run.damaged) + ".")
    return notices

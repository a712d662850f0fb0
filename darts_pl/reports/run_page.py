"""The report of one run: read its folder, collect the sections that have something to show, write it."""

from pathlib import Path

from darts_pl.reports import gate_sections, sections, tables
from darts_pl.reports.page import Page, Section, save
from darts_pl.reports.run_files import RunFiles, read_run

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
    """The page of a run that has been read; sections without data are left out and named in the notices."""
    filled = [Section(title, blocks) for title, make in SECTIONS if (blocks := make(run))]
    status = str(run.manifest.get("status", "unknown"))
    return Page(f"{run.command}: {run.folder.name}", status, facts(run), filled, _notices(run))


def facts(run: RunFiles) -> list[tuple[str, str]]:
    """What the header of a page says about a run: (name, value) pairs from its manifest."""
    manifest = run.manifest
    started = str(manifest.get("started", tables.NOTHING)).replace("T", " ")
    memory = tables.shown(manifest.get("peak_memory_mib") or None, lambda mib: f"{mib:,.0f} MiB")
    pairs = [
        ("started", started),
        ("device", tables.shown(manifest.get("device"))),
        ("seed", tables.shown(manifest.get("seed"))),
        ("time", tables.shown(manifest.get("seconds"), tables.duration)),
        (tables.memory_name(manifest.get("device")), memory),
    ]
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

"""The sections of a run's page: each makes blocks of the run's files, none where there is no data."""

from collections.abc import Mapping, Sequence
from typing import Any

from darts_pl.genotype import AnyGenotype, Cell, Genotype, Nasbench201Genotype
from darts_pl.genotype.nasbench201 import OPERATIONS
from darts_pl.metric_names import single_task_metrics
from darts_pl.reports import cell_graph, curves, operations, tables
from darts_pl.reports.gate_sections import choice_table
from darts_pl.reports.monitor import monitor_of
from darts_pl.reports.page import Block, Fold, Picture, Text, panels, picture
from darts_pl.reports.run_files import RunFiles
from darts_pl.reports.style import data_uri, kind_title

MOST_CELLS = 8  # cells of a genotype that are drawn
MOST_BARS = 4  # cells whose operations are counted side by side
MOST_TASKS = 9  # metrics of single tasks that are drawn
HOW_TO_READ_A_CELL = (
    "from left to right: coloured boxes are operations, each circle adds up what leads to it, and the dashed "
    "lines join the nodes that form the output."
)
OF_TWO_INPUTS = " 0 is the output of the cell before the last one, 1 that of the last; nodes are counted on from 2."


def how_to_read(cell: Cell) -> str:
    """How the drawing of a cell is read, its numbers included."""
    return HOW_TO_READ_A_CELL + (OF_TWO_INPUTS if cell.first_state == 2 else "")


def result_blocks(run: RunFiles) -> list[Block]:
    """The result table, and the epoch or the selection that the genotype comes from."""
    monitor = monitor_of(run)
    blocks: list[Block] = []
    if rows := run.results.get("rows"):
        blocks.append(tables.result_table(rows, monitor.name))
    search: Mapping[str, Any] = run.results.get("search") or _best_of(run)
    key = f"val_{monitor.name}_best"
    if search.get(key) is not None:
        reached, epoch = monitor.text(search[key]), search.get("epoch_best", tables.NOTHING)
        network = "network" if run.command == "retrain" else "supernet"
        if "stopped" in search:
            blocks.append(Text(f"The search was stopped: {search['stopped']}."))
            told = f"validation {monitor.words} of the supernet there: {reached}"
            blocks.append(Text(f"It went back to epoch {epoch}; {told}."))
        else:
            blocks.append(Text(f"Best validation {monitor.words} of the {network}: {reached}, after epoch {epoch}."))
    if chosen := search.get("selection"):
        told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in chosen.items())
        blocks.append(Text(f"The genotype was chosen after the search: {told}."))
    return blocks


def _best_of(run: RunFiles) -> dict[str, float]:
    """The best epoch by validation, from the history: what an unfinished run has reached so far."""
    monitor = monitor_of(run)
    column = f"val_{monitor.name}"
    if not curves.has_any(run.history, [column]):
        return {}
    row = run.history.loc[monitor.best(run.history[column])]
    return {f"{column}_best": float(row[column]), "epoch_best": int(row["epoch"])}


def warning_blocks(run: RunFiles) -> list[Block]:
    """What the guards warned of, with the epoch and what to try."""
    if run.guards is None:
        return []
    warnings = run.guards.get("warnings", [])
    updates = (run.results.get("search") or {}).get("alpha_updates")
    counted = [] if updates is None else [Text(f"The alphas were updated {tables.format_count(updates)} times.")]
    if not warnings:
        return [*counted, Text("The guards against collapse found nothing to warn of.")]
    rows = [(str(warning["epoch"]), warning["what"], warning["try"]) for warning in warnings]
    return [*counted, tables.text_table(["epoch", "what the guards saw", "what to try"], rows)]


def genotype_blocks(run: RunFiles) -> list[Block]:
    """Choices and drawings of all cells of the chosen and of the last genotype, once where they are the same."""
    chosen = _chosen(run)
    if run.command == "retrain":
        wanted = [("the genotype that was trained", run.best)]
    elif run.best is not None and run.best == run.last:
        wanted = [(f"{chosen}, which is also the last", run.best)]
    else:
        wanted = [(chosen, run.best), ("the last epoch", run.last)]
    named = {name: genotype for name, genotype in wanted if genotype is not None}
    table = choice_table(named, run.gates)
    blocks: list[Block] = [] if table is None else [table]
    for name, genotype in named.items():
        blocks += _drawings(name, genotype)
    return blocks


def _drawings(name: str, genotype: AnyGenotype) -> list[Block]:
    """The cells of a genotype, the first of many."""
    blocks: list[Block] = []
    if isinstance(genotype, Nasbench201Genotype):
        blocks.append(Text(f"The cell of {name} as tables write it: {_published_writing(genotype)}."))
    kinds = list(genotype.cells)
    for kind in kinds[:MOST_CELLS]:
        cell, title = genotype.cells[kind], f"{kind_title(kind)} of {name}"
        source = data_uri(cell_graph.cell_svg(cell, ""))
        blocks.append(Picture(source, f"{title}, {how_to_read(cell)}", title=title))
    return blocks + _not_drawn(kinds[MOST_CELLS:], f"cells of {name}")


def _not_drawn(names: Sequence[str], what: str) -> list[Block]:
    return [Text(f"Not drawn: {len(names)} further {what}, {', '.join(names)}.")] if names else []


def _chosen(run: RunFiles) -> str:
    """The words for where the search's genotype comes from."""
    search = run.results.get("search", {})
    if "selection" in search:
        return "the selected architecture"
    return "the epoch that the search went back to" if "stopped" in search else "the best epoch"


def _published_writing(genotype: Nasbench201Genotype) -> str:
    """The text of the cell and, where all its operations have one, its six-digit code."""
    tabulated = set(genotype.operations) <= set(OPERATIONS)
    return f"{genotype.digits}, {genotype.text}" if tabulated else genotype.text


def curve_blocks(run: RunFiles) -> list[Block]:
    """Loss, monitored metric and learning rate of the run's own training, then the metrics of single tasks."""
    metric = monitor_of(run).name
    if not curves.has_any(run.history, ["train_loss", "val_loss", f"train_{metric}", f"val_{metric}", "lr"]):
        return []
    caption = "Each point is the mean over an epoch; where validation falls behind training, the network overfits."
    blocks: list[Block] = [panels(curves.training_curves(run.history, metric), caption)]
    tasks = [name for prefix in ("train_", "val_") for name in single_task_metrics(run.history.columns, prefix, metric)]
    if tasks := [
        name for name in dict.fromkeys(tasks) if curves.has_any(run.history, [f"train_{name}", f"val_{name}"])
    ]:
        caption = "The same for each task by itself; a task that falls behind the others pays for them."
        blocks.append(panels(curves.metric_curves(run.history, tasks[:MOST_TASKS]), caption))
        blocks += _not_drawn(tasks[MOST_TASKS:], "metrics, which history.csv holds")
    return blocks


def architecture_blocks(run: RunFiles) -> list[Block]:
    """Movement of alpha, gate entropy and skip connections."""
    by_kind = [name for prefix in ("entropy_", "skips_") for name in curves.columns_by_kind(run.history, prefix)]
    if not by_kind and not curves.has_any(run.history, ["alpha_movement"]):
        return []
    counts = {len(record.primitives) for record in run.gates.values()}
    candidates = counts.pop() if len(counts) == 1 else None  # kinds that differ have no largest entropy in common
    caption = (
        "Entropy falls from its maximum as the gates decide for operations; a genotype that fills up with "
        "skip connections is the known sign of collapse."
    )
    if curves.too_many_kinds(run.history, "entropy_"):
        caption += " There are too many choices for a line each: a line is their mean, the band their range."
    blocks: list[Block] = [panels(curves.architecture_curves(run.history, candidates), caption)]
    if recorded := curves.columns_of_rules(run.history):
        caption = "What the search's rules recorded after each epoch; where an epoch has no value, no point."
        blocks.append(panels(curves.rule_curves(run.history, recorded), caption))
    return blocks


def operation_blocks(run: RunFiles) -> list[Block]:
    """How often the genotype uses each operation beside the mean gate."""
    genotype = run.last or run.best
    if genotype is None or not genotype.cells:
        return []
    shares, kinds, records = {}, list(genotype.cells), run.gates
    for kind in kinds[:MOST_BARS]:
        record = records.get(kind)
        last = record.gates[-1] if record is not None and len(record.gates) else None
        primitives = record.primitives if record is not None else []
        shares[kind_title(kind)] = operations.operation_shares(genotype.cells[kind], last, primitives)
    which = "last" if run.last is not None else "trained" if run.command == "retrain" else "best"
    gates = ", the pale bar its mean gate over all edges" if run.alphas is not None else ""
    caption = f"The solid bar is an operation's share of the {which} genotype (the number counts its edges){gates}."
    return [panels(operations.operation_bars(shares), caption), *_not_drawn(kinds[MOST_BARS:], "cells")]


def training_blocks(run: RunFiles) -> list[Block]:
    """Retraining of the run's own network beside the random architecture; alone, the training curves show it."""
    own = "retrained" if run.command == "retrain" else "searched"
    named = {own: run.retrain, "random architecture": run.random}
    histories = {name: table for name, table in named.items() if table is not None and len(table)}
    if not histories or (run.command == "retrain" and run.random is None):
        return []
    caption = "Dashed lines are training, solid ones validation; each colour is a network from fresh weights."
    return [panels(curves.compared_training(histories, monitor_of(run).name), caption)]


def size_blocks(run: RunFiles) -> list[Block]:
    """Parameter counts of published genotypes beside this run's at the same size."""
    published = [(str(entry["name"]), int(entry["parameters"])) for entry in run.results.get("published", [])]
    derived = run.results.get("derived_parameters_paper_size")
    if not published:
        return []
    caption = (
        "Parameters of each genotype at the size of the DARTS paper (36 channels, 20 cells), without the "
        "auxiliary head; a longer bar is a larger network."
    )
    return [picture(operations.parameter_bars(published, derived), caption)]


def timing_blocks(run: RunFiles) -> list[Block]:
    """The stages of the run, then the epochs of its own training."""
    device = run.manifest.get("device")
    stages = run.manifest.get("stages") or {}
    blocks: list[Block] = [tables.stage_table(stages, device)] if stages else []
    if run.timing is not None and len(run.timing):
        images = run.best is None or isinstance(run.best, Genotype | Nasbench201Genotype)
        blocks.append(tables.timing_table(run.timing, device, "images" if images else "samples"))
    return blocks


def configuration_blocks(run: RunFiles) -> list[Block]:
    """The resolved configuration, folded, and the overrides it was started with."""
    blocks: list[Block] = []
    if run.overrides:
        blocks.append(Text("Overrides: " + " ".join(run.overrides)))
    if run.config:
        blocks.append(Fold("The whole configuration (config.yaml)", run.config))
    return blocks


def version_blocks(run: RunFiles) -> list[Block]:
    """Versions of the packages and the hash of the configuration."""
    named = dict(run.manifest.get("versions") or {})
    if digest := run.manifest.get("config_sha256"):
        named["configuration (SHA-256)"] = digest
    rows = [(str(name), str(value)) for name, value in named.items()]
    return [tables.text_table(["package", "version"], rows)] if rows else []

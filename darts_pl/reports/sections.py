"""The sections of a run's page: each makes blocks of the run's files, none where there is no data."""

from darts_pl.genotype import Nasbench201Genotype
from darts_pl.genotype.nasbench201 import OPERATIONS
from darts_pl.reports import alphas, cell_graph, curves, operations, sizes, tables
from darts_pl.reports.page import Block, Fold, Picture, Text, picture
from darts_pl.reports.run_files import RunFiles
from darts_pl.reports.style import data_uri, kind_title

HOW_TO_READ_A_CELL = (
    "from left to right: coloured boxes are operations, each circle adds up what leads to it, and the dashed "
    "lines join the nodes that form the output."
)


def result_blocks(run: RunFiles) -> list[Block]:
    """The result table, and the epoch or the selection that the genotype comes from."""
    blocks: list[Block] = []
    if rows := run.results.get("rows"):
        blocks.append(tables.result_table(rows))
    search = run.results.get("search") or _best_of(run)
    if search.get("val_acc_best") is not None:
        accuracy, epoch = tables.percent(search["val_acc_best"]), search.get("epoch_best", tables.NOTHING)
        network = "network" if run.command == "retrain" else "supernet"
        if "stopped" in search:
            blocks.append(Text(f"The search was stopped: {search['stopped']}."))
            blocks.append(
                Text(f"It went back to epoch {epoch}; validation accuracy of the supernet there: {accuracy}.")
            )
        else:
            blocks.append(Text(f"Best validation accuracy of the {network}: {accuracy}, after epoch {epoch}."))
    if chosen := search.get("selection"):
        told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in chosen.items())
        blocks.append(Text(f"The genotype was chosen after the search: {told}."))
    return blocks


def _best_of(run: RunFiles) -> dict[str, float]:
    """The best epoch by validation accuracy, from the history: what an unfinished run has reached so far."""
    if not curves.has_any(run.history, ["val_acc"]):
        return {}
    row = run.history.loc[run.history["val_acc"].idxmax()]
    return {"val_acc_best": float(row["val_acc"]), "epoch_best": int(row["epoch"])}


def warning_blocks(run: RunFiles) -> list[Block]:
    """What the guards warned of, with the epoch and what to try."""
    if run.guards is None:
        return []
    warnings = run.guards.get("warnings", [])
    updates = (run.results.get("search") or {}).get("alpha_updates")
    counted = [] if updates is None else [Text(f"The alphas were updated {tables.whole(updates)} times.")]
    if not warnings:
        return [*counted, Text("The guards against collapse found nothing to warn of.")]
    rows = [(str(warning["epoch"]), warning["what"], warning["try"]) for warning in warnings]
    return [*counted, tables.text_table(["epoch", "what the guards saw", "what to try"], rows)]


def genotype_blocks(run: RunFiles) -> list[Block]:
    """Drawings of all cells of the chosen and of the last genotype, once where they are the same."""
    chosen = _chosen(run)
    if run.command == "retrain":
        wanted = [("the genotype that was trained", run.best)]
    elif run.best is not None and run.best == run.last:
        wanted = [(f"{chosen}, which is also the last", run.best)]
    else:
        wanted = [(chosen, run.best), ("the last epoch", run.last)]
    blocks: list[Block] = []
    for name, genotype in wanted:
        if isinstance(genotype, Nasbench201Genotype):
            blocks.append(Text(f"The cell of {name} as tables write it: {_published_writing(genotype)}."))
        for kind, cell in genotype.cells.items() if genotype is not None else ():
            title = f"{kind_title(kind)} of {name}"
            blocks.append(Picture(data_uri(cell_graph.cell_svg(cell, title)), f"{title}, {HOW_TO_READ_A_CELL}"))
    return blocks


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


def alpha_blocks(run: RunFiles) -> list[Block]:
    """Heat maps of the last gates and alphas, then the gates of every edge over the epochs."""
    if run.alphas is None:
        return []
    epochs, edges, primitives = (run.alphas[name].tolist() for name in ("epoch", "edges", "primitives"))
    if not epochs:
        return []
    blocks: list[Block] = [block for kind in run.kinds for block in _heatmaps(run, kind)]
    for kind in run.kinds:
        gates = run.alphas[f"gate_{kind}"]
        figure = alphas.edge_curves(epochs, gates, edges, primitives, f"{kind_title(kind)}: gates by epoch")
        blocks.append(
            picture(
                figure,
                "Each small picture is an edge: its row is the node it leads into, its column the state it "
                "comes from, and each line is an operation's gate; the line on top is what the edge leans to.",
            )
        )
    return blocks


def _heatmaps(run: RunFiles, kind: str) -> list[Block]:
    """One cell's gates after the last epoch and, where the file has them, its alphas beside them."""
    last, edges, primitives = (run.alphas[name].tolist() for name in ("epoch", "edges", "primitives"))
    cell = run.last.cells.get(kind) if run.last else None
    framed = alphas.chosen_places(cell, edges, primitives) if cell else ()
    heading = f"{kind_title(kind)}: gates after epoch {last[-1]}"
    figure = alphas.gate_heatmap(run.alphas[f"gate_{kind}"][-1], edges, primitives, heading, framed)
    note = ", and a frame marks what the last genotype keeps" if framed else ""
    caption = f"A row is an edge, a column an operation; the darker, the larger its share{note}."
    blocks: list[Block] = [picture(figure, caption, narrow=True)]
    if f"alpha_{kind}" in run.alphas:
        heading = f"{kind_title(kind)}: alphas after epoch {last[-1]}"
        figure = alphas.alpha_heatmap(run.alphas[f"alpha_{kind}"][-1], edges, primitives, heading)
        caption = "The logits behind these gates: blue above 0, orange below, and the darker, the further from 0."
        blocks.append(picture(figure, caption, narrow=True))
    return blocks


def curve_blocks(run: RunFiles) -> list[Block]:
    """Loss, accuracy and learning rate of the run's own training."""
    if not curves.has_any(run.history, ["train_loss", "val_loss", "train_acc", "val_acc", "lr"]):
        return []
    caption = "Each point is the mean over an epoch; where validation falls behind training, the network overfits."
    return [picture(curves.training_curves(run.history), caption)]


def architecture_blocks(run: RunFiles) -> list[Block]:
    """Movement of alpha, gate entropy and skip connections."""
    by_kind = [name for prefix in ("entropy_", "skips_") for name in curves.columns_by_kind(run.history, prefix)]
    if not by_kind and not curves.has_any(run.history, ["alpha_movement"]):
        return []
    kinds = len(run.alphas["primitives"]) if run.alphas is not None else None
    caption = (
        "Entropy falls from its maximum as the gates decide for operations; a genotype that fills up with "
        "skip connections is the known sign of collapse."
    )
    blocks: list[Block] = [picture(curves.architecture_curves(run.history, kinds), caption)]
    if recorded := curves.columns_of_rules(run.history):
        caption = "What the search's rules recorded after each epoch; where an epoch has no value, no point."
        blocks.append(picture(curves.rule_curves(run.history, recorded), caption))
    return blocks


def operation_blocks(run: RunFiles) -> list[Block]:
    """How often the genotype uses each operation beside the mean gate."""
    genotype = run.last or run.best
    if genotype is None:
        return []
    primitives = run.alphas["primitives"].tolist() if run.alphas is not None else []
    shares = {}
    for kind, cell in genotype.cells.items():
        gates = run.alphas[f"gate_{kind}"] if kind in run.kinds else ()
        last = gates[-1] if len(gates) else None
        shares[kind_title(kind)] = operations.operation_shares(cell, last, primitives)
    which = "last" if run.last is not None else "trained" if run.command == "retrain" else "best"
    gates = ", the pale bar its mean gate over all edges" if run.alphas is not None else ""
    caption = f"The solid bar is an operation's share of the {which} genotype (the number counts its edges){gates}."
    return [picture(operations.operation_bars(shares), caption)]


def training_blocks(run: RunFiles) -> list[Block]:
    """Retraining of the run's own network beside the random architecture; alone, the training curves show it."""
    own = "retrained" if run.command == "retrain" else "searched"
    named = {own: run.retrain, "random architecture": run.random}
    histories = {name: table for name, table in named.items() if table is not None and len(table)}
    if not histories or (run.command == "retrain" and run.random is None):
        return []
    caption = "Dashed lines are training, solid ones validation; each colour is a network from fresh weights."
    return [picture(curves.compared_training(histories), caption)]


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
    return [picture(sizes.parameter_bars(published, derived), caption)]


def timing_blocks(run: RunFiles) -> list[Block]:
    """The stages of the run, then the epochs of its own training."""
    device = run.manifest.get("device")
    stages = run.manifest.get("stages") or {}
    blocks: list[Block] = [tables.stage_table(stages, device)] if stages else []
    if run.timing is not None and len(run.timing):
        blocks.append(tables.timing_table(run.timing, device))
    return blocks


def configuration_blocks(run: RunFiles) -> list[Block]:
    """The resolved configuration, folded, and the overrides it was started with."""
    blocks: list[Block] = []
    if overrides := run.manifest.get("overrides"):
        blocks.append(Text("Overrides: " + " ".join(map(str, overrides))))
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

"""How often operations stand in the candidates' pools and in what the searches derived; what the other choices were."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from darts_pl.reports.page import Block, Text, panels, picture
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.style import INK, PAGE_WIDTH, SERIES, operation_colour, shortened, styled


def operation_blocks(found: PipelineFiles) -> list[Block]:
    """Bars of `operation_frequencies` and, where genotypes were derived, of their other choices."""
    table = operation_frequencies(found)
    if table.empty:
        return []
    derived = len(found.genotypes)
    caption = (
        "Pale: the share of the drawn candidates whose operations include this one; middle: of the promoted ones; "
        f"solid: its share of all edges in the genotypes that {derived} searches derived (the number counts edges)."
    )
    blocks: list[Block] = [picture(frequency_figure(table), caption)]
    if not derived:
        return [*blocks, Text("No genotype has been derived yet.")]
    choices = choice_frequencies(found)
    if not choices.empty:
        caption = f"How many of the {derived} derived genotypes hold each choice; what was fixed is included."
        blocks.append(panels(choice_figure(choices), caption))
    return blocks


def operation_frequencies(found: PipelineFiles) -> pd.DataFrame:
    """One row an operation: drawn and promoted (shares of the candidates whose pool holds it), derived (share of all
    edges of all derived genotypes), edges (their count); the most drawn first."""
    pools = _pools(found)
    edges = Counter(
        edge.op
        for genotype in found.genotypes.values()
        for cell in genotype.cells.values()
        for node in cell.nodes
        for edge in node
    )
    promoted = {name: pools[name] for name in found.promoted if name in pools}
    counts: dict[str, Counter[str]] = {"drawn": Counter(), "promoted": Counter()}
    for what, chosen in (("drawn", pools), ("promoted", promoted)):
        counts[what].update(name for names in chosen.values() for name in set(names))
    names = sorted({*counts["drawn"], *edges}, key=lambda name: (-counts["drawn"][name], name))
    table = pd.DataFrame({"operation": names, "edges": [edges[name] for name in names]})
    table["drawn"] = [counts["drawn"][name] / max(1, len(pools)) for name in names]
    table["promoted"] = [counts["promoted"][name] / max(1, len(promoted)) for name in names]
    table["derived"] = table["edges"] / max(1, edges.total())
    return table


def _pools(found: PipelineFiles) -> dict[str, Sequence[str]]:
    """The operations each candidate was drawn with."""
    if found.pool:
        return {str(entry["id"]): (entry.get("space") or {}).get("primitives") or () for entry in found.pool}
    if found.candidates is None or "operations" not in found.candidates:
        return {}
    rows = found.candidates[["id", "operations"]].dropna().itertuples(index=False)
    return {str(name): str(operations).split("|") for name, operations in rows}


def choice_frequencies(found: PipelineFiles) -> pd.DataFrame:
    """One row a label and name: label, name, count over the derived genotypes; and their modes, label "mode"."""
    counts: Counter[tuple[str, str]] = Counter()
    for genotype in found.genotypes.values():
        counts.update({"mode": genotype.mode, **genotype.choices}.items())
    labels = list(dict.fromkeys(label for label, _ in counts))
    rows = sorted(
        ((label, str(name), n) for (label, name), n in counts.items()), key=lambda r: (labels.index(r[0]), -r[2])
    )
    return pd.DataFrame(rows, columns=["label", "name", "count"])


@styled
def frequency_figure(table: pd.DataFrame) -> Figure:
    """Three bars an operation, from `operation_frequencies`."""
    figure = Figure(figsize=(PAGE_WIDTH, 0.8 + 0.5 * len(table)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    bars = (("drawn", -0.27, 0.3), ("promoted", 0.0, 0.6), ("derived", 0.27, 1.0))
    for place, row in enumerate(table.itertuples()):
        for column, offset, alpha in bars:
            value = getattr(row, column)
            axes.barh(place + offset, value, height=0.24, color=operation_colour(row.operation), alpha=alpha)
        if row.edges:
            axes.text(row.derived, place + 0.27, f" {row.edges}", va="center", size=9, color=INK)
    axes.set_yticks(range(len(table)), [shortened(name) for name in table["operation"]])
    axes.invert_yaxis()
    axes.set_xlabel("share of candidates, or of derived edges")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    return figure


@styled
def choice_figure(choices: pd.DataFrame) -> Figure:
    """A panel a label, a bar a name, from `choice_frequencies`."""
    labels = list(dict.fromkeys(choices["label"]))
    most = int(choices.groupby("label").size().max())
    columns = 3
    rows = -(-len(labels) // columns)
    figure = Figure(figsize=(PAGE_WIDTH, rows * (0.75 + 0.26 * most)), layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, labels):
        own = choices[choices["label"] == name]
        axes.barh(range(len(own)), own["count"], height=0.62, color=SERIES[0])
        for place, count in enumerate(own["count"]):
            axes.text(count, place, f" {count}", va="center", size=9)
        axes.set_yticks(range(len(own)), [shortened(name, 22) for name in own["name"]])
        axes.set(
            ylim=(most - 0.4, -0.6), xlim=(0, 1.15 * choices["count"].max()), title=shortened(name.replace("_", " "))
        )
        axes.set_xticks([])
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
    for axes in panels[len(labels) :]:
        axes.set_visible(False)
    return figure

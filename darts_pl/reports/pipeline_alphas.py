"""How the gates of each searched candidate moved: one small picture a choice, the cells' edges averaged."""

from collections.abc import Mapping

from darts_pl.reports import alphas
from darts_pl.reports.gate_panels import gates_figure
from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.page import Block, Text, panels, picture
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.style import kind_title

HOW_TO_READ = (
    "Gates by epoch: each line is what one possibility weighs in its mixture, in a cell the mean over its edges. What "
    "ends high is what the search leans to; lines that stay together were not decided."
)
MOST = 6  # candidates that are drawn, the chosen one first
MOST_EDGES = 30  # of a cell drawn edge by edge: more make no readable picture


def alpha_blocks(found: PipelineFiles) -> list[Block]:
    """One picture a searched candidate, the chosen one first and with each edge of its cells."""
    order = sorted(found.gates, key=lambda name: (name != found.chosen, name))
    blocks: list[Block] = [Text(HOW_TO_READ)] if order else []
    for name in order[:MOST]:
        moved = ", ".join(f"{_title(kind)} {value:.2f}" for kind, value in movement(found.gates[name]).items())
        title = f"Candidate {name}, the chosen one" if name == found.chosen else f"Candidate {name}"
        caption = f"Largest change of a gate of {name} from the start to the end: {moved}."
        blocks.append(panels(gates_figure(found.gates[name], ""), caption, title))
        if name == found.chosen:
            blocks += _edges_of(found.gates[name])
    if left := order[MOST:]:
        blocks.append(Text(f"Not drawn: {', '.join(left)}; their gates are in search/<candidate>/alphas.npz."))
    return blocks


def movement(records: Mapping[str, GateRecord]) -> dict[str, float]:
    """Kind → the largest change of any of its gates between the first epoch and the last."""
    return {kind: record.movement for kind, record in records.items()}


def _edges_of(records: Mapping[str, GateRecord]) -> list[Block]:
    """A picture of every edge, for each kind that is a cell."""
    blocks: list[Block] = []
    for kind, record in records.items():
        if 1 < len(record.edges) <= MOST_EDGES:
            title = f"{kind_title(kind)}: gates by epoch"
            figure = alphas.edge_curves(record.epochs, record.gates, record.edges, record.primitives, "")
            caption = (
                "Each small picture is an edge of the cell: its row is the node it leads into, its column its source."
            )
            blocks.append(picture(figure, caption, title=title))
    return blocks


def _title(kind: str) -> str:
    return kind.replace("_", " ")

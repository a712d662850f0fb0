"""The choices of genotypes as a table: what was selected for each label, and what the gates were at the end."""

from collections.abc import Mapping

from darts_pl.genotype import AnyGenotype, choice_text
from darts_pl.reports import tables
from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.page import Table


def choice_table(genotypes: Mapping[str, AnyGenotype], records: Mapping[str, GateRecord]) -> Table | None:
    """A row a label, a column a genotype under its name, then the gates after the last epoch, the largest first; None
    where no genotype has choices."""
    labels = list(dict.fromkeys(label for genotype in genotypes.values() for label in genotype.choices))
    if not labels:
        return None
    told = [label for label in labels if label in records and records[label].epochs]
    columns = ["choice", *genotypes, *(["gates after the last epoch"] if told else [])]
    rows = []
    for label in labels:
        chosen = [genotype.choices.get(label) for genotype in genotypes.values()]
        row = [label.replace("_", " "), *(tables.NOTHING if name is None else choice_text(name) for name in chosen)]
        rows.append([*row, *([_gates(records.get(label) if label in told else None)] if told else [])])
    return tables.text_table(columns, rows)


def _gates(record: GateRecord | None) -> str:
    """The candidates of a choice by their gates; of several edges, such as inputs, the largest of each."""
    if record is None:
        return f"{tables.NOTHING} (no choice)"
    last = record.gates[-1]
    if len(record.edges) > 1:
        strongest = [(edge, record.primitives[row.argmax()], row.max()) for edge, row in zip(record.edges, last)]
        return ", ".join(f"{edge}: {name} {gate:.2f}" for edge, name, gate in strongest)
    order = sorted(range(len(record.primitives)), key=lambda k: -last[0][k])
    return ", ".join(f"{record.primitives[k]} {last[0][k]:.2f}" for k in order)

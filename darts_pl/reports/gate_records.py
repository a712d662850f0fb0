"""The gates of a search by kind of choice, from the arrays of its alphas.npz."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MOST_LINES, MOST_POINTS, MOST_CANDIDATES, MOST_EPOCHS = 6_000, 5_000_000, 500, 100_000


@dataclass(frozen=True)
class GateRecord:
    """The gates of one kind of choice during a search: `gates` [T, E, K] after `epochs` [T], with names of E and K."""

    epochs: list[int]
    gates: np.ndarray
    edges: list[str]
    primitives: list[str]

    @property
    def movement(self) -> float:
        """The largest change of any gate between the first epoch and the last."""
        return float(np.abs(self.gates[-1] - self.gates[0]).max())


def gate_records(arrays: Mapping[str, np.ndarray]) -> dict[str, GateRecord]:
    """Gates by kind; kinds that differ in their names have their own `primitives_<kind>` and `edges_<kind>`.

    Raises:
        ValueError: names or epochs are missing, or gates or alphas are of another shape than the names.
    """
    if "epoch" not in arrays:
        raise ValueError(f"no array 'epoch', found {', '.join(sorted(arrays))}")
    records = {}
    for kind in (name.removeprefix("gate_") for name in arrays if name.startswith("gate_")):
        edges, primitives = (arrays.get(f"{what}_{kind}", arrays.get(what)) for what in ("edges", "primitives"))
        if edges is None or primitives is None:
            raise ValueError(f"no names for gate_{kind}, found {', '.join(sorted(arrays))}")
        if any(names.ndim != 1 for names in (arrays["epoch"], edges, primitives)):
            raise ValueError(f"epoch or the names for gate_{kind} are no list")
        expected = (len(arrays["epoch"]), len(edges), len(primitives))
        for name in (f"gate_{kind}", f"alpha_{kind}"):
            if name in arrays and arrays[name].shape != expected:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {expected}")
        records[kind] = GateRecord(
            arrays["epoch"].tolist(), arrays[f"gate_{kind}"], edges.tolist(), primitives.tolist()
        )
    _check_drawable(records)
    return records


def _check_drawable(records: Mapping[str, GateRecord]) -> None:
    """Raises ValueError where the gates are more than a page can show, or a machine draw in a minute."""
    lines = sum(len(record.edges) * len(record.primitives) for record in records.values() if len(record.edges) > 1)
    epochs = max((len(record.epochs) for record in records.values()), default=0)
    widest = max((len(record.primitives) for record in records.values()), default=0)
    for found, most, what in (
        (lines, MOST_LINES, "gates of edges"),
        (lines * epochs, MOST_POINTS, "gates of edges over all epochs"),
        (widest, MOST_CANDIDATES, "candidates on an edge"),
        (epochs, MOST_EPOCHS, "epochs"),
    ):
        if found > most:
            raise ValueError(f"found {found:,} {what}, expected at most {most:,}")

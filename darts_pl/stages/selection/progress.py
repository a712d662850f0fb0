"""How far a perturbation-based selection is, on the disk after every decision."""

import copy
import dataclasses
import shutil
from pathlib import Path
from typing import TypedDict

import pandas as pd
import torch

from darts_pl.bounded.saved_state import read_state
from darts_pl.errors import RunError
from darts_pl.paths import remove_temporaries, write_atomically
from darts_pl.spaces.base import Space, Supernet
from darts_pl.stages.selection.decisions import DROPPED, Decision, Settled, apply
from darts_pl.stages.selection.evaluation import release

STATE, TABLE = "progress.pt", "decisions.csv"


class DecisionRow(TypedDict):
    """A row of `decisions.csv`: a decision in the names of the space."""

    kind: str
    edge: str
    operation: str
    cost: float


class Progress:
    """The supernet under selection, the decisions made on it, and how often it was trained since the search.

    The files `progress.pt`, from which to go on, and `decisions.csv`, to read, are written whole or not at all.

    Args:
        folder: where they lie. searched: the supernet after the search; it is left as it is.
        space: has the names of candidates and edges, `names_by_kind` or the `primitives` and `edges` of all kinds.
    """

    def __init__(self, folder: Path, searched: Supernet, space: Space):
        self.folder, self.space = folder, space
        self.decisions: list[Decision] = []
        self.tuned = 0
        remove_temporaries(folder)
        self.supernet = copy.deepcopy(searched)
        self.supernet.relaxation = Settled(self.supernet.relaxation)
        release(self.supernet)
        if (folder / STATE).exists():
            self._load()
        for number in range(1, self.tuned + 1):  # left where a run was killed before it removed them
            self._remove_round(number)

    def _load(self) -> None:
        state = read_state(self.folder / STATE)
        try:
            for values in state["decisions"]:
                self.decisions.append(Decision(**values))
                apply(self.decisions[-1], self.supernet)
            self.tuned = state["tuned"]
            self.supernet.load_state_dict(state["supernet"])
        except (KeyError, TypeError, IndexError, RuntimeError) as error:
            raise RunError(f"{self.folder / STATE} is not of this search: {error}") from error

    def names(self, kind: str) -> tuple[list[str], list[str]]:
        """The names of a kind's candidates and of its edges, in gate order."""
        return list(self.space.names(kind)), self.space.edge_names(kind)

    def decide(self, decision: Decision) -> None:
        """Apply a decision and save."""
        apply(decision, self.supernet)
        self.decisions.append(decision)
        self.save()

    def round_folder(self, number: int) -> Path:
        """Where the points of the training round `number`, from 1, lie while it is not finished."""
        return self.folder / f"round_{number:02d}"

    def finish_round(self) -> None:
        """Save the supernet as the round has left it; then the round's own points are of no more use."""
        self.tuned += 1
        self.save()
        self._remove_round(self.tuned)

    def _remove_round(self, number: int) -> None:
        if self.round_folder(number).exists():
            shutil.rmtree(self.round_folder(number))

    def save(self) -> None:
        """Write the table, then the state."""
        self._write_table()
        state = {
            "decisions": [dataclasses.asdict(decision) for decision in self.decisions],
            "tuned": self.tuned,
            "supernet": self.supernet.state_dict(),
        }
        write_atomically(self.folder / STATE, lambda path: torch.save(state, path))

    def describe(self, decision: Decision) -> DecisionRow:
        """The decision in the names of the space."""
        candidates, edges = self.names(decision.kind)
        what = "dropped" if decision.column == DROPPED else candidates[decision.column]
        return {"kind": decision.kind, "edge": edges[decision.row], "operation": what, "cost": decision.cost}

    def _write_table(self) -> None:
        table = pd.DataFrame([self.describe(decision) for decision in self.decisions])
        write_atomically(self.folder / TABLE, lambda path: table.to_csv(path, index=False))

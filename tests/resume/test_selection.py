"""Selections stopped anywhere and gone on with: the same decisions, weights and genotype bit for bit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_runs import differences, tiny_search, tiny_space

from darts_pl.callbacks import ResumePoints
from darts_pl.hypergradient import first, fixed
from darts_pl.stages.selection import Perturbation, Sampled
from darts_pl.stages.selection.evaluation import Evaluator
from darts_pl.stages.selection.progress import Progress

TUNING = Perturbation(tune_epochs=1)


def run(folder: Path, selection=TUNING, hypergradient: Callable = first) -> object:
    """A search of an epoch, then the selection: two edges and one node a kind, so training comes twice."""
    space = tiny_space()
    space.edges_kept = 1
    return tiny_search(folder, hypergradient, epochs=1, space=space, selection=selection)


class Killed(BaseException):
    """The end of the process, which nothing handles."""


class Stop:
    """Raises at the `number`-th call of a method from now on, before or after it has done its work."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, name: str, number: int, *, after: bool):
        plain, self.calls = getattr(owner, name), 0

        def stopping(*arguments, **settings):
            self.calls += 1
            if self.calls == number and not after:
                raise Killed
            result = plain(*arguments, **settings)
            if self.calls == number:
                raise Killed
            return result

        patch.setattr(owner, name, stopping)


PLACES = {  # in the order in which they come: each run goes on from where the one before it was stopped
    "in the midst of the first decision": (Evaluator, "__call__", 3, False),
    "when the first decision is made and not saved": (Progress, "save", 1, False),
    "when the first decision is saved": (Progress, "save", 1, True),
    "after the first step of the first training": (ResumePoints, "save", 1, True),
    "before the validation of the first training": (ResumePoints, "save", 2, True),
    "when the first training is done and not saved": (Progress, "finish_round", 1, False),
    "when it is saved and its points are not removed": (Progress, "_remove_round", 1, False),
    "in the third decision": (Evaluator, "__call__", 6, False),
    "when the second training is done": (Progress, "finish_round", 1, True),
    "before the last decision": (Progress, "decide", 2, False),
    "when all is decided": (Progress, "decide", 1, True),
}


def left_behind(folder: Path) -> dict:
    manifest = json.loads((folder / "manifest.json").read_text())
    selection = folder / "selection"
    return {
        "files": sorted(path.name for path in selection.iterdir()),
        "genotype": (folder / "genotype_best.json").read_text(),
        "decisions": (selection / "decisions.csv").read_text(),
        "figures": manifest["stages"]["search"]["selection"],
        "state": torch.load(selection / "progress.pt", weights_only=True),
    }


def test_stopped_at_every_kind_of_place_one_after_the_other(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    for place, (owner, name, number, after) in PLACES.items():
        with pytest.MonkeyPatch.context() as patch:
            if owner is ResumePoints and not (tmp_path / "stopped").exists():
                pytest.fail("the search would be stopped, not the selection")
            Stop(patch, owner, name, number, after=after)
            with pytest.raises(Killed):
                run(tmp_path / "stopped")
                pytest.fail(f"not stopped {place}")
    assert run(tmp_path / "stopped") == whole
    found, expected = left_behind(tmp_path / "stopped"), left_behind(tmp_path / "whole")
    assert not [*differences(found, expected)]
    assert expected["files"] == ["decisions.csv", "progress.pt"] and expected["state"]["tuned"] == 2
    assert len(expected["state"]["decisions"]) == 6


def test_without_training_and_with_alphas_never_trained(tmp_path: Path) -> None:
    selection = Perturbation(tune_epochs=0, metric="loss")
    whole = run(tmp_path / "whole", selection, fixed)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        Stop(patch, Progress, "save", 3, after=True)
        run(tmp_path / "stopped", selection, fixed)
    assert run(tmp_path / "stopped", selection, fixed) == whole
    found, expected = left_behind(tmp_path / "stopped"), left_behind(tmp_path / "whole")
    assert not [*differences(found, expected)] and expected["state"]["tuned"] == 0


def test_sampling_begins_again_with_the_same_result(tmp_path: Path) -> None:
    selection = Sampled(candidates=8, batches=1, finalists=2)
    whole = run(tmp_path / "whole", selection, fixed)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        Stop(patch, Evaluator, "__call__", 5, after=False)
        run(tmp_path / "stopped", selection, fixed)
    assert run(tmp_path / "stopped", selection, fixed) == whole
    tables = [(tmp_path / name / "selection" / "samples.csv").read_text() for name in ("whole", "stopped")]
    assert tables[0] == tables[1]

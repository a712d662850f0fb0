"""Flags of Lightning's trainer act in searches and trainings, and what is interrupted under them is gone on with."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from tiny_runs import KeepEveryPoint, assert_same_run, differences, load_final, tiny_retrain, tiny_search, tiny_space

from darts_pl.data import digits_data
from darts_pl.errors import ConfigError, TimeUp
from darts_pl.genotype import KNOWN
from darts_pl.hardware import Hardware
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.lit import SearchModule
from darts_pl.lit.recomputation import recomputing
from darts_pl.relaxations import Dirichlet, Gumbel
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full
from darts_pl.rules import EigenvalueStop, OperationEarlyStopping, SDARTSAdversarial
from darts_pl.stages.trainer import tensorboard

Run = Callable[..., object]
TRAINING = KNOWN["DARTS_V2"]


def search_run(folder: Path, **settings) -> object:
    return tiny_search(folder, first, relaxation=Gumbel, **settings)


def training_run(folder: Path, **settings) -> object:
    return tiny_retrain(folder, TRAINING, holdout=0.25, batch_size=24, **settings)


RUNS = {"search": search_run, "training": training_run}


def rows(folder: Path, name: str = "history.csv") -> list[dict[str, str]]:
    with (folder / name).open() as stream:
        return list(csv.DictReader(stream))


def goes_on_from_every_point(run: Run, folder: Path) -> list[int]:
    """The steps done at each point of a whole run, from each of which the same end was reached."""
    whole = folder / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, folder / "points", patch)
        run(whole)
    steps = []
    for point in kept.folders:
        steps.append(torch.load(point / "checkpoints" / "last.ckpt", weights_only=True)["steps_done"])
        run(point)
        assert_same_run(point, whole)
    return steps


@pytest.mark.parametrize("name", ["search", pytest.param("training", marks=pytest.mark.slow)])
def test_fewer_batches_leave_the_schedules(name: str, tmp_path: Path) -> None:
    run = lambda folder: RUNS[name](folder, trainer={"flags": {"limit_train_batches": 2}})  # noqa: E731
    assert goes_on_from_every_point(run, tmp_path) == [1, 2, 2, 3, 4, 4]
    RUNS[name](tmp_path / "all")
    assert [row["lr"] for row in rows(tmp_path / "whole")] == [row["lr"] for row in rows(tmp_path / "all")]
    assert load_final(tmp_path / "all")["steps_done"] == 6


@pytest.mark.parametrize("name", RUNS)
def test_time_that_is_over_ends_a_run_between_two_steps(name: str, tmp_path: Path) -> None:
    RUNS[name](tmp_path / "whole", every_s=1e9)
    stops = 0
    while True:
        try:
            RUNS[name](tmp_path / "stopped", every_s=1e9, trainer={"deadline": 0.0})
            break
        except TimeUp as error:
            stops += 1
            assert "trainer.max_time" in str(error)
    assert stops == 6  # after two steps of three an epoch, and after the validation
    assert_same_run(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_accumulation_steps_at_its_end_and_resumes_there(name: str, tmp_path: Path) -> None:
    run = lambda folder: RUNS[name](folder, trainer={"flags": {"accumulate_grad_batches": 2}})  # noqa: E731
    assert goes_on_from_every_point(run, tmp_path) == [2, 3, 3, 5, 6, 6]
    states = load_final(tmp_path / "whole")["optimizer_states"][0]["state"]
    assert states and load_final(tmp_path / "whole")["steps_done"] == 6


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    """Without normalisation over the batch, three batches of 16 step as their 48 images would: alphas too. Momentum
    and Adam follow the gradients, so equal parameters after two epochs are equal means of gradients."""
    finals = {}
    for name, batch, number in (("small", 16, 3), ("large", 48, 1)):
        sizes = {"limit_train": 96, "limit_test": 64, "crop_padding": 0, "flip": False}
        data = digits_data(purpose="search", batch_size=batch, seed=5, **sizes)  # in the same order whatever the batch
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SearchModule, "on_train_batch_start", lambda self, *_: evaluating(self))
            tiny_search(
                tmp_path / name,
                first,
                data=data,
                trainer={"flags": {"accumulate_grad_batches": number}},
            )
        finals[name] = load_final(tmp_path / name)
    small, large = (finals[name]["state_dict"] for name in ("small", "large"))
    for key in small:
        if "metrics" not in key:
            torch.testing.assert_close(small[key], large[key], rtol=1e-4, atol=1e-6, msg=key)
    assert any("alphas" in key for key in small)


def evaluating(module: lightning.LightningModule) -> None:
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hypergradient": exact}, "a second-order hypergradient"),
        ({"hypergradient": finite_difference}, "a second-order hypergradient"),
        ({"hypergradient": first, "rules": (OperationEarlyStopping(),)}, "OperationEarlyStopping"),
    ],
    ids=["exact", "finite_difference", "OLES"],
)
def test_accumulation_is_refused_where_a_step_looks_at_its_batch(settings: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"accumulate_grad_batches=2: {words}.*hypergradient=first"):
        tiny_search(tmp_path, trainer={"flags": {"accumulate_grad_batches": 2}}, **settings)


class Counting(lightning.Callback):
    """A callback of a user's, with a state."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.steps = 0

    def on_train_batch_end(self, *_) -> None:
        self.steps += 1

    def state_dict(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


@pytest.mark.slow
def test_callbacks_of_ones_own_and_their_state_go_on(tmp_path: Path) -> None:
    Counting.made = 0
    run = lambda folder: search_run(folder, trainer={"callbacks": lambda: [Counting()]})  # noqa: E731
    assert goes_on_from_every_point(run, tmp_path) == [1, 2, 3, 3, 4, 5, 6, 6]
    assert Counting.made == 9  # anew for each fit
    assert load_final(tmp_path / "whole")["callbacks"]["Counting"] == {"steps": 6}


def test_several_loggers_get_the_curves_and_a_profiler_its_file(tmp_path: Path) -> None:
    loggers = lambda folder: [CSVLogger(folder, name="csv"), *tensorboard(folder)]  # noqa: E731
    flags = {"profiler": "simple", "log_every_n_steps": 1}
    search_run(tmp_path / "run", trainer={"loggers": loggers, "flags": flags})
    search_run(tmp_path / "other")
    assert_same_run(tmp_path / "run", tmp_path / "other")
    logged = rows(tmp_path / "run", "csv/version_0/metrics.csv")
    history = rows(tmp_path / "run")
    assert [row["loss/val_loss"] for row in logged if row["loss/val_loss"]] == [row["val_loss"] for row in history]
    assert len([row for row in logged if row["loss/train_loss_step"]]) == 6
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    assert "run_training_batch" in (tmp_path / "run" / "fit-profile.txt").read_text()


METHODS = {
    "exact and dirichlet": {"hypergradient": exact, "relaxation": Dirichlet},
    "finite_difference": {"hypergradient": finite_difference},
    "gdas": {"hypergradient": first, "relaxation": partial(Gumbel, hard=True), "mixing": SinglePath()},
    "partial channels": {"hypergradient": first, "mixing": PartialChannels(2), "rules": [SDARTSAdversarial()]},
    "a rule that looks back": {"hypergradient": first, "rules": [EigenvalueStop()]},
}
SAME = {**RUNS, **{name: partial(tiny_search, **method) for name, method in METHODS.items()}}
SLOW_PAIRS = [pytest.param(name, marks=[] if name in RUNS else pytest.mark.slow) for name in SAME]


@pytest.mark.parametrize("name", SLOW_PAIRS)
def test_recomputed_cells_give_the_same_run(name: str, tmp_path: Path) -> None:
    """To the bit, running statistics too, in every kind of pass that methods make."""
    SAME[name](tmp_path / "again", hardware=Hardware(accelerator="cpu", recompute=True))
    SAME[name](tmp_path / "kept")
    found, expected = load_final(tmp_path / "again"), load_final(tmp_path / "kept")
    assert not [*differences(found["state_dict"], expected["state_dict"])]
    assert_same_run(tmp_path / "again", tmp_path / "kept")


def test_recomputed_cells_keep_little() -> None:
    """Bytes that the forward pass keeps for the backward pass."""
    space = tiny_space(init_channels=8, num_nodes=4)
    supernet = space.supernet((1, 8, 8), 10, relaxation=Gumbel(), mixing=full)
    x, gates, sizes = torch.randn(16, 1, 8, 8), supernet.gates(), {}
    for wanted in (False, True):
        kept: dict[int, int] = {}

        def pack(tensor: torch.Tensor, kept: dict[int, int] = kept) -> torch.Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with recomputing(supernet, wanted), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            supernet(x, gates).sum()
        sizes[wanted] = sum(kept.values())
    assert sizes[True] < 0.2 * sizes[False]
    assert all("forward" not in vars(cell) for cell in supernet.cells)


def test_a_recomputed_cell_has_the_gates_of_its_own_pass() -> None:
    """Two passes by different gates before the first of them is differentiated, as rules with a second loss may do."""
    supernet = tiny_space().supernet((1, 8, 8), 10, relaxation=Gumbel(), mixing=full).double().train()
    x, weights = torch.randn(4, 1, 8, 8, dtype=torch.float64), supernet.weight_parameters()
    gates = [supernet.gates() for _ in range(2)]  # two draws
    slopes = []
    for wanted in (False, True):
        with recomputing(supernet, wanted):
            losses = [supernet(x, drawn).square().sum() for drawn in gates]
            slopes.append(torch.autograd.grad(losses[0], weights, allow_unused=True, materialize_grads=True))
    assert all(torch.equal(*pair) for pair in zip(*slopes))
    assert all(torch.equal(cell.gates, gates[1][cell.kind]) for cell in supernet.cells)

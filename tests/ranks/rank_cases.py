"""Searches and trainings of a second that two processes run, one case after the other in one pair, and one alone."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, Trainer

from darts_pl import ranks
from darts_pl.callbacks import History, SearchHistory
from darts_pl.data import digits_data
from darts_pl.derive import top_edges
from darts_pl.errors import RankLost
from darts_pl.hardware import Hardware
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.lit import RetrainModule, SearchModule
from darts_pl.lit.base import StepModule
from darts_pl.relaxations import Dirichlet, Gumbel, Relaxation, Softmax
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full
from darts_pl.rules import (
    DropPath,
    EigenvalueStop,
    LayerAlignment,
    OperationEarlyStopping,
    Rule,
    SDARTSAdversarial,
    SDARTSRandom,
)
from darts_pl.spaces import CellSpace
from darts_pl.stages.ddp import on_devices
from darts_pl.stages.fitting import fit_here
from darts_pl.stages.ring import Synchronization
from darts_pl.stages.trainer import TrainerSettings

PRIMITIVES = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")
SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)
ADAM = partial(torch.optim.Adam, lr=0.01, betas=(0.5, 0.999), weight_decay=1e-3)
SEED, EPOCHS = 5, 1
QUIET = TrainerSettings(progress=False)


@dataclass(frozen=True)
class Case:
    """A method that is searched by.

    Args:
        whole: 64-bit numbers, batch normalisation over all ranks and images as they are, so that two ranks compute what
            one does; otherwise as a run has it by default.
    """

    relaxation: Callable[[], Relaxation] = Softmax
    mixing: Callable[..., Any] = full
    hypergradient: Callable[..., list[torch.Tensor]] = first
    rules: tuple[Rule, ...] = ()
    whole: bool = False


METHODS: dict[str, Case] = {
    "softmax": Case(),
    "gumbel": Case(Gumbel),
    "dirichlet": Case(partial(Dirichlet, kl_weight=1e-3)),
    "partial": Case(mixing=PartialChannels(2)),
    "finite_difference": Case(hypergradient=finite_difference),
    "exact": Case(hypergradient=exact),
    "single_path": Case(partial(Gumbel, hard=True), SinglePath()),
}
RULES: dict[str, Case] = {
    "sdarts_rs": Case(rules=(SDARTSRandom(0.1),)),
    "sdarts_adv": Case(rules=(SDARTSAdversarial(0.1, steps=2),)),
    "layer_alignment": Case(rules=(LayerAlignment(2.0, kind="reduce"),)),
    "oles": Case(rules=(OperationEarlyStopping(threshold=0.3, window=2),)),
    "eigenvalue": Case(rules=(EigenvalueStop(every=1, stop=False),)),
    "drop_path": Case(rules=(DropPath(0.5),)),
}


def search_of(case: Case, folder: Path | None = None) -> tuple[SearchModule, Any, SearchHistory]:
    """(module, data, history) of a search on 70 digits, of each half batches of 10, 10, 10 and 5: uneven parts."""
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    plain = {"crop_padding": 0, "flip": False} if case.whole else {}
    data = digits_data(purpose="search", batch_size=10, seed=SEED, limit_train=70, limit_test=20, **plain)
    data.prepare()
    torch.manual_seed(SEED)
    supernet = space.supernet(data.input_shape, data.outputs, relaxation=case.relaxation(), mixing=case.mixing)
    module = SearchModule(
        supernet.double() if case.whole else supernet,
        case.hypergradient,
        SGD,
        ADAM,
        task=data.task,
        epochs=EPOCHS,
        seed=SEED,
        rules=copy.deepcopy(case.rules),
    )
    history = SearchHistory(folder, partial(space.derive, derivation=top_edges), list(space.primitives), space.edges)
    return module, data, history


def training_of(folder: Path | None = None, *, whole: bool = True) -> tuple[RetrainModule, Any, History]:
    """(module, data, history) of a training with averaged weights on 50 digits, 14 of them held out."""
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    data = digits_data(purpose="retrain", batch_size=9, seed=SEED, limit_train=50, limit_test=20, holdout=0.3,
                       **({"crop_padding": 0, "flip": False} if whole else {}))  # fmt: skip
    data.prepare()
    torch.manual_seed(SEED)
    network = space.network(space.random_genotype(torch.Generator().manual_seed(1)), data.input_shape, data.outputs)
    settings = {"epochs": EPOCHS, "seed": SEED, "drop_path": 0.0 if whole else 0.3, "average": 0.5, "keep_best": True}
    module = RetrainModule(network.double() if whole else network, SGD, task=data.task, **settings)
    return module, data, History(folder, "train")


class Seen(Callback):
    """Counts the samples that weights are trained on."""

    def __init__(self) -> None:
        self.samples = 0

    def on_train_batch_start(self, trainer: Trainer, module: StepModule, batch: Any, batch_idx: int) -> None:
        _, y = batch["weights"] if isinstance(batch, dict) else batch
        self.samples += len(y)


def found_by_fit(made: tuple[StepModule, Any, History], place: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit leaves, as one of several ranks or alone."""
    module, data, history = made
    seen = Seen()
    double = next(iter(module.parameters())).dtype == torch.float64
    hardware = Hardware(accelerator="cpu", precision="64-true" if double else "32-true")
    files = {"folder": None, "checkpoints": None}
    watching = [history, seen]
    fit_here(
        module, data, place, epochs=EPOCHS, hardware=hardware, callbacks=watching, title="test", trainer=QUIET, **files
    )
    return {**found_by(module, history), "samples": seen.samples, "generator": torch.get_rng_state()}


def found_by(module: StepModule, history: History) -> dict[str, Any]:
    """What a fit has left: its state, without figures of an epoch under way, and its rows."""
    state = {name: value.clone() for name, value in module.state_dict().items() if "_metrics." not in name}
    return {"state": state, "rows": history.rows, "steps": module.steps_done}


Make = Callable[[], tuple[StepModule, Any, History]]


def cases_of_a_rank(made: Mapping[bool, Mapping[str, Make]], folder: Path, place: Mapping[str, Any]) -> None:
    """As one of two ranks run all cases in turn, and leave in files what this rank found of each."""
    for whole, cases in made.items():
        for name, make in cases.items():
            own = {
                **place,
                "strategy": copy.deepcopy(place["strategy"]),
                "plugins": [Synchronization()] if whole else [],
            }
            torch.save(found_by_fit(make(), own), folder / f"{whole}_{name}_{ranks.rank()}.pt")
            dist.barrier()


class TwoRanks:
    """What each of two ranks finds in the cases of `made`, which has first whether batch normalisation is synchronised.

    Ranks that drift apart may break off in a later case, where they exchange tensors of other candidates; what they
    found before is compared all the same.
    """

    def __init__(self, made: Mapping[bool, Mapping[str, Make]], folder: Path):
        self.folder, self.error = folder, None
        try:
            on_devices(2, partial(cases_of_a_rank, made, folder), flags={"devices": 2}, cpu=True)
        except (RankLost, RuntimeError) as error:
            self.error = error

    def found(self, whole: bool, name: str) -> list[dict[str, Any]]:
        """What rank 0 and rank 1 found; raises what they broke off by before it."""
        files = [self.folder / f"{whole}_{name}_{rank}.pt" for rank in range(2)]
        if self.error is not None and not all(file.is_file() for file in files):
            raise self.error
        return [torch.load(file, weights_only=False) for file in files]


def differing(
    one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor], names: Sequence[str] = ()
) -> list[str]:
    """The tensors that are not equal to the bit."""
    return [name for name in names or one if not torch.equal(one[name], other[name])]

"""Tiny searches and retrainings through the real stages, and the comparison of what they leave behind."""

import re
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from darts_pl.callbacks import ResumePoints
from darts_pl.data import digits_data
from darts_pl.derive import top_edges
from darts_pl.genotype import Genotype
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule, SearchModule
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.stages.method import Method
from darts_pl.stages.retrain import retrain
from darts_pl.stages.run import RunFolder
from darts_pl.stages.search import search
from darts_pl.stages.trainer import TrainerSettings

PRIMITIVES = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")
HARDWARE = Hardware(accelerator="cpu", channels_last=True)
SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)
ADAM = partial(torch.optim.Adam, lr=6e-3, betas=(0.5, 0.999), weight_decay=1e-3)
SEED, BATCH = 5, 16
VOLATILE_CALLBACK_STATE = ("timing",)
NOT_TRAINED = re.compile(r"averaged\.|kept_|running_mean|running_var|num_batches_tracked|_metrics\.|relaxation\.")


def open_run(folder: Path, command: str, every_s: float = 0.0) -> RunFolder:
    """A run folder as the commands open it."""
    config = {"seed": SEED, "resume": None, "checkpoint_every_s": every_s}
    return RunFolder.open(folder, command=command, config=config, device="cpu")


def tiny_space(**changes) -> CellSpace:
    """A space of a few hundred weights."""
    return CellSpace(**{"init_channels": 2, "layers": 3, "num_nodes": 1, "primitives": PRIMITIVES, **changes})


def tiny_search(
    folder: Path,
    hypergradient: Callable,
    *,
    relaxation=Softmax,
    epochs: int = 2,
    every_s: float = 0.0,
    space: CellSpace | None = None,
    sgd: Callable = SGD,
    clip_norm: float = 5.0,
    mixing: Callable = full,
    until: int | None = None,
    data=None,
    trainer: Mapping[str, object] | None = None,
    hardware: Hardware = HARDWARE,
    **parts,
) -> Genotype:
    """Search on 96 digits, three steps an epoch, or on other `data`; goes on where `folder` holds points already.
    `trainer` are further settings of the fits, `parts` are rules, phases and selection of the `Method`."""
    space = space or tiny_space()
    data = data or digits_data(
        purpose="search", batch_size=BATCH, seed=SEED, limit_train=96, limit_test=64, crop_padding=1
    )
    make_module = partial(
        SearchModule,
        hypergradient=hypergradient,
        weights_optimizer=sgd,
        alphas_optimizer=ADAM,
        seed=SEED,
        clip_norm=clip_norm,
    )
    return search(
        open_run(folder, "search", every_s),
        Method(relaxation(), mixing, top_edges, make_module, **parts),
        space=space,
        data=data,
        hardware=hardware,
        epochs=epochs,
        seed=SEED,
        trainer=TrainerSettings(checkpoint_every_s=every_s, **(trainer or {})),
        until=until,
    )


def tiny_retrain(
    folder: Path,
    genotype: Genotype,
    *,
    holdout: float = 0.0,
    epochs: int = 2,
    batch_size: int = 32,
    every_s: float = 0.0,
    trainer: Mapping[str, object] | None = None,
    hardware: Hardware = HARDWARE,
    **recipe,
) -> dict:
    """Retrain with drop path, auxiliary head and cutout on 96 digits; goes on where `folder` holds points already."""
    data = digits_data(
        purpose="retrain", batch_size=batch_size, seed=SEED, limit_train=96, limit_test=64, holdout=holdout, cutout=2
    )
    recipe = {"optimizer": SGD, "drop_path": 0.5, "auxiliary_weight": 0.4, **recipe}
    make_module = partial(RetrainModule, epochs=epochs, seed=SEED, **recipe)
    return retrain(
        open_run(folder, "retrain", every_s),
        genotype,
        stage="retrain",
        folder=folder,
        space=tiny_space(),
        data=data,
        make_module=make_module,
        hardware=hardware,
        epochs=epochs,
        seed=SEED,
        auxiliary=True,
        trainer=TrainerSettings(checkpoint_every_s=every_s, **(trainer or {})),
    )


class KeepEveryPoint:
    """While active, copies every resume point to a folder of its own, with the files that the run had then."""

    def __init__(self, run: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, previous: bool = False):
        self.run, self.kept, self.folders = run, kept, []
        self.left_out = shutil.ignore_patterns("tensorboard", *([] if previous else ["previous.ckpt"]))
        save = ResumePoints.save

        def save_and_copy(points: ResumePoints, trainer) -> None:
            save(points, trainer)
            self._copy()

        monkeypatch.setattr(ResumePoints, "save", save_and_copy)

    def _copy(self) -> None:
        if not self.run.is_dir():
            return
        folder = self.kept / f"{len(self.folders):02d}"
        shutil.copytree(self.run, folder, ignore=self.left_out)
        self.folders.append(folder)


def load_final(folder: Path) -> dict:
    """The content of a finished run's final checkpoint."""
    return torch.load(folder / "checkpoints" / "final.ckpt", map_location="cpu", weights_only=True)


def assert_same_final(found: dict, expected: dict) -> None:
    """Weights, alphas, buffers, optimisers, schedule, loops, callbacks and random state equal bit for bit."""
    differing = [*differences(without_clock(found), without_clock(expected))]
    assert not differing, differing[:10]


def assert_same_run(found: Path, expected: Path) -> None:
    """The final checkpoints, the optimisers' states by parameter, and every result file are equal."""
    one, other = load_final(found), load_final(expected)
    assert_same_final(one, other)
    assert not [*differences(optimizer_states(one), optimizer_states(other))]
    assert result_files(found) == result_files(expected)


def optimizer_states(checkpoint: dict) -> list[dict[str, dict]]:
    """For each optimiser the state of every parameter by its name; each state fits its parameter's shape."""
    trained = [key for key in checkpoint["state_dict"] if not NOT_TRAINED.search(key)]
    alphas = [key for key in trained if ".alphas." in key or ".betas." in key]
    groups = [[key for key in trained if key not in alphas], alphas][: len(checkpoint["optimizer_states"])]
    named = []
    for names, optimizer in zip(groups, checkpoint["optimizer_states"], strict=True):
        indices = [index for group in optimizer["param_groups"] for index in group["params"]]
        states = {name: optimizer["state"].get(index, {}) for name, index in zip(names, indices, strict=True)}
        for name, state in states.items():
            shapes = {value.shape for value in state.values() if value is not None and value.dim()}
            assert shapes <= {checkpoint["state_dict"][name].shape}, name
        named.append(states)
    assert any(state for states in named for state in states.values())
    return named


def without_clock(checkpoint: dict) -> dict:
    """The checkpoint without what no two runs share: seconds."""
    callbacks = {
        name: {key: value for key, value in state.items() if key not in VOLATILE_CALLBACK_STATE}
        for name, state in checkpoint["callbacks"].items()
    }
    return {**checkpoint, "callbacks": callbacks}


def differences(found, expected, place: str = ""):
    """Dotted places where two nested structures differ; tensors are compared bit for bit."""
    if isinstance(expected, torch.Tensor):
        same = isinstance(found, torch.Tensor) and found.dtype == expected.dtype and torch.equal(found, expected)
        if not same:
            yield place
    elif isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            yield f"{place} (keys)"
            return
        for key in expected:
            yield from differences(found[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, (list, tuple)):
        if len(found) != len(expected):
            yield f"{place} (length)"
            return
        for index, (one, other) in enumerate(zip(found, expected)):
            yield from differences(one, other, f"{place}[{index}]")
    elif found != expected:
        yield f"{place}: {found!r} != {expected!r}"


RESULTS = ("history.csv", "alphas.npz", "genotype_best.json", "genotype_last.json")


def result_files(folder: Path) -> dict[str, object]:
    """The content of every file of `folder` that must not depend on interruptions; of a model its weights."""
    paths = [folder / name for name in RESULTS] + sorted((folder / "genotypes").glob("*.json"))
    found = {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.exists()}
    if (model := folder / "model.safetensors").exists():
        found["model"] = {key: value.numpy().tobytes() for key, value in load_file(model).items()}
    return found

"""Searches in phases through the real stage: what each phase begins with, goes on with, leaves behind."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn as nn
from inherited import network_with_weights
from phase_runs import PRIMITIVES, Begun, Bright, run_search
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from darts_pl.callbacks import ScalarBoard
from darts_pl.data.image import ImageData
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import finite_difference
from darts_pl.lit import SearchModule
from darts_pl.lit.base import cosine_rate
from darts_pl.relaxations import Dirichlet, Softmax
from darts_pl.relaxations.mixing import PartialChannels, full
from darts_pl.rules import SkipDropout
from darts_pl.spaces import CellSpace
from darts_pl.stages import search as stage
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.phases import Phase, strongest_masks

PDARTS_LIKE = (Phase(layers=3, alpha_warmup_share=0.4), Phase(layers=4, keep=2, alpha_warmup_share=0.4))
DRNAS_LIKE = (Phase(channel_divisor=2), Phase(channel_divisor=1, keep=2, continues=True))
STEPS = 3  # an epoch


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Begun]:
    """Fills with each phase's beginning as searches run."""
    found, fit = [], stage.fit

    def watched(module, data, **settings):
        supernet = module.supernet
        batch = next(iter(data.train_dataloader()))
        found.append(
            Begun(
                module,
                {name: value.detach().clone() for name, value in supernet.alphas.items()},
                {name: value.clone() for name, value in supernet.state_dict().items()},
                [batch[half] for half in ("weights", "alphas")],
            )
        )
        trainer = fit(module, data, **settings)
        check_optimisers(trainer, module)
        return trainer

    monkeypatch.setattr(stage, "fit", watched)
    monkeypatch.setattr(
        stage, "ArchitectureBoard", lambda history, *draw: ScalarBoard(history)
    )  # pictures take seconds
    return found


def check_optimisers(trainer, module: SearchModule) -> None:
    """Contract 1 after the supernet has changed: every live parameter in exactly one optimiser, with a state."""
    held = [[id(p) for group in o.param_groups for p in group["params"]] for o in trainer.optimizers]
    assert sorted(held[0] + held[1]) == sorted(map(id, module.parameters()))
    assert set(held[1]) == set(map(id, module.supernet.arch_parameters()))
    assert all(sorted(map(id, o.state)) == sorted(ids) for o, ids in zip(trainer.optimizers, held))


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_search_like_pdarts(tmp_path: Path, begun: list[Begun]) -> None:
    rule = SkipDropout((0.2, 0.5))
    genotype, run = run_search(tmp_path, PDARTS_LIKE, epochs=6, rules=[rule])
    one, two = (phase.module for phase in begun)
    assert [len(phase.module.supernet.cells) for phase in begun] == [3, 4]
    masks = strongest_masks(one.supernet, 2)
    for kind in two.supernet.kinds:
        assert torch.equal(two.supernet.kept(kind), masks[kind]) and masks[kind].sum(dim=1).eq(2).all()
        assert begun[1].alphas[kind].abs().max() < 0.01 < one.supernet.alphas[kind].abs().max()  # drawn anew
    for cell in two.supernet.cells:
        for row, choice in zip(masks[cell.kind], cell.edges.values()):
            assert list(choice.candidates) == [name for name, left in zip(PRIMITIVES, row.tolist()) if left]
            assert set(dict(choice.named_parameters())) == {
                f"candidates.{name}.{key}"
                for name, op in choice.candidates.items()
                for key in dict(op.named_parameters())
            }
    rows = history(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [int(row["alpha_updates"]) for row in rows] == [0, 3, 6, 6, 9, 12]  # round(.4 · 3) = 1 epoch of warm-up each
    rates = [float(row["lr"]) for row in rows]
    assert rates == pytest.approx(2 * [cosine_rate(0.05, 0.001, e / 3) for e in range(3)])
    dropout = [p * share for p in (0.2, 0.5) for share in (2 / 3, 1, np.exp(-1.5))]
    assert [float(row["skip_dropout"]) for row in rows] == pytest.approx(dropout)
    assert rule.start is None  # the method's own parts stay as they were
    entry = read_manifest(run.path)["stages"]["search"]
    assert entry["epoch_best"] in (5, 6)  # of the last phase, and not of its warm-up
    assert (entry["steps"], entry["alpha_updates"]) == (6 * STEPS, 4 * STEPS)
    check_kept_only(genotype, two.supernet)


def check_kept_only(genotype, supernet) -> None:
    for kind, cell in genotype.cells.items():
        for row, edge in ((edge.source, edge) for node in cell.nodes for edge in node):
            assert supernet.kept(kind)[row, PRIMITIVES.index(edge.op)]


def test_a_search_like_drnas(tmp_path: Path, begun: list[Begun]) -> None:
    mixing = PartialChannels(channel_divisor=2, edge_normalization=False)
    genotype, _ = run_search(tmp_path, DRNAS_LIKE, epochs=4, relaxation=Dirichlet, mixing=mixing, warmup=1)
    one, two = begun
    ended, started = one.module.supernet.state_dict(), two.weights
    for kind in one.module.supernet.kinds:
        assert torch.equal(two.alphas[kind], one.module.supernet.alphas[kind])
    kept_outside = [name for name in ended if ".candidates." not in name and not name.startswith("kept_")]
    assert all(torch.equal(started[name], ended[name]) for name in kept_outside)
    kernel = "cells.0.edges.2_1.candidates.dil_conv_3x3.1.weight"
    if kernel in started:
        assert started[kernel].shape[0] == 4 and torch.equal(started[kernel][:2], ended[kernel])
    widths = [m.in_channels for m in two.module.supernet.cells[0].edges.modules() if isinstance(m, nn.Conv2d)]
    assert set(widths) == {4}
    rows = history(tmp_path)
    assert [float(row["lr"]) for row in rows] == pytest.approx([cosine_rate(0.05, 0.001, e / 4) for e in range(4)])
    assert [int(row["alpha_updates"]) for row in rows] == [0, 3, 3, 6]
    check_kept_only(genotype, two.module.supernet)


def test_masked_alphas_get_no_gradient_and_others_do(tmp_path: Path, begun: list[Begun]) -> None:
    run_search(tmp_path, PDARTS_LIKE, epochs=2)
    supernet = begun[1].module.supernet.train()
    loss = supernet(torch.randn(8, 1, 6, 6)).logsumexp(dim=1).sum()
    for kind, grad in zip(supernet.kinds, torch.autograd.grad(loss, supernet.arch_parameters())):
        kept = supernet.kept(kind)
        assert (grad[~kept] == 0).all() and (grad[kept] != 0).all()
        moved = supernet.alphas[kind].detach() != begun[1].alphas[kind]
        assert torch.equal(moved, kept)  # Adam without weight decay moves what has a gradient


def test_the_best_epoch_is_not_one_of_a_later_warm_up(tmp_path: Path, begun: list[Begun]) -> None:
    """Alphas were updated in phase 1, but those that phase 2 begins with never were."""
    phases = (Phase(), Phase(alpha_warmup_share=0.9))
    _, run = run_search(tmp_path, phases, epochs=6)
    assert read_manifest(run.path)["stages"]["search"]["epoch_best"] == 6


def test_everything_counts_on(tmp_path: Path, begun: list[Begun]) -> None:
    run_search(tmp_path, PDARTS_LIKE, epochs=4)
    with np.load(tmp_path / "alphas.npz") as arrays:
        assert arrays["epoch"].tolist() == [0, 1, 2, 3, 4]
        dropped = ~begun[1].module.supernet.kept("normal").numpy()
        assert (arrays["gate_normal"][3:, dropped] == 0).all() and (arrays["gate_normal"][:3] > 0).all()
    names = sorted(path.name for path in (tmp_path / "genotypes").glob("*.json"))
    assert names == [f"epoch_{epoch:03d}.json" for epoch in (1, 2, 3, 4)]
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    # By their time: TensorBoard reads two files that were begun within one second in the order of their names.
    written = {tag: sorted(board.Scalars(tag), key=lambda event: event.wall_time) for tag in board.Tags()["scalars"]}
    assert [event.step for event in written["metric/val_acc"]] == [1, 2, 3, 4]
    steps = [event.step for event in written["loss/train_loss_step"]]
    assert steps == sorted(set(steps)) and 2 * STEPS <= max(steps) < 4 * STEPS
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["phase_1", "phase_2"]


def test_later_phases_see_the_data_in_another_order(tmp_path: Path, begun: list[Begun]) -> None:
    """The first batch of phase 2 is that of the epoch after phase 1, order and augmentation included."""
    run_search(tmp_path, PDARTS_LIKE, epochs=4)
    loader = ImageData(source=Bright(96), batch_size=16, seed=5, purpose="search", crop_padding=1).train_dataloader()
    for half, batches in (("weights", loader.weights), ("alphas", loader.alphas)):
        index = ("weights", "alphas").index(half)
        for phase, epoch in zip(begun, (0, 2)):
            x, y, key = phase.first_batches[index]
            expected = batches.batch_at(epoch, 0)
            assert torch.equal(x, expected[0]) and torch.equal(y, expected[1]) and key == expected[2]
        assert begun[0].first_batches[index][2] != begun[1].first_batches[index][2]


def test_second_order_on_a_pruned_supernet(tmp_path: Path, begun: list[Begun]) -> None:
    run_search(tmp_path, PDARTS_LIKE, epochs=2, hypergradient=finite_difference)
    assert all(torch.isfinite(p).all() for p in begun[1].module.parameters())


def test_one_hot_gates_on_a_pruned_supernet_are_the_derived_network() -> None:
    torch.manual_seed(0)
    space = CellSpace(init_channels=4, layers=3, num_nodes=2, primitives=PRIMITIVES)
    supernet = space.supernet((1, 8, 8), 3, relaxation=Softmax(), mixing=full).double()
    supernet.keep(strongest_masks(supernet, 2))
    supernet.train()(torch.rand(4, 1, 8, 8, dtype=torch.float64))
    genotype = space.derive(supernet.strengths())
    network = network_with_weights(space, supernet, genotype, (1, 8, 8), 3)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    for training in (True, False):
        supernet.train(training), network.train(training)
        torch.testing.assert_close(supernet.forward_as_derived(x, gates), network(x), rtol=1e-10, atol=1e-10)


class Faithful(nn.Module):
    """Hands each image on, at half the size where the stride is 2."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x if self.stride == 1 else nn.functional.avg_pool2d(x, 2, ceil_mode=True)


class Exchanged(Faithful):
    """The same images, each at the next sample's place: right in scale, worthless for the label."""

    def forward(self, x):
        return super().forward(x.roll(1, dims=0))


PLANTED = {
    "faithful": lambda channels, stride, affine: Faithful(stride),
    "exchanged": lambda channels, stride, affine: Exchanged(stride),
}


@pytest.mark.parametrize("like", ["pdarts", "drnas"])
def test_the_planted_operation_is_found(like: str, tmp_path: Path, begun: list[Begun]) -> None:
    space = CellSpace(
        init_channels=4, layers=3, num_nodes=1, primitives=("none", "exchanged", "faithful"), operations=PLANTED
    )
    parts = {"mixing": PartialChannels(2, edge_normalization=False)} if like == "drnas" else {}
    phases = {"pdarts": PDARTS_LIKE, "drnas": DRNAS_LIKE}[like]
    genotype, run = run_search(tmp_path, phases, epochs=10, space=space, n=256, **parts)
    assert [cell.nodes[0][0].op for cell in genotype.cells.values()] == ["faithful", "faithful"]
    supernet = begun[1].module.supernet
    for kind in supernet.kinds:
        lead = supernet.logits()[kind][:, 2] - supernet.logits()[kind][:, :2].max(dim=1).values
        assert lead.max() > 1.0
    assert read_manifest(run.path)["stages"]["search"]["val_acc_best"] > 0.8  # chance: 0.5


@pytest.mark.parametrize(
    ("phases", "settings", "words"),
    [
        (
            (Phase(), Phase(channel_divisor=3)),
            {"mixing": PartialChannels(2)},
            "which mixing.channel_divisor=3 does not",
        ),
        ((Phase(), Phase(channel_divisor=2)), {}, "needs mixing=partial"),
        ((Phase(), Phase(layers=2)), {}, "space.layers=2: at least 3"),
        ((Phase(), Phase(layers=4, continues=True)), {}, "found 3 and 4 cells"),
        (
            (Phase(channel_divisor=1), Phase(channel_divisor=2, continues=True)),
            {"mixing": PartialChannels(2)},
            "narrower, from 4 to 2 channels",
        ),
        ((Phase(), Phase()), {"warmup": 2}, "alpha_warmup_epochs=2: expected less than epochs=2"),
        ((Phase(), Phase()), {"rules": [SkipDropout()]}, "expected one rate for each of the search's phases"),
        ((Phase(continues=True), Phase()), {}, r"phases\[0\].continues=true"),
        ((Phase(),) * 5, {}, "epochs=4: a search in 5 phases"),
    ],
)
def test_phases_that_cannot_be_are_told_before_any_work(phases, settings, words, tmp_path, begun) -> None:
    with pytest.raises(ConfigError, match=words):
        run_search(tmp_path, phases, epochs=4, **settings)
    assert not begun and not read_manifest(tmp_path)["stages"] and (tmp_path / MANIFEST).exists()

"""Contracts 2 and 5: who moves when, what an alpha step leaves alone, learning rates, and the step that is unrolled."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback
from small_search import ADAM, SGD, fit, same, search_module, small_supernet, snapshot

from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.relaxations import Softmax

METHODS = {"first": first, "finite_difference": finite_difference, "exact": exact}


class StepLog(Callback):
    """Alphas and weights after every batch, and whether they moved in it."""

    def __init__(self):
        self.alphas_moved, self.weights_moved = [], []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.alphas = snapshot(module.supernet.arch_parameters())
        self.weights = snapshot(module.supernet.weight_parameters())

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.alphas_moved.append(not same(self.alphas, module.supernet.arch_parameters()))
        self.weights_moved.append(not same(self.weights, module.supernet.weight_parameters()))


def watched(method, seen: list[dict]):
    """`method`, noting what it was given and whether it left weights, alphas and buffers as they were."""

    @functools.wraps(method)
    def call(problem, **options):
        parts = [*problem.weights, *problem.alphas, *problem.buffers]
        before = snapshot(parts)
        grads = method(problem, **options)
        kept = same(before, parts) and all(w.grad is None for w in problem.weights)
        seen.append({"rate": problem.step.learning_rate, "kept": kept, "buffers": len(problem.buffers), "grads": grads})
        return grads

    return call


def test_alphas_and_weights_alternate_after_the_warm_up(trained_relaxation):
    log = StepLog()
    module = search_module(small_supernet(trained_relaxation), epochs=3, alpha_warmup_epochs=1)
    fit(module, callbacks=[log])
    assert log.alphas_moved == [False, False, True, True, True, True]
    assert log.weights_moved == [True] * 6
    assert (module.steps_done, module.alpha_updates) == (6, 4)


def test_every_alpha_has_moved_after_a_few_steps(trained_relaxation):
    module = search_module(small_supernet(trained_relaxation))
    start = snapshot(module.supernet.arch_parameters())
    fit(module)
    moved = [(a - b).abs() for a, b in zip(start, module.supernet.arch_parameters())]
    assert all((change > 1e-4).all() for change in moved)


@pytest.mark.parametrize("frozen", ["alphas", "weights"])
def test_a_step_of_one_level_leaves_the_other_still(trained_relaxation, frozen):
    rates = {f"{frozen}_optimizer": functools.partial({"alphas": ADAM, "weights": SGD}[frozen], lr=0.0)}
    log = StepLog()
    fit(search_module(small_supernet(trained_relaxation), epochs=1, min_learning_rate=0.0, **rates), callbacks=[log])
    assert log.alphas_moved == [frozen != "alphas"] * 2
    assert log.weights_moved == [frozen != "weights"] * 2


@pytest.mark.parametrize("method", METHODS)
def test_the_alpha_step_leaves_weights_and_buffers_bit_for_bit(trained_relaxation, method):
    seen = []
    module = search_module(small_supernet(trained_relaxation, num_nodes=2), watched(METHODS[method], seen), epochs=1)
    fit(module)
    assert len(seen) == 2 and all(entry["kept"] for entry in seen)
    assert seen[0]["buffers"] == len(list(module.supernet.buffers())) > 0
    assert all(torch.isfinite(grad).all() and grad.abs().sum() > 0 for entry in seen for grad in entry["grads"])


def test_statistics_are_updated_once_a_step(relaxation):
    """Second order evaluates the training loss four times; only the real step may count."""
    module = search_module(small_supernet(relaxation), finite_difference, epochs=1)
    fit(module)
    counts = {int(b) for name, b in module.supernet.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts == {2}


def test_second_order_moves_the_alphas_elsewhere(trained_relaxation):
    """On the real supernet, from the same state: the implicit term is there, in both forms."""
    found = {}
    for name, method in METHODS.items():
        torch.manual_seed(0)
        seen = []
        fit(search_module(small_supernet(trained_relaxation), watched(method, seen), epochs=1), precision="64-true")
        found[name] = torch.cat([grad.flatten() for grad in seen[0]["grads"]])
    scale = found["first"].norm()
    assert (found["exact"] - found["first"]).norm() > 1e-3 * scale
    assert (found["finite_difference"] - found["first"]).norm() > 1e-3 * scale


def closed_form(epoch: int, epochs: int, start: float, end: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * epoch / epochs)) / 2


def test_learning_rate_and_xi_follow_the_closed_form():
    used, seen, epochs = [], [], 5

    class Recording(torch.optim.SGD):
        def step(self, closure=None):
            used.append(self.param_groups[0]["lr"])
            return super().step(closure)

    module = search_module(
        small_supernet(Softmax(), primitives=("skip_connect", "max_pool_3x3")),
        watched(first, seen),
        weights_optimizer=functools.partial(Recording, lr=0.05, momentum=0.9, weight_decay=3e-4),
        epochs=epochs,
        min_learning_rate=0.002,
    )
    fit(module)
    expected = [closed_form(epoch, epochs, 0.05, 0.002) for epoch in range(epochs) for _ in range(2)]
    assert used == pytest.approx(expected, rel=1e-9) and used[0] == 0.05
    assert [entry["rate"] for entry in seen] == used  # xi is the rate of the coming step, not of the one before


def test_the_unrolled_step_is_the_step_that_follows():
    """w − ξ (m · v + ∇L_train + λ · w), with alphas held still and no clipping, is what SGD then does."""
    predicted, errors = [], []

    def unrolling(problem, **options):
        step = problem.step
        grads = torch.autograd.grad(problem.train_loss(), problem.weights)
        velocities = [torch.zeros_like(w) if v is None else v for w, v in zip(problem.weights, step.velocities)]
        predicted[:] = [
            w.detach() - step.learning_rate * (step.momentum * v + g + step.weight_decay * w.detach())
            for w, g, v in zip(problem.weights, grads, velocities)
        ]
        return [torch.zeros_like(alpha) for alpha in problem.alphas]

    class Compare(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            errors.extend(
                float((p - w).detach().abs().max()) for p, w in zip(predicted, module.supernet.weight_parameters())
            )

    frozen = functools.partial(ADAM, lr=0.0)
    fit(
        search_module(small_supernet(Softmax()), unrolling, alphas_optimizer=frozen, clip_norm=0), callbacks=[Compare()]
    )
    assert errors and max(errors) < 1e-6


def test_weights_are_clipped_to_the_norm_and_alphas_are_not(relaxation):
    norms = {}

    def recording(base, name):
        class Recording(base):
            def step(self, closure=None):
                if closure is not None:
                    closure()  # Lightning's hooks before the step, clipping among them
                grads = [p.grad for group in self.param_groups for p in group["params"]]
                norms.setdefault(name, []).append(float(torch.stack([g.norm() for g in grads]).norm()))
                return super().step()

        return Recording

    module = search_module(
        small_supernet(relaxation),
        lambda problem, **options: [torch.full_like(alpha, 3.0) for alpha in problem.alphas],
        weights_optimizer=functools.partial(recording(torch.optim.SGD, "weights"), lr=0.05, weight_decay=0.0),
        alphas_optimizer=functools.partial(recording(torch.optim.Adam, "alphas"), lr=0.01),
        clip_norm=0.25,
    )
    fit(module)
    assert norms["weights"] == pytest.approx([0.25] * len(norms["weights"]), rel=1e-3)
    assert norms["alphas"] == pytest.approx([3.0 * math.sqrt(2 * 2 * 5)] * len(norms["alphas"]), rel=1e-6)

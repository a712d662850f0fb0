"""Edge weights (PC-DARTS, equations 3 and 4): the sum they make, what is derived, who trains them."""

from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from small_search import ONE_OF_EACH_KIND, fit, same, search_module, small_space, snapshot
from torch import Tensor

from darts_pl.derive import derive_genotype
from darts_pl.relaxations import Relaxation, Softmax
from darts_pl.relaxations.mixing import PartialChannels


def normalised_supernet(relaxation: Relaxation | None = None, *, num_nodes: int = 2, edges: bool = True):
    space = small_space(init_channels=4, num_nodes=num_nodes, primitives=ONE_OF_EACH_KIND)
    mixing = PartialChannels(2, edge_normalization=edges)
    return space, space.supernet((1, 8, 8), 2, relaxation=relaxation or Softmax(), mixing=mixing)


def shares_by_hand(beta: Tensor) -> np.ndarray:
    """Two edges into the first node, three into the second, each group's exponentials divided by their sum."""
    powers = np.exp(beta.detach().double().numpy())
    return np.concatenate([powers[:2] / powers[:2].sum(), powers[2:] / powers[2:].sum()])


def forward_by_hand(supernet, x: Tensor) -> Tensor:
    """The supernet's modules put together by the definition, in float64."""
    before_last, last = supernet.stem(x)
    for cell in supernet.cells:
        gates = torch.softmax(supernet.alphas[cell.kind], dim=1)
        shares = shares_by_hand(supernet.betas[cell.kind])
        states, edge = [cell.preprocess0(before_last), cell.preprocess1(last)], 0
        for node in range(2):
            total = 0.0
            for source in range(2 + node):
                choice = cell.edges[f"{node + 2}_{source}"]
                total = total + float(shares[edge]) * choice(states[source], gates[edge])
                edge += 1
            states.append(total)
        before_last, last = last, torch.cat(states[2:], dim=1)
    return supernet.head(last.mean(dim=(2, 3)))


def test_a_node_is_the_sum_weighed_by_shares_of_its_own_edges():
    _, supernet = normalised_supernet()
    supernet = supernet.double().train()
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.copy_(2 * torch.randn_like(parameter))
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(supernet(x), forward_by_hand(supernet, x), rtol=1e-10, atol=1e-10)
    for kind, weights in supernet.edge_weights().items():
        np.testing.assert_allclose(weights.detach().numpy(), shares_by_hand(supernet.betas[kind]), rtol=1e-12)


def test_derivation_is_by_gate_times_edge_weight():
    """On the third edge of the second node the gates are decided and the edge is not wanted."""
    space, supernet = normalised_supernet()
    with torch.no_grad():
        for kind, alpha in supernet.alphas.items():
            alpha.zero_()
            alpha[:, 2] = torch.tensor([0.1, 0.2, 1.0, 2.0, 9.0])
            supernet.betas[kind].copy_(torch.tensor([0.0, 0.0, 1.0, 1.0, -4.0]))
    expected = (
        torch.softmax(supernet.alphas["normal"], 1) * torch.tensor(shares_by_hand(supernet.betas["normal"]))[:, None]
    )
    torch.testing.assert_close(supernet.strengths()["normal"].double(), expected.detach().double())
    derive = partial(derive_genotype, primitives=space.primitives, num_nodes=2)
    sources = {
        what: {edge.source for edge in derive(gates).normal.nodes[1]}
        for what, gates in (("strengths", supernet.strengths()), ("gates", supernet.expected_gates()))
    }
    assert sources == {"strengths": {0, 1}, "gates": {1, 2}}


def test_without_edge_normalisation_there_are_no_edge_weights():
    _, supernet = normalised_supernet(edges=False)
    assert not supernet.betas and not supernet.edge_weights()
    assert torch.equal(supernet.strengths()["normal"], supernet.expected_gates()["normal"])


class BetaLog(Callback):
    """Whether the betas moved, step by step."""

    def __init__(self):
        self.moved = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.before = snapshot(module.supernet.betas.values())

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.moved.append(not same(self.before, list(module.supernet.betas.values())))


def test_betas_are_trained_with_the_alphas_and_wait_with_them():
    log, (_, supernet) = BetaLog(), normalised_supernet()
    module = search_module(supernet, epochs=2, alpha_warmup_epochs=1)
    start = snapshot(supernet.betas.values())
    trainer = fit(module, callbacks=[log])
    assert log.moved == [False, False, True, True]
    assert all((a - b).abs().min() > 1e-4 for a, b in zip(start, supernet.betas.values()))
    trained = [{id(p) for group in o.param_groups for p in group["params"]} for o in trainer.optimizers]
    betas = {id(beta) for beta in supernet.betas.values()}
    assert betas <= trained[1] and not betas & trained[0]
    assert {"betas.normal", "betas.reduce"} <= set(supernet.state_dict())


@pytest.mark.parametrize("num_nodes", [1, 3])
def test_betas_get_gradients_on_every_edge(num_nodes, trained_relaxation):
    _, supernet = normalised_supernet(trained_relaxation, num_nodes=num_nodes)
    total = [torch.zeros_like(beta) for beta in supernet.betas.values()]
    for seed in range(6):
        torch.manual_seed(seed)
        grads = torch.autograd.grad(supernet(torch.randn(8, 1, 8, 8)).square().sum(), list(supernet.betas.values()))
        total = [a + b.abs() for a, b in zip(total, grads)]
    assert all((sums > 0).all() for sums in total)

"""Contract 2, first half: each candidate's weights matter, each alpha gets a gradient."""

import torch
import torch.nn.functional as F
from small_search import EXTENDED, small_supernet
from torch import Tensor

from darts_pl.ops.image import PRIMITIVES


def sampled_gates(supernet, seeds: range) -> dict[int, dict[str, Tensor]]:
    """The gates that a forward pass after each seed mixes by."""
    found = {}
    for seed in seeds:
        torch.manual_seed(seed)
        found[seed] = {kind: gate.detach() for kind, gate in supernet.gates().items()}
    return found


def output(supernet, x: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return supernet(x).detach()


def candidates_of(supernet):
    """(kind, edge number, operation number, module) of every candidate that has weights."""
    for cell in supernet.cells:
        for row, edge in enumerate(cell.edges.values()):
            for column, candidate in enumerate(edge.candidates.values()):
                if any(True for _ in candidate.parameters()):
                    yield cell.kind, row, column, candidate


def test_each_candidates_weights_change_the_output(relaxation):
    """Without 'none', which a hard sample may put on the only way out."""
    supernet = small_supernet(relaxation, primitives=EXTENDED[1:]).double().train()
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    sampled, before, checked = sampled_gates(supernet, range(200)), {}, 0
    for kind, row, column, candidate in candidates_of(supernet):
        seed = next(seed for seed, gates in sampled.items() if gates[kind][row, column] > 1e-4)
        if seed not in before:
            before[seed] = output(supernet, x, seed)
        kept = {name: value.clone() for name, value in candidate.state_dict().items()}
        with torch.no_grad():
            for weight in candidate.parameters():
                weight.add_(torch.randn_like(weight))
        assert (output(supernet, x, seed) - before[seed]).abs().max() > 1e-9, (kind, row, column)
        candidate.load_state_dict(kept)
        assert torch.equal(output(supernet, x, seed), before[seed])
        checked += 1
    convolutions, reductions_on_skips = 6, 4
    assert checked == 3 * 2 * convolutions + reductions_on_skips


def test_each_alpha_gets_a_gradient(trained_relaxation):
    """Of `none` too where gates compete for one unit of weight; a gate of its own, times zeros, has none."""
    primitives = PRIMITIVES if trained_relaxation.simplex else PRIMITIVES[1:]
    supernet = small_supernet(trained_relaxation, num_nodes=2, primitives=primitives).train()
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 2
    total = [torch.zeros_like(alpha) for alpha in supernet.arch_parameters()]
    for seed in range(8):
        torch.manual_seed(seed)
        grads = torch.autograd.grad(F.cross_entropy(supernet(x), y), supernet.arch_parameters())
        for sums, grad in zip(total, grads):
            sums += grad.abs()
    assert all((sums > 0).all() for sums in total)


def test_cells_of_a_kind_share_their_gates_and_every_cell_is_on_the_path(relaxation):
    supernet = small_supernet(relaxation, layers=5, primitives=EXTENDED[1:]).train()
    loss = F.cross_entropy(supernet(torch.randn(8, 1, 8, 8)), torch.arange(8) % 2)
    grads = torch.autograd.grad(loss, [cell.preprocess1.conv.weight for cell in supernet.cells])
    assert [cell.kind for cell in supernet.cells] == ["normal", "reduce", "normal", "reduce", "normal"]
    assert all(grad.abs().sum() > 0 for grad in grads)
    assert set(supernet.alphas) == {"normal", "reduce"}

"""The supernet against a second implementation, written from the papers' definitions on plain tensors in float64."""

import pytest
import torch
import torch.nn.functional as F
from small_search import EXTENDED, small_space
from torch import Tensor

from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full

State = dict[str, Tensor]


def at(state: State, prefix: str) -> State:
    """The entries below `prefix`, without it."""
    return {name.removeprefix(f"{prefix}."): v for name, v in state.items() if name.startswith(f"{prefix}.")}


def normalise(x: Tensor, norm: State, training: bool) -> Tensor:
    """Batch normalisation by hand; without scale and shift where the state has none."""
    if training:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    else:
        mean, variance = norm["running_mean"], norm["running_var"]
    y = (x - mean.view(1, -1, 1, 1)) / (variance.view(1, -1, 1, 1) + 1e-5).sqrt()
    if "weight" in norm:
        y = y * norm["weight"].view(1, -1, 1, 1) + norm["bias"].view(1, -1, 1, 1)
    return y


def convolve(x: Tensor, weight: Tensor, stride, dilation: int = 1) -> Tensor:
    """Padded so that stride 1 keeps the size; depthwise where the weight has one input channel for many."""
    height, width = weight.shape[-2:]
    padding = (dilation * (height - 1) // 2, dilation * (width - 1) // 2)
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, None, stride, padding, dilation, groups)


def patches(x: Tensor, stride: int, value: float) -> Tensor:
    """(B, C, H, W) → (B, C, 9, H', W'), the 3x3 neighbourhood of each place, `value` outside."""
    padded = F.pad(x, (1, 1, 1, 1), value=value)
    return padded.unfold(2, 3, stride).unfold(3, 3, stride).flatten(-2).movedim(-1, 2)


def pool(name: str, x: Tensor, stride: int) -> Tensor:
    """Maximum over what lies inside, or mean over what lies inside (borders not counted)."""
    if name == "max_pool_3x3":
        return patches(x, stride, float("-inf")).amax(2)
    inside = patches(torch.ones_like(x), stride, 0.0).sum(2)
    return patches(x, stride, 0.0).sum(2) / inside


def factorised(x: Tensor, state: State, training: bool) -> Tensor:
    """Even places by one convolution, odd places by another; zeros beyond an odd border."""
    x = F.pad(x.relu(), (0, x.shape[3] % 2, 0, x.shape[2] % 2))
    parts = [x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]]
    y = torch.cat([convolve(part, state[f"conv_{i}.weight"], 1) for i, part in enumerate(parts, 1)], dim=1)
    return normalise(y, at(state, "bn"), training)


def operation(name: str, x: Tensor, stride: int, state: State, training: bool) -> Tensor:
    """One candidate while searching, by its name."""
    if name == "none":
        return torch.zeros_like(x[:, :, ::stride, ::stride])
    if name == "skip_connect":
        return x if stride == 1 else factorised(x, state, training)
    if "pool" in name:
        return normalise(pool(name, x, stride), at(state, "1"), training)
    if name == "conv_7x1_1x7":
        y = convolve(convolve(x.relu(), state["1.weight"], (1, stride)), state["2.weight"], (stride, 1))
        return normalise(y, at(state, "3"), training)
    dilation = 2 if name.startswith("dil") else 1
    for first in (0, 4) if name.startswith("sep") else (0,):
        x = convolve(x.relu(), state[f"{first + 1}.weight"], stride, dilation)
        x = normalise(convolve(x, state[f"{first + 2}.weight"], 1), at(state, f"{first + 3}"), training)
        stride = 1
    return x


def preprocess(x: Tensor, state: State, training: bool) -> Tensor:
    if "conv_1.weight" in state:
        return factorised(x, state, training)
    return normalise(convolve(x.relu(), state["conv.weight"], 1), at(state, "bn"), training)


def cell(before_last: Tensor, last: Tensor, gates: Tensor, state: State, space, reduction: bool, training: bool):
    """Equation 1 and 2 of arXiv:1806.09055: x_j = Σ_{i<j} Σ_o gate_o · o(x_i)."""
    states = [preprocess(before_last, at(state, "preprocess0"), training)]
    states.append(preprocess(last, at(state, "preprocess1"), training))
    row = 0
    for node in range(2, 2 + space.num_nodes):
        total = 0.0
        for source in range(node):
            stride = 2 if reduction and source < 2 else 1
            for k, name in enumerate(space.primitives):
                weights = at(state, f"edges.{node}_{source}.candidates.{name}")
                total = total + gates[row, k] * operation(name, states[source], stride, weights, training)
            row += 1
        states.append(total)
    return torch.cat(states[2:], dim=1)


def reference(x: Tensor, state: State, space, training: bool) -> Tensor:
    """Logits of the supernet of `space` with the CIFAR stem, from its state dict."""
    gates = {kind: state[f"alphas.{kind}"].exp() for kind in ("normal", "reduce")}
    gates = {kind: gate / gate.sum(1, keepdim=True) for kind, gate in gates.items()}
    stem = at(state, "stem.conv")
    before_last = last = normalise(convolve(x, stem["0.weight"], 1), at(stem, "1"), training)
    for index in range(space.layers):
        reduction = index in (space.layers // 3, 2 * space.layers // 3)
        gate = gates["reduce" if reduction else "normal"]
        y = cell(before_last, last, gate, at(state, f"cells.{index}"), space, reduction, training)
        before_last, last = last, y
    return last.mean((2, 3)) @ state["head.weight"].T + state["head.bias"]


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 9, 7)], ids=["even", "odd"])
def test_supernet_equals_the_second_implementation(shape):
    space = small_space(num_nodes=2, init_channels=4, primitives=EXTENDED)
    supernet = space.supernet(shape, 3, relaxation=Softmax(), mixing=full).double().train()
    with torch.no_grad():
        for alpha in supernet.alphas.values():
            alpha.copy_(torch.randn_like(alpha))
    x = torch.randn(3, *shape, dtype=torch.float64)
    supernet(x)  # statistics other than the initial ones
    for training in (True, False):
        supernet.train(training)
        state = {name: value.detach().clone() for name, value in supernet.state_dict().items()}
        expected = reference(x, state, space, training)
        assert expected.std() > 1e-3
        torch.testing.assert_close(supernet(x), expected, rtol=1e-10, atol=1e-10)


def test_gradients_equal_too():
    space = small_space(num_nodes=1, init_channels=4)
    supernet = space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full).double().train()
    x, y = torch.randn(4, 1, 8, 8, dtype=torch.float64), torch.arange(4) % 2
    names = [name for name, _ in supernet.named_parameters()]
    ours = torch.autograd.grad(F.cross_entropy(supernet(x), y), list(supernet.parameters()))
    leaves = {name: p.detach().clone().requires_grad_() for name, p in supernet.named_parameters()}
    loss = F.cross_entropy(reference(x, {**supernet.state_dict(), **leaves}, space, training=True), y)
    theirs = torch.autograd.grad(loss, [leaves[name] for name in names])
    for name, a, b in zip(names, ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")

"""Small spaces of forecasting networks, and windows for them."""

import torch
from inherited import network_with_weights
from torch import Tensor

from darts_pl.ops.series import OPERATIONS, SeriesShape
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import SeriesSpace
from darts_pl.spaces.series.labels import ARGUMENTS, candidates

SHAPE = SeriesShape(look_back=24, horizon=12, targets=2, past_covariates=1, known_future=2)
PLAIN = SeriesShape(look_back=24, horizon=12, targets=3)
FEW = ("none", "identity", "grn", "dlinear")
ALL = ("none", *OPERATIONS)
EVERY_MODE = ("encoder_decoder", "encoder_only", "decoder_only", "mamba")


def tiny_space(mode: str = "encoder_only", **settings) -> SeriesSpace:
    """All candidates of every label, few operations, eight features, no dropout, unless told otherwise."""
    labels = {ARGUMENTS[label]: names for label, names in candidates(mode).items()}
    sizes = {"hidden_dim": 8, "layers": 2, "num_nodes": 2, "heads": 2, "patch_length": 8, "dropout": 0.0}
    return SeriesSpace(**{"mode": mode, "primitives": FEW, **labels, **sizes, **settings})


def fixed_space(mode: str = "encoder_only", **settings) -> SeriesSpace:
    """As `tiny_space`, but with one candidate of every label unless told otherwise."""
    labels = {
        "normalizations": ["revin"],
        "decompositions": ["none"],
        "shortcuts": ["none"],
        "tokens": ["steps"],
        "positions": ["none"],
        "attentions": ["mamba"] if mode == "mamba" else ["full"],
        "feed_forwards": ["mlp"],
        "cross_attentions": ["full"],
    }
    return tiny_space(mode, **{**labels, **settings})


def batch(shape: SeriesShape = SHAPE, size: int = 4, seed: int = 1, dtype=torch.float64) -> dict[str, Tensor]:
    """Random windows."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"past": (shape.look_back, shape.channels)}
    if shape.known_future:
        sizes["past_known"] = (shape.look_back, shape.known_future)
        sizes["future_known"] = (shape.horizon, shape.known_future)
    return {name: torch.randn(size, *rest, generator=generator, dtype=dtype) for name, rest in sizes.items()}


def supernet(space: SeriesSpace, shape: SeriesShape = SHAPE, relaxation=None, mixing=full, **settings):
    """The supernet in float64, with what begins at zero moved away from it."""
    parts = {"relaxation": relaxation or Softmax(), "mixing": mixing}
    return awake(space.supernet(shape, shape.targets, **parts, **settings).double())


def network(space: SeriesSpace, genotype, shape: SeriesShape = SHAPE):
    """The network of a genotype in the same state."""
    return awake(space.network(genotype, shape, shape.targets).double())


def awake(net):
    """The last layer of what the known future adds begins at zero, which hides what lies before it."""
    if net.forecaster.known_part is not None:
        with torch.no_grad():
            net.forecaster.known_part.out.weight.normal_()
    return net


def pair(space: SeriesSpace, genotype, shape: SeriesShape = SHAPE, net=None, **parts):
    """(supernet, network of the genotype that carries its weights), in float64; `net` is a supernet built before."""
    found = net or supernet(space, shape, **parts)
    return found, network_with_weights(space, found, genotype, shape, shape.targets)


def drawn(space: SeriesSpace, seed: int):
    """A random genotype."""
    return space.random_genotype(torch.Generator().manual_seed(seed))


def check_one_hot(space: SeriesSpace, genotype, shape: SeriesShape = SHAPE, **parts) -> None:
    """One-hot gates give what the derived network gives, slopes included, in training and in evaluation."""
    net, derived = pair(space, genotype, shape, **parts)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    for training in (True, False):
        net.train(training), derived.train(training)
        x = batch(shape)
        past = x["past"].requires_grad_()
        ours, theirs = net.forward_as_derived(x, gates), derived(x)
        assert ours.shape == (4, shape.horizon, shape.targets) and ours.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        slopes = [torch.autograd.grad(y.square().sum(), past)[0] for y in (ours, theirs)]
        torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)

"""What is measured: a step of a search, of a retraining or of a prediction, by an engine, on random data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.engine.choosing import running_by
from darts_pl.genotype.known import DARTS_V2
from darts_pl.hypergradient import Bilevel, Hypergradient, VirtualStep, finite_difference, first
from darts_pl.ops.strided import in_memory_layout
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import PartialChannels, full
from darts_pl.spaces.base import DerivedNetwork, Supernet
from darts_pl.spaces.cells import CellSpace
from darts_pl.spaces.nasbench201 import Nasbench201Space
from darts_pl.stages.benchmark.speed.settings import NAIVE, PREDICT, Case, Speed

CLASSES = 10
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, CLIP_NORM = 0.025, 0.9, 3e-4, 5.0  # as in conf/experiment/cifar_first_order
ARCH_LEARNING_RATE, ARCH_BETAS, ARCH_WEIGHT_DECAY = 3e-4, (0.5, 0.999), 1e-3
AUXILIARY_WEIGHT, DROP_PATH = 0.4, 0.1  # of a retraining, the latter half way through it
HYPERGRADIENTS: dict[str, Hypergradient] = {"first": first, "second": finite_difference}

Loss = Callable[[Any, Tensor], Tensor]


class Batches(NamedTuple):
    """A batch of each half of the data: x (B, C, H, W) or a dictionary of tensors (B, ...), y (B, ...)."""

    train: tuple[Any, Tensor]
    valid: tuple[Any, Tensor]

    def head(self, count: int) -> "Batches":
        """The first `count` samples of both."""
        return Batches(_head(self.train, count), _head(self.valid, count))


def _head(batch: tuple[Any, Tensor], count: int) -> tuple[Any, Tensor]:
    x, y = batch
    return ({name: part[:count] for name, part in x.items()} if isinstance(x, Mapping) else x[:count]), y[:count]


@dataclass(frozen=True)
class Subject:
    """Something that steps.

    Args:
        step: takes one whole step on the batches that it is given, those of `batches` or their heads.
        loss: the training loss of batches, whose graph keeps what the backward pass needs; None: there is none.
        owned: the parameters and buffers, which the graph would not have to keep.
    """

    step: Callable[[Batches], object]
    loss: Callable[[Batches], Tensor] | None
    owned: Sequence[Tensor]
    batches: Batches


@contextmanager
def subject(speed: Speed, case: Case) -> Iterator[Subject]:
    """What the row `case` measures. Weights, alphas and data are the same for all engines.

    Raises:
        ConfigError: a naive implementation that cannot be used.
    """
    torch.manual_seed(0)
    if case.engine == NAIVE:
        from darts_pl.stages.benchmark.speed.naive import naive_subject

        assert speed.naive is not None  # or there would be no such row
        yield naive_subject(speed.naive, speed, case, image_batches(speed, case))
        return
    network, found = _derived(speed, case) if speed.network == "derived" else _searched(speed, case)
    with running_by(network, case.engine), _recomputing(network, case.recompute):
        yield found


def _recomputing(network: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    if not wanted:
        return nullcontext()
    from darts_pl.lit.recomputation import recomputing  # whose room takes seconds to import

    return recomputing(network)


def image_batches(speed: Speed, case: Case) -> Batches:
    """Images (B, 3, side, side) and labels (B) drawn from a seed of their own."""
    generator = torch.Generator().manual_seed(1)

    def batch() -> tuple[Tensor, Tensor]:
        images = torch.randn(case.batch, 3, speed.side, speed.side, generator=generator)
        return images, torch.randint(CLASSES, (case.batch,), generator=generator)

    return Batches(batch(), batch())


def _innermost_channels(batches: Batches) -> Batches:
    (x, y), (valid_x, valid_y) = batches
    layout = torch.channels_last
    return Batches((x.contiguous(memory_format=layout), y), (valid_x.contiguous(memory_format=layout), valid_y))


def _searched(speed: Speed, case: Case) -> tuple[nn.Module, Subject]:
    if speed.network == "forecast":
        from darts_pl.stages.benchmark.modes import series_supernet, series_windows  # whose pandas others do without

        network: Supernet = series_supernet("encoder_only", "variates")
        batches = Batches(series_windows(case.batch), series_windows(case.batch))
        return network, _search(network, batches, F.mse_loss, case.order)
    network = _image_supernet(speed, case)
    in_memory_layout(network, channels_last=True)
    return network, _search(network, _innermost_channels(image_batches(speed, case)), F.cross_entropy, case.order)


def _image_supernet(speed: Speed, case: Case) -> Supernet:
    build = CellSpace if speed.network == "cifar" else Nasbench201Space
    space = build(init_channels=speed.channels, layers=speed.layers)
    mixing = full if case.mixing == "full" else PartialChannels()
    return space.supernet((3, speed.side, speed.side), CLASSES, relaxation=Softmax(), mixing=mixing)


def _search(network: Supernet, batches: Batches, loss: Loss, order: str) -> Subject:
    weights, alphas = network.weight_parameters(), network.arch_parameters()
    weights_optimizer = torch.optim.SGD(weights, LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY)
    alphas_optimizer = torch.optim.Adam(alphas, ARCH_LEARNING_RATE, betas=ARCH_BETAS, weight_decay=ARCH_WEIGHT_DECAY)
    hypergradient, buffers = HYPERGRADIENTS[order], list(network.buffers())

    def loss_of(batch: tuple[Any, Tensor]) -> Tensor:
        return loss(network(batch[0]), batch[1])

    def training_loss(given: Batches) -> Tensor:
        """Of the weights: gates take no gradients, as in `darts_pl.lit.search`."""
        x, y = given.train
        return loss(network(x, {kind: gate.detach() for kind, gate in network.gates().items()}), y)

    def step(given: Batches) -> None:
        velocities = [weights_optimizer.state.get(weight, {}).get("momentum_buffer") for weight in weights]
        problem = Bilevel(
            train_loss=partial(loss_of, given.train),
            valid_loss=partial(loss_of, given.valid),
            weights=weights,
            alphas=alphas,
            buffers=buffers,
            step=VirtualStep(LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, velocities),
        )
        for alpha, grad in zip(alphas, hypergradient(problem)):
            alpha.grad = grad
        alphas_optimizer.step()
        alphas_optimizer.zero_grad()
        training_loss(given).backward(inputs=weights)
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        weights_optimizer.step()
        weights_optimizer.zero_grad()

    return Subject(step, training_loss, [*network.parameters(), *buffers], batches)


def _derived(speed: Speed, case: Case) -> tuple[nn.Module, Subject]:
    space = CellSpace(init_channels=speed.channels, layers=speed.layers)
    shape = (3, speed.side, speed.side)
    network = space.network(DARTS_V2, shape, CLASSES, auxiliary=case.order != PREDICT)
    in_memory_layout(network, channels_last=True)
    batches = _innermost_channels(image_batches(speed, case))
    return network, (_prediction if case.order == PREDICT else _retraining)(network, batches)


def _prediction(network: DerivedNetwork, batches: Batches) -> Subject:
    network.eval()

    @torch.no_grad()
    def step(given: Batches) -> Tensor:
        logits: Tensor = network(given.train[0])
        return logits

    return Subject(step, None, [*network.parameters(), *network.buffers()], batches)


def _retraining(network: DerivedNetwork, batches: Batches) -> Subject:
    weights = list(network.parameters())
    optimizer = torch.optim.SGD(weights, LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY)
    network.drop_path_probability = DROP_PATH

    def training_loss(given: Batches) -> Tensor:
        x, y = given.train
        logits, auxiliary = network.forward_with_auxiliary(x)
        assert auxiliary is not None  # the network is built with that head
        return F.cross_entropy(logits, y) + AUXILIARY_WEIGHT * F.cross_entropy(auxiliary, y)

    def step(given: Batches) -> None:
        training_loss(given).backward()
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad()

    return Subject(step, training_loss, [*weights, *network.buffers()], batches)

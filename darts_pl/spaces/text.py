"""1-D convolution cells for texts."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.inputs import TensorInput
from darts_pl.ops.image import Builder
from darts_pl.ops.text import OPERATIONS, PRIMITIVES, ChannelNorm, masked_builder
from darts_pl.spaces.checks import check_dropout, check_primitives, check_sizes
from darts_pl.spaces.dense import Heads
from darts_pl.spaces.module.cell import Cell
from darts_pl.spaces.module.space import ModuleSpace

PADDING, UNKNOWN = 0, 1


class TextNetwork(nn.Module):
    """Tokens → embeddings → cells over time → heads, for texts of any length.

    Tokens are embedded in C channels, with dropout and a pointwise convolution as stem; `layers` cells (label `cell`)
    each read the two outputs before them, a cell's output being the mean of its nodes; the maximum and the mean over
    the places of a text go to the heads. Places of padding (token 0) count nowhere: a text's outputs are the same
    however far it is padded.

    Args:
        input_shape: one text's tokens (T,), whole numbers below the size of the vocabulary (`high`).
        outputs: how many, by task where there are several.
        init_channels: C. layers: cells. num_nodes: of a cell. primitives: names of the candidates.
        operations: name → builder. dropout: of embeddings and before the heads.
        word_dropout: the share of words that are unknown while training (token 1), so that unknown words are learned.
    """

    def __init__(
        self, input_shape: TensorInput, outputs: int | Mapping[str, int], *, init_channels: int, layers: int,
        num_nodes: int, primitives: Sequence[str], operations: Mapping[str, Builder], dropout: float,
        word_dropout: float,
    ):  # fmt: skip
        super().__init__()
        self.word_dropout = word_dropout
        built = {name: partial(operations[name], init_channels, 1, True) for name in primitives}
        self.embedding = nn.Embedding(_vocabulary_size(input_shape), init_channels, padding_idx=PADDING)
        self.stem = nn.Sequential(
            nn.Conv1d(init_channels, init_channels, 1, bias=False), ChannelNorm(init_channels)
        )  # fmt: skip
        self.cells = nn.ModuleList(Cell(built, num_nodes, "cell", output="mean") for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.heads = Heads(2 * init_channels, outputs)

    def forward(self, tokens: Tensor) -> Tensor | dict[str, Tensor]:
        """int64 (B, T) → (B, outputs), by task where there are several."""
        mask = (tokens != PADDING).unsqueeze(1)
        if self.training and self.word_dropout:
            dropped = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(dropped & mask.squeeze(1), UNKNOWN)
        x = self.dropout(self.embedding(tokens)).transpose(1, 2)
        before_last = last = self.stem(x) * mask
        for cell in self.cells:
            before_last, last = last, cell(before_last, last, mask)
        return self.heads(self.dropout(pooled(last, mask)))


def pooled(x: Tensor, mask: Tensor) -> Tensor:
    """(B, C, T) → (B, 2C): the maximum and the mean over the places of `mask` bool (B, 1, T); zeros without any."""
    length = mask.sum(dim=2)
    largest = x.masked_fill(~mask, torch.finfo(x.dtype).min).amax(dim=2) * (length > 0)
    return torch.cat([largest, (x * mask).sum(dim=2) / length.clamp_min(1)], dim=1)


def _vocabulary_size(shape: TensorInput) -> int:
    whole = isinstance(shape, TensorInput) and shape.dtype == "int64" and len(shape.shape) == 1
    if not whole or not shape.high:
        raise ConfigError(
            f"space=text takes the numbers of words (samples, places), found {shape}. Take data=text or trec"
        )
    return shape.high


class TextSpace(ModuleSpace):
    """The space of `TextNetwork`.

    Args:
        init_channels: channels C. layers: cells. num_nodes: of a cell. primitives: on its edges, in gate order.
        operations: further builders, name → `(channels, stride, affine) -> nn.Module` of (B, channels, T) → the same
            shape, asked for stride 1 only; one whose `forward` takes a second input gets the mask bool (B, 1, T). They
            may replace known ones. dropout: of embeddings and before the heads. word_dropout: see `TextNetwork`.

    Raises:
        ConfigError: an unknown primitive, the same twice, none besides `none`, a size below 1.
    """

    builder = "text"

    def __init__(
        self, *, init_channels: int = 64, layers: int = 2, num_nodes: int = 2, primitives: Sequence[str] = PRIMITIVES,
        dropout: float = 0.3, word_dropout: float = 0.1, operations: Mapping[str, Builder] | None = None,
    ):  # fmt: skip
        operations = {**OPERATIONS, **{name: masked_builder(build) for name, build in (operations or {}).items()}}
        check_primitives(primitives, operations)
        check_sizes(init_channels=init_channels, layers=layers, num_nodes=num_nodes)
        check_dropout(dropout)
        check_dropout(word_dropout, "word_dropout")
        self.settings = {
            "init_channels": init_channels, "layers": layers, "num_nodes": num_nodes,
            "primitives": list(primitives), "dropout": dropout, "word_dropout": word_dropout,
        }  # fmt: skip
        super().__init__(TextNetwork, {**self.settings, "operations": operations})

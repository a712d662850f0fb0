"""Run as a process of its own: each network with narrow, strided 1x1 convolutions is trained in a forked child, as
darts_pl trains it. One line each: its name and the signal that ended it, 0 for none."""

import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.parametrizations
from torch.utils.data import TensorDataset

import darts_pl
from darts_pl.hardware import Hardware
from darts_pl.ops.image import FactorizedReduce, convolution
from darts_pl.ops.strided import in_memory_layout

torch.set_num_threads(1)
SIDE, BATCH, TIMES = 16, 8, 25
CPU = Hardware(accelerator="cpu")


class Own(nn.Module):
    """A function of torch's with weights of the module's own."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, 4, 1, 1))

    def forward(self, x):
        return F.conv2d(x, self.kernel, stride=2)


class Standardised(nn.Conv2d):
    """A class derived from torch's, with a stride that it does not ask itself for."""

    def forward(self, x):
        return F.conv2d(x, self.weight - self.weight.mean(), stride=2)


class Turned(nn.Module):
    """Channels innermost by the module's own doing."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 1, stride=2)

    def forward(self, x):
        return self.conv(x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2))


def weight_norm():
    return nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 8, 1, stride=2))


NETWORKS = {
    "FactorizedReduce": lambda: FactorizedReduce(4, 4, affine=True),
    "nor_conv_1x1": lambda: convolution(1)(4, 2, True),
    "one_stride": lambda: nn.Conv2d(4, 8, 1, stride=(2, 1)),
    "stride_3": lambda: nn.Sequential(nn.ConstantPad2d(2, 0.0), nn.Conv2d(4, 8, 1, stride=3), nn.ReLU()),
    "two_channels": lambda: nn.Sequential(nn.Conv2d(4, 2, 3, padding=1), nn.Conv2d(2, 5, 1, stride=2, bias=False)),
    "function": Own,
    "derived_class": lambda: Standardised(4, 8, 1, stride=2),
    "parametrized": weight_norm,
    "transposed": lambda: nn.Sequential(nn.Conv2d(4, 16, 3), nn.ConvTranspose2d(16, 4, 1, stride=2, output_padding=1)),
    "turned": Turned,
}


def train(network: nn.Module, channels_last: bool) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for _ in range(TIMES):
        x = torch.randn(BATCH, 4, SIDE, SIDE).contiguous(memory_format=layout).requires_grad_()
        network(x).sum().backward()
        _ = [torch.randn(999) for _ in range(20)]


def as_trained(name: str) -> None:
    network = NETWORKS[name]()
    channels_last = CPU.runs_channels_last(network)
    train(in_memory_layout(network, channels_last), channels_last)


def alone() -> None:
    """A primitive that a program of the user's own converts and trains."""
    train(FactorizedReduce(4, 4, affine=True).to(memory_format=torch.channels_last), True)


def search() -> None:
    """A search in the cell space with four channels, reductions included."""
    x, y = torch.rand(32, 1, 8, 8), torch.arange(32) % 2
    config = darts_pl.SearchConfig(init_channels=4, layers=3, num_nodes=2, epochs=2, batch_size=8, guards=False)
    data = TensorDataset(x, y)
    darts_pl.search_architecture(data, data, config)


def unchanged() -> None:
    """What torch itself does with such a convolution."""
    train(nn.Conv2d(4, 8, 1, stride=2).to(memory_format=torch.channels_last), True)


def signal_of(work, *arguments) -> int:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the C library says of its heap
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


if __name__ == "__main__":
    for name in NETWORKS:
        print(name, signal_of(as_trained, name), flush=True)
    for work in (alone, search, unchanged):
        print(work.__name__, signal_of(work), flush=True)

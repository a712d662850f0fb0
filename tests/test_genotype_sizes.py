"""Golden parameter counts (DARTS's released code and later papers), and every count against a formula of its own."""

import pytest
import torch

from darts_pl.derive import random_genotype
from darts_pl.genotype import KNOWN, Cell, Genotype
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.spaces.base import Space
from darts_pl.stages.sizes import paper_size, paper_sizes

OPERATIONS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
OPERATIONS += ("dil_conv_3x3", "dil_conv_5x5", "conv_7x1_1x7")


def network(genotype: Genotype, shape=(3, 32, 32), classes=10, *, auxiliary=False, **settings):
    """On the meta device: nothing is allocated."""
    with torch.device("meta"):
        return CellSpace(**settings).network(genotype, shape, classes, auxiliary=auxiliary)


def total(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_search_supernet_at_the_papers_size():
    with torch.device("meta"):
        supernet = CellSpace().supernet((3, 32, 32), 10, relaxation=Softmax(), mixing=full)
    assert sum(p.numel() for p in supernet.weight_parameters()) == 1_930_618
    assert sum(p.numel() for p in supernet.arch_parameters()) == 2 * 14 * 8


GOLDEN = {
    "DARTS_V1": 3_169_414,
    "DARTS_V2": 3_349_342,
    "PC_DARTS_CIFAR": 3_634_678,
    "PDARTS": 3_433_798,
    "DRNAS_CIFAR10": 4_099_294,
}


@pytest.mark.parametrize(("name", "count"), GOLDEN.items())
def test_published_counts_on_cifar(name, count):
    assert total(network(KNOWN[name], init_channels=36, layers=20)) == count
    with_head = network(KNOWN[name], init_channels=36, layers=20, auxiliary=True)
    assert with_head.count_parameters() == count and total(with_head) == count + 476_426


def test_published_counts_on_imagenet():
    size = {"init_channels": 48, "layers": 14, "stem": "imagenet", "shape": (3, 224, 224), "classes": 1000}
    assert total(network(KNOWN["DARTS_V2"], **size)) == 4_718_752
    assert round(total(network(KNOWN["DARTS_V1"], **size)) / 1e6, 3) == 4.510


def operation_count(name: str, channels: int, stride: int) -> int:
    """Weights and affine normalisation of one operation, from the papers' descriptions."""
    pointwise_and_norm = channels * channels + 2 * channels
    kind, _, size = name.rpartition("_")
    if name == "conv_7x1_1x7":
        return 2 * 7 * channels * channels + 2 * channels
    if kind in ("sep_conv", "dil_conv"):
        stages = 2 if kind == "sep_conv" else 1
        return stages * (int(size[0]) ** 2 * channels + pointwise_and_norm)
    return pointwise_and_norm if name == "skip_connect" and stride == 2 else 0


def cell_count(cell: Cell, channels: int, before_last: int, last: int, reduction: bool) -> int:
    """Two 1x1 convolutions with normalisation (FactorizedReduce has as many weights), then the chosen operations."""
    count = (before_last + last) * channels + 2 * 2 * channels
    for node in cell.nodes:
        count += sum(operation_count(e.op, channels, 2 if reduction and e.source < 2 else 1) for e in node)
    return count


def network_count(genotype: Genotype, channels: int, layers: int, channels_in: int, classes: int) -> int:
    """The whole network with the CIFAR stem."""
    before_last = last = 3 * channels
    count = 9 * channels_in * last + 2 * last
    for index in range(layers):
        reduction = index in (layers // 3, 2 * layers // 3)
        channels *= 2 if reduction else 1
        cell = genotype.reduce if reduction else genotype.normal
        count += cell_count(cell, channels, before_last, last, reduction)
        before_last, last = last, len(cell.concat) * channels
    return count + last * classes + classes


@pytest.mark.parametrize("seed", range(12))
def test_counts_equal_the_formula(seed):
    generator = torch.Generator().manual_seed(seed)
    genotype = random_genotype(OPERATIONS, seed % 4 + 1, generator)
    channels, layers = 3 + seed, 3 + seed % 5
    model = network(genotype, (1 + seed % 3, 28, 28), 2 + seed, init_channels=channels, layers=layers)
    assert total(model) == network_count(genotype, channels, layers, 1 + seed % 3, 2 + seed)


@pytest.mark.parametrize("name", list(KNOWN))
def test_known_counts_equal_the_formula(name):
    assert paper_size(KNOWN[name]) == network_count(KNOWN[name], 36, 20, 3, 10)


class OwnSpace(Space):
    """Somebody's own, of the same genotypes: only what a comparison of sizes asks of it."""

    options = {}

    def check_derivation(self, derivation):
        raise NotImplementedError

    supernet = network = derive = random_genotype = chosen = check_derivation


def test_a_space_of_ones_own_has_no_paper_to_be_compared_with():
    assert paper_sizes(KNOWN["DARTS_V2"], OwnSpace()) == {}

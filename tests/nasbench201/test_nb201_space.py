"""The network of NAS-Bench-201: golden parameter counts, sizes, what is normalised, what the space refuses."""

import pytest
import torch
import torch.nn as nn

from darts_pl.derive import Strongest, Threshold, TopEdges, strongest
from darts_pl.errors import ConfigError, GenotypeError, TrainingError
from darts_pl.genotype import KNOWN, Nasbench201Genotype, read
from darts_pl.ops.image import PRIMITIVES as OF_DARTS
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import PartialChannels, full
from darts_pl.spaces import CellSpace, Nasbench201Space
from darts_pl.stages.sizes import paper_size

SKELETON = 73_306  # the published count of the cell of six times none
CODES = ("000000", "111444", "334131", "103433", "333132", "333133", "333333", "222222", "123402")


def cell(digits: str) -> Nasbench201Genotype:
    return Nasbench201Genotype.from_digits(digits)


def by_hand(digits: str, c: int = 16, n: int = 5, classes: int = 10) -> int:
    """Weights of convolutions plus two numbers a channel of each batch normalisation, added up from the paper."""
    stem = 27 * c + 2 * c
    blocks = sum(9 * a * 2 * a + 9 * 4 * a * a + 2 * 4 * a + 2 * a * a for a in (c, 2 * c))
    head = 2 * 4 * c + 4 * c * classes + classes
    each = {"2": 1, "3": 9}
    cells = n * sum(each[d] * w * w + 2 * w for w in (c, 2 * c, 4 * c) for d in digits if d in each)
    return stem + blocks + head + cells


@pytest.mark.parametrize(
    ("digits", "published"),
    [
        ("000000", 0.073306),
        ("334131", 0.802426),  # architecture 1 of the benchmark
        ("103433", 0.802426),  # github.com/D-X-Y/NATS-Bench/issues/36, its count of the 12-epoch record
        ("333133", 1.289),  # architecture 9930 as the authors' code prints it
    ],
)
def test_published_parameter_counts(digits, published):
    decimals = len(str(published).partition(".")[2])
    assert round(paper_size(cell(digits)) / 1e6, decimals) == published


@pytest.mark.parametrize(("dataset", "classes", "published"), [("cifar100", 100, 0.808), ("imagenet16", 120, 0.810)])
def test_published_counts_on_other_data(dataset, classes, published):
    """Architecture 1, github.com/D-X-Y/NATS-Bench/issues/18."""
    network = Nasbench201Space().network(cell("334131"), (3, 32, 32), classes)
    assert round(network.count_parameters() / 1e6, 3) == published


@pytest.mark.parametrize("digits", CODES)
def test_counts_by_hand(digits):
    assert by_hand("000000") == SKELETON
    assert paper_size(cell(digits)) == by_hand(digits)
    small = Nasbench201Space(init_channels=6, layers=2).network(cell(digits), (3, 16, 16), 7, auxiliary=True)
    assert small.count_parameters() == by_hand(digits, 6, 2, 7)  # the auxiliary head does not count


def test_supernet_holds_every_candidate_once():
    """15 cells of six edges with a 1x1 and a 3x3 convolution each; their normalisations learn nothing."""
    supernet = Nasbench201Space().supernet((3, 32, 32), 10, relaxation=Softmax(), mixing=full)
    candidates = 6 * 5 * 10 * (16**2 + 32**2 + 64**2)
    assert sum(p.numel() for p in supernet.weight_parameters()) == SKELETON + candidates
    assert [tuple(alpha.shape) for alpha in supernet.arch_parameters()] == [(6, 5)]
    assert not any(m.affine for m in supernet.cells.modules() if isinstance(m, nn.BatchNorm2d))
    assert all(m.affine for m in supernet.skeleton.modules() if isinstance(m, nn.BatchNorm2d))
    pools = [c.candidates["avg_pool_3x3"] for c in supernet.choices()]
    assert {type(pool) for pool in pools} == {nn.AvgPool2d} and not pools[0].count_include_pad


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 15, 9), (2, 1, 1)])
def test_any_image_size(shape):
    space = Nasbench201Space(init_channels=3, layers=2)
    x = torch.randn(4, *shape)
    assert space.network(cell("312024"), shape, 5)(x).shape == (4, 5)
    assert space.supernet(shape, 5, relaxation=Softmax(), mixing=full)(x).shape == (4, 5)


def test_channels_double_and_sides_halve_between_stages():
    network = Nasbench201Space(init_channels=4, layers=2).network(cell("111111"), (3, 12, 12), 2)
    seen = []
    for module in network.cells:
        module.register_forward_hook(lambda _, inputs, y: seen.append((tuple(inputs[0].shape), tuple(y.shape))))
    network(torch.randn(2, 3, 12, 12))
    expected = [(2, 4, 12, 12)] * 2 + [(2, 8, 6, 6)] * 2 + [(2, 16, 3, 3)] * 2
    assert seen == [(shape, shape) for shape in expected]


def test_a_cell_adds_up_its_paths():
    """With identities everywhere: x1 = x, x2 = x + x1 = 2x, x3 = x + x1 + x2 = 4x; none takes paths away."""
    space, x = Nasbench201Space(init_channels=2, layers=1), torch.randn(3, 2, 4, 4)
    for digits, factor in (("111111", 4), ("111110", 2), ("101010", 1), ("000111", 1), ("110001", 1), ("000000", 0)):
        block = space.network(cell(digits), (3, 4, 4), 2).cells[0]
        torch.testing.assert_close(block(x), factor * x)


def test_auxiliary_head_and_dropped_paths_act_in_training_only():
    network = Nasbench201Space(init_channels=4, layers=1).network(cell("333333"), (3, 32, 32), 5, auxiliary=True)
    x = torch.randn(4, 3, 32, 32)
    logits, auxiliary = network.forward_with_auxiliary(x)
    assert logits.shape == auxiliary.shape == (4, 5)
    network.drop_path_probability = 0.5
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_strongest_takes_the_largest_gate_of_each_edge_none_included():
    space = Nasbench201Space()
    gates = 0.1 * torch.rand(6, 5, generator=torch.Generator().manual_seed(1))
    for row, column in enumerate([0, 3, 1, 4, 2, 0]):
        gates[row, column] = 0.5
    assert space.derive({"cell": gates}).digits == "031420"
    assert space.derive({"cell": torch.ones(6, 5)}).digits == "000000"  # ties go to the earlier primitive
    assert strongest(torch.tensor([[0.1, 0.2]]), ("a", "b")) == ("b",)


def test_gates_that_cannot_be_derived_from_are_refused():
    space, gates = Nasbench201Space(), torch.ones(6, 5)
    gates[2, 1] = torch.nan
    with pytest.raises(TrainingError, match="expected finite"):
        space.derive({"cell": gates})
    with pytest.raises(ConfigError, match=r"expected \['cell'\]"):
        space.derive({"normal": gates})
    with pytest.raises(ConfigError, match="found 5 edges, expected 6"):
        space.derive({"cell": gates[1:]})
    with pytest.raises(ConfigError, match=r"expected \[edges, 5\]"):
        space.derive({"cell": gates[:, 1:]})


def test_derivations_of_the_other_kind_of_space_are_refused_both_ways():
    for derivation in (TopEdges(), Threshold(), TopEdges(keep=1)):
        CellSpace().check_derivation(derivation)
        with pytest.raises(ConfigError, match="derivation=strongest"):
            Nasbench201Space().check_derivation(derivation)
    Nasbench201Space().check_derivation(Strongest())
    with pytest.raises(ConfigError, match="derivation=top_edges"):
        CellSpace().derive({}, Strongest())


def test_genotypes_of_another_space_and_unknown_operations_are_refused():
    space = Nasbench201Space()
    with pytest.raises(GenotypeError, match="Take space=cells"):
        space.network(KNOWN["DARTS_V2"], (3, 8, 8), 2)
    with pytest.raises(GenotypeError, match="Take space=nasbench201"):
        CellSpace().network(cell("111111"), (3, 8, 8), 2)
    with pytest.raises(GenotypeError, match=r"'sep_con_3x3'.*'sep_conv_3x3'"):
        space.network(read(cell("111111").text.replace("skip_connect", "sep_con_3x3")), (3, 8, 8), 2)
    with pytest.raises(GenotypeError, match="edge 1<-0: 'avg_pool_3x3' is not in this space"):
        Nasbench201Space(primitives=("none", "skip_connect")).one_hot_gates(cell("400000"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": 0}, "space.layers=0"),
        ({"init_channels": 0}, "space.init_channels=0"),
        ({"primitives": ("none",)}, "nothing to choose"),
        ({"primitives": ("nor_conv_5x5",)}, "Did you mean 'nor_conv_"),
    ],
)
def test_sizes_and_primitives_that_cannot_work(settings, words):
    with pytest.raises(ConfigError, match=words):
        Nasbench201Space(**settings)


def test_channels_that_partial_mixing_cannot_divide():
    with pytest.raises(ConfigError, match=r"channel_divisor=4.*multiple of 4"):
        Nasbench201Space(init_channels=6).supernet((3, 8, 8), 2, relaxation=Softmax(), mixing=PartialChannels(4))


def test_random_genotypes_are_uniform_over_operations_and_seeded():
    """Of 6 · 2,000 draws each of five names has 2,400 ± 44 (standard deviation of a binomial count)."""
    space = Nasbench201Space()
    generator = torch.Generator().manual_seed(3)
    drawn = [space.random_genotype(generator) for _ in range(2000)]
    for name in space.primitives:
        count = sum(genotype.operations.count(name) for genotype in drawn)
        assert abs(count - 2400) < 5 * 44
    assert len({genotype.digits for genotype in drawn}) > 1800
    assert space.random_genotype(torch.Generator().manual_seed(3)) == drawn[0]


def test_operations_of_other_spaces_can_be_searched_too():
    space = Nasbench201Space(init_channels=2, layers=1, primitives=OF_DARTS)
    supernet = space.supernet((3, 8, 8), 2, relaxation=Softmax(), mixing=full)
    assert supernet.alphas["cell"].shape == (6, 8)
    assert supernet(torch.randn(2, 3, 8, 8)).shape == (2, 2)

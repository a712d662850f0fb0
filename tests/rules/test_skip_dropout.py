"""Skip dropout: the released code's rates at its lengths, values dropped in train mode only, refusals."""

import math

import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.ops.image import FactorizedReduce, Skip
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import PhaseStart, SkipDropout
from darts_pl.spaces import CellSpace


def begun(rule: SkipDropout, index: int = 2, *, epochs: int = 25, warmup: int = 10, **changes) -> SkipDropout:
    start = {"phases": 3, "schedule_start": 0, "schedule_epochs": epochs, **changes}
    rule.begin_phase(PhaseStart(index=index, epochs=epochs, warmup_epochs=warmup, **start))
    return rule


def small_supernet(primitives=("none", "skip_connect", "sep_conv_3x3")):
    torch.manual_seed(0)
    space = CellSpace(init_channels=4, layers=3, num_nodes=2, primitives=primitives)
    return space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)


def rates_set(rule: SkipDropout, supernet, epochs: int) -> list[float]:
    """The rate that all skips have in each epoch, progress as the search gives it."""
    found = []
    for epoch in range(epochs):
        rule.schedule(supernet, epoch / (epochs - 1))
        rates = {module.rate for module in supernet.modules() if isinstance(module, Skip)}
        assert len(rates) == 1 and rule.figures() == {"skip_dropout": next(iter(rates))}
        found += rates
    return found


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_released_codes_rates_at_its_lengths(index):
    """25 epochs a phase, 10 of them for weights only, decay 0.2 an epoch."""
    p = (0.1, 0.4, 0.7)[index]
    expected = [p * (25 - e - 1) / 25 if e < 10 else p * math.exp(-(e - 10) * 0.2) for e in range(25)]
    found = rates_set(begun(SkipDropout((0.1, 0.4, 0.7)), index), small_supernet(), 25)
    assert found == pytest.approx(expected, rel=1e-12)
    assert found[10] == p > found[9]


def test_few_epochs_follow_the_same_curve():
    found = rates_set(begun(SkipDropout((0, 0, 0.5)), epochs=5, warmup=2), small_supernet(), 5)
    assert found == pytest.approx([0.4, 0.3, 0.5, 0.5 * math.exp(-1), 0.5 * math.exp(-2)], rel=1e-12)


def test_a_phase_of_one_epoch():
    assert (
        rates_set(begun(SkipDropout((0, 0, 0.5)), epochs=1, warmup=0, schedule_epochs=2), small_supernet(), 2)[0] == 0.5
    )


def test_a_phase_that_continues_counts_its_own_epochs():
    """Second phase of two with one schedule: progress begins at 4 / 7."""
    rule, supernet = SkipDropout((0.2, 0.6)), small_supernet()
    begun(rule, 1, epochs=4, warmup=1, phases=2, schedule_start=4, schedule_epochs=8)
    rule.schedule(supernet, 4 / 7)
    assert rule.rate == pytest.approx(0.6 * 3 / 4)
    rule.schedule(supernet, 7 / 7)
    assert rule.rate == pytest.approx(0.6 * math.exp(-3 * 2 / 3))


def test_skips_of_stride_one_drop_in_train_mode_only():
    supernet, rule = small_supernet(), begun(SkipDropout((0, 0, 0.7)))
    rule.schedule(supernet, 10 / 24)
    cell = next(cell for cell in supernet.cells if cell.kind == "reduce")
    skip, reduction = (cell.edges[name].candidates["skip_connect"] for name in ("3_2", "2_0"))
    assert isinstance(reduction, FactorizedReduce) and not hasattr(reduction, "rate")
    x = torch.ones(100, 4, 10, 10)
    y = skip.train()(x)
    kept = (y != 0).double().mean().item()
    assert abs(kept - 0.3) < 4 * (0.21 / x.numel()) ** 0.5  # four standard deviations of a binomial share
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / 0.3))
    assert skip.eval()(x) is x


def test_a_rate_of_zero_draws_nothing():
    supernet = small_supernet()
    begun(SkipDropout(), 0).schedule(supernet, 0.5)
    before = torch.get_rng_state()
    supernet.train()(torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rates": (0.1, 1.0, 0.2)}, r"rates=\[0.1, 1.0, 0.2\]: expected numbers from 0 to below 1"),
        ({"rates": (-0.1,)}, "from 0 to below 1"),
        ({"rates": (float("nan"),)}, "from 0 to below 1"),
        ({"decay": -1.0}, "decay=-1.0: expected a number of at least 0"),
    ],
)
def test_values_that_cannot_be(settings, words):
    with pytest.raises(ConfigError, match=words):
        SkipDropout(**settings)


def test_as_many_rates_as_phases():
    with pytest.raises(ConfigError, match="expected one rate for each of the search's phases, of which there are 1"):
        begun(SkipDropout(), 0, phases=1)


def test_a_space_without_skips():
    rule, supernet = begun(SkipDropout(), 0), small_supernet(("none", "sep_conv_3x3"))
    with pytest.raises(ConfigError, match=r"skip_connect is not among space\.primitives"):
        rule.schedule(supernet, 0.0)
    begun(SkipDropout(), 1).schedule(supernet, 0.0)  # a later phase may have dropped them all

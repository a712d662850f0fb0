"""Phases by themselves: lengths, schedules, warm-ups, which candidates are left, settings that cannot be."""

import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.stages.phases import Phase, epochs_of, phases_of, schedule_of, strongest_masks

PRIMITIVES = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def test_lengths_and_spans() -> None:
    phases = (Phase(), Phase(continues=True), Phase(share=2))
    schedule = schedule_of(phases, 8)
    assert schedule.lengths == [2, 2, 4] and schedule.elapsed(2) == 4
    assert [schedule.span(index) for index in range(3)] == [(0, 4), (0, 4), (4, 4)]
    assert epochs_of((Phase(),) * 3, 75) == [25, 25, 25] and epochs_of((Phase(),) * 3, 10) == [3, 4, 3]
    assert epochs_of((Phase(share=100), Phase(), Phase()), 3) == [1, 1, 1]


@pytest.mark.parametrize(("epochs", "expected"), [(25, 10), (3, 1), (2, 1), (1, 0)])
def test_the_warm_up_is_cut_with_the_phase(epochs: int, expected: int) -> None:
    assert Phase(alpha_warmup_share=0.4).warmup(epochs) == {"alpha_warmup_epochs": expected}
    assert Phase(alpha_warmup_share=0.99).warmup(epochs) == {"alpha_warmup_epochs": epochs - 1}
    assert Phase().warmup(epochs) == {}


def masks_of(alpha: list[list[float]], keep: int) -> list[list[int]]:
    """The columns that are left of each of two edges."""
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    supernet = space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)
    with torch.no_grad():
        supernet.alphas["normal"].copy_(torch.tensor(alpha))
    return [row.nonzero().flatten().tolist() for row in strongest_masks(supernet, keep)["normal"]]


def test_the_strongest_are_kept_ties_to_the_earlier_and_never_none_alone() -> None:
    alpha = [[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    assert masks_of(alpha, 2) == [[0, 2], [0, 1]]
    assert masks_of(alpha, 1) == [[2], [1]]
    assert masks_of(alpha, 9) == [[0, 1, 2, 3]] * 2


def test_what_was_dropped_stays_dropped() -> None:
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    supernet = space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)
    supernet.keep({kind: torch.tensor([[True, False, False, True]] * 2) for kind in supernet.kinds})
    for keep in (3, None):
        assert all(torch.equal(mask, supernet.kept(kind)) for kind, mask in strongest_masks(supernet, keep).items())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([{"layer": 5}], r"phases\[0\].layer does not exist. Did you mean 'layers'"),
        ([{}, {"share": 0}], "phase.share=0"),
        ([{"keep": 0}], "phase.keep=0: expected at least 1"),
        ([{"alpha_warmup_share": 1.0}], "phase.alpha_warmup_share=1.0: expected a number from 0 to below 1"),
        ([5], r"phases\[0\]: found 5"),
    ],
)
def test_settings_that_cannot_be(settings, words) -> None:
    with pytest.raises(ConfigError, match=words):
        phases_of(settings)

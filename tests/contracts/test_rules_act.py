"""Rules in a real Trainer: both levels still train, a rule that acts changes the search, one that looks on does not."""

import pytest
import torch
from lightning.pytorch import Callback
from small_search import fit, same, search_module, small_space, snapshot

from darts_pl.callbacks import SearchHistory
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import finite_difference, first, fixed
from darts_pl.lit import check_method
from darts_pl.ops.image import PRIMITIVES as ALL
from darts_pl.relaxations import Gumbel, Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import (
    AuxiliarySkip,
    BetaDecay,
    DropPath,
    EigenvalueStop,
    RankingStop,
    SDARTSAdversarial,
    SDARTSRandom,
    SkipStop,
)

PRIMITIVES = ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_5x5")
ACTING = {
    "sdarts_rs": SDARTSRandom,
    "sdarts_adv": lambda: SDARTSAdversarial(steps=2),
    "beta_decay": BetaDecay,
    "auxiliary_skip": AuxiliarySkip,
    "drop_path": lambda: DropPath(0.5),
}
LOOKING_ON = {
    "eigenvalue_stop": lambda: EigenvalueStop(every=1, stop=False),
    "skip_stop": lambda: SkipStop(limit=99, kind=None, not_before=0),
    "ranking_stop": lambda: RankingStop(epochs=99),
}


class AfterEachStep(Callback):
    """Alphas and weights after every batch."""

    def __init__(self):
        self.alphas, self.weights = [], []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.alphas.append(snapshot(module.supernet.arch_parameters()))
        own = [p for n, p in module.supernet.named_parameters() if not n.startswith("alphas") and "auxiliary" not in n]
        self.weights.append(snapshot(own))


def search(*rules, relaxation=None, epochs: int = 2, primitives=PRIMITIVES, **settings):
    """(module, steps, history) of a search with these rules, from the same alphas and weights whatever they are."""
    space = small_space(primitives=primitives)
    parts = {"relaxation": relaxation or Softmax(), "mixing": full}
    torch.manual_seed(0)
    plain = space.supernet((1, 8, 8), 2, **parts)
    supernet = space.supernet((1, 8, 8), 2, **parts, auxiliary_skip=any(rule.auxiliary_skip for rule in rules))
    supernet.load_state_dict(plain.state_dict(), strict=False)
    module = search_module(supernet, settings.pop("hypergradient", first), epochs=epochs, rules=rules, **settings)
    steps, history = AfterEachStep(), SearchHistory(None, space.derive, list(space.primitives), space.edges)
    fit(module, callbacks=[history, steps])
    return module, steps, history


@pytest.mark.parametrize("name", [*ACTING, *LOOKING_ON])
def test_both_levels_train_under_every_rule(name):
    rule = {**ACTING, **LOOKING_ON}[name]()
    module, steps, history = search(rule)
    assert module.alpha_updates == module.steps_done == 4
    moved = [(a - b).abs() for a, b in zip(steps.alphas[0], steps.alphas[-1])]
    assert all((change > 1e-5).all() for change in moved)
    assert all(not torch.equal(a, b) for a, b in zip(steps.weights[0], steps.weights[-1]))
    assert [set(row) for row in history.rows] == [set(history.rows[0])] * 2
    assert set(rule.figures()) <= set(history.rows[0])


@pytest.fixture(scope="module")
def plain():
    return search()


@pytest.mark.parametrize("name", LOOKING_ON)
def test_looking_on_changes_nothing(name, plain):
    _, steps, _ = search(LOOKING_ON[name]())
    assert same(steps.alphas[-1], plain[1].alphas[-1]) and same(steps.weights[-1], plain[1].weights[-1])


@pytest.mark.parametrize(
    ("name", "alphas_from", "weights_from"),
    [
        ("sdarts_rs", 1, 0),  # the first alpha step is that of the plain search: the rule sees weight steps alone
        ("sdarts_adv", 1, 0),
        ("beta_decay", 2, 2),  # nothing in the first epoch, the alpha step from the second on
        ("auxiliary_skip", 0, 0),
        ("drop_path", 2, 2),
    ],
)
def test_acting_changes_the_search_where_it_should(name, alphas_from, weights_from, plain):
    _, steps, _ = search(ACTING[name]())
    for found, expected, begin in (
        (steps.alphas, plain[1].alphas, alphas_from),
        (steps.weights, plain[1].weights, weights_from),
    ):
        equal = [same(a, b) for a, b in zip(found, expected, strict=True)]
        assert equal == [step < begin for step in range(4)]


def test_rules_at_nothing_are_no_rules(plain):
    none = [SDARTSRandom(0.0, 0.0), BetaDecay(0.0), AuxiliarySkip(start=0.0), DropPath(0.0)]
    _, steps, _ = search(*none)
    torch.testing.assert_close(steps.alphas[-1], plain[1].alphas[-1], rtol=0, atol=1e-5)
    torch.testing.assert_close(steps.weights[-1], plain[1].weights[-1], rtol=0, atol=1e-4)


def test_beta_decay_draws_the_alphas_together():
    """The term against a large spread: under its weight the spread of the strongest edge shrinks."""
    spread = {}
    for weight in (0.0, 500.0):
        module, _, _ = search(BetaDecay(weight), epochs=4, alphas_optimizer=lambda p: torch.optim.SGD(p, lr=0.01))
        spread[weight] = torch.logsumexp(module.supernet.alphas["normal"], dim=1).mean().item()
    assert spread[500.0] < spread[0.0] - 0.1


def test_schedules_end_where_they_should():
    module, _, history = search(AuxiliarySkip(), DropPath(0.4), SDARTSRandom(), BetaDecay(), epochs=3)
    ends = {"auxiliary_weight": [1.0, 0.5, 0.0], "drop_path_probability": [0.0, 0.2, 0.4]}
    ends |= {"perturbation_radius": [0.03, 0.165, 0.3], "beta_decay_weight": [0.0, 25.0, 50.0]}
    for name, values in ends.items():
        assert [row[name] for row in history.rows] == pytest.approx(values)
    assert {choice.auxiliary_weight for choice in module.supernet.choices()} == {0.0}
    assert {choice.drop_path_probability for choice in module.supernet.choices()} == {0.4}


@pytest.mark.parametrize("relaxation", [Softmax, Gumbel])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_eigenvalue_of_a_real_search(relaxation, channels_last):
    """Through batch normalisation in train mode and every primitive; twice the same on the same state."""
    found = []

    class Twice(Callback):
        def on_train_epoch_end(self, trainer, module):
            buffers = snapshot(module.supernet.buffers())
            for _ in range(2):
                module.end_epoch(history.genotype)
                found.append(module.rules[0].figures()["lambda_max"])
            assert same(buffers, list(module.supernet.buffers())) and module.supernet.training

    space = small_space(primitives=ALL)
    supernet = space.supernet((1, 8, 8), 2, relaxation=relaxation(), mixing=full)
    history = SearchHistory(None, space.derive, list(ALL), space.edges)
    rule = EigenvalueStop(every=1, stop=False)
    module = search_module(supernet, epochs=1, rules=[rule], channels_last=channels_last)
    fit(module, callbacks=[history, Twice()])
    assert found[0] == found[1] == history.rows[-1]["lambda_max"] > 0


STOPPING = {
    "eigenvalue": (EigenvalueStop(every=1, window=1, delta=1, factor=1e-9, not_before=1), 2, 1),
    "skips": (SkipStop(limit=1, kind="normal", not_before=0), 1, 1),
    "ranking": (RankingStop(epochs=1), 2, 2),
}


@pytest.mark.parametrize("name", STOPPING)
def test_a_verdict_ends_the_search_and_names_the_genotype(name):
    """In the one epoch that must still train, and by the genotype of the epoch that the verdict names."""
    rule, stopped, taken = STOPPING[name]
    primitives = ("none", "skip_connect") if name == "skips" else PRIMITIVES
    lr = 1e-6 if name == "ranking" else 0.01  # too small to change an order
    module, _, history = search(
        rule, epochs=5, primitives=primitives, alphas_optimizer=lambda p: torch.optim.Adam(p, lr=lr)
    )
    assert len(history.rows) == stopped and module.verdict.epoch == taken
    assert history.best["epoch"] == taken and history.best["reason"] == module.verdict.reason
    assert history.best["genotype"] == history.genotypes[taken]["genotype"]


@pytest.mark.parametrize("rule", [SDARTSRandom(), SDARTSAdversarial(), BetaDecay(), EigenvalueStop(), RankingStop()])
def test_senseless_combinations_are_refused_before_the_search(rule):
    refused = []
    for method in (finite_difference, fixed, first):
        try:
            check_method(Softmax(), full, method, [rule])
        except ConfigError as error:
            assert "hypergradient=first" in str(error)
            refused.append(method)
    assert refused == ([finite_difference] if isinstance(rule, (SDARTSRandom, SDARTSAdversarial)) else [fixed])

"""What measuring promises: the network stays as it was, the same scores for a seed, failures on record."""

import math

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.proxies import PROXIES, measure, register
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces.nasbench201 import Nasbench201Space

Batches = list[tuple[Tensor, Tensor]]
LABELS_ONLY = {"epe_nas"}


def frozen(network: nn.Module) -> dict:
    """All that a proxy might leave changed, tensors by value."""
    state = {f"state {name}": value.clone() for name, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        state[f"grad {name}"] = None if parameter.grad is None else parameter.grad.clone()
        state[f"wants {name}"], state[f"at {name}"] = parameter.requires_grad, parameter.data_ptr()
    for name, module in network.named_modules():
        state[f"mode {name}"] = module.training
        state[f"hooks {name}"] = (len(module._forward_hooks), len(module._forward_pre_hooks))
        state[f"own {name}"] = "forward" in vars(module)
    state["random"] = torch.get_rng_state()
    return state


def alike(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, Tensor) else value == second[key]
        for key, value in first.items()
    )


@pytest.mark.parametrize("name", list(PROXIES))
def test_the_network_stays_bit_for_bit(name: str, network: nn.Module, batches: Batches) -> None:
    network.eval()
    network[0].train()  # modes are each module's own
    F.cross_entropy(network(batches[1][0]), batches[1][1]).backward()
    network[8].bias.requires_grad_(False)
    before = frozen(network)
    assert not measure(network, batches, F.cross_entropy, names=[name], repeats=2)[name].error
    assert alike(before, frozen(network))


@pytest.mark.parametrize("name", list(PROXIES))
def test_scores_follow_from_the_seed(name: str, network: nn.Module, batches: Batches) -> None:
    first = measure(network, batches, F.cross_entropy, names=[name], repeats=3, seed=7)[name]
    torch.manual_seed(99)
    torch.randn(5)
    among_others = measure(network, batches, F.cross_entropy, names=["zen", "sensitivity", name], repeats=3, seed=7)
    assert first.values == among_others[name].values and first.std == among_others[name].std


def test_random_proxies_differ_between_seeds_and_repeats(network: nn.Module, batches: Batches) -> None:
    same = [batches[0], batches[0]]
    for name in ("zen", "sensitivity"):
        found = [measure(network, same, F.cross_entropy, names=[name], repeats=2, seed=s)[name] for s in (0, 1)]
        assert len({*found[0].values, *found[1].values}) == 4 and found[0].std > 0


def test_repeats_go_through_the_batches(network: nn.Module, batches: Batches) -> None:
    found = measure(network, batches, F.cross_entropy, names=["snip"], repeats=3)["snip"]
    swapped = measure(network, batches[::-1], F.cross_entropy, names=["snip"])["snip"]
    assert found.values[0] == found.values[2] != found.values[1] == swapped.mean
    mean = sum(found.values) / 3
    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in found.values) / 2))


def test_a_factory_gives_fresh_weights_to_each_repeat(batches: Batches) -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(50, 4)).double()

    given = make()
    found = measure(given, batches, F.cross_entropy, names=["l2_norm", "params"], repeats=3, factory=make)
    assert len(set(found["l2_norm"].values)) == 3 and found["params"].std == 0
    again = measure(make(), batches, F.cross_entropy, names=["l2_norm"], repeats=3, factory=make)
    assert again["l2_norm"].values == found["l2_norm"].values


@pytest.mark.parametrize("name", list(PROXIES))
def test_dictionaries_and_forecasts(name: str, series: tuple[nn.Module, list]) -> None:
    found = measure(*series, F.mse_loss, names=[name], repeats=2)[name]
    if name in LABELS_ONLY:
        assert "class labels" in found.error
    else:
        assert not found.error and all(map(math.isfinite, found.values))


@pytest.mark.parametrize("name", sorted(set(PROXIES) - {"zen", "sensitivity"}))
def test_dropout_adds_no_noise(name: str, series: tuple[nn.Module, list]) -> None:
    network, batches = series
    found = measure(network, [batches[0]], F.mse_loss, names=[name], repeats=3)[name]
    if not found.error:
        assert len(set(found.values)) == 1


@pytest.mark.parametrize("name", ["params", "l2_norm", "snip", "grad_norm", "grasp", "zico"])
def test_architecture_parameters_are_no_weights(name: str) -> None:
    space = Nasbench201Space(init_channels=4, layers=1, primitives=("skip_connect", "nor_conv_1x1"))
    torch.manual_seed(0)
    supernet = space.supernet((3, 8, 8), 4, relaxation=Softmax(), mixing=full)
    data = [(torch.randn(4, 3, 8, 8), torch.arange(4)) for _ in range(2)]
    found = measure(supernet, data, F.cross_entropy, names=[name])[name]
    for alpha in supernet.arch_parameters():
        alpha.requires_grad_(False)  # then nothing can count them
    assert not found.error
    assert found.mean == measure(supernet, data, F.cross_entropy, names=[name])[name].mean
    if name == "params":
        total = sum(p.numel() for p in supernet.parameters())
        assert found.mean == total - sum(alpha.numel() for alpha in supernet.arch_parameters())


@pytest.fixture
def failing() -> list[str]:
    @register("fails")
    def fails(network: nn.Module, batches: Batches, loss: object) -> float:
        """Cannot be told."""
        raise RuntimeError("no such thing")

    @register("infinite")
    def infinite(network: nn.Module, batches: Batches, loss: object) -> float:
        """Gives no number."""
        return -math.inf

    @register("defect")
    def defect(network: nn.Module, batches: Batches, loss: object) -> float:
        """Is wrong."""
        raise TypeError("a defect of the program")

    names = ["fails", "infinite", "defect"]
    yield names
    for name in names:
        del PROXIES[name]


def test_failures_are_recorded_and_defects_raised(failing: list[str], network: nn.Module, batches: Batches) -> None:
    found = measure(network, batches, F.cross_entropy, names=["fails", "infinite", "params"], repeats=2)
    assert found["fails"].error == "RuntimeError: no such thing" and math.isnan(found["fails"].mean)
    assert "-inf" in found["infinite"].error and all(map(math.isnan, found["infinite"].values))
    assert found["params"].error == "" and found["params"].mean > 0
    with pytest.raises(TypeError, match="a defect"):
        measure(network, batches, F.cross_entropy, names=["defect"])


def test_user_errors(network: nn.Module, batches: Batches) -> None:
    with pytest.raises(ConfigError, match=r"'naswt'.*'naswot'"):
        measure(network, batches, F.cross_entropy, names=["naswt"])
    with pytest.raises(ConfigError, match="0 batches"):
        measure(network, [], F.cross_entropy)
    with pytest.raises(ConfigError, match="repeats=0"):
        measure(network, batches, F.cross_entropy, repeats=0)


def test_every_proxy_of_the_contract_is_there_and_documented() -> None:
    expected = {
        *("synflow", "snip", "grasp", "fisher", "jacob_cov", "naswot", "grad_norm", "l2_norm", "zen", "zico"),
        *("epe_nas", "swap", "sensitivity", "activation_diversity", "conditioning", "params", "flops"),
    }
    assert set(PROXIES) == expected
    assert all(len(proxy.summary) > 20 and proxy.name == name for name, proxy in PROXIES.items())

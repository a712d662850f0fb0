"""The machine's settings act, do not outlast their job, and impossible ones are refused by name."""

from collections.abc import Iterator

import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.hardware import Hardware

REFUSED = {
    "precision": ({"precision": "bf16-mix"}, r"hardware\.precision='bf16-mix'.*'bf16-mixed'"),
    "accelerator": ({"accelerator": "cdua"}, r"hardware\.accelerator='cdua'.*'cuda'"),
    "half on a CPU": ({"accelerator": "cpu", "precision": "16-mixed"}, "16-mixed needs a GPU"),
    "threads": ({"threads": 0}, r"hardware\.threads=0: at least 1"),
    "index": ({"index": -1}, r"hardware\.index=-1: GPUs are counted from 0"),
}


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Whatever a test sets for the process is set back."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.mark.parametrize("name", REFUSED)
def test_an_impossible_profile_is_refused(name: str) -> None:
    settings, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words):
        Hardware(**settings)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(kind: str) -> None:
    """Where it is there, it is taken."""
    if {"cuda": torch.cuda, "mps": torch.backends.mps}[kind].is_available():
        assert Hardware(accelerator=kind).device.type == kind
        return
    with pytest.raises(ConfigError, match=rf"hardware\.accelerator={kind}: torch sees no .*accelerator=cpu"):
        Hardware(accelerator=kind)


def test_a_gpu_beyond_the_last_is_refused() -> None:
    count = torch.cuda.device_count()
    if count == 0:  # then there is no GPU to choose, and an index means nothing
        assert Hardware(index=count + 5).device == torch.device("cpu")
        return
    with pytest.raises(ConfigError, match=rf"hardware\.index={count}: torch sees {count} GPUs"):
        Hardware(index=count)


def test_threads_act_and_end_with_their_job() -> None:
    Hardware(accelerator="cpu").apply()
    own = torch.get_num_threads()
    Hardware(accelerator="cpu", threads=own + 2).apply()
    assert torch.get_num_threads() == own + 2
    Hardware(accelerator="cpu").apply()
    assert torch.get_num_threads() == own


def test_deterministic_acts_and_ends_with_its_job() -> None:
    Hardware(accelerator="cpu", deterministic=True).apply()
    assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
    assert (torch.empty(1000).isnan()).all()  # what torch fills uninitialised memory with in this mode
    Hardware(accelerator="cpu").apply()
    assert not torch.are_deterministic_algorithms_enabled()

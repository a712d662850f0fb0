"""What `train_network` does not take is named as its caller names it."""

from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from darts_pl import SearchConfig, search_architecture, train_network
from darts_pl.errors import ConfigError, DataError
from darts_pl.spaces import CellSpace

X, Y = torch.randn(8, 1, 8, 8), torch.arange(8) % 2


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    """Samples that nobody has counted."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield X[0], Y[0]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ([], "test_loader has no batch"),
        (iter([(X, Y)]), "test_loader: found list_iterator without a length"),
        (Endless(), "test_loader: found Endless without a length"),
        (DataLoader(Endless(), 2), "test_loader: found DataLoader without a length"),
        ([X], "test_loader: found"),
        ([(X.repeat(1, 3, 1, 1), Y)], r"inputs differ: .* in train_loader, .* in test_loader"),
    ],
)
def test_a_bad_loader_of_a_training_is_named(test: Iterable, words: str) -> None:
    with pytest.raises(DataError, match=words):
        train_network(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), [(X, Y)], test)


def test_a_search_names_data_without_a_length_too() -> None:
    with pytest.raises(DataError, match="valid_loader: found DataLoader without a length"):
        search_architecture([(X, Y)], DataLoader(Endless(), 2), SearchConfig(epochs=1))


@pytest.mark.parametrize(("device", "words"), [("cuda:x", "device='cuda:x': expected auto, cpu"), ("tpu7", "'tpu7'")])
def test_a_device_that_is_none_is_told_by_a_training_and_a_search(device: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        train_network(nn.Linear(1, 1), [(X, Y)], [(X, Y)], device=device)
    with pytest.raises(ConfigError, match=words):
        search_architecture([(X, Y)], [(X, Y)], device=device)


@pytest.mark.parametrize("x", [torch.randn(8, 5), torch.randint(0, 9, (8, 1, 8, 8))])
def test_a_space_of_images_refuses_other_inputs(x: Tensor) -> None:
    with pytest.raises(DataError, match=r"train_loader: found x of TensorInput.*expected images, .* for CellSpace"):
        search_architecture([(x, Y)], [(x, Y)], SearchConfig(epochs=1, space=CellSpace(layers=3)))

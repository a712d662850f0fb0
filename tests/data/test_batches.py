"""The order of the batches is a function of the place, and the place can be saved at any step."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from darts_pl.data.batches import Batches, PairedBatches
from darts_pl.errors import DataError
from darts_pl.seeds import derived_seed


def _batches(n: int = 10, size: int = 4, stream: str = "weights", seed: int = 0, **options: object) -> Batches:
    """Image i has the value i and the label 100 + i."""
    x = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 2, 3, 3)
    options = {"shuffle": True, **options}
    return Batches(x, torch.arange(n) + 100, size, seed=seed, stream=stream, **options)


def _paired(seed: int = 0, weights: int = 13, alphas: int = 10) -> PairedBatches:
    return PairedBatches(_batches(weights, 3, "weights", seed), _batches(alphas, 4, "alphas", seed))


def _images(batch: tuple) -> list[int]:
    x, y, _ = batch
    assert x.dtype == torch.uint8 and torch.equal(x[:, 0, 0, 0].long() + 100, y)
    return x[:, 0, 0, 0].tolist()


def _stream(loader: Batches | PairedBatches) -> Iterator:
    """Epoch after epoch, as a trainer reads them."""
    while True:
        yield from loader


def _plain(item: object) -> object:
    if isinstance(item, dict):
        return {name: _plain(part) for name, part in item.items()}
    return (_images(item), item[2])


def test_an_epoch_holds_every_image_once_in_a_new_order() -> None:
    loader = _batches()
    epochs = [[i for batch in loader for i in _images(batch)] for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_order_and_keys_depend_on_seed_and_stream_alone() -> None:
    first = [_plain(batch) for batch in _batches()]
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    assert [_plain(batch) for batch in _batches()] == first
    assert [_plain(batch) for batch in _batches(seed=1)] != first
    assert [_plain(batch) for batch in _batches(stream="alphas")] != first


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(_paired())
    assert torch.equal(torch.get_rng_state(), before)


def test_keys_differ_at_every_place_and_fit_a_generator() -> None:
    keys = [key for _, _, key in itertools.islice(_stream(_batches()), 60)]
    assert len(set(keys)) == 60 and all(0 <= key < 2**63 for key in keys)
    torch.Generator().manual_seed(max(keys))
    assert derived_seed(0, "weights", 0, 0) == 5020956126668763821, "keys must not change between versions"


@pytest.mark.parametrize("make", [_batches, _paired])
def test_the_state_at_each_position_gives_the_remainder(make) -> None:
    uninterrupted = [_plain(item) for item in itertools.islice(_stream(make()), 20)]
    running = make()
    for done, item in enumerate(itertools.islice(_stream(running), 17)):
        assert _plain(item) == uninterrupted[done]
        resumed = make()
        resumed.load_state_dict(running.state_dict())
        rest = [_plain(item) for item in itertools.islice(_stream(resumed), 19 - done)]
        assert rest == uninterrupted[done + 1 :]


def test_the_state_during_a_batch_points_at_the_next() -> None:
    loader = _batches()
    states = [loader.state_dict() for _ in loader]
    assert states == [
        {"epoch": 0, "position": 1},
        {"epoch": 0, "position": 2},
        {"epoch": 1, "position": 0},
    ]


def test_an_iterator_made_early_reads_the_place_when_it_starts() -> None:
    loader = _batches()
    iterator = iter(loader)
    loader.load_state_dict({"epoch": 2, "position": 1})
    assert _plain(next(iterator)) == _plain(loader.batch_at(2, 1))


def test_alphas_go_round_without_starting_over() -> None:
    loader = _paired()
    assert len(loader) == 4 and len(loader.alphas) == 3
    pairs = list(itertools.islice(_stream(loader), 12))
    seen = [_images(pair["alphas"]) for pair in pairs]
    for start in range(0, 12, 3):
        assert sorted(itertools.chain(*seen[start : start + 3])) == list(range(10))
    counted = Counter(itertools.chain(*seen))
    assert set(counted.values()) == {4}


def test_a_later_epoch_can_be_entered_and_an_earlier_one_not() -> None:
    loader = _batches()
    next(iter(loader))
    loader.sampler.set_epoch(0)
    assert loader.state_dict() == {"epoch": 0, "position": 1}
    loader.sampler.set_epoch(3)
    assert loader.state_dict() == {"epoch": 3, "position": 0}


def test_evaluation_always_gives_all_in_order() -> None:
    loader = _batches(9, 4, shuffle=False)
    next(iter(loader))
    for _ in range(2):
        passed = list(loader)
        assert [_images(batch) for batch in passed] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
        assert {key for _, _, key in passed} == {-1}
    assert [len(y) for _, y, _ in _batches(3, 50, shuffle=False)] == [3]


@pytest.mark.parametrize(
    ("n", "size", "drop_last", "sizes"),
    [
        (10, 4, False, [4, 4, 2]),
        (9, 4, False, [4, 5]),
        (8, 4, False, [4, 4]),
        (10, 4, True, [4, 4]),
        (9, 4, True, [4, 4]),
        (3, 1, False, [1, 1, 1]),
        (1, 1, False, [1]),
    ],
)
def test_the_last_batch(n: int, size: int, drop_last: bool, sizes: list[int]) -> None:
    loader = _batches(n, size, drop_last=drop_last)
    assert [len(y) for _, y, _ in loader] == sizes and len(loader) == len(sizes)


def test_index_chooses_the_images() -> None:
    loader = _batches(10, 2, index=torch.tensor([1, 3, 5, 9]))
    assert sorted(i for batch in loader for i in _images(batch)) == [1, 3, 5, 9]


@pytest.mark.parametrize(
    ("n", "size", "message"),
    [(10, 11, "batch_size=11 .*holds 10 images.*at most 10"), (10, 0, "batch_size=0"), (0, 1, "no image")],
)
def test_impossible_batches_are_refused(n: int, size: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _batches(n, size)

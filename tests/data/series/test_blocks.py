"""The two blocks of a search share no time step (contract 4), and the places of their batches can be resumed."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darts_pl.data.series.split import paired_blocks, window_starts
from darts_pl.errors import DataError


@given(
    rows=st.integers(2, 200),
    look_back=st.integers(1, 40),
    horizon=st.integers(1, 40),
    fraction=st.floats(0.05, 0.95),
    alphas_block=st.sampled_from(["last", "first"]),
)
@settings(max_examples=300, deadline=None)
def test_no_step_is_in_windows_of_both(rows, look_back, horizon, fraction, alphas_block) -> None:
    try:
        blocks = paired_blocks(rows, look_back, horizon, fraction, alphas_block)
    except DataError:
        short = min(round(rows * fraction), rows - round(rows * fraction))
        assert short < look_back + horizon, "refused although both blocks hold a window"
        return
    steps = []
    for block in blocks:
        starts = window_starts(block, look_back, horizon)
        assert len(starts) == len(block) - look_back - horizon + 1 >= 1
        steps.append({step for start in starts for step in range(start, start + look_back + horizon)})
    assert not steps[0] & steps[1]
    assert steps[0] | steps[1] == set(range(rows)), "every training row is used"
    assert (min(steps[1]) > max(steps[0])) == (alphas_block == "last")


@pytest.mark.parametrize("alphas_block", ["last", "first"])
def test_batches_hold_disjoint_rows(data_of, alphas_block: str) -> None:
    """Read off the values themselves: column a holds the number of its row."""
    data = data_of(120, targets=["a"], alphas_block=alphas_block)
    seen = {"weights": set(), "alphas": set()}
    for batch in itertools.islice(stream(data.train_dataloader()), 60):
        for name, (x, y) in data.on_after_batch_transfer(batch, 0).items():
            seen[name] |= set(x["past"].flatten().tolist()) | set(y.flatten().tolist())
    assert not seen["weights"] & seen["alphas"]
    assert seen["weights"] | seen["alphas"] == set(map(float, range(84))), "70 % of 120 rows, and no later one"


def stream(loader):
    while True:
        yield from loader


def plain(batch) -> list:
    return [batch[name][1].tolist() for name in ("weights", "alphas")]


def test_resumes_at_every_place(data_of) -> None:
    uninterrupted = [plain(batch) for batch in itertools.islice(stream(data_of().train_dataloader()), 25)]
    running = data_of().train_dataloader()
    for done, batch in enumerate(itertools.islice(stream(running), 24)):
        assert plain(batch) == uninterrupted[done]
        resumed = data_of().train_dataloader()
        resumed.load_state_dict(running.state_dict())
        assert plain(next(stream(resumed))) == uninterrupted[done + 1]


def test_order_follows_from_the_seed(data_of) -> None:
    def first_epoch(seed: int) -> list:
        return [plain(batch) for batch in data_of(seed=seed).train_dataloader()]

    expected = first_epoch(3)
    torch.manual_seed(17)
    assert first_epoch(3) == expected != first_epoch(4)


def test_elapsed_epochs_go_on_with_the_order(data_of) -> None:
    data = data_of()
    loader = data.train_dataloader()
    both = [plain(batch) for _ in range(2) for batch in loader]
    later = data_of()
    later.elapsed_epochs = 1
    assert [plain(batch) for batch in later.train_dataloader()] == both[len(loader) :]


def test_an_epoch_holds_every_training_window_once(data_of) -> None:
    data = data_of(purpose="retrain", targets=["a"])
    first = sorted(float(y[i, 0, 0]) for _, y, _ in data.train_dataloader() for i in range(len(y)))
    assert first == [float(row) for row in range(6, 84 - 3 + 1)]


def test_validation_of_a_search_is_the_alphas_block(data_of) -> None:
    data = data_of(targets=["a"])
    weights, alphas = data.halves
    starts = [float(x["past"][i, 0, 0]) for x, y, _ in data.val_dataloader() for i in range(len(y))]
    assert starts == alphas.tolist() and not set(starts) & set(weights.tolist())
    strided = data_of(targets=["a"], eval_stride=5)
    assert sum(len(y) for _, y, _ in strided.val_dataloader()) == -(-len(alphas) // 5)


def test_limit_train_spreads_windows_evenly_and_leaves_evaluation_whole(data_of) -> None:
    data = data_of(limit_train=20, purpose="search")
    weights, alphas = data.halves
    assert (len(weights), len(alphas)) == (10, 10)
    whole = data_of().halves
    for part, full in zip((weights, alphas), whole):
        assert part[0] == full[0] and part[-1] == full[-1]
        assert int(part.diff().max()) - int(part.diff().min()) <= 1
    retrain = data_of(limit_train=20, purpose="retrain")
    assert len(retrain.halves[0]) == 20
    assert [len(retrain.windows(part)) for part in ("train", "val", "test")] == [76, 10, 22]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights_fraction": 0.02}, "weights block .* holds 2 of 84 training rows, 9 are needed"),
        ({"weights_fraction": 0.95}, "alphas block .* holds 4 of 84 training rows"),
        ({"batch_size": 40}, r"batch_size=40 .*'weights' part .*holds 34 windows\. Lower batch_size to at most 34"),
        ({"look_back": 60}, "weights block .* 63 are needed for data.look_back=60 and data.horizon=3"),
    ],
)
def test_blocks_that_cannot_work(data_of, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data_of(**options).prepare()

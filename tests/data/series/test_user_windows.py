"""Windows that loaders gave: kept in a file, their halves apart in time, batches of the forms of `SeriesData`."""

import numpy as np
import pytest
import torch

from darts_pl.data.series import UserWindows, windows_data
from darts_pl.data.series.user_windows import disjoint
from darts_pl.data.series.window_file import WindowFile, WindowPart, read_windows, windows_of_loader
from darts_pl.errors import ConfigError, DataError

LOOK_BACK, HORIZON = 12, 4


def part(rows: torch.Tensor, targets: int = 2) -> WindowPart:
    """All windows of the rows."""
    starts = range(len(rows) - LOOK_BACK - HORIZON + 1)
    x = torch.stack([rows[i : i + LOOK_BACK] for i in starts])
    y = torch.stack([rows[i + LOOK_BACK : i + LOOK_BACK + HORIZON, :targets] for i in starts])
    return WindowPart({"past": x}, y)


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(160, 3, generator=torch.Generator().manual_seed(0))


def given(rows: torch.Tensor, **facts) -> WindowFile:
    cuts = {"train": rows[:80], "val": rows[80 - LOOK_BACK : 120], "test": rows[120 - LOOK_BACK :]}
    return WindowFile({name: part(each) for name, each in cuts.items()}, facts)


def test_windows_that_share_steps_are_told_by_their_values(rows):
    """A window shares a run of 8 steps with the training rows while its first 8 lie within them."""
    file = given(rows)
    free = disjoint(file.parts["val"], file.parts["train"])
    first = 80 - LOOK_BACK
    expected = [first + number + 8 > 80 for number in range(len(free))]
    assert free.tolist() == expected and 0 < sum(expected) < len(expected)


def test_constant_stretches_are_no_evidence():
    still = torch.zeros(60, 3)
    assert disjoint(part(still), part(still)).all()


def test_an_equal_series_shares_everything(rows):
    assert not disjoint(part(rows), part(rows.clone())).any()
    assert disjoint(part(rows + 1e-3), part(rows)).all()


def test_halves_of_a_search_and_parts_of_a_retraining(rows):
    file = given(rows)
    search = UserWindows(windows=file, batch_size=8)
    weights, alphas = search.halves
    assert len(weights) == 80 - LOOK_BACK - HORIZON + 1
    assert torch.equal(alphas, disjoint(file.parts["val"], file.parts["train"]).nonzero().flatten())
    batch = search.on_after_batch_transfer(next(iter(search.train_dataloader())), 0)
    assert {name: (x["past"].shape, y.shape) for name, (x, y) in batch.items()} == dict.fromkeys(
        ("weights", "alphas"), ((8, LOOK_BACK, 3), (8, HORIZON, 2))
    )
    retrain = UserWindows(windows=file, batch_size=8, purpose="retrain")
    assert [len(each) for each in retrain.halves] == [len(file.parts["train"]), len(file.parts["val"])]
    seen = torch.cat([y for _, y, _ in retrain.evaluation("test")])
    assert torch.equal(seen, file.parts["test"].y)
    held = torch.cat([y for _, y, _ in search.val_dataloader()])
    assert torch.equal(held, file.parts["val"].y[alphas])


def test_the_file_keeps_all_and_its_digest_tells_changes(rows, tmp_path):
    file = given(rows, seasonal_period=4, mean=[1.0, 2.0, 3.0], std=[2.0, 4.0, 8.0])
    read = read_windows(file.save(tmp_path / "deep" / "windows.safetensors"))
    assert read.digest == file.digest and read.facts == file.facts
    for name, each in file.parts.items():
        assert torch.equal(read.parts[name].y, each.y) and torch.equal(read.parts[name].x["past"], each.x["past"])
    data = windows_data(str(tmp_path / "deep" / "windows.safetensors"), purpose="retrain", batch_size=8)
    data.prepare()
    assert data.fingerprint == file.digest and data.seasonal_period == 4
    np.testing.assert_array_equal(data.scaler.mean, [1.0, 2.0])
    assert data.preprocessing.to_plain()["scalers"]["past_covariates"] == {"mean": [3.0], "std": [8.0]}
    file.parts["val"].y[0, 0, 0] += 1
    assert read.digest != file.digest


def test_what_is_no_file_of_windows_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a file of windows"):
        read_windows(tmp_path / "x")


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([(torch.zeros(2, 5), torch.zeros(2, 3))], r"found past \(2, 5\), expected x \(B, T, C\)"),
        ([({"pst": torch.zeros(2, 5, 1)}, torch.zeros(2, 3, 1))], r"found pst"),
        ([({"past": torch.zeros(2, 5, 1), "past_known": torch.zeros(2, 5, 1)}, torch.zeros(2, 3, 1))], "both or"),
        ([(torch.zeros(2, 5, 1), torch.zeros(2, 3, 2))], "y has 2 targets, x 1 channels"),
        ([(torch.zeros(2, 5, 1), torch.zeros(3, 3, 1))], "of as many windows"),
        ([(torch.zeros(2, 5, 1), torch.zeros(2, 3, 1)), (torch.zeros(2, 6, 1), torch.zeros(2, 3, 1))], "batch 1"),
    ],
)
def test_batches_of_other_forms_are_refused(batches, words):
    with pytest.raises(DataError, match=words):
        windows_of_loader(batches, "train_loader")


def test_sizes_are_checked(rows):
    with pytest.raises(ConfigError, match="batch_size=0"):
        UserWindows(windows=given(rows), batch_size=0)
    with pytest.raises(DataError, match=r"batch_size=500 is larger than the 'weights' part"):
        UserWindows(windows=given(rows), batch_size=500).prepare()

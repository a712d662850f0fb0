"""A search in phases stopped anywhere, also between two phases, and resumed: the same result bit for bit."""

from pathlib import Path

import pytest
import torch
from tiny_runs import KeepEveryPoint, assert_same_final, differences, optimizer_states, result_files, tiny_search

from darts_pl.hypergradient import first
from darts_pl.relaxations import Dirichlet
from darts_pl.relaxations.mixing import PartialChannels
from darts_pl.rules import SkipDropout
from darts_pl.stages.manifest import read_manifest
from darts_pl.stages.phases import Phase

LIKE_PDARTS = {
    "phases": (Phase(), Phase(share=2, layers=4, keep=2, alpha_warmup_share=0.5)),
    "rules": [SkipDropout((0.4, 0.7))],
    "epochs": 3,
}
LIKE_DRNAS = {
    "phases": (Phase(channel_divisor=2), Phase(channel_divisor=1, keep=2, continues=True)),
    "relaxation": Dirichlet,
    "mixing": PartialChannels(2, edge_normalization=False),
    "epochs": 2,
}


def last_of_phases(folder: Path) -> list[dict]:
    """The final checkpoints of all phases."""
    paths = sorted((folder / "checkpoints").glob("phase_*/final.ckpt"))
    return [torch.load(path, weights_only=True) for path in paths]


def assert_same(found: Path, expected: Path) -> None:
    """Final checkpoints, optimisers' states and result files of every phase are equal."""
    pairs = list(zip(last_of_phases(found), last_of_phases(expected), strict=True))
    assert pairs
    for one, other in pairs:
        assert_same_final(one, other)
        assert not [*differences(optimizer_states(one), optimizer_states(other))]
    assert result_files(found) == result_files(expected)
    entries = [read_manifest(folder)["stages"]["search"] for folder in (found, expected)]
    for key in ("steps", "alpha_updates", "epoch_best", "val_acc_best", "supernet_parameters"):
        assert entries[0][key] == entries[1][key], key


@pytest.mark.parametrize(
    ("settings", "lengths"),
    [pytest.param(LIKE_PDARTS, [1, 2], marks=pytest.mark.slow), (LIKE_DRNAS, [1, 1])],
    ids=["pdarts", "drnas"],
)
def test_every_point_of_every_phase(settings: dict, lengths: list[int], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        tiny_search(whole, first, **settings)
    ends = [len(last_of_phases(point)) for point in kept.folders]  # phases finished at each point
    assert ends == [phase for phase, length in enumerate(lengths) for _ in range(4 * length)]
    for point in kept.folders:
        tiny_search(point, first, **settings)
        assert_same(point, whole)


def test_killed_between_two_phases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first phase's last point and before the second's first."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    tiny_search(whole, first, **LIKE_DRNAS)
    with monkeypatch.context() as patch:
        patch.setattr("darts_pl.stages.search._follow", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tiny_search(killed, first, **LIKE_DRNAS)
    assert len(last_of_phases(killed)) == 1
    tiny_search(killed, first, **LIKE_DRNAS)
    assert_same(killed, whole)


def test_killed_before_the_stage_was_marked_complete(tmp_path: Path) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    expected = tiny_search(whole, first, **LIKE_DRNAS)
    tiny_search(run, first, **LIKE_DRNAS)
    (run / "manifest.json").unlink()
    assert tiny_search(run, first, **LIKE_DRNAS) == expected
    assert_same(run, whole)


def test_a_difference_in_an_earlier_phase_would_be_noticed(tmp_path: Path) -> None:
    """The comparison can fail: other weights at the end of phase 1 change what follows from them."""
    whole, changed = tmp_path / "whole", tmp_path / "changed"
    tiny_search(whole, first, **LIKE_DRNAS)
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(changed, tmp_path / "points", patch)
        tiny_search(changed, first, **LIKE_DRNAS)
    point = kept.folders[4]  # in phase 2
    final = point / "checkpoints" / "phase_1" / "final.ckpt"
    for name in ("last.ckpt", "previous.ckpt"):
        (point / "checkpoints" / "phase_2" / name).unlink(missing_ok=True)
    content = torch.load(final, weights_only=True)
    content["state_dict"]["supernet.head.weight"][0, 0] += 1e-3
    torch.save(content, final)
    tiny_search(point, first, **LIKE_DRNAS)
    with pytest.raises(AssertionError, match="supernet"):
        assert_same(point, whole)

"""Candidates: drawn from the ranges and nothing else, all different, decided by the seed alone."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from darts_pl.errors import ConfigError, RunError
from darts_pl.ops.series import FAMILIES
from darts_pl.spaces import SeriesSpace
from darts_pl.spaces.series.labels import ARGUMENTS, candidates
from darts_pl.stages.pipeline.candidates import Ranges, draw_pool, named_operations
from darts_pl.stages.pipeline.candidates import candidates as drawn_once
from darts_pl.stages.run import RunFolder

RANGES = Ranges(
    modes=["encoder_only", "encoder_decoder", "decoder_only", "mamba"],
    hidden_dims=[8, 12],
    layers=[1, 3],
    num_nodes=[1, 2],
    patch_lengths=[4, 6],
    operations=["identity", "grn", "dlinear", "fourier"],
    fewest=2,
    most=3,
    choices={
        "normalizations": ["revin", "last", "none"],
        "decompositions": ["moving_average"],
        "shortcuts": ["none", "linear"],
        "tokens": ["steps", "patches"],
        "positions": ["learned"],
        "attentions": ["auto_correlation", "full", "mamba"],
        "feed_forwards": ["glu", "mlp"],
        "cross_attentions": ["linear", "full"],
    },
    names_per_choice=2,
    heads=2,
    dropout=0.25,
)
ONLY = {"hidden_dim": "hidden_dims", "layers": "layers", "num_nodes": "num_nodes", "patch_length": "patch_lengths"}
NARROW = {"modes": ["mamba"], "hidden_dims": [8], "layers": [1], "num_nodes": [1], "patch_lengths": [4]}
FIXED = {argument: names[:1] for argument, names in RANGES.choices.items()} | {"attentions": ["mamba"]}


def spaces(count: int, seed: int = 0, ranges: Ranges = RANGES) -> list[dict]:
    return [each["space"] for each in draw_pool(ranges, count, seed)]


def in_order(names: list[str], order: list[str]) -> bool:
    return names == [name for name in order if name in names]


def test_nothing_outside_the_ranges_is_drawn() -> None:
    pool = spaces(200)
    assert len(pool) == 200
    for space in pool:
        assert space["mode"] in RANGES.modes and (space["heads"], space["dropout"]) == (2, 0.25)
        assert all(space[name] in getattr(RANGES, plural) for name, plural in ONLY.items())
        assert 2 <= len(space["primitives"]) <= 3 and in_order(space["primitives"], RANGES.operations)
        for label, known in candidates(space["mode"]).items():
            names = space[ARGUMENTS[label]]
            assert 1 <= len(names) <= 2 and set(names) <= set(known)
            assert in_order(names, RANGES.choices[ARGUMENTS[label]])


def test_everything_in_the_ranges_is_drawn() -> None:
    pool = spaces(200)
    assert {space["mode"] for space in pool} == set(RANGES.modes)
    for name, plural in ONLY.items():
        assert {space[name] for space in pool} == set(getattr(RANGES, plural))
    assert {len(space["primitives"]) for space in pool} == {2, 3}
    assert {name for space in pool for name in space["primitives"]} == set(RANGES.operations)
    for argument, names in RANGES.choices.items():
        assert {name for space in pool for name in space.get(argument, ())} == set(names)


def test_each_candidate_is_a_space_that_can_be_built() -> None:
    for settings in spaces(40):
        assert SeriesSpace(**settings).settings().items() >= settings.items()


def test_no_candidate_is_drawn_twice() -> None:
    pool = draw_pool(RANGES, 200, seed=3)
    assert len({json.dumps(each["space"], sort_keys=True) for each in pool}) == 200
    assert [each["id"] for each in pool] == [f"c{index:03d}" for index in range(200)]


def test_the_first_ones_are_the_same_whatever_the_count() -> None:
    assert draw_pool(RANGES, 5, seed=1) == draw_pool(RANGES, 50, seed=1)[:5]


def test_the_seed_decides_the_pool() -> None:
    assert spaces(20, seed=1) == spaces(20, seed=1)
    assert spaces(20, seed=1) != spaces(20, seed=2)


def test_a_small_space_gives_what_it_holds_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """C(3, 2) choices of two operations out of three, all else fixed."""
    ranges = replace(RANGES, **NARROW, choices=FIXED, operations=["identity", "grn", "dlinear"], fewest=2, most=2)
    with caplog.at_level(logging.WARNING, logger="darts_pl"):
        pool = spaces(10, ranges=ranges)
    found = sorted(space["primitives"] for space in pool)
    assert found == [["grn", "dlinear"], ["identity", "dlinear"], ["identity", "grn"]]
    assert "no more than 3 candidates, 10 were asked for" in caplog.text


def test_a_run_draws_once(tmp_path: Path) -> None:
    """What a run goes on with is what lies in its folder, though other ranges would be drawn otherwise."""
    run = RunFolder.open(tmp_path, command="pipeline", config={"seed": 0}, device="cpu")
    first = drawn_once(run, RANGES, count=4, seed=0)
    again = drawn_once(run, replace(RANGES, hidden_dims=[32]), count=9, seed=5)
    assert again == first and list(first) == ["c000", "c001", "c002", "c003"]


@pytest.mark.parametrize("name", ["../../outside", "/outside", "c000/../../outside", "c00", 3])
def test_a_pool_with_other_names_is_refused(name: object, tmp_path: Path) -> None:
    """Folders are named after candidates."""
    run = RunFolder.open(tmp_path, command="pipeline", config={"seed": 0}, device="cpu")
    pool = [{"id": id_, "space": space} for id_, space in drawn_once(run, RANGES, count=2, seed=0).items()]
    pool[1]["id"] = name
    (tmp_path / "candidates" / "pool.json").write_text(json.dumps(pool))
    with pytest.raises(RunError, match=r"pool\.json is damaged"):
        drawn_once(run, RANGES, count=2, seed=0)


WRONG = {
    "mode": ({"modes": ["encoder_onyl"]}, "space.modes: 'encoder_onyl'.* Did you mean 'encoder_only'"),
    "no size": ({"hidden_dims": []}, "space.hidden_dims: found an empty list"),
    "no operation": ({"operations": []}, "space.operations: found an empty list"),
    "no token": ({"choices": {**RANGES.choices, "tokens": []}}, "space.tokens: found an empty list"),
    "token": ({"choices": {**RANGES.choices, "tokens": ["patchs"]}}, "space.tokens: 'patchs'.* 'patches'"),
    "no attention for mamba": (
        {"choices": {**RANGES.choices, "attentions": ["full"]}},
        r"space.attentions=\['full'\]: space.modes=mamba knows none of them. Add one of: mamba, bidirectional_mamba",
    ),
    "more operations than there are": (
        {"fewest": 5, "most": 5},
        r"space.operations_per_candidate=\[5, 5\].* 4 operations at hand \(identity, grn, dlinear, fourier\)",
    ),
    "none": ({"fewest": 0}, r"space.operations_per_candidate=\[0, 3\]"),
    "turned around": ({"fewest": 3, "most": 2}, r"space.operations_per_candidate=\[3, 2\]"),
    "the same token twice": (
        {"choices": {**RANGES.choices, "tokens": ["steps", "patches", "steps"]}},
        "space.tokens: the same name twice in ",
    ),
    "the same operation twice": ({"operations": ["grn", "grn", "tcn"]}, "space.operations: the same name twice in "),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_ranges_that_cannot_be_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(RANGES, **changes)


def test_operations_by_name_by_family_or_all() -> None:
    every = [name for names in FAMILIES.values() for name in names]
    assert named_operations([], [], FAMILIES) == every
    assert named_operations(["grn", "none", "grn"], [], FAMILIES) == ["grn", "none"]
    chosen = ["spectral", "attention", "spectral"]
    assert named_operations([], chosen, FAMILIES) == [*FAMILIES["spectral"], *FAMILIES["attention"]]


@pytest.mark.parametrize(
    ("names", "families", "words"),
    [
        (["dlinaer"], [], "space.operations: 'dlinaer' does not exist. Did you mean 'dlinear'"),
        ([], ["spectra"], "space.families: 'spectra' does not exist. Did you mean 'spectral'"),
        (["grn"], ["spectral"], "give one of the two, names or families"),
    ],
)
def test_operations_that_do_not_exist_are_refused(names: list[str], families: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        named_operations(names, families, FAMILIES)

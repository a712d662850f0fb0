"""Two processes that train together: equal to the bit, and what one process computes with the whole batches."""

import dataclasses
import math
from functools import partial

import pytest
import torch
from rank_cases import METHODS, RULES, TwoRanks, differing, found_by_fit, search_of, training_of

DRAWN = ("drop_path",)  # each rank for its own samples, so not as one rank would


def made(cases, training, *, whole):
    """With `training` a training, and the searches of `cases`."""
    searches = {name: partial(search_of, dataclasses.replace(case, whole=whole)) for name, case in cases.items()}
    return ({"training": partial(training_of, whole=whole)} if training else {}) | searches


METHODS_WHOLE, REST_WHOLE = made(METHODS, True, whole=True), made(RULES, False, whole=True)
METHODS_PLAIN, REST_PLAIN = made(METHODS, True, whole=False), made(RULES, False, whole=False)


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    """What two ranks find: as a run has it by default, then in 64-bit numbers with synchronised normalisation."""
    return TwoRanks({False: METHODS_PLAIN, True: METHODS_WHOLE}, tmp_path_factory.mktemp("methods"))


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The same of searches with rules."""
    return TwoRanks({False: REST_PLAIN, True: REST_WHOLE}, tmp_path_factory.mktemp("rules"))


def check_as_one(make, first, second):
    """Both ranks are equal to the bit, and to rounding what one process finds with the whole batches."""
    assert not differing(first["state"], second["state"])
    assert first["rows"] == second["rows"]
    alone = found_by_fit(make(), {"strategy": "auto"})
    assert alone["steps"] == first["steps"]
    assert alone["samples"] == first["samples"] + second["samples"] > first["samples"] > 0
    for key, value in alone["state"].items():
        torch.testing.assert_close(first["state"][key], value, rtol=1e-7, atol=1e-9, msg=f"{key}: {{}}".format)
    for one, two in zip(alone["rows"], first["rows"], strict=True):
        assert {
            key for key in one if not math.isclose(one[key] or 0, two[key] or 0, rel_tol=1e-5, abs_tol=1e-6)
        } == set()


@pytest.mark.parametrize("name", METHODS_WHOLE)
def test_two_ranks_find_what_one_does(name, methods):
    check_as_one(METHODS_WHOLE[name], *methods.found(True, name))


@pytest.mark.parametrize("name", METHODS_PLAIN)
def test_ranks_stay_equal_to_the_bit(name, methods):
    first, second = methods.found(False, name)
    assert not differing(first["state"], second["state"])
    assert not torch.equal(first["generator"], second["generator"])  # what each draws for its own samples
    assert first["rows"] == second["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("name", REST_WHOLE)
def test_rules_act_on_the_whole_batch(name, rules):
    first, second = rules.found(True, name)
    if name in DRAWN:
        assert not differing(first["state"], second["state"])
    else:
        check_as_one(REST_WHOLE[name], first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", REST_PLAIN)
def test_ranks_stay_equal_under_rules(name, rules):
    first, second = rules.found(False, name)
    assert not differing(first["state"], second["state"])
    assert first["rows"] == second["rows"]

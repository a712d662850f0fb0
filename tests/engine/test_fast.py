"""The fast engine computes what the modules compute one by one."""

import pytest
from engine_cases import CASES, images, largest_difference, passed, supernet


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_plain_network(name: str, training: bool) -> None:
    case = CASES[name]
    network = supernet(case).train(training)
    found, expected = (passed(network, images(case), engine) for engine in ("fast", "plain"))
    difference, where = largest_difference(found, expected)
    assert difference < 1e-10, where

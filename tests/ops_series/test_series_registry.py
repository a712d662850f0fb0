"""How operations enter the table, and what is said of names that cannot."""

import sys

import pytest
import torch
import torch.nn as nn

from darts_pl.errors import ConfigError
from darts_pl.ops.series import FAMILIES, OPERATIONS, SeriesShape, TokenGrid, build, register

GRID = TokenGrid(2, 6, 4)


@pytest.fixture(autouse=True)
def tables_restored():
    operations, families = dict(OPERATIONS), dict(FAMILIES)
    yield
    for table, before in ((OPERATIONS, operations), (FAMILIES, families)):
        table.clear()
        table.update(before)


def test_a_class_and_a_function_are_registered_by_the_decorator():
    @register("doubling", family="mine")
    class Doubling(nn.Module):
        def __init__(self, grid: TokenGrid):
            super().__init__()
            self.width = grid.dim

        def forward(self, x):
            return 2 * x

    @register("relu", family="mine")
    def relu(grid):
        return nn.ReLU()

    assert FAMILIES["mine"] == ("doubling", "relu")
    assert isinstance(build("doubling", GRID), Doubling) and build("doubling", GRID).width == 4
    assert isinstance(build("relu", GRID), nn.ReLU)
    assert relu(GRID)(torch.tensor(-1.0)) == 0  # the decorator gives back what it was put on


def test_a_family_grows_in_the_order_of_registration():
    before = FAMILIES["pointwise"]
    register("late", family="pointwise")(lambda grid: nn.Identity())
    assert FAMILIES["pointwise"] == (*before, "late")


def test_a_plain_dictionary_is_a_table_too():
    table = {"only": lambda grid: nn.Linear(grid.dim, grid.dim)}
    assert build("only", GRID, table).in_features == 4
    with pytest.raises(ConfigError, match=r"'tcn' is not a known operation. Choose one of: only"):
        build("tcn", GRID, table)


def test_a_name_that_is_taken_is_refused_with_its_holder():
    with pytest.raises(ConfigError, match=r"'tcn' is already registered, by darts_pl\.ops\.series\.convolution\.tcn"):
        register("tcn", family="mine")
    assert "mine" not in FAMILIES
    with pytest.raises(ConfigError, match="'none' is already registered, by the space itself"):
        register("none", family="mine")


@pytest.mark.parametrize("name", ["", "my.operation", "3x3", "two words"])
def test_a_name_that_cannot_name_a_module_is_refused(name):
    with pytest.raises(ConfigError, match="expected letters, digits and underscores"):
        register(name, family="mine")


def test_an_unknown_operation_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'fourrier' is not a known operation. Did you mean 'fourier'\?"):
        build("fourrier", GRID)


def test_too_narrow_tokens_are_refused():
    with pytest.raises(ConfigError, match=r"'grn' on tokens of 3 values: expected hidden_dim >= 4"):
        build("grn", TokenGrid(1, 4, 3))


def test_a_missing_ptwt_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ptwt", None)
    with pytest.raises(ConfigError, match=r"needs the package ptwt.*pip install 'darts_pl\[forecasting\]'"):
        build("wavelet", GRID)


def test_shape_of_windows():
    assert SeriesShape(96, 720, targets=2, past_covariates=3).channels == 5
    with pytest.raises(ConfigError, match="horizon=0: expected at least 1"):
        SeriesShape(96, 0, targets=1)

"""The shape of the commands' configurations: types that reject a wrong value or a misspelt key at composition, and
ranges that `commands.check_config` holds values to.

Values live in conf/. Nodes with a `_target_` stay dictionaries: the constructor they name is their schema.
"""

from hydra.core.config_store import ConfigStore

from darts_pl.schema.commands import RetrainCommand, Retraining, SearchCommand
from darts_pl.schema.forecasting import (
    AblationSearchConfig,
    DARTSConfig,
    DARTSSearchSpaceConfig,
    DARTSTrainConfig,
    FinalTrainConfig,
    MultiFidelitySearchConfig,
    RobustPoolSearchConfig,
)
from darts_pl.schema.values import LARGEST_SEED, Range, within

__all__ = [
    "LARGEST_SEED",
    "AblationSearchConfig",
    "DARTSConfig",
    "DARTSSearchSpaceConfig",
    "DARTSTrainConfig",
    "FinalTrainConfig",
    "MultiFidelitySearchConfig",
    "Range",
    "RetrainCommand",
    "Retraining",
    "RobustPoolSearchConfig",
    "SearchCommand",
    "register",
    "within",
]


def register() -> None:
    """Make the schemas known to Hydra under the names that conf/ lists first in its defaults."""
    store = ConfigStore.instance()
    store.store(name="search_schema", node=SearchCommand)
    store.store(name="retrain_schema", node=RetrainCommand)
    store.store(name="pipeline_schema", node=DARTSConfig)

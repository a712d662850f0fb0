"""darts_pl: differentiable architecture search on PyTorch Lightning and Hydra.

`search_architecture` with `SearchConfig`, `SearchResult` and what these take for phases (`Phase`) and selections
(`Perturbation`, `Sampled`), the choices that one puts into a module (`Choice`,
`InputChoice`, `Repeat`, `ChannelChoice`, `Cell`) with the `ModuleSpace` made of it, `train_network`, `DARTSTrainer`
with the classes of its configuration for forecasting, and `load` are the Python face. They and the modules of the
package are imported when first used, so that reading a genotype does not load torch.
"""

from darts_pl.lazy import lazily

_SCHEMA = (
    "AblationSearchConfig",
    "DARTSConfig",
    "DARTSSearchSpaceConfig",
    "DARTSTrainConfig",
    "FinalTrainConfig",
    "MultiFidelitySearchConfig",
    "RobustPoolSearchConfig",
)
_CHOICES = ("Cell", "ChannelChoice", "Choice", "InputChoice", "ModuleSpace", "Repeat")
_API = (
    "Perturbation",
    "Phase",
    "Sampled",
    "SearchConfig",
    "SearchResult",
    "load",
    "search_architecture",
    "train_network",
)
_FACE = {
    **dict.fromkeys(_API, "darts_pl.api"),
    **dict.fromkeys(_CHOICES, "darts_pl.spaces.module"),
    "DARTSTrainer": "darts_pl.forecasting",
    **dict.fromkeys(_SCHEMA, "darts_pl.schema"),
}

__all__ = list(_FACE)
__getattr__, __dir__ = lazily(__name__, {**_FACE, "__version__": "darts_pl._version"})

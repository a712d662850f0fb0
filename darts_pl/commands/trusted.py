"""What a configuration would run that is neither a part of darts_pl nor among a few of torch's.

`_target_` may name any function of any installed package. In a file of one's own that is what it is for; in a run
folder, which may be a stranger's, it would be code.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darts_pl.paths import conf_dir
from darts_pl.schema.values import plain_values

NAMED = re.compile(r"_target_:\s*([\w.]+)")
CALLERS = ("darts_pl.spaces.ModuleSpace", "darts_pl.data.module_data")  # parts that call what their `target` names
IMPORTS = "space.imports"
OF_THE_NETWORK = ("darts_pl.callbacks.MlflowRun", "darts_pl.callbacks.WandbRun")  # to a server of any name
OWN = (
    "darts_pl.relaxations.mixing.SinglePath",
    *(f"darts_pl.tasks.{name}" for name in ("BinaryClassification", "Classification", "Forecasting", "Regression")),
)  # besides those that conf/ names
OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD")
LOSSES = (
    *("BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss"),
    *("MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss"),
)
MODULES = ("ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh")
METRICS = (
    *("AUROC", "Accuracy", "AveragePrecision", "CohenKappa", "ExplainedVariance", "F1Score", "MatthewsCorrCoef"),
    *("MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogError", "PearsonCorrCoef"),
    *("Precision", "R2Score", "Recall", "SpearmanCorrCoef", "Specificity", "SymmetricMeanAbsolutePercentageError"),
)

Pair = tuple[str, object]  # a dotted key, and the plain value there


@functools.cache
def trusted_names() -> frozenset[str]:
    """The names that anybody's configuration may have as `_target_`: exactly these, for through a module of the package
    any other module could be reached."""
    named: set[str] = set()
    for path in conf_dir().rglob("*.yaml"):
        lines = (line.split("#")[0] for line in path.read_text(encoding="utf-8").splitlines())
        named.update(name for line in lines for name in NAMED.findall(line))
    named.update(OWN)
    named.difference_update(OF_THE_NETWORK)
    named.update(f"torch.optim.{name}" for name in OPTIMIZERS)
    named.update(f"torch.nn.{name}" for name in (*LOSSES, *MODULES))
    named.update(f"torchmetrics.{name}" for name in METRICS)
    return frozenset(named)


def untrusted_code(config: DictConfig) -> list[Pair]:
    """(key, value) of every name of code in `config` that is not in `trusted_names`, and of each argument that such
    code would get, as it is written. Nothing is imported; keys of list items have no numbers."""
    found: list[Pair] = []
    for key, node in _nodes(config):
        name = node.get("_target_")
        if name is not None and str(name) not in trusted_names():
            found += [(f"{key}_target_", name), *leaves(node, key)]
        elif str(name) in CALLERS and node.get("target") not in (None, "???"):
            found += [(f"{key}target", node["target"]), *leaves(node.get("arguments") or {}, f"{key}arguments.")]
    space = _value(config, "space") if "space" in config else None
    if isinstance(space, DictConfig) and "imports" in space:
        found += [(IMPORTS, name) for name in _value(space, "imports") or ()]
    return list({(key, repr(value)): (key, value) for key, value in found}.values())


def leaves(value: object, key: str = "") -> list[Pair]:
    """(dotted key, plain value) of everything in nested mappings and lists."""
    if isinstance(value, Mapping):
        return [pair for name, each in value.items() for pair in leaves(each, f"{key}{name}.")]
    if isinstance(value, list | tuple):
        return [pair for each in value for pair in leaves(each, key)]
    return [(key.removesuffix("."), value)]


def _nodes(
    node: DictConfig | ListConfig, key: str = "", above: tuple[int, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted key, content) of every mapping. The content is as written, but for names of code, which are resolved:
    an interpolation could hide them. One that leads back to a mapping `above` it ends there."""
    if isinstance(node, DictConfig):
        written = plain_values(node, resolve=False)
        yield key, written | {name: _value(node, name) for name in ("_target_", "target") if name in written}
    for name in node if isinstance(node, DictConfig) else range(len(node)):
        child = _value(node, name)
        if isinstance(child, DictConfig | ListConfig) and id(child) not in above:
            yield from _nodes(child, f"{key}{name!s}." if isinstance(node, DictConfig) else key, (*above, id(child)))


def _value(node: DictConfig | ListConfig, name: Any) -> Any:
    """The value at `name`, its interpolations resolved; as it is written where they cannot be."""
    try:
        return node[name]
    except OmegaConfBaseException:
        written = OmegaConf.to_container(node, resolve=False)
        assert isinstance(written, dict | list)
        return written[name]

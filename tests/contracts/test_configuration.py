"""Every experiment composes, its parts instantiate, and no setting of the schema is left unread."""

import ast
import dataclasses
import re

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import OmegaConf

from darts_pl import assembly, schema
from darts_pl.forecasting import build_plan, parts_factory
from darts_pl.forecasting.inputs import DataFacts
from darts_pl.inputs import TensorInput
from darts_pl.ops.series import SeriesShape
from darts_pl.paths import conf_dir
from darts_pl.rules import Rule
from darts_pl.stages.phases import epochs_of, phases_of
from darts_pl.stages.pipeline.candidates import draw_pool
from darts_pl.tasks import Classification, Forecasting

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
GROUPS = (
    "space",
    "relaxation",
    "mixing",
    "hypergradient",
    "derivation",
    "selection",
    "rule",
    "phases",
    "data",
    "hardware",
    "retraining",
    "task",
    "weights_optimizer",
)
SERIES = ("csv", "etth1", "co2", "windows")  # data of the pipeline
SHAPES = {  # what experiments on other data than images build for: inputs, outputs
    "table": (TensorInput((5,)), 1),
    "trec": (TensorInput((9,), "int64", high=30), {"coarse": 6, "fine": 50}),
}
NEEDED = {
    "module": ["data.target=lightning.pytorch.demos.boring_classes.BoringDataModule"],
    "images": ["data.root=/nowhere"],
    "csv": ["data.csv=/nowhere.csv"],
    "windows": ["data.path=/nowhere"],
    "table": ["data.csv=/nowhere.csv", "data.target=y"],
    "text": ["data.train=/nowhere.txt"],
}
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((conf_dir() / group).glob("*.yaml"))]


@pytest.fixture(autouse=True)
def hydra(monkeypatch):
    """Hydra on the shipped configuration, as the commands set it up."""
    monkeypatch.delenv("DARTS_PL_DATA", raising=False)  # composing must not need the data
    assembly.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def command_of(experiment: str) -> list[str]:
    """The words after `python -m darts_pl.` in the file's second line, which must be the command that runs it."""
    first, second = (conf_dir() / "experiment" / f"{experiment}.yaml").read_text(encoding="utf-8").splitlines()[:2]
    assert first == "# @package _global_"
    found = re.fullmatch(r"# python -m darts_pl\.(.+)", second)
    assert found, f"{experiment}.yaml does not begin with the command that runs it: {second}"
    return found.group(1).split()


def check_search_parts(config, inputs=(3, 32, 32), outputs=10) -> None:
    space = instantiate(config.space, layers=3)  # the depth changes no part, and building it takes time
    method = assembly.search_method(config, space)
    with torch.device("meta"):
        supernet = space.supernet(inputs, outputs, relaxation=method.relaxation, mixing=method.mixing)
    weights, alphas = instantiate(config.weights_optimizer), instantiate(config.alphas_optimizer)
    assert weights(supernet.weight_parameters()).param_groups[0]["lr"] == config.learning_rate
    assert alphas(supernet.arch_parameters()).param_groups[0]["lr"] == config.arch_learning_rate
    strengths = {kind: torch.rand(alpha.shape) for kind, alpha in supernet.alphas.items()}
    genotype = space.derive(strengths, derivation=method.derivation)
    assert set(genotype.cells) == set(supernet.kinds)
    lengths = epochs_of(method.phases, config.epochs)
    method.make_module(supernet, task=Classification(10), epochs=lengths[0])
    instantiate(config.data, purpose="search", batch_size=config.batch_size, seed=config.seed)


def check_retraining_parts(config) -> None:
    recipe = config.retraining
    sizes = {name: getattr(recipe, name) for name in ("init_channels", "layers") if getattr(recipe, name) is not None}
    space = instantiate(config.space, **sizes)
    assert all(getattr(space, name) == size for name, size in sizes.items())
    settings = {"batch_size": recipe.batch_size, "holdout": recipe.holdout}
    settings |= {"cutout": recipe.cutout} if recipe.cutout else {}
    instantiate(config.data, purpose="retrain", seed=config.seed, **settings)


def check_pipeline_parts(config) -> None:
    plain = OmegaConf.to_container(config, resolve=True)
    parts = parts_factory(plain)()
    shape = SeriesShape(config.data.look_back, config.data.horizon, 7)
    plan = build_plan(plain, DataFacts(shape, {"seasonal_period": 24}))
    (candidate,) = draw_pool(plan.ranges, 1, config.seed)
    space = parts.make_space(candidate["space"])
    supernet = space.supernet(shape, 7, relaxation=parts.relaxation, mixing=parts.mixing)
    module = parts.method(space).make_module(supernet, task=Forecasting(), epochs=config.train.epochs)
    assert module.make_alphas_optimizer(supernet.arch_parameters()).param_groups[0]["lr"] == (
        config.train.arch_learning_rate
    )
    instantiate(config.data, purpose="search", batch_size=config.train.batch_size, seed=config.seed)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_its_parts_instantiate(experiment):
    command, *overrides = (word for word in command_of(experiment) if word != "-m")
    assert f"+experiment={experiment}" in overrides
    config = compose(command, overrides)
    instantiate(config.hardware)
    if command == "pipeline":
        check_pipeline_parts(config)
        return
    if command == "search":
        check_search_parts(config, *SHAPES.get(experiment, ()))
    check_retraining_parts(config)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_of_every_group_composes(group, choice):
    command = "retrain" if group == "retraining" else "pipeline" if choice in SERIES else "search"
    words = [
        f"{group}=[{choice}]" if group == "rule" else f"{group}={choice}",
        *(["genotype=DARTS_V2"] if command == "retrain" else []),
    ]
    if group == "data" and choice in NEEDED:
        words.extend(NEEDED[choice])
    if (group, choice) == ("space", "module"):
        words.append("space.target=torch.nn.Identity")
    if (group, choice) == ("task", "custom"):
        words.append("task.loss={_target_: torch.nn.L1Loss}")
    if group == "hardware":
        words.append("hardware.accelerator=cpu")  # those of a device that is not there are refused
    config = compose(command, words)
    if group in ("space", "relaxation", "mixing", "hypergradient", "hardware", "derivation", "selection", "task"):
        instantiate(config[group])
    elif group == "rule":
        assert all(isinstance(rule, Rule) for rule in instantiate(config.rules).values())
    elif group == "phases":
        assert phases_of(config.phases)
    elif group == "data" and choice != "windows":  # which reads its file at once
        instantiate(config.data, purpose="search", batch_size=8, seed=0)


def test_the_papers_settings():
    config = compose("search", ["+experiment=cifar_first_order"])
    found = (config.epochs, config.batch_size, config.space.init_channels, config.space.layers, config.space.num_nodes)
    assert found == (50, 64, 16, 8, 4)
    rates = (config.learning_rate, config.min_learning_rate, config.momentum, config.weight_decay, config.clip_norm)
    assert rates == (0.025, 0.001, 0.9, 3e-4, 5.0)
    assert (config.arch_learning_rate, config.arch_weight_decay) == (3e-4, 1e-3)
    assert list(config.alphas_optimizer.betas) == [0.5, 0.999] and config.alpha_warmup_epochs == 0
    second = compose("search", ["+experiment=cifar_second_order"])
    assert second.hypergradient.epsilon == 0.01 and second.epochs == 50
    recipe = compose("retrain", ["genotype=DARTS_V2", "+experiment=cifar_retrain"]).retraining
    assert (recipe.epochs, recipe.batch_size, recipe.init_channels, recipe.layers) == (600, 96, 36, 20)
    assert (recipe.learning_rate, recipe.min_learning_rate, recipe.weight_decay) == (0.025, 0.0, 3e-4)
    assert (recipe.auxiliary, recipe.auxiliary_weight, recipe.cutout, recipe.drop_path) == (True, 0.4, 16, 0.2)


def names_read() -> set[str]:
    """Attributes and keys that the commands read, and keys that the YAML files interpolate."""
    package = conf_dir().parent / "darts_pl" if (conf_dir().parent / "darts_pl").is_dir() else conf_dir().parent
    found = set()
    for path in (package / "search.py", package / "retrain.py", *(package / "assembly").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for path in (package / "stages" / "method.py", package / "commands" / "trainer.py"):  # which get plain values
        tree = ast.parse(path.read_text(encoding="utf-8"))
        keys = [node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
        keys += [node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        found |= {key.value for key in keys if isinstance(key, ast.Constant)}
    for path in conf_dir().rglob("*.yaml"):
        found |= set(re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("node", [schema.SearchCommand, schema.RetrainCommand, schema.Retraining])
def test_every_setting_of_the_schema_is_read(node):
    assert {field.name for field in dataclasses.fields(node)} <= names_read()

"""What a user can name after `import darts_pl`, where the package can be imported, and what a command waits for."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import darts_pl

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = sorted(
    path.stem
    for path in Path(darts_pl.__file__).parent.iterdir()
    if path.suffix in ("", ".py")
    and not path.name.startswith(("_", "."))
    and path.name != "conf"  # beside it in a wheel
)
INSIDE = (
    "models.file",
    "stages.pipeline.halving",
    "data.series",
    "data.tables.file",
    "ops.series",
    "reports.page",
)
THIRD = "import hydra, lightning, matplotlib.pyplot, pandas, scipy.stats, sklearn.linear_model, torch, torchmetrics"
FACE = ("load", "search_architecture", "Choice", "DARTSTrainer", "DARTSConfig")
NAMES = (*ROOMS, *INSIDE, *FACE)

# What Windows has not, hidden from this library alone: others ask which system they are on.
HIDDEN = """
import builtins, signal
modules = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "syslog"}
found = builtins.__import__

def without(name, given=None, *rest):
    if name in modules and (given or {}).get("__name__", "").startswith("darts_pl"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return found(name, given, *rest)

builtins.__import__ = without
import hydra, lightning, torch
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGCHLD", "SIGPIPE"):
    delattr(signal, name)
"""

# A process of its own for each name, forked off one that has imported nothing of the package.
FIRST_OF_ALL = """
import functools, os, sys
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        import darts_pl
        found = functools.reduce(getattr, name.split("."), darts_pl)
        os._exit(0 if found is not None else 1)
    if os.waitpid(child, 0)[1]:
        print(name)
"""

EVERY_MODULE = """
import importlib, pkgutil, darts_pl
for module in pkgutil.walk_packages(darts_pl.__path__, "darts_pl."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""

LIGHT = """
import contextlib, importlib, io, os, sys
os.environ["COMP_LINE"], os.environ["COMP_POINT"] = "darts-pl-search hypergr", "23"
for command in ("search", "retrain", "pipeline", "report", "benchmark"):
    hydras = command in ("search", "retrain", "pipeline")
    for words in ("--cfg job", "-sc query=bash", "--help") if hydras else ("--help",):
        sys.argv = [command, *words.split()]
        with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
            assert importlib.import_module(f"darts_pl.{command}").main() == 0, (command, words)
        assert shown.getvalue() or words.startswith("-sc"), (command, words)
        if words.startswith("-sc") and command == "search":
            assert "hypergradient=" in shown.getvalue(), shown.getvalue()
        heavy = {"torch", "lightning", "torchmetrics", "sklearn", "pandas", "scipy", "matplotlib"} & set(sys.modules)
        if heavy:
            print(command, words, *sorted(heavy))
"""


def printed(script: str, *words: str) -> str:
    """What a process that begins with nothing imported prints."""
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "names",
    [("genotype", "relaxations", "rules", "ops.series", "load"), pytest.param(NAMES, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_a_name_is_reached_before_any_other_was_used(names: tuple[str, ...]):
    assert printed(THIRD + FIRST_OF_ALL, *names) == ""


@pytest.mark.slow
def test_every_module_is_imported_where_the_modules_of_unix_are_missing():
    assert printed(HIDDEN + EVERY_MODULE) == ""


def test_no_module_of_unix_is_imported_with_the_package():
    """The same without the seconds: an import at the head of a file stands at the beginning of a line."""
    names = ("resource", "fcntl", "pwd", "grp", "termios")
    heads = tuple(f"{how} {name}" for how in ("import", "from") for name in names)
    for path in Path(darts_pl.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [line for line in text.splitlines() if line.startswith(heads)], path


def test_help_configuration_and_completion_wait_for_hydra_alone():
    assert printed(LIGHT) == ""


def test_dir_lists_the_face_and_the_rooms():
    assert {*ROOMS, *FACE, "__version__"} <= set(dir(darts_pl))
    assert {"sources", "texts"} <= set(dir(darts_pl.data.text)) and "series" in dir(darts_pl.data)


def test_the_version_is_that_of_the_project():
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert darts_pl.__version__ == metadata.version("darts_pl")
    assert f'\nversion = "{darts_pl.__version__}"\n' in project


@pytest.mark.parametrize(
    "name, nearest", [("relaxation", "relaxations"), ("Chioce", "Choice"), ("genotypes", "genotype")]
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(name: str, nearest: str):
    with pytest.raises(AttributeError, match=f"{name!r}. Did you mean '{nearest}'"):
        getattr(darts_pl, name)
    assert not hasattr(darts_pl, "__wrapped__")


# Distributions that are not called as what is imported of them
CALLED = {"PIL": "pillow", "hydra": "hydra-core", "pywt": "pywavelets", "sklearn": "scikit-learn", "yaml": "pyyaml"}


@pytest.mark.slow
def test_every_imported_package_is_declared() -> None:
    """What the package imports is among its dependencies and extras, what tests import among all extras."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    project = pytest.importorskip("tomllib").loads(text)["project"]
    extras = project["optional-dependencies"]
    of_users = [line for name, lines in extras.items() if name != "test" for line in lines]
    declared = {
        "darts_pl": [*project["dependencies"], *of_users],
        "tests": [*project["dependencies"], *of_users, *extras["test"]],
    }
    for folder, lines in declared.items():
        files = sorted((REPOSITORY / folder).rglob("*.py"))
        own = {"darts_pl", *(file.stem for file in files), *sys.stdlib_module_names}
        names = {re.split(r"[^\w.-]", line)[0].lower() for line in lines}
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                found = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                found += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
                for module in {name.split(".")[0] for name in found} - own:
                    package = CALLED.get(module, module.replace("_", "-"))
                    assert package in names, f"{file} imports {module}: {package} is not declared in pyproject.toml"

"""What builds somebody's network: found by its dotted name, called with what it asks for."""

import importlib
import inspect
from collections.abc import Callable, Mapping

import torch.nn as nn

from darts_pl.errors import ConfigError, nearest
from darts_pl.inputs import Declared, Outputs


def find_target(name: str) -> Callable[..., nn.Module]:
    """The function or class of a dotted name such as `my_package.my_net.build`.

    Raises:
        ConfigError: no such module or attribute (names the nearest), or the module fails when it is imported.
    """
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise ConfigError(f"space.target={name!r}: expected a dotted name, such as my_package.my_net.build")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise ConfigError(f"space.target={name!r}: importing {module_name} failed: {error}") from error
        raise ConfigError(
            f"space.target={name!r}: there is no module {error.name!r}. It is looked for in the folder that the "
            "command was started in and among installed packages"
        ) from error
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"space.target={name!r}: importing {module_name} failed: {error}") from error
    if not hasattr(module, attribute):
        raise ConfigError(
            f"space.target={name!r}: {module_name} has no {attribute!r}. {nearest(attribute, vars(module))}"
        )
    return getattr(module, attribute)


def build_network(
    target: Callable[..., nn.Module], arguments: Mapping[str, object], shapes: Mapping[str, Declared | Outputs]
) -> nn.Module:
    """The network that `target` builds.

    Args:
        arguments: given by name. shapes: `input_shape` and `outputs`, given where `target` asks for them by name.

    Raises:
        ConfigError: arguments that it does not have or lacks; no module comes back.
    """
    if isinstance(target, nn.Module) or not callable(target):
        raise ConfigError(
            f"found {type(target).__name__}, expected what builds the network, such as its class or lambda: Net(16), "
            "as supernet and derived networks begin from weights of their own"
        )
    name, parameters = target_name(target), inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in arguments:
        if key not in parameters and not open_ended:
            raise ConfigError(f"space.arguments.{key}: {name} has no such argument. {nearest(key, parameters)}")
    given = {**{key: value for key, value in shapes.items() if key in parameters}, **arguments}
    missing = [key for key in _required(parameters) if key not in given]
    if {"input_shape", "outputs"} & set(missing):
        raise ConfigError(
            f"{name} needs {missing[0]}, which the data say: call the space's prepare(input_shape, outputs) first, or "
            "give both to supernet and network"
        )
    if missing:
        raise ConfigError(f"{name} needs the argument {missing[0]!r}. Give it as +space.arguments.{missing[0]}=...")
    network = target(**given)
    if not isinstance(network, nn.Module):
        raise ConfigError(f"{name} gives {network!r}, expected a torch.nn.Module")
    return network


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [key for key, p in parameters.items() if p.default is p.empty and p.kind not in several]


def target_name(target: Callable[..., object]) -> str:
    """A builder's name for messages and files."""
    if not hasattr(target, "__qualname__"):
        return repr(target)
    return f"{target.__module__}.{target.__qualname__}"

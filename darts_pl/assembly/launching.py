"""From the process's arguments to a running command."""

import sys
from collections.abc import Callable

from omegaconf import DictConfig, OmegaConf

from darts_pl import last_words, schema
from darts_pl.assembly.arguments import arguments
from darts_pl.commands import run_command
from darts_pl.commands.explain import explain
from darts_pl.errors import DartsError
from darts_pl.paths import check_working_folder
from darts_pl.stages.orphans import end_with_starter


def launch(task: Callable[[DictConfig], None], name: str) -> int:
    """Run the command `name` on the process's arguments and return its exit status."""
    end_with_starter()
    register()
    try:
        check_working_folder()
        argv = arguments(sys.argv[1:], name)
    except (DartsError, OSError) as error:
        print(f"error: {explain(error, composing=True)}", file=sys.stderr)
        return 2
    with last_words.told_beside(name):
        return run_command(task, name, argv)


def register() -> None:
    """Tell Hydra the schemas and OmegaConf the resolver that conf/hydra uses."""
    schema.register()
    OmegaConf.register_new_resolver("darts_pl.run_dir", lambda resume, fresh: resume or fresh, replace=True)

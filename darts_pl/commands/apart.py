"""A configuration composed apart from the Hydra that may be running: an application of a user's, or a command's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from darts_pl import schema
from darts_pl.paths import conf_dir


@contextmanager
def hydra_apart() -> Iterator[None]:
    """Inside, `hydra.compose` reads this package's configuration files; after it, Hydra is as it was."""
    before = GlobalHydra.get_state()
    GlobalHydra.instance().clear()
    try:
        schema.register()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.set_state(before)

"""Hydra's reading of configuration files, each looked at before it is parsed: a folder of them may be a stranger's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigResult

from darts_pl import schema
from darts_pl.bounded import check_yaml, read_text
from darts_pl.bounded.yaml_text import LARGEST_YAML
from darts_pl.errors import ConfigError
from darts_pl.paths import conf_dir


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's source of files, within bounds. It has the name of Hydra's, which is then not registered over it."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Raises ConfigError, with the file, line and column, where it is beyond bounds; see `check_yaml`."""
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists():
            check_yaml(read_text(path, error=ConfigError, largest=LARGEST_YAML), str(path), error=ConfigError)
        return super().load_config(config_path)


def bound_config_files() -> None:
    """Let Hydra read files so from now on."""
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


@contextmanager
def isolated_hydra() -> Iterator[None]:
    """Inside, `hydra.compose` reads this package's configuration files, apart from the Hydra that may be running, a
    command's own or a user's; after it, Hydra is as it was."""
    before = GlobalHydra.get_state()
    GlobalHydra.instance().clear()
    try:
        schema.register()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.set_state(before)

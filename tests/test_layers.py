"""Who may import whom, and the size of the rooms' files."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "darts_pl"
FILES = sorted(PACKAGE.rglob("*.py"))
LINTER = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def layers() -> str:
    """The layers of pyproject.toml as text."""
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[[tool.importlinter.contracts]]")[2]


def run_linter(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", LINTER], cwd=folder, capture_output=True, text=True, timeout=120)


def test_rooms_import_only_the_rooms_below_them():
    result = run_linter(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_check_can_fail(tmp_path):
    """A copy in which the bottom room imports a room above it."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for file in FILES:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    with (tmp_path / "darts_pl" / "errors.py").open("a", encoding="utf-8") as stream:
        stream.write("\nimport darts_pl.spaces\n")
    result = run_linter(tmp_path)
    assert result.returncode != 0 and "darts_pl.errors -> darts_pl.spaces" in result.stdout


def test_every_room_has_a_layer():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    named = set(re.findall(r"darts_pl\.(\w+)", layers()))
    assert rooms == named


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), "a module docstring is missing"

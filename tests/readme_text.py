"""The README and those of the rooms in parts: code blocks and commands, and a folder as their reader has it."""

import re
from pathlib import Path

from darts_pl.genotype import KNOWN
from darts_pl.stages.run import RunFolder

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        *sorted((ROOT / "darts_pl").rglob("README.md")),
        *(ROOT / room / "README.md" for room in ("conf", "outputs", "tests")),
        *sorted((ROOT / ".github").glob("*.md")),
    )
}
README = PAGES["README.md"]
TEXT = "\n".join(PAGES.values())


def blocks(language: str) -> list[str]:
    """All pages' code blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def python_block(words: str) -> str:
    """The code block that holds `words`."""
    return next(block for block in blocks("python") if words in block)


def commands() -> list[str]:
    """Every command that the pages tell to type, in blocks, tables and text, each once."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    found = [part.strip() for line in lines for part in line.split("&&")]
    return list(dict.fromkeys(found + re.findall(r"`(python -m [^`]+)`", TEXT)))


def write_files(folder: Path) -> None:
    """The files that the pages tell to write, images, a run named RUN."""
    for language in ("python", "yaml"):
        for block in blocks(language):
            if named := re.match(r"# (\S+\.(?:py|yaml))\n", block):
                path = folder / named.group(1)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block)
    (folder / "my_images").mkdir()
    RunFolder.open(folder / "outputs/digits/RUN", command="search", config={"seed": 0}, device="cpu")
    KNOWN["DARTS_V1"].save(folder / "outputs/digits/RUN/genotype_best.json")

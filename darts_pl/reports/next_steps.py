"""What can be done next with a run: lines for a terminal and for Python, with its folder in them, to be copied."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import yaml

from darts_pl.genotype import Genotype, Nasbench201Genotype
from darts_pl.overrides import quoted
from darts_pl.paths import conf_dir
from darts_pl.reports.page import Block, Command
from darts_pl.reports.run_files import RunFiles, configured

RESUMABLE = ("search", "retrain", "pipeline")  # the commands whose runs can be gone on with
TRAINED = Path("retrain", "model.safetensors")
# Settings of a search that its retraining needs again. Code is not among them: who wants some names it.
AGAIN = re.compile(r"\+{0,2}(data|space|retraining|hardware)(\.\w+)*=[\w./:+-]*")
CODE = re.compile(r"(target|imports)_*=")
IMAGES = """\
images = torch.randint(0, 256, (5, *model.input_shape))  # yours: (B, C, H, W), values from 0 to 255
print(model.predict(images))  # or image files, where it was trained on such"""
ROWS = "print(model.predict(raw))  # your table's rows, texts or inputs, as the run read them"
SERIES = """\
frame = pd.read_csv("your.csv", index_col=0, parse_dates=True)  # columns and steps as the run read them
print(model.forecast(frame))"""


def command_blocks(run: RunFiles) -> list[Block]:
    """What to do with the run: go on with it while it is unfinished, then load its network, train it again, look."""
    blocks: list[Block] = []
    if not run.complete and run.command in RESUMABLE:
        blocks.append(Command("Go on with this run where it stopped:", resume_line(run.command, run.folder)))
    if (run.folder / TRAINED).is_file():
        blocks.append(Command("Load the trained network in Python and let it predict:", _loading(run)))
    if run.command == "search" and run.best is not None:
        again = "Train what was found again from fresh weights, with another seed or longer (add retraining.epochs=…):"
        blocks.append(Command(again, _module("retrain", f"genotype={_value(run.folder)}", *_again(run), "seed=1")))
    if (run.folder / "tensorboard").is_dir():
        blocks.append(Command("Watch the curves in TensorBoard:", _line("tensorboard", "--logdir", str(run.folder))))
    return [*blocks, Command("Write this page again:", report_line(run.folder))]


def sweep_blocks(folder: Path, command: str, complete: bool) -> list[Block]:
    """What to do with a sweep: go on with it while it is unfinished, look, compare again, use the run that won."""
    blocks: list[Block] = []
    if not complete and command in RESUMABLE:
        blocks.append(Command("Go on with the runs that are not finished:", resume_line(command, folder, sweep=True)))
    winner = f"import darts_pl\n\nmodel = darts_pl.load({str(folder / 'RUN')!r})"
    blocks.append(
        Command("Load a run's network in Python (RUN: its number in the table; its page tells more):", winner)
    )
    if any(folder.glob("*/tensorboard")):
        blocks.append(Command("See the runs beside each other:", _line("tensorboard", "--logdir", str(folder))))
    return [*blocks, Command("Compare again:", report_line(folder))]


def resume_line(command: str, folder: Path, sweep: bool = False) -> str:
    """The line that goes on with the run, or with the sweep, in `folder`."""
    return _module(command, *(["-m"] if sweep else []), f"resume={_value(folder)}")


def report_line(folder: Path) -> str:
    """The line that writes the page of `folder`."""
    return _module("report", str(folder))


def _loading(run: RunFiles) -> str:
    """Python that loads the network of a run and predicts with it."""
    needs, use, more = "import torch", IMAGES, ""
    if run.command == "pipeline":
        needs, use = "import pandas as pd", SERIES
    elif not isinstance(run.best, Genotype | Nasbench201Genotype):
        needs, use = "", ROWS
        module, _, name = str(configured(run, "space.target") or "").rpartition(".")
        if re.fullmatch(r"[A-Za-z_][\w.]*", module) and name.isidentifier():
            needs, more = f"from {module} import {name}", f", target={name}"
    imports = [*([needs] if needs else []), "import darts_pl", ""]
    return "\n".join([*imports, f"model = darts_pl.load({str(run.folder)!r}{more})", use])


def _again(run: RunFiles) -> list[str]:
    """The overrides of a search that its retraining needs too, and the parts that its experiment is made of."""
    overrides = run.overrides
    named = [text.lstrip("+").removeprefix("experiment=") for text in overrides if "experiment=" in text]
    parts = [part for name in named for part in _parts_of(name)]
    return [*parts, *(text for text in overrides if AGAIN.fullmatch(text) and not CODE.search(text))]


def _parts_of(experiment: str) -> list[str]:
    """The choices of data, space and retraining in an experiment that ships with the package."""
    path = conf_dir() / "experiment" / f"{experiment}.yaml"
    if not re.fullmatch(r"\w+", experiment) or not path.is_file():
        return []
    chosen = [item for item in yaml.safe_load(path.read_text(encoding="utf-8"))["defaults"] if isinstance(item, dict)]
    pairs = [(key.removeprefix("override /"), value) for item in chosen for key, value in item.items()]
    return [f"{key}={value}" for key, value in pairs if key in ("data", "space", "retraining")]


def _module(name: str, *arguments: str) -> str:
    return _line("python", "-m", f"darts_pl.{name}", *arguments)


def _line(*words: str) -> str:
    return shlex.join(_readable(words))


def _readable(words: Sequence[str]) -> list[str]:
    """Words without line breaks and other characters that a terminal would act on as they are pasted."""
    return ["".join(c if c.isprintable() else "?" for c in word) for word in words]


def _value(folder: Path) -> str:
    return quoted(str(folder))

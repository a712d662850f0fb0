"""How a command ends: by a signal, also while Lightning trains in a process of its own, or by an exit."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from command_frame import begin_run, build

from darts_pl.commands import run_command

TRAINING = """
import sys, time, torch
from pathlib import Path
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import LightningModule, Trainer
from darts_pl.commands import run_command

class Endless(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
    def training_step(self, batch, index):
        if index == 2:
            print("training", flush=True)
        time.sleep(0.02)
        return (self.weight * batch).sum()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

def task(cfg):
    Path(HydraConfig.get().runtime.output_dir, "manifest.json").write_text("{}")
    trainer = Trainer(accelerator="cpu", max_epochs=-1, logger=False, enable_checkpointing=False,
                      enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(Endless(), torch.utils.data.DataLoader(torch.ones(100000, 1)))

sys.exit(run_command(task, "config", conf_dir=sys.argv.pop(1)))
"""


def start_training(folder: Path) -> subprocess.Popen:
    """A real training under Lightning in `folder`, which prints a line once it is under way."""
    folder.mkdir()
    (folder / "config.yaml").write_text("hydra: {run: {dir: out}}\nseed: 1\n")
    (folder / "train.py").write_text(TRAINING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "train.py", str(folder), "seed=3"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A process begun in a shell's background ignores SIGINT and hands that on; the user at a terminal does not.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes, **heard)


def test_training_under_lightning_stops_with_the_signals_status(tmp_path):
    stops = {signal.SIGINT: 130, signal.SIGTERM: 143}
    processes = {stop: start_training(tmp_path / stop.name) for stop in stops}
    for stop, process in processes.items():
        assert any(line.strip() == "training" for line in process.stdout), process.stderr.read()
        process.send_signal(stop)
    for stop, process in processes.items():
        _, message = process.communicate(timeout=60)
        assert process.returncode == stops[stop], message
        folder = tmp_path / stop.name / "out"
        assert f"stopped; continue with: python -m darts_pl.config seed=3 resume={folder}" in message
        assert "Traceback" not in message


def test_hydras_own_exits_keep_their_status(conf, capsys):
    assert run_command(build, "search", ["--help"], conf) == 0
    assert run_command(build, "search", ["--no-such-option"], conf) == 2
    assert run_command(lambda cfg: sys.exit(7), "search", [], conf) == 7
    assert "stopped" not in capsys.readouterr().err


def test_sigterm_outside_training_gives_its_status_and_the_way_on(conf, capsys):
    """While data are loaded or a baseline is fitted, no Lightning trainer catches the signal."""

    def load(cfg):
        begin_run()
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    status = run_command(load, "search", [], conf)
    assert status == 143
    assert "resume=" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def interrupt(cfg):
    """Ctrl-C in a run that had begun."""
    begin_run()
    raise KeyboardInterrupt


def test_ctrl_c_before_a_run_has_begun(conf, capsys):
    def early(cfg):
        raise KeyboardInterrupt

    assert run_command(early, "search", [], conf) == 130
    assert capsys.readouterr().err == "stopped before the run began\n"


def test_ctrl_c_tells_how_to_go_on(conf, capsys):
    Path("mine").mkdir()
    argv = ["--config-dir", "mine", "epochs=9", "hydra.run.dir='outputs/a b=c'"]
    assert run_command(interrupt, "search", argv, conf) == 130
    message = capsys.readouterr().err.strip()
    begin = "stopped; continue with: python -m darts_pl.search "
    assert message.startswith(begin + "--config-dir mine epochs=9 ")
    folder = Path("outputs/a b=c").absolute()
    assert read_back(message.removeprefix(begin), conf) == str(folder)


def read_back(argument: str, conf: Path) -> str:
    """The folder that a shell and Hydra make of the printed command."""
    folders = []
    assert run_command(lambda cfg: folders.append(cfg.resume), "search", shlex.split(argument), conf) == 0
    return folders[0]


def test_a_resumed_run_is_told_once_where_to_go_on(conf, capsys):
    argv = ["resume=outputs/first", "seed=4", "hydra.run.dir=${resume}"]
    assert run_command(interrupt, "search", argv, conf) == 130
    folder = Path("outputs/first").absolute()
    message = capsys.readouterr().err
    assert message.endswith(f"darts_pl.search seed=4 resume={folder}\n")


def test_a_stopped_multirun_goes_on_as_a_whole(conf, capsys):
    assert run_command(interrupt, "search", ["-m", "seed=0,1"], conf) == 130
    folder = Path("outputs/sweep").absolute()
    assert capsys.readouterr().err.endswith(f"darts_pl.search -m seed=0,1 resume={folder}\n")

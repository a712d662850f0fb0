"""How a command ends: by a signal, also while Lightning trains in a process of its own, or by an exit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from test_commands import begin_run, build, conf  # noqa: F401

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


def test_hydras_own_exits_keep_their_status(conf, capsys):  # noqa: F811
    assert run_command(build, "search", ["--help"], conf) == 0
    assert run_command(build, "search", ["--no-such-option"], conf) == 2
    assert run_command(lambda cfg: sys.exit(7), "search", [], conf) == 7
    assert "stopped" not in capsys.readouterr().err


def test_sigterm_outside_training_gives_its_status_and_the_way_on(conf, capsys):  # noqa: F811
    """While data are loaded or a baseline is fitted, no Lightning trainer catches the signal."""

    def load(cfg):
        begin_run()
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    status = run_command(load, "search", [], conf)
    assert status == 143
    assert "resume=" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before

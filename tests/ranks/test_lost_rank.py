"""A fit on two devices of which one is lost: told within a minute, and gone on with, on as many ranks or on one."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from rank_cases import METHODS, differing, found_by, search_of

from darts_pl import ranks
from darts_pl.errors import RankLost
from darts_pl.hardware import Hardware
from darts_pl.stages.fitting import fit
from darts_pl.stages.trainer import TrainerSettings

CASE = dataclasses.replace(METHODS["gumbel"], whole=True)
TWO = {"devices": 2, "strategy": "ddp", "sync_batchnorm": True}


class Killed(Callback):
    """Ends the process of rank 1, as exhausted memory does: in the third step, or while the point before it is saved,
    to which every rank gives its part."""

    def __init__(self, saving: bool):
        self.saving = saving

    def on_train_batch_start(self, trainer, module, batch, batch_idx: int) -> None:
        self.kill(module, not self.saving)

    def on_save_checkpoint(self, trainer, module, checkpoint) -> None:
        self.kill(module, self.saving)

    @staticmethod
    def kill(module, here: bool) -> None:
        if here and ranks.rank() == 1 and module.steps_done == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def fitted(folder: Path, flags: dict, own: tuple[Callback, ...] = ()) -> dict:
    """What a search in `folder` finds, begun or gone on with."""
    module, data, history = search_of(CASE, folder)
    settings = TrainerSettings(flags=flags, checkpoint_every_s=0, progress=False)
    hardware = Hardware(accelerator="cpu", precision="64-true")
    fit(
        module,
        data,
        epochs=1,
        hardware=hardware,
        callbacks=[history, *own],
        title="test",
        folder=folder,
        trainer=settings,
    )
    return found_by(module, history)


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "saving"), [(TWO, False), ({}, True)], ids=["two ranks", "one"])
def test_a_killed_rank_is_told_and_the_search_gone_on_with(tmp_path, flags, saving):
    started = time.monotonic()
    with pytest.raises(RankLost, match="rank 1 was ended by SIGKILL"):
        fitted(tmp_path, TWO, (Killed(saving),))
    assert time.monotonic() - started < 60
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()
    assert not torch.distributed.is_initialized()
    resumed, whole = fitted(tmp_path, flags), fitted(tmp_path / "whole", TWO)
    assert len(list(tmp_path.rglob("final.ckpt"))) == 2
    if flags:
        assert not differing(whole["state"], resumed["state"])
        assert whole["rows"] == resumed["rows"]
        return
    for key, value in whole["state"].items():
        torch.testing.assert_close(resumed["state"][key], value, rtol=1e-7, atol=1e-9)
    for key, value in whole["rows"][0].items():
        assert resumed["rows"][0][key] == pytest.approx(value, rel=1e-5)

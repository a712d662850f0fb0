"""What all data share: a data set of one's own is a few lines, and a misspelt setting of any is refused by name."""

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from darts_pl.commands import check_config
from darts_pl.data import digits_data
from darts_pl.data.base import PairedDataModule
from darts_pl.data.split import as_tensors, paired_halves
from darts_pl.data.tables import wine_data
from darts_pl.errors import ConfigError, DataError
from darts_pl.paths import conf_dir
from darts_pl.tasks import Regression

EVERY = sorted(path.stem for path in (conf_dir() / "data").glob("*.yaml"))


class Doubles(PairedDataModule):
    """To double a number, with nothing but what the base asks for."""

    unit = "number"
    input_shape = (1,)
    outputs = 1
    fingerprint = "doubles"
    training_count = 21

    def default_task(self) -> Regression:
        return Regression()

    def cut(self, fraction: float) -> tuple[torch.Tensor, torch.Tensor]:
        return as_tensors(paired_halves(np.zeros(self.training_count, np.int64), fraction=fraction, seed=self.seed))

    def samples_of(self, part: str) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.arange(self.training_count if part == "train" else 5.0)
        return x, 2 * x


def test_a_data_set_of_ones_own_is_cut_and_ordered():
    data = Doubles(batch_size=5, seed=2)
    data.prepare()
    weights, alphas = (set(half.tolist()) for half in data.halves)
    assert not weights & alphas and weights | alphas == set(range(21))
    pairs = [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    seen = [x for pair in pairs for x in pair["weights"][0].tolist()]
    assert (
        set(seen) == weights
        and len(seen) == len(weights)
        and all(torch.equal(2 * x, y) for pair in pairs for x, y in pair.values())
    )
    again = [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    assert all(torch.equal(a[half][0], b[half][0]) for a, b in zip(pairs, again) for half in ("weights", "alphas"))
    assert [x.tolist() for x, _, _ in data.val_dataloader()] == [sorted(alphas)]
    assert [x.tolist() for x, _, _ in data.test_dataloader()] == [[0, 1, 2, 3, 4]]


def test_a_retraining_takes_all_or_holds_some_out():
    whole, part = Doubles(purpose="retrain", batch_size=21), Doubles(purpose="retrain", batch_size=4, holdout=0.25)
    assert whole.val_dataloader() == [] and len(whole.train_dataloader()) == 1
    assert [len(half) for half in part.halves] == [16, 5]
    with pytest.raises(DataError, match="'train' part of the training data, which holds 16 numbers"):
        Doubles(purpose="retrain", batch_size=17, holdout=0.25).prepare()


def test_data_that_lack_a_part_of_the_contract_are_not_made():
    class Unfinished(Doubles):
        outputs = PairedDataModule.outputs

    with pytest.raises(TypeError, match=r"abstract class Unfinished .*outputs"):
        Unfinished()


def test_a_task_that_is_given_takes_the_place_of_the_datas_own():
    data, task = Doubles(batch_size=4), Regression(loss="mae")
    assert data.task.name == "mse"
    data.task = task
    assert data.task is task


@pytest.mark.parametrize("option", EVERY)
def test_a_misspelt_or_mistyped_setting_of_any_data_is_named(option):
    with initialize_config_dir(str(conf_dir()), version_base=None):
        config = compose(f"data/{option}").data
    for key in config:
        if OmegaConf.is_missing(config, key):
            config[key] = "here"
    check_config(OmegaConf.create({"data": config}))
    for key, value, message in (
        ("batch_sise", 4, r"data\.batch_sise: unknown key\. Did you mean 'batch_size'"),
        ("seed", "one", r"data\.seed: found 'one', expected int"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_config(OmegaConf.create({"data": {**config, key: value}}))


def test_a_cutout_that_data_do_not_have_is_refused():
    data = digits_data(purpose="retrain")
    data.use_cutout(3)
    assert data.augment.cutout == 3
    with pytest.raises(ConfigError, match=r"retraining\.cutout=3: found WineData, expected images"):
        wine_data().use_cutout(3)

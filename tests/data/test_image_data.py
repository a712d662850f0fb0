"""The LightningDataModule: what the loaders give, by themselves and under a real Trainer, stopped and resumed."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.image import ImageData
from darts_pl.data.image_sources import Digits
from darts_pl.errors import ConfigError, DataError


def test_a_search_pairs_the_halves(numbered_source: Callable) -> None:
    data = ImageData(source=numbered_source(), batch_size=8)
    data.prepare()
    weights, alphas = data.halves
    seen: dict[str, set[int]] = {"weights": set(), "alphas": set()}
    for pair in data.train_dataloader():
        for name, (x, _, key) in pair.items():
            seen[name] |= set(x[:, 0, 0, 0].tolist())
            assert x.dtype == torch.uint8 and x.shape[1:] == (2, 5, 6) and key >= 0
    assert seen == {"weights": set(weights.tolist()), "alphas": set(alphas.tolist())}
    assert not seen["weights"] & seen["alphas"] and len(seen["weights"] | seen["alphas"]) == 40


def test_validation_is_the_alphas_half_and_not_augmented(numbered_source: Callable) -> None:
    data = ImageData(source=numbered_source(), batch_size=4)
    batches = list(data.val_dataloader())
    assert [i for x, _, _ in batches for i in x[:, 0, 0, 0].tolist()] == data.halves[1].tolist()
    assert [len(y) for _, y, _ in batches] == [16, 4], "four times the training batch"
    x, y = data.on_after_batch_transfer(batches[0], 0)
    torch.testing.assert_close(x, data.augment.normalise(batches[0][0]))
    assert torch.equal(y, batches[0][1])


def test_training_batches_are_augmented_by_their_key(numbered_source: Callable) -> None:
    data = ImageData(source=numbered_source(), batch_size=8, cutout=2)
    pair = next(iter(data.train_dataloader()))
    first, second = (data.on_after_batch_transfer(pair, 0) for _ in range(2))
    for name in ("weights", "alphas"):
        x, _, key = pair[name]
        assert torch.equal(first[name][0], second[name][0]) and first[name][0].dtype == torch.float32
        assert torch.equal(first[name][0], data.augment(x, torch.Generator().manual_seed(key)))


def test_same_seed_same_batches(numbered_source: Callable) -> None:
    def epoch(seed: int) -> list[Tensor]:
        data = ImageData(source=numbered_source(), batch_size=8, seed=seed)
        return [data.on_after_batch_transfer(pair, 0)["weights"][0] for pair in data.train_dataloader()]

    assert all(map(torch.equal, epoch(0), epoch(0)))
    assert not all(map(torch.equal, epoch(0), epoch(1)))


def test_a_retraining_uses_all_or_holds_out(numbered_source: Callable) -> None:
    whole = ImageData(source=numbered_source(), batch_size=8, purpose="retrain")
    assert sum(len(y) for _, y, _ in whole.train_dataloader()) == 40 and whole.val_dataloader() == []
    part = ImageData(source=numbered_source(), batch_size=8, purpose="retrain", holdout=0.2)
    assert sum(len(y) for _, y, _ in part.train_dataloader()) == 32
    assert sum(len(y) for _, y, _ in part.val_dataloader()) == 8
    assert not set(part.halves[0].tolist()) & set(part.halves[1].tolist())


def test_shapes_classes_and_statistics() -> None:
    data = ImageData(source=Digits(), batch_size=64)
    assert (data.num_classes, data.input_shape, data.classes[3]) == (10, (1, 8, 8), "3")
    pixels = data.train_arrays()[0] / 255
    assert data.mean == pytest.approx([pixels.mean()]) and data.std == pytest.approx([pixels.std()])
    batches = [data.on_after_batch_transfer(batch, 0)[0] for batch in data.test_dataloader()]
    assert sum(map(len, batches)) == 359
    given = ImageData(source=Digits(), batch_size=64, mean=[0.5], std=[0.25])
    assert (given.mean, given.std) == ((0.5,), (0.25,))


def test_limits_are_stratified_and_the_same_for_every_seed() -> None:
    first, second = (ImageData(source=Digits(), limit_train=200, limit_test=50, seed=s) for s in (0, 1))
    np.testing.assert_array_equal(first.train_arrays()[0], second.train_arrays()[0])
    assert np.bincount(first.train_arrays()[1]).min() >= 19 and len(first.test_arrays()[1]) == 50
    assert sum(len(half) for half in first.halves) == 200
    assert ImageData(source=Digits(), limit_train=10**6).train_arrays()[0].shape[0] == 1438


def test_the_original_cut_and_its_refusal(numbered_source: Callable) -> None:
    data = ImageData(source=numbered_source(), batch_size=8, split="first_last")
    assert data.halves[0].tolist() == list(range(20))
    with pytest.raises(DataError, match="sorted by class"):
        ImageData(source=numbered_source(class_sorted=True), batch_size=8, split="first_last").prepare()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 21}, DataError, "batch_size=21 is larger than the 'weights' part .* holds 20 images"),
        ({"batch_size": 12, "weights_fraction": 0.75}, DataError, "'alphas' part .* holds 10 images"),
        ({"batch_size": 8, "mean": [0.5], "std": [0.5]}, ConfigError, "expected one for each of 2 channels"),
        ({"batch_size": 8, "cutout": -1}, ConfigError, "cutout=-1"),
        ({"batch_size": 8, "weights_fraction": 1.5}, ConfigError, "weights_fraction=1.5"),
        ({"batch_size": 8, "limit_train": 2}, DataError, "smaller than the 4 classes"),
        ({"purpose": "serach"}, ConfigError, "Did you mean 'search'"),
        ({"split": "stratify"}, ConfigError, "Did you mean 'stratified'"),
        ({"purpose": "retrain", "holdout": 1.0}, ConfigError, "holdout=1.0"),
        ({"source": "digits"}, ConfigError, "source='digits'"),
    ],
)
def test_what_cannot_work_is_refused_before_training(
    numbered_source: Callable, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ImageData(**{"source": numbered_source(), **options}).prepare()


def test_a_missing_storage_device_is_named(numbered_source: Callable) -> None:
    if torch.cuda.is_available():
        assert ImageData(source=numbered_source(), batch_size=8, storage_device="cuda").train_dataloader()
        return
    with pytest.raises(ConfigError, match="storage_device='cuda'"):
        ImageData(source=numbered_source(), storage_device="cuda")


class _Linear(lightning.LightningModule):
    """Records every batch it trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 10)
        self.batches: list[tuple[Tensor, ...]] = []
        self.validated: list[int] = []

    def training_step(self, batch: dict | tuple, _: int) -> Tensor:
        parts = [batch["weights"], batch["alphas"]] if isinstance(batch, dict) else [batch]
        self.batches.append(tuple(tensor.clone() for part in parts for tensor in part))
        return sum(torch.nn.functional.cross_entropy(self.layer(x.flatten(1)), y) for x, y in parts)

    def validation_step(self, batch: tuple, _: int) -> None:
        self.validated.append(len(batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05)


class _SaveAt(lightning.Callback):
    """A checkpoint at the end of one training batch, as a run that is killed afterwards leaves it."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def _train(tmp_path: Path, data: ImageData, resume: Path | None = None, **options: object) -> _Linear:
    torch.manual_seed(0)
    module = _Linear()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    options = {"max_epochs": 3, "accelerator": "cpu", "logger": False, **quiet, **options}
    trainer = lightning.Trainer(default_root_dir=tmp_path, **options)
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True if resume else None)
    return module


def _digits(purpose: str) -> ImageData:
    return ImageData(source=Digits(), batch_size=48, purpose=purpose, limit_train=400, weights_fraction=0.55)


@pytest.mark.parametrize("purpose", ["search", "retrain"])
@pytest.mark.parametrize("at", ["within an epoch", "at the end of an epoch"])
def test_a_resumed_trainer_sees_exactly_the_remaining_batches(tmp_path: Path, purpose: str, at: str) -> None:
    data = _digits(purpose)
    per_epoch = len(data.train_dataloader())
    step = per_epoch + 2 if at == "within an epoch" else per_epoch
    checkpoint = tmp_path / "saved.ckpt"
    whole = _train(tmp_path, data, callbacks=[_SaveAt(step, checkpoint)])
    assert len(whole.batches) == 3 * per_epoch
    assert all(x.dtype == torch.float32 for x in whole.batches[0][::2])
    resumed = _train(tmp_path, _digits(purpose), resume=checkpoint)
    assert len(resumed.batches) == 3 * per_epoch - step
    for batch, expected in zip(resumed.batches, whole.batches[step:]):
        assert all(map(torch.equal, batch, expected))
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


def test_the_share_of_cut_images_rises_with_the_epochs(tmp_path: Path) -> None:
    """As R-DARTS: epoch / (epochs - 1) of the images of either half, 0 first and all of them last."""
    data = ImageData(source=Digits(), batch_size=48, limit_train=400, cutout=16, cutout_rises=True)  # all of 8x8 pixels
    batches = _train(tmp_path, data).batches
    per_epoch = len(data.train_dataloader())
    for part in (0, 2):
        cut = torch.stack([(batch[part] == 0).flatten(1).all(dim=1).float().mean() for batch in batches])
        shares = cut.unflatten(0, (3, per_epoch)).mean(dim=1)
        assert shares[0] == 0 and shares[2] == 1 and abs(float(shares[1]) - 0.5) < 4 * 0.5 / 190**0.5


def test_validation_under_a_trainer_sees_the_whole_half_every_time(tmp_path: Path) -> None:
    data = _digits("search")
    module = _train(tmp_path, data, num_sanity_val_steps=1)
    sizes = [len(y) for _, y, _ in data.val_dataloader()]
    assert module.validated == [sizes[0], *sizes, *sizes, *sizes]


def test_a_limit_on_the_batches_of_an_epoch_keeps_epochs_apart(tmp_path: Path) -> None:
    data = _digits("retrain")
    module = _train(tmp_path, data, limit_train_batches=3)
    assert len(module.batches) == 9
    loader = data.train_dataloader()
    for batch, place in zip(module.batches, itertools.product(range(3), range(3))):
        assert torch.equal(batch[1], loader.batch_at(*place)[1])


def test_the_fingerprint_follows_the_images_in_use(numbered_source: Callable) -> None:
    def of(source: object = None, **settings: object) -> str:
        return ImageData(source=source or numbered_source(), batch_size=4, **settings).fingerprint

    class Changed:
        """One label of the training images is another."""

        def load(self) -> ImageArrays:
            arrays = numbered_source().load()
            y = arrays.train_y.copy()
            y[7] = (y[7] + 1) % 4
            return dataclasses.replace(arrays, train_y=y)

    same = of()
    assert len(same) == 64 and same == of(purpose="retrain", seed=3, cutout=2) == of(limit_train=40)
    others = [of(limit_train=20), of(limit_test=4), of(numbered_source(classes=5)), of(Changed())]
    assert len({same, *others}) == 5

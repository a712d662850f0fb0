"""The LightningDataModule of images: paired halves for a search, whole training data for a retraining."""

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from darts_pl.data.arrays import ImageArrays, channel_statistics, shrunk
from darts_pl.data.augment import Augment
from darts_pl.data.base import PairedDataModule, Source, check_source
from darts_pl.data.image_preprocessing import ImagePreprocessing
from darts_pl.data.split import (
    HALVINGS,
    SUBSET_SEED,
    Index,
    as_tensors,
    holdout,
    paired_halves,
    stratified_subset,
)
from darts_pl.errors import ConfigError, nearest
from darts_pl.tasks import Classification


class ImageData(PairedDataModule):
    """Batches for a search or a retraining, augmented on the device they are used on.

    The loaders yield raw uint8 images with a key, `(x, y, key)`, or `{"weights": ..., "alphas": ...}` of these
    in a search; `on_after_batch_transfer` makes them `(x float32 [B, C, H, W], y int64 [B])`.

    Args:
        source: loads the images.
        split: "stratified" or "first_last" (the original code's cut), of a search.
        crop_padding, flip, cutout: see `Augment`; in pixels of the images as they are before `shrink`.
        cutout_rises: let the probability by which an image is cut rise over the epochs of a fit, from 0 in the first
            to 1 in the last, as R-DARTS does beside `rules.DropPath`.
        mean, std: for each channel, of pixels scaled to 0..1; None computes them from the training images.
        limit_test: use only so many test images, stratified, the same ones for every seed.
        shrink: average blocks of so many pixels in height and width into one, for cheaper searches.
        storage_device: where the uint8 images are kept, "cpu" by default; "cuda" saves the transfers.
        paired: see `PairedDataModule`; `seed` is of the augmentation too, `limit_train` stratified.

    Raises:
        ConfigError: an unknown `purpose` or `split`, a `holdout` out of range, a source that cannot load, a
            missing storage device.
    """

    unit = "image"

    def __init__(
        self,
        *,
        source: Source[ImageArrays],
        split: str = "stratified",
        crop_padding: int = 4,
        flip: bool = True,
        cutout: int = 0,
        cutout_rises: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        limit_test: int | None = None,
        shrink: int = 1,
        storage_device: str | None = None,
        **paired: Any,
    ) -> None:
        super().__init__(**paired)
        check_source(source, "Digits, Cifar10, ImageFiles")
        _check_choices(split, shrink, storage_device)
        self.source, self.split, self.limit_test, self.shrink = source, split, limit_test, shrink
        self.storage_device = torch.device(storage_device or "cpu")
        self.crop_padding, self.flip, self.cutout, self.cutout_rises = crop_padding, flip, cutout, cutout_rises
        self._fixed_statistics = (mean, std)

    def use_cutout(self, size: int) -> None:
        """Erase a square of so many pixels from training images; before `prepare`."""
        self.cutout = size

    def prepare(self) -> None:
        """Load the images and check everything that depends on them; a second call does nothing.

        Raises:
            DataError: data that is missing or damaged, or a batch larger than a half.
            ConfigError: augmentation values that cannot work.
        """
        super().prepare()
        _ = self.augment

    @cached_property
    def arrays(self) -> ImageArrays:
        """Everything the source holds, before `limit_train` and `limit_test`."""
        return self.source.load()

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the images, labels and classes in use, after `limit_train` and `limit_test`."""
        digest = hashlib.sha256("\0".join(self.classes).encode())
        for array in (*self.train_arrays(), *self.test_arrays()):
            digest.update(f"\0{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @cached_property
    def augment(self) -> Augment:
        """The augmentation of training batches and the normalisation of all."""
        mean, std = self._fixed_statistics
        if mean is None or std is None:
            computed_mean, computed_std = channel_statistics(self.train_arrays()[0])
            mean = computed_mean if mean is None else mean
            std = computed_std if std is None else std
        channels = self.input_shape[0]
        if len(mean) != channels:
            raise ConfigError(f"mean={list(mean)} has {len(mean)} values, expected one for each of {channels} channels")
        padding, cutout = (_shrunk_length(length, self.shrink) for length in (self.crop_padding, self.cutout))
        return Augment(tuple(mean), tuple(std), crop_padding=padding, flip=self.flip, cutout=cutout)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.arrays.classes

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one a class."""
        return self.num_classes

    def default_task(self) -> Classification:
        """One class an image."""
        return Classification(self.num_classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        height, width, channels = self.arrays.train_x.shape[1:]
        return channels, height // self.shrink, width // self.shrink

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel, of pixels scaled to 0..1."""
        return tuple(self.augment.mean)

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel, of pixels scaled to 0..1."""
        return tuple(self.augment.std)

    @property
    def preprocessing(self) -> ImagePreprocessing:
        """What has to be done to raw images, and image files, before a network sees them."""
        return ImagePreprocessing(self.mean, self.std, self.shrink, self.arrays.preparation)

    @property
    def training_count(self) -> int:
        """Training images in use, after `limit_train`."""
        return len(self.train_arrays()[1])

    def cut(self, fraction: float) -> tuple[Tensor, Tensor]:
        """The training images in two by `split` (search) or by `holdout` (retraining)."""
        labels = self.train_arrays()[1]
        if self.purpose == "retrain":  # counted by the held-out share: 1 - fraction may be rounded otherwise
            return as_tensors(holdout(labels, self.holdout, self.seed, self.classes))
        halves = paired_halves(
            labels,
            fraction=fraction,
            how=self.split,
            seed=self.seed,
            class_sorted=self.arrays.class_sorted,
            classes=self.classes,
        )
        return as_tensors(halves)

    def samples_of(self, part: str) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, C, H, W] and labels int64 [N] of "train" or "test" on the storage device."""
        return self._stored_train if part == "train" else self._stored(*self.test_arrays())

    def train_arrays(self) -> tuple[npt.NDArray[np.uint8], Index]:
        """Training images uint8 [N, H, W, C] and labels int64 [N], after `limit_train` and `shrink`."""
        return self._limited(self.arrays.train_x, self.arrays.train_y, self.limit_train)

    def test_arrays(self) -> tuple[npt.NDArray[np.uint8], Index]:
        """Test images uint8 [N, H, W, C] and labels int64 [N], after `limit_test` and `shrink`."""
        return self._limited(self.arrays.test_x, self.arrays.test_y, self.limit_test)

    def finish(self, x: Tensor, y: Tensor, key: int) -> tuple[Tensor, Tensor]:
        """uint8 [B, C, H, W] to float32, augmented by the key's random numbers; only normalised for -1."""
        if key < 0:
            return self.augment.normalise(x), y
        augment = self.augment
        if self.cutout and self.cutout_rises:
            augment = dataclasses.replace(augment, cutout_share=self._fitted_share())
        return augment(x, torch.Generator().manual_seed(key)), y

    def _fitted_share(self) -> float:
        """epoch / (epochs - 1) of the fit that these data are for; 1 outside of any."""
        if self.trainer is None or self.trainer.max_epochs is None or self.trainer.max_epochs < 2:
            return 1.0
        return min(1.0, self.trainer.current_epoch / (self.trainer.max_epochs - 1))

    def _limited(self, x: npt.NDArray[np.uint8], y: Index, n: int | None) -> tuple[npt.NDArray[np.uint8], Index]:
        if n is not None and n < len(y):
            chosen = stratified_subset(y, n, SUBSET_SEED, self.classes)
            x, y = x[chosen], y[chosen]
        return (x if self.shrink == 1 else shrunk(x, self.shrink)), y

    @cached_property
    def _stored_train(self) -> tuple[Tensor, Tensor]:
        return self._stored(*self.train_arrays())

    def _stored(self, x: npt.NDArray[np.uint8], y: Index) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, C, H, W] and labels on the storage device."""
        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        return images.to(self.storage_device), torch.from_numpy(y).to(self.storage_device)


def _shrunk_length(length: int, shrink: int) -> int:
    """A length in pixels where so many are averaged into one, rounded up."""
    return -(-length // shrink)


def _check_choices(split: str, shrink: int, storage_device: str | None) -> None:
    if split not in HALVINGS:
        raise ConfigError(f"split={split!r} is unknown. {nearest(split, HALVINGS)}")
    if shrink < 1:
        raise ConfigError(f"data.shrink={shrink}: expected at least 1, which leaves images as they are")
    if str(storage_device).startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"storage_device={storage_device!r}: no such device here. Leave it out to keep images in RAM")

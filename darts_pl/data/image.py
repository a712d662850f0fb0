"""The LightningDataModule of images: paired halves for a search, whole training data for a retraining."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from darts_pl.data.arrays import ImageArrays, channel_statistics, shrunk
from darts_pl.data.augment import Augment
from darts_pl.data.batches import Batch, Batches, PairedBatches
from darts_pl.data.image_preprocessing import ImagePreprocessing
from darts_pl.data.split import HALVINGS, Index, holdout, paired_halves, stratified_subset
from darts_pl.errors import ConfigError, nearest
from darts_pl.tasks import Classification

PURPOSES = ("search", "retrain")
SUBSET_SEED = 0


class Source(Protocol):
    """Anything that loads whole image data sets: `Digits`, `Cifar10`, `ImageFiles`, or one's own."""

    def load(self) -> ImageArrays:
        """The images and labels as arrays."""
        ...


class ImageData(lightning.LightningDataModule):
    """Batches for a search or a retraining, augmented on the device they are used on.

    The loaders yield raw uint8 images with a key, `(x, y, key)`, or `{"weights": ..., "alphas": ...}` of these
    in a search; `on_after_batch_transfer` makes them `(x float32 [B, C, H, W], y int64 [B])`.

    Args:
        source: loads the images.
        batch_size: images a training batch.
        eval_batch_size: images a batch of validation and test; four times `batch_size` by default.
        purpose: "search" pairs two halves of the training images; "retrain" uses them as one.
        split: "stratified" or "first_last" (the original code's cut), of a search.
        weights_fraction: the share of the training images that the weights get in a search.
        holdout: the share kept for validation in a retraining.
        seed: of the halves, the order and the augmentation.
        crop_padding, flip, cutout: see `Augment`.
        mean, std: for each channel, of pixels scaled to 0..1; None computes them from the training images.
        limit_train, limit_test: use only so many images, stratified, the same ones for every seed.
        shrink: average blocks of so many pixels in height and width into one, for cheaper searches.
        storage_device: where the uint8 images are kept, "cpu" by default; "cuda" saves the transfers.

    Raises:
        ConfigError: an unknown `purpose` or `split`, a `holdout` out of range, a source that cannot load, a
            missing storage device.
    """

    def __init__(
        self,
        *,
        source: Source,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        purpose: str = "search",
        split: str = "stratified",
        weights_fraction: float = 0.5,
        holdout: float = 0.0,
        seed: int = 0,
        crop_padding: int = 4,
        flip: bool = True,
        cutout: int = 0,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        limit_train: int | None = None,
        limit_test: int | None = None,
        shrink: int = 1,
        storage_device: str | None = None,
    ) -> None:
        super().__init__()
        _check_choices(source, purpose, split, holdout, shrink, storage_device)
        self.source, self.purpose, self.seed = source, purpose, seed
        self.elapsed_epochs = 0  # of earlier phases of a search
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or 4 * batch_size
        self.split, self.weights_fraction, self.holdout = split, weights_fraction, holdout
        self.limit_train, self.limit_test, self.shrink = limit_train, limit_test, shrink
        self.storage_device = torch.device(storage_device or "cpu")
        self._changes = {"crop_padding": crop_padding, "flip": flip, "cutout": cutout}
        self._given_statistics = (mean, std)

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as `prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Load the images and check everything that depends on them; a second call does nothing.

        Raises:
            DataError: data that is missing or damaged, or a batch larger than a half.
            ConfigError: augmentation values that cannot work.
        """
        self.train_dataloader()
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
        mean, std = self._given_statistics
        if mean is None or std is None:
            computed_mean, computed_std = channel_statistics(self.train_arrays()[0])
            mean = computed_mean if mean is None else mean
            std = computed_std if std is None else std
        channels = self.input_shape[0]
        if len(mean) != channels:
            raise ConfigError(f"mean={list(mean)} has {len(mean)} values, expected one for each of {channels} channels")
        return Augment(mean=tuple(mean), std=tuple(std), **self._changes)

    @cached_property
    def halves(self) -> tuple[Index, Index]:
        """Indices into `train_arrays()`: (weights, alphas) of a search, (training, held out) of a retraining."""
        y = self.train_arrays()[1]
        if self.purpose == "search":
            return paired_halves(
                y,
                fraction=self.weights_fraction,
                how=self.split,
                seed=self.seed,
                class_sorted=self.arrays.class_sorted,
                classes=self.classes,
            )
        if self.holdout == 0:
            return np.arange(len(y)), np.arange(0)
        return holdout(y, self.holdout, self.seed, self.classes)

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

    @cached_property
    def task(self) -> Classification:
        """What a network is trained for."""
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

    def train_arrays(self) -> tuple[npt.NDArray[np.uint8], Index]:
        """Training images uint8 [N, H, W, C] and labels int64 [N], after `limit_train` and `shrink`."""
        return self._limited(self.arrays.train_x, self.arrays.train_y, self.limit_train)

    def test_arrays(self) -> tuple[npt.NDArray[np.uint8], Index]:
        """Test images uint8 [N, H, W, C] and labels int64 [N], after `limit_test` and `shrink`."""
        return self._limited(self.arrays.test_x, self.arrays.test_y, self.limit_test)

    def train_dataloader(self) -> PairedBatches | Batches:
        """Training batches: of both halves in a search, of the training part in a retraining."""
        first, second = self.halves
        if self.purpose == "retrain":
            return self._training(first, "train")
        return PairedBatches(self._training(first, "weights"), self._training(second, "alphas"), self.elapsed_epochs)

    def val_dataloader(self) -> Batches | list[Batches]:
        """The alphas half (search) or held-out part (retraining), not augmented; [] where there is none."""
        index = self.halves[1]
        return self._evaluation(*self._stored_train, torch.from_numpy(index)) if len(index) else []

    def test_dataloader(self) -> Batches:
        """The test images without augmentation."""
        return self._evaluation(*self._stored(*self.test_arrays()))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """`(x, y, key)` to `(float x, y)`: augmented by the key's random numbers; only normalised for -1."""
        if isinstance(batch, dict):
            return {name: self._finish(part) for name, part in batch.items()}
        return self._finish(batch)

    def _limited(self, x: npt.NDArray[np.uint8], y: Index, n: int | None) -> tuple[npt.NDArray[np.uint8], Index]:
        if n is not None and n < len(y):
            chosen = stratified_subset(y, n, SUBSET_SEED, self.classes)
            x, y = x[chosen], y[chosen]
        return (x if self.shrink == 1 else shrunk(x, self.shrink)), y

    def _finish(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x, y, key = batch
        if key < 0:
            return self.augment.normalise(x), y
        return self.augment(x, torch.Generator().manual_seed(key)), y

    def _training(self, index: Index, stream: str) -> Batches:
        return Batches(
            *self._stored_train,
            self.batch_size,
            seed=self.seed,
            stream=stream,
            shuffle=True,
            index=torch.from_numpy(index),
        )

    def _evaluation(self, x: Tensor, y: Tensor, index: Tensor | None = None) -> Batches:
        return Batches(x, y, self.eval_batch_size, stream="evaluation", shuffle=False, index=index)

    @cached_property
    def _stored_train(self) -> tuple[Tensor, Tensor]:
        return self._stored(*self.train_arrays())

    def _stored(self, x: npt.NDArray[np.uint8], y: Index) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, C, H, W] and labels on the storage device."""
        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        return images.to(self.storage_device), torch.from_numpy(y).to(self.storage_device)


def _check_choices(
    source: object, purpose: str, split: str, holdout: float, shrink: int, storage_device: str | None
) -> None:
    if not callable(getattr(source, "load", None)):
        raise ConfigError(f"source={source!r} has no load(); expected Digits, Cifar10, ImageFiles or the like")
    if purpose not in PURPOSES:
        raise ConfigError(f"purpose={purpose!r} is unknown. {nearest(purpose, PURPOSES)}")
    if split not in HALVINGS:
        raise ConfigError(f"split={split!r} is unknown. {nearest(split, HALVINGS)}")
    if shrink < 1:
        raise ConfigError(f"data.shrink={shrink}: expected at least 1, which leaves images as they are")
    if not 0 <= holdout < 1:
        raise ConfigError(f"holdout={holdout}, expected a share from 0 to below 1")
    if str(storage_device).startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"storage_device={storage_device!r}: no such device here. Leave it out to keep images in RAM")

"""What a search from Python takes for its data: a pair of loaders or data sets, or a data module."""

from collections.abc import Iterable

from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from darts_pl.api.settings import SearchConfig
from darts_pl.data.base import InputShape, Outputs, PairedDataModule, SearchData
from darts_pl.data.user_loaders import LoaderData, SizedLoader, describe, describe_any
from darts_pl.data.user_module import UserModuleData
from darts_pl.errors import ConfigError, DataError
from darts_pl.inputs import DTYPES, TensorInput, as_declared
from darts_pl.spaces.base import Space
from darts_pl.tasks import Classification


def search_data(
    train: Iterable | Dataset | LightningDataModule,
    valid: Iterable | Dataset | None,
    config: SearchConfig,
    space: Space,
) -> SearchData:
    """Prepared data of what `search_architecture` is given.

    Raises:
        ConfigError: a data module with other loaders beside it, or one for retraining. DataError: see `describe_any`,
            a loader without a length or a batch, or other inputs than images for a space of images.
    """
    if isinstance(train, LightningDataModule):
        return _module_data(train, valid, config)
    if valid is None:
        raise ConfigError("valid_loader: found None, expected the data of the alphas: a loader or a data set")
    loaders = {
        name: sized_loader(data, name, config.batch_size, num_workers=config.num_workers)
        for name, data in (("train_loader", train), ("valid_loader", valid))
    }
    input_shape: InputShape
    outputs: Outputs | None
    if config.space is None:
        input_shape, outputs = describe(loaders, config.num_classes)
        task = config.task or Classification(outputs)
    else:
        input_shape, outputs, task = describe_any(loaders, config.num_classes, config.task)
        input_shape = _image_shape(input_shape, space) if space.takes_images else as_declared(input_shape)
    return LoaderData(dict(zip(("weights", "alphas"), loaders.values())), config.seed, input_shape, outputs, task)


def _image_shape(found: InputShape, space: Space) -> tuple[int, int, int]:
    if isinstance(found, TensorInput) and len(found.shape) == 3 and DTYPES[found.dtype].is_floating_point:
        channels, height, width = found.shape
        return channels, height, width
    raise DataError(
        f"train_loader: found x of {found}, expected images, float (B, C, H, W), for {type(space).__name__}"
    )


def _module_data(module: LightningDataModule, valid: object, config: SearchConfig) -> PairedDataModule:
    if valid is not None:
        raise ConfigError(f"valid_loader: found {type(valid).__name__}, expected nothing beside a data module")
    data = module if isinstance(module, PairedDataModule) else _user_data(module, config)
    if data.purpose != "search":
        raise ConfigError(f'{type(data).__name__}: found purpose={data.purpose!r}, expected purpose="search"')
    if config.task is not None:
        data.task = config.task
    data.prepare()
    return data


def _user_data(module: LightningDataModule, config: SearchConfig) -> UserModuleData:
    return UserModuleData(
        module=module, batch_size=config.batch_size, seed=config.seed, outputs=config.num_classes, purpose="search"
    )


def sized_loader(
    data: Iterable | Dataset, name: str, batch_size: int, *, shuffle: bool = True, num_workers: int = 0
) -> SizedLoader:
    """`data` itself where it is a loader, else one over the data set.

    Args:
        name: what messages call it. batch_size, shuffle, num_workers: of the loader of a data set.

    Raises:
        DataError: no length, or no batch.
    """
    try:
        length = len(data)  # type: ignore[arg-type]  # what has none is told of below
    except TypeError as error:  # also of a DataLoader over an IterableDataset
        found = f"{type(data).__name__} without a length"
        raise DataError(f"{name}: found {found}, expected a loader or a data set") from error
    if length == 0:
        raise DataError(f"{name} has no batch")
    if not isinstance(data, Dataset):
        return data  # type: ignore[return-value]  # it is iterable and has a length
    single = shuffle and length % batch_size == 1 < length  # BatchNorm cannot train on one sample
    return DataLoader(data, batch_size, shuffle=shuffle, num_workers=num_workers, drop_last=single)

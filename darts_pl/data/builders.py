"""What conf/data instantiates: one function a kind of images, each giving an `ImageData`."""

import inspect
from collections.abc import Callable

from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.digits import Digits
from darts_pl.data.image import ImageData
from darts_pl.data.image_files import ImageFiles


def _for_image_data(builder: Callable[..., ImageData]) -> Callable[..., ImageData]:
    """`builder` with `ImageData`'s parameters in the place of `**image_data`, so that a misspelt or mistyped one is
    noticed where the configuration is checked."""
    own = inspect.signature(builder)
    named = {name: part for name, part in own.parameters.items() if part.kind is not part.VAR_KEYWORD}
    passed_on = inspect.signature(ImageData).parameters
    further = [part for name, part in passed_on.items() if name != "source" and name not in named]
    builder.__signature__ = own.replace(parameters=[*named.values(), *further])
    return builder


@_for_image_data
def digits_data(**image_data) -> ImageData:
    """scikit-learn's handwritten digits; keyword arguments go to `ImageData`."""
    return ImageData(source=Digits(), **image_data)


@_for_image_data
def cifar10_data(root: str | None = None, download: bool = True, **image_data) -> ImageData:
    """CIFAR-10 below `root`, else $DARTS_PL_DATA, else downloaded; further keyword arguments go to `ImageData`."""
    return ImageData(source=Cifar10(root=root, download=download), **image_data)


@_for_image_data
def images_data(
    root: str,
    resize: tuple[int, int] | None = None,
    mode: str | None = None,
    test_fraction: float = 0.2,
    **image_data,
) -> ImageData:
    """Images in class folders or an archive of them; further keyword arguments go to `ImageData`."""
    source = ImageFiles(root=root, resize=resize, mode=mode, test_fraction=test_fraction)
    return ImageData(source=source, **image_data)

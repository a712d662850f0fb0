"""What a found architecture is compared with: simple models, and a random architecture trained the same way."""

import functools
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from darts_pl.data.base import PairedDataModule
from darts_pl.data.image import ImageData
from darts_pl.data.tables import TableData
from darts_pl.data.text import TextData
from darts_pl.genotype import AnyGenotype
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Space
from darts_pl.stages.table_baselines import count_coefficients, table_rows
from darts_pl.stages.text_baselines import text_rows

LARGEST_SIDE = 32
BLOCK = 1000  # images turned to float32 at a time


@functools.singledispatch
def reference_rows(data: PairedDataModule) -> list[dict[str, Any]]:
    """Rows of results.json for the simple models that data of this type have, fitted and tested on them: `name`, the
    task's metrics as `test_<metric>`, `parameters` (None where there are none to count), `seconds`. Types without any
    give no row.

    Args:
        data: a prepared data module of a retraining.
    """
    return []


@reference_rows.register
def _of_images(data: ImageData) -> list[dict[str, Any]]:
    return [{"name": "linear baseline", **linear_baseline(data)}]


@reference_rows.register
def _of_tables(data: TableData) -> list[dict[str, Any]]:
    return table_rows(data, data.seed)


@reference_rows.register
def _of_texts(data: TextData) -> list[dict[str, Any]]:
    return text_rows(data, data.seed)


def linear_baseline(data: ImageData, *, max_iter: int = 200) -> dict[str, Any]:
    """Multinomial logistic regression on standardised pixels: test_acc, parameters, seconds, pixels ("HxWxC").

    Images with a side above 32 are averaged down to 32 first, so that neither memory nor time grows with their size;
    `pixels` says what the model saw.

    Args:
        data: has `train_arrays()` and `test_arrays()`, uint8 images [N, H, W, C] and labels [N].
    """
    started = time.perf_counter()
    (x, y), (test_x, test_y) = data.train_arrays(), data.test_arrays()
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression(max_iter=max_iter, C=0.01, tol=1e-3))
    model.fit(flat_pixels(x), y)
    accuracy = float(model.score(flat_pixels(test_x), test_y))
    return {
        "test_acc": accuracy,
        "parameters": count_coefficients(model[-1]),
        "seconds": round(time.perf_counter() - started, 1),
        "pixels": "x".join(map(str, (*_pooled_sides(x), x.shape[-1]))),
    }


def flat_pixels(x: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 [N, H, W, C] to float32 [N, min(H, 32) * min(W, 32) * C] in 0..1, larger sides averaged down."""
    height, width = _pooled_sides(x)
    flat = np.empty((len(x), height * width * x.shape[-1]), np.float32)
    for start in range(0, len(x), BLOCK):
        block = torch.from_numpy(x[start : start + BLOCK]).permute(0, 3, 1, 2).float() / 255
        if (height, width) != x.shape[1:3]:
            block = F.adaptive_avg_pool2d(block, (height, width))
        flat[start : start + BLOCK] = block.permute(0, 2, 3, 1).reshape(len(block), -1).numpy()
    return flat


def _pooled_sides(x: npt.NDArray[np.uint8]) -> tuple[int, int]:
    return min(x.shape[1], LARGEST_SIDE), min(x.shape[2], LARGEST_SIDE)


def random_architecture(space: Space, seed: int) -> AnyGenotype:
    """A genotype drawn uniformly from `space`."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "random architecture"))
    return space.random_genotype(generator)

"""What a found architecture is compared with: a linear model, and a random architecture trained the same way."""

import time

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from darts_pl.derive import random_genotype
from darts_pl.genotype import Genotype
from darts_pl.seeds import derived_seed


def linear_baseline(data, *, max_iter: int = 200) -> dict:
    """Multinomial logistic regression on standardised pixels: test_acc, parameters, seconds.

    Args:
        data: has `train_arrays()` and `test_arrays()`, uint8 images [N, H, W, C] and labels [N].
    """
    started = time.perf_counter()
    (x, y), (test_x, test_y) = data.train_arrays(), data.test_arrays()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=max_iter, C=0.01, tol=1e-3))
    model.fit(x.reshape(len(x), -1) / 255.0, y)
    accuracy = float(model.score(test_x.reshape(len(test_x), -1) / 255.0, test_y))
    linear = model[-1]
    return {
        "test_acc": accuracy,
        "parameters": int(linear.coef_.size + linear.intercept_.size),
        "seconds": round(time.perf_counter() - started, 1),
    }


def random_architecture(space, seed: int) -> Genotype:
    """A genotype drawn uniformly from `space`: two distinct inputs a node, any operation but `none`."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "random architecture"))
    return random_genotype(space.primitives, space.num_nodes, generator)

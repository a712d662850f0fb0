"""What a network for tables is compared with: a linear model and boosted trees, by the figures of the same task."""

import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.multioutput import MultiOutputRegressor
from torch import Tensor

from darts_pl.data.tables import TableData

Array = npt.NDArray[np.float64]
Linear: TypeAlias = LogisticRegression | RidgeCV
Classifier: TypeAlias = LogisticRegression | HistGradientBoostingClassifier
Model: TypeAlias = Classifier | RidgeCV | HistGradientBoostingRegressor | MultiOutputRegressor
PENALTIES = np.logspace(-3, 4, 15)  # of the ridge regression, chosen by leaving out one row at a time


def table_rows(data: TableData, seed: int = 0) -> list[dict[str, Any]]:
    """Fitted to all training rows, judged by the test rows: "logistic regression" or "ridge regression", and "gradient
    boosting", each with `name`, the task's test figures (`test_loss`, `test_acc`, `test_mse`, ...; of a regression on
    the standardised scale, as a network's are), `parameters` (None of trees) and `seconds` of fitting.

    Args:
        data: of a retraining, prepared. Of several inputs the models see all columns side by side.
        seed: of the trees.
    """
    regression = not data.classes
    if regression:
        trees = HistGradientBoostingRegressor(random_state=seed)
        several = data.train_rows()[1].dim() > 1
        models: dict[str, Model] = {
            "ridge regression": RidgeCV(PENALTIES),
            "gradient boosting": MultiOutputRegressor(trees) if several else trees,
        }
    else:
        models = {
            "logistic regression": LogisticRegression(max_iter=5000),
            "gradient boosting": HistGradientBoostingClassifier(random_state=seed),
        }
    return [_row(name, model, data) for name, model in models.items()]


def _row(name: str, model: Model, data: TableData) -> dict[str, Any]:
    (x, y), (test_x, test_y) = data.train_rows(), data.test_rows()
    started = time.perf_counter()
    model.fit(_side_by_side(x), y.numpy())
    seconds = time.perf_counter() - started
    if isinstance(model, Classifier):
        found = logits(model, _side_by_side(test_x), data.outputs)
    else:
        found = model.predict(_side_by_side(test_x))
    metrics, output = data.task.metrics(), torch.from_numpy(found).float()
    metrics.update(data.task.loss(output, test_y), output, test_y)
    return {
        "name": name,
        **metrics.compute("test"),
        "parameters": count_coefficients(model) if isinstance(model, Linear) else None,
        "seconds": round(seconds, 2),
    }


def logits(model: Classifier, x: Array, outputs: int) -> Array:
    """What a network would give, of a fitted classifier: log-probabilities [N, outputs], or log-odds [N] of yes or no.

    A class that no training sample had gets the least probability that float64 can tell from 0.
    """
    found = model.predict_proba(x)
    probabilities = np.zeros((len(found), max(outputs, 2)))
    probabilities[:, model.classes_.astype(int)] = found
    logs = np.log(np.clip(probabilities, np.finfo(np.float64).tiny, None))
    return logs[:, 1] - logs[:, 0] if outputs == 1 else logs


def count_coefficients(model: Linear) -> int:
    """Coefficients and intercepts of a fitted linear model."""
    return int(model.coef_.size + np.size(model.intercept_))


def _side_by_side(x: Tensor | Mapping[str, Tensor]) -> Array:
    return (x if isinstance(x, Tensor) else torch.cat(list(x.values()), dim=1)).double().numpy()

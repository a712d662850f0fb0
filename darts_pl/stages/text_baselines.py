"""What a network for texts is compared with: weighted word pairs and a linear model, a model a task."""

import time
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from darts_pl.data.text import TextData
from darts_pl.stages.table_baselines import count_coefficients

PENALTIES = (1.0, 10.0, 100.0)  # C of scikit-learn: the inverse of the penalty; 1000 is worse than 100 on TREC
NAME = "TF-IDF + logistic regression"
FOLDS = 3


def text_rows(data: TextData, seed: int = 0) -> list[dict[str, Any]]:
    """One row: `name`, `test_acc`, of several tasks `test_<task>_acc` of each and their mean as `test_acc`,
    `parameters` of all models together, `seconds`.

    The features are single words and pairs, every mark a word, with sublinear frequencies, of the training texts; the
    penalty of each task is chosen by three folds of these, and the model fitted to all of them.

    Args:
        data: of a retraining, prepared.
        seed: of the folds.
    """
    started = time.perf_counter()
    (texts, codes), (test_texts, test_codes) = data.train_texts(), data.test_texts()
    accuracies, parameters = {}, 0
    for task, y in codes.items():
        model = make_pipeline(
            # as texts come cut into words and marks, or with marks at the words' ends
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]+"),
            LogisticRegression(max_iter=1000, tol=1e-3),
        )
        # folds at random: a class may have fewer texts than there are folds
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
        chosen = GridSearchCV(model, {"logisticregression__C": PENALTIES}, cv=folds).fit(texts, y)
        accuracies[task] = float(chosen.score(test_texts, test_codes[task]))
        parameters += count_coefficients(chosen.best_estimator_[-1])
    several = {f"test_{task}_acc": value for task, value in accuracies.items()} if len(accuracies) > 1 else {}
    mean = sum(accuracies.values()) / len(accuracies)
    seconds = round(time.perf_counter() - started, 1)
    return [{"name": NAME, "test_acc": mean, **several, "parameters": parameters, "seconds": seconds}]

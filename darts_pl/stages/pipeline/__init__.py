"""The staged search of a forecasting model: candidates, screening, searches, choice, retraining, comparison."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)

"""The staged search of a forecasting model: candidates, screening, searches, choice, retraining, comparison."""

"""What the commands share when they turn a composed configuration into parts: the run folder, the parts.

The names are imported when first used: launching a command needs Hydra alone, the parts need torch.
"""

from darts_pl.lazy import lazily

_PLACES = {
    **dict.fromkeys(("launch", "register"), "darts_pl.assembly.launching"),
    **dict.fromkeys(
        ("check_no_series", "prepare_space", "prepared_data", "retraining_parts", "search_method"),
        "darts_pl.assembly.parts",
    ),
    "open_run": "darts_pl.assembly.runs",
}

__all__ = list(_PLACES)
__getattr__, __dir__ = lazily(__name__, _PLACES)

"""Seeds derived from a run's one seed, so that randomness is a function of place rather than of what ran before."""

import hashlib

import torch


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on all `parts`, the same on every machine and Python version.

    >>> derived_seed(0, "weights", 1) == derived_seed(0, "weights", 1) != derived_seed(0, "weights", 2)
    True
    """
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_torch(seed: int) -> None:
    """What `torch.manual_seed` does to the generators in use. Where no accelerator is in use, that function keeps the
    seed for each kind that could come, with a formatted traceback: a part of a millisecond at each of a step's draws,
    which is much of a small network's step."""
    if torch.cuda.is_initialized() or torch.backends.mps.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)

"""The machine: which device, which precision, how many threads."""

import functools
import logging
import platform
from dataclasses import dataclass
from typing import Any

import torch

from darts_pl.engine.choosing import check_engine
from darts_pl.errors import ConfigError, nearest
from darts_pl.ops.strided import may_corrupt

log = logging.getLogger("darts_pl")

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed", "64-true")
NUMBERS = {
    "32-true": "32-bit numbers",
    "bf16-mixed": "16-bit (bfloat16) and 32-bit numbers",
    "16-mixed": "16-bit (float16) and 32-bit numbers",
    "64-true": "64-bit numbers",
}
LIGHTNING_NAMES = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed", "64": "64-true"}  # its short ones
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")


@dataclass(frozen=True)
class Hardware:
    """Choices for one machine; `auto` values are settled by the properties.

    Args:
        accelerator: `auto` takes a CUDA or ROCm device where there is one, else the CPU; `gpu` any GPU.
        precision: `auto` is bfloat16 (float16 where it lacks that) on NVIDIA devices, float32 on AMD and CPU.
        channels_last: memory layout with channels innermost; the same numbers up to rounding, faster convolutions.
        threads: CPU threads of torch; None takes what torch had when the process first applied a profile.
        deterministic: ask torch for deterministic kernels, with a warning where there is none.
        index: which GPU, where there are several.
        recompute: run cells again in the backward pass instead of keeping what they computed.
        engine: how the cells of a network are run, see `darts_pl.engine.choosing.running_by`.
        batch_size, workers: of a search and of the pipeline, where nothing else says them; configurations refer to
            them here.
        assumes: what a profile takes for granted, told by `apply`.

    Raises:
        ConfigError: an unknown value, or a device or precision that is not there.
    """

    accelerator: str = "auto"
    precision: str = "auto"
    channels_last: bool = True
    threads: int | None = None
    deterministic: bool = False
    index: int = 0
    recompute: bool = False
    engine: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    assumes: str | None = None

    def __post_init__(self) -> None:
        precision = LIGHTNING_NAMES.get(str(self.precision), self.precision)
        object.__setattr__(self, "precision", precision)
        if self.accelerator == "gpu" and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
            raise ConfigError("accelerator=gpu: torch sees no GPU. Use accelerator=cpu")
        check_engine(self.engine)
        if self.precision not in PRECISIONS:
            raise ConfigError(f"hardware.precision={self.precision!r}. {nearest(self.precision, PRECISIONS)}")
        if self.accelerator not in ACCELERATORS:
            raise ConfigError(f"hardware.accelerator={self.accelerator!r}. {nearest(self.accelerator, ACCELERATORS)}")
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise ConfigError("hardware.accelerator=cuda: torch sees no such device. Use hardware.accelerator=cpu")
        if self.accelerator == "mps" and not torch.backends.mps.is_available():
            raise ConfigError("hardware.accelerator=mps: torch sees no Apple GPU. Use hardware.accelerator=cpu")
        if self.precision == "16-mixed" and self.device_type == "cpu":
            raise ConfigError("hardware.precision=16-mixed needs a GPU. Use 32-true or bf16-mixed on a CPU")
        if self.index < 0:
            raise ConfigError(f"hardware.index={self.index}: GPUs are counted from 0")
        if self.index and self.device_type == "cuda" and self.index >= torch.cuda.device_count():
            found = torch.cuda.device_count()
            raise ConfigError(f"hardware.index={self.index}: torch sees {found} GPUs, counted from 0")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"hardware.threads={self.threads}: at least 1 is needed")

    @staticmethod
    def of_device(device: str | torch.device) -> dict[str, Any]:
        """The arguments that a device such as `cuda:1` stands for; none where it is `auto`.

        Raises:
            ConfigError: no device's name.
        """
        accelerator, _, index = str(device).partition(":")
        if index and not index.isdigit():
            raise ConfigError(f"device={device!r}: expected auto, cpu, cuda or mps, or cuda:1 for the second GPU")
        return {} if accelerator == "auto" else {"accelerator": accelerator, "index": int(index or 0)}

    @property
    def device_type(self) -> str:
        """`cpu`, `cuda` (ROCm included) or `mps`."""
        if self.accelerator == "gpu":
            return "cuda" if torch.cuda.is_available() else "mps"
        if self.accelerator != "auto":
            return self.accelerator
        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def device(self) -> torch.device:
        """The torch device."""
        return (
            torch.device(self.device_type, self.index) if self.device_type == "cuda" else torch.device(self.device_type)
        )

    @property
    def settled_precision(self) -> str:
        """The precision with `auto` settled, in Lightning's names."""
        if self.precision != "auto":
            return self.precision
        if self.device_type != "cuda" or torch.version.hip:
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"

    @property
    def name(self) -> str:
        """The device in words."""
        if self.device_type == "cuda":
            return torch.cuda.get_device_name(self.index)
        return f"{self.device_type} ({platform.processor() or platform.machine()}, {torch.get_num_threads()} threads)"

    def apply(self) -> None:
        """Set what torch keeps for the whole process: threads, determinism. Both are set every time, so that the jobs
        of a multirun, which share a process, leave nothing to the next."""
        own = _threads_at_first()
        torch.set_num_threads(own if self.threads is None else self.threads)
        self.apply_determinism()
        log.info("device %s, in %s", self.name, NUMBERS[self.settled_precision])
        if self.assumes is not None:
            log.info("hardware profile: %s", self.assumes)

    def apply_determinism(self) -> None:
        """Set determinism alone, for processes that have threads of their own."""
        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.deterministic)

    def runs_channels_last(self, network: torch.nn.Module) -> bool:
        """`channels_last`, but for a network whose narrow convolutions could corrupt memory on a CPU."""
        if self.channels_last and self.device_type == "cpu" and may_corrupt(network):
            log.info("memory layout: contiguous, for the 1x1 weights of fewer than 8 channels in this network")
            return False
        return self.channels_last

    def trainer_arguments(self) -> dict[str, object]:
        """Arguments of `lightning.Trainer` for this machine: one device."""
        devices = [self.index] if self.device_type == "cuda" else 1
        return {"accelerator": self.device_type, "devices": devices, "precision": self.settled_precision}


@functools.cache
def _threads_at_first() -> int:
    """torch's threads at the first call, whatever is set later."""
    return torch.get_num_threads()

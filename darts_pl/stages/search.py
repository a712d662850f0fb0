"""Stages 3 and 4: search on a supernet, derive genotypes. Files: history.csv, alphas.npz, genotypes, checkpoints."""

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from darts_pl import genotype as genotypes
from darts_pl.callbacks import ArchitectureBoard, CollapseGuards, SearchHistory, peak_memory_mib
from darts_pl.data.base import PairedDataModule, SearchData
from darts_pl.engine.choosing import running_by
from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype, check_readable, from_json
from darts_pl.hardware import Hardware
from darts_pl.lit import SearchModule
from darts_pl.relaxations.mixing import as_mixing
from darts_pl.reports.alphas import alpha_heatmap, gate_heatmap
from darts_pl.reports.cell_graph import genotype_figure
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Space, Supernet
from darts_pl.spaces.widening import widen
from darts_pl.stages.fitting import fit
from darts_pl.stages.method import Method
from darts_pl.stages.phases import Phase, Schedule, schedule_of, strongest_masks
from darts_pl.stages.run import PAUSED, RunFolder
from darts_pl.stages.selection import Selection, Trained
from darts_pl.stages.trainer import DEFAULT, TrainerSettings

log = logging.getLogger("darts_pl")


@dataclass(frozen=True)
class Searched:
    """What a search leaves.

    Args:
        genotype: what the method chose. module: of the last phase, its supernet trained. history: a row an epoch.
        selection: figures of the method's selection, where it has one. peak_memory_mib: the most of any phase.
    """

    genotype: AnyGenotype
    module: SearchModule
    history: SearchHistory
    selection: Mapping[str, Any] | None
    peak_memory_mib: float


@dataclass(frozen=True)
class Search:
    """A search by `method` over `space`, phase by phase, with files in a folder or none.

    Each of several phases keeps its resume points in a folder of its own, `checkpoints/phase_<n>`. Resuming takes a
    finished phase's state from its last point, so what follows from it is the same as without the interruption. Rows,
    snapshots, steps and the order of the data count on over all phases; the best genotype is of the last phase begun.

    Args:
        space: a space such as `CellSpace`. data: a prepared data module for searching, such as an `ImageData`.
        guards: warn of a search that collapses. pictures: draw gates and cells for TensorBoard at every epoch.
        report: takes the line of an epoch, by default the log. supernet: of `space`, searched in place in the first
            phase; by default one with fresh weights.
    """

    method: Method
    space: Space
    data: SearchData
    hardware: Hardware
    epochs: int
    seed: int
    trainer: TrainerSettings = DEFAULT
    guards: bool = True
    pictures: bool = True
    report: Callable[[str], None] | None = None
    supernet: Supernet | None = None

    def prepare(self) -> Schedule:
        """The epochs of all phases; what each of several will need is built, so that one that cannot be is told of
        before any work.

        Raises:
            ConfigError: phases that cannot be, a supernet that cannot be built or taken over, a warm-up as long as its
                phase, a rule that does not fit the phases.
        """
        self.space.prepare(self.data.input_shape, self.data.outputs)  # what it consists of is known with the data
        check_readable(self.space.random_genotype(torch.Generator()))
        schedule, before = schedule_of(self.method.phases, self.epochs), None
        for index in range(len(schedule.lengths) if len(schedule.lengths) > 1 else 0):
            module = self._phase_module(schedule, index)
            if before is not None and schedule.phases[index].continues:
                widen(before.supernet, module.supernet)
            before = module
        return schedule

    def run(self, schedule: Schedule, folder: Path | None = None, until: int | None = None) -> Searched:
        """Search, or go on with the search in `folder`; None keeps everything in memory.

        Args:
            schedule: of `prepare`. until: stop after this epoch of a search in one phase, before the selection.
        """
        names, primitives, edges = self.space.names_by_kind, list(self.space.primitives), list(self.space.edges)
        history = SearchHistory(folder, self.derive, primitives, edges, report=self.report, names=names)
        boards = [ArchitectureBoard(history, gate_heatmap, genotype_figure, alpha_heatmap)] if self.pictures else []
        watching = [CollapseGuards(history, folder)] if self.guards else []
        module, peak_mib, several = self._phase_module(schedule, 0), 0.0, len(schedule.lengths) > 1
        for index, length in enumerate(schedule.lengths):
            if index:
                before, module = module, self._phase_module(schedule, index)
                _follow(module, before, schedule.phases[index])
                history.begin_phase(schedule.phases[index].continues)
                for guards in watching:
                    guards.begin_phase(schedule.phases[index].continues)
            self.data.elapsed_epochs = schedule.elapsed(index)
            fit(
                module,
                self.data,
                folder=folder,
                checkpoints=folder / "checkpoints" / f"phase_{index + 1}" if folder is not None and several else None,
                epochs=length if until is None else min(length, until),
                hardware=self.hardware,
                callbacks=[history, *boards, *watching],
                title=f"search {index + 1}/{len(schedule.lengths)}" if several else "search",
                trainer=self.trainer,
            )
            peak_mib = max(peak_mib, peak_memory_mib(self.hardware.device))
            if module.verdict is not None:
                log.info("search stopped: %s; back to epoch %d", module.verdict.reason, module.verdict.epoch)
                break
        genotype, selection = from_json(history.best["genotype"]), None
        if self.method.selection is not None and not self.pauses(module, until):
            genotype, selection = self._select(self.method.selection, module, folder)
        return Searched(genotype, module, history, selection, max(peak_mib, peak_memory_mib(self.hardware.device)))

    def derive(self, strengths: Mapping[str, Tensor]) -> AnyGenotype:
        """The genotype of strengths [E, K] a kind."""
        return self.space.derive(strengths, derivation=self.method.derivation)

    def pauses(self, module: SearchModule, until: int | None) -> bool:
        """Whether a search that was stopped at `until` is to be gone on with."""
        return until is not None and until < self.epochs and module.verdict is None

    def _fresh_supernet(self, phase: Phase, index: int) -> Supernet:
        torch.manual_seed(derived_seed(self.seed, "supernet", *([index] if index else [])))
        mixing = as_mixing(self.method.mixing)
        mixing = mixing if phase.channel_divisor is None else mixing.with_divisor(phase.channel_divisor)
        return self.space.supernet(
            self.data.input_shape,
            self.data.outputs,
            relaxation=copy.deepcopy(self.method.relaxation),  # it anneals
            mixing=mixing,
            auxiliary_skip=any(rule.auxiliary_skip for rule in self.method.rules),
            layers=phase.layers,
        )

    def _phase_module(self, schedule: Schedule, index: int) -> SearchModule:
        """The module of a phase over all candidates."""
        phase, epochs, method = schedule.phases[index], schedule.lengths[index], self.method
        supernet = self.supernet if self.supernet is not None and not index else self._fresh_supernet(phase, index)
        supernet.train()  # also a relaxation that Python handed over in eval mode
        start, length = schedule.span(index)
        return method.make_module(
            supernet,
            task=self.data.task,
            channels_last=self.hardware.runs_channels_last(supernet),
            epochs=epochs,
            rules=copy.deepcopy(list(method.rules)),
            phase_index=index,
            phases=len(schedule.lengths),
            elapsed_epochs=schedule.elapsed(index),
            schedule_start=start,
            schedule_epochs=length,
            **phase.warmup(epochs),
        )

    def _select(
        self, selection: Selection, module: SearchModule, folder: Path | None
    ) -> tuple[AnyGenotype, dict[str, Any]]:
        if folder is None:
            with TemporaryDirectory(prefix="darts_pl-") as temporary:
                return self._select(selection, module, Path(temporary))
        trained = Trained(
            module=module,
            make_module=self.method.make_module,
            space=self.space,
            data=self.data,
            derive=self.derive,
            hardware=self.hardware,
            seed=self.seed,
            folder=folder / "selection",
            trainer=self.trainer,
        )
        with running_by(module, self.hardware.engine):
            return selection(trained)


def search(
    run: RunFolder,
    method: Method,
    *,
    space: Space,
    data: PairedDataModule,
    hardware: Hardware,
    epochs: int,
    seed: int,
    trainer: TrainerSettings,
    guards: bool = True,
    pictures: bool = True,
    until: int | None = None,
) -> AnyGenotype:
    """Search in `run`, or go on searching; returns the genotype that the method chooses.

    Args:
        until: pause after this epoch, to go on later on the same schedule, with the same result as without the pause;
            of a search in one phase. The others: see `Search`.

    Raises:
        ConfigError: phases that cannot be, before any work; a pause in a search of several.
    """
    if run.done("search"):
        return genotypes.read(run.path / "genotype_best.json")
    work = Search(method, space, data, hardware, epochs, seed, trainer, guards, pictures)
    schedule = work.prepare()
    if until is not None and len(schedule.lengths) > 1:
        raise ConfigError(f"until={until}: a search in {len(schedule.lengths)} phases cannot pause. Take phases=single")
    with run.stage("search", data=data.fingerprint) as entry:
        entry["memory_before_mib"] = round(peak_memory_mib(hardware.device), 1)
        found = work.run(schedule, run.path, until)
        if work.pauses(found.module, until):
            entry["status"] = PAUSED
        elif found.selection is not None:
            found.genotype.save(run.path / "genotype_best.json")
            entry["selection"] = found.selection
        entry["peak_memory_mib"] = round(found.peak_memory_mib, 1)
        _record(entry, found.module, found.history)
    return found.genotype


def _follow(module: SearchModule, before: SearchModule, phase: Phase) -> None:
    """Leave `module` the candidates that the phase before has left, and what else it takes over. The optimisers are
    made later, so they never hold a parameter that is dropped here."""
    module.supernet.keep(strongest_masks(before.supernet, phase.keep))
    module.continue_from(before, weights=phase.continues)


def _record(entry: dict[str, Any], module: SearchModule, history: SearchHistory) -> None:
    """The search's figures for the manifest."""
    entry["steps"], entry["alpha_updates"] = module.steps_done, module.alpha_updates
    key = f"val_{module.task.monitor}"
    entry[f"{key}_best"], entry["epoch_best"] = history.best[key], history.best["epoch"]
    if "reason" in history.best:
        entry["stopped"] = history.best["reason"]
    entry["alpha_movement"] = history.rows[-1]["alpha_movement"]
    entry["supernet_parameters"] = sum(p.numel() for p in module.supernet.weight_parameters())

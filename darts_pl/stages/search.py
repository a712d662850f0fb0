"""Stages 3 and 4: search on a supernet, derive genotypes. Files: history.csv, alphas.npz, genotypes, checkpoints."""

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from darts_pl import genotype as genotypes
from darts_pl.callbacks import ArchitectureBoard, CollapseGuards, SearchHistory, peak_memory_mib
from darts_pl.data.base import PairedDataModule
from darts_pl.errors import ConfigError
from darts_pl.genotype import Genotype, from_json
from darts_pl.hardware import Hardware
from darts_pl.lit import SearchModule
from darts_pl.relaxations.mixing import as_mixing
from darts_pl.reports.alphas import alpha_heatmap, gate_heatmap
from darts_pl.reports.cell_graph import genotype_figure
from darts_pl.rules import Rule
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Space
from darts_pl.spaces.widening import widen
from darts_pl.stages.fitting import fit
from darts_pl.stages.phases import Phase, Schedule, schedule_of, strongest_masks
from darts_pl.stages.run import PAUSED, RunFolder
from darts_pl.stages.selection import Selection, Trained
from darts_pl.stages.trainer import TrainerSettings

log = logging.getLogger("darts_pl")

ONE_PHASE = (Phase(),)


@dataclass(frozen=True)
class Method:
    """The parts that make a search method.

    Args:
        derive: strengths [E, K] a kind → genotype.
        make_module: `(supernet, task=…, channels_last=…, epochs=…, rules=…, …) -> SearchModule`.
        selection: chooses the genotype after the search; None takes the best epoch's, or a rule's.
    """

    relaxation: torch.nn.Module
    mixing: Callable
    derive: Callable[..., Genotype]
    make_module: Callable[..., SearchModule]
    rules: Sequence[Rule] = ()
    phases: Sequence[Phase] = ONE_PHASE
    selection: Selection | None = None


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
) -> Genotype:
    """Search in `run`, or go on searching; returns the genotype that the method chooses.

    Args:
        space: a space such as `CellSpace`. data: prepared for searching.
        guards: warn of a search that collapses. pictures: draw gates and cells for TensorBoard at every epoch.
        until: pause after this epoch, to go on later on the same schedule, with the same result as without the pause;
            of a search in one phase.

    Each of several phases keeps its resume points in a folder of its own, `checkpoints/phase_<n>`. Resuming takes a
    finished phase's state from its last point, so what follows from it is the same as without the interruption. Rows,
    snapshots, steps and the order of the data count on over all phases; the best genotype is of the last phase begun.

    Raises:
        ConfigError: phases that cannot be, before any work; a pause in a search of several.
    """
    if run.done("search"):
        return genotypes.read(run.path / "genotype_best.json")
    space.prepare(data.input_shape, data.outputs)  # what it consists of is known with the data
    schedule = schedule_of(method.phases, epochs)
    parts = {"space": space, "data": data, "hardware": hardware, "seed": seed}
    _check_phases(method, schedule, **parts)
    if until is not None and len(schedule.lengths) > 1:
        raise ConfigError(f"until={until}: a search in {len(schedule.lengths)} phases cannot pause. Take phases=single")
    with run.stage("search", data=data.fingerprint) as entry:
        entry["memory_before_mib"] = round(peak_memory_mib(hardware.device), 1)
        history = SearchHistory(run.path, method.derive, list(space.primitives), space.edges, names=space.names_by_kind)
        boards = [ArchitectureBoard(history, gate_heatmap, genotype_figure, alpha_heatmap)] if pictures else []
        watching = [CollapseGuards(history, run.path)] if guards else []
        module, peak_mib, several = None, 0.0, len(schedule.lengths) > 1
        for index, length in enumerate(schedule.lengths):
            before, module = module, _phase_module(method, schedule, index, **parts)
            if before is not None:
                _follow(module, before, schedule.phases[index])
                for watcher in (history, *watching):
                    watcher.begin_phase(schedule.phases[index].continues)
            data.elapsed_epochs = schedule.elapsed(index)
            fit(
                module,
                data,
                folder=run.path,
                checkpoints=run.path / "checkpoints" / f"phase_{index + 1}" if several else None,
                epochs=length if until is None else min(length, until),
                hardware=hardware,
                callbacks=[history, *boards, *watching],
                title=f"search {index + 1}/{len(schedule.lengths)}" if several else "search",
                trainer=trainer,
            )
            peak_mib = max(peak_mib, peak_memory_mib(hardware.device))
            if module.verdict is not None:
                log.info("search stopped: %s; back to epoch %d", module.verdict.reason, module.verdict.epoch)
                break
        genotype = from_json(history.best["genotype"])
        paused = until is not None and until < epochs and module.verdict is None
        if paused:
            entry["status"] = PAUSED
        elif method.selection is not None:
            genotype, entry["selection"] = _select(run, method, module, space, data, hardware, seed, trainer)
        entry["peak_memory_mib"] = round(max(peak_mib, peak_memory_mib(hardware.device)), 1)
        _record(entry, module, history)
    return genotype


def _check_phases(method: Method, schedule: Schedule, **parts) -> None:
    """Build what each of several phases will need, so that one that cannot be is told of before any work.

    Raises:
        ConfigError: a supernet that cannot be built or taken over, a warm-up as long as its phase, a rule that does not
            fit the phases.
    """
    before = None
    for index in range(len(schedule.lengths) if len(schedule.lengths) > 1 else 0):
        module = _phase_module(method, schedule, index, **parts)
        if schedule.phases[index].continues:
            widen(before.supernet, module.supernet)
        before = module


def _phase_module(
    method: Method, schedule: Schedule, index: int, *, space, data: PairedDataModule, hardware: Hardware, seed: int
) -> SearchModule:
    """The module of a phase over all candidates, drawn anew."""
    phase, epochs = schedule.phases[index], schedule.lengths[index]
    torch.manual_seed(derived_seed(seed, "supernet", *([index] if index else [])))
    mixing = as_mixing(method.mixing)
    mixing = mixing if phase.channel_divisor is None else mixing.with_divisor(phase.channel_divisor)
    supernet = space.supernet(
        data.input_shape,
        data.outputs,
        relaxation=copy.deepcopy(method.relaxation),
        mixing=mixing,
        auxiliary_skip=any(rule.auxiliary_skip for rule in method.rules),
        layers=phase.layers,
    )
    start, length = schedule.span(index)
    return method.make_module(
        supernet,
        task=data.task,
        channels_last=hardware.runs_channels_last(supernet),
        epochs=epochs,
        rules=copy.deepcopy(list(method.rules)),
        phase_index=index,
        phases=len(schedule.lengths),
        elapsed_epochs=schedule.elapsed(index),
        schedule_start=start,
        schedule_epochs=length,
        **phase.warmup(epochs),
    )


def _follow(module: SearchModule, before: SearchModule, phase: Phase) -> None:
    """Leave `module` the candidates that the phase before has left, and what else it takes over. The optimisers are
    made later, so they never hold a parameter that is dropped here."""
    module.supernet.keep(strongest_masks(before.supernet, phase.keep))
    module.continue_from(before, weights=phase.continues)


def _select(
    run: RunFolder,
    method: Method,
    module: SearchModule,
    space: Space,
    data: PairedDataModule,
    hardware: Hardware,
    seed: int,
    trainer: TrainerSettings,
) -> tuple[Genotype, dict]:
    trained = Trained(
        module=module,
        make_module=method.make_module,
        space=space,
        data=data,
        derive=method.derive,
        hardware=hardware,
        seed=seed,
        folder=run.path / "selection",
        trainer=trainer,
    )
    genotype, figures = method.selection(trained)
    genotype.save(run.path / "genotype_best.json")
    return genotype, figures


def _record(entry: dict, module: SearchModule, history: SearchHistory) -> None:
    """The search's figures for the manifest."""
    entry["steps"], entry["alpha_updates"] = module.steps_done, module.alpha_updates
    key = f"val_{module.task.monitor}"
    entry[f"{key}_best"], entry["epoch_best"] = history.best[key], history.best["epoch"]
    if "reason" in history.best:
        entry["stopped"] = history.best["reason"]
    entry["alpha_movement"] = history.rows[-1]["alpha_movement"]
    entry["supernet_parameters"] = sum(p.numel() for p in module.supernet.weight_parameters())

"""Stages 3 and 4: search on a supernet, derive genotypes. Files: history.csv, alphas.npz, genotypes, checkpoints."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from darts_pl import genotype as genotypes
from darts_pl.callbacks import ArchitectureBoard, SearchHistory, peak_memory_mib
from darts_pl.genotype import Genotype, from_json
from darts_pl.hardware import Hardware
from darts_pl.lit import SearchModule
from darts_pl.reports.alphas import alpha_heatmap, gate_heatmap
from darts_pl.reports.cell_graph import genotype_figure
from darts_pl.rules import Rule
from darts_pl.seeds import derived_seed
from darts_pl.stages.fitting import fit
from darts_pl.stages.phases import Phase, epochs_of, strongest_masks
from darts_pl.stages.run import RunFolder
from darts_pl.stages.selection import Selection, Trained
from darts_pl.relaxations.mixing import with_divisor

ONE_PHASE = (Phase(),)


@dataclass(frozen=True)
class Method:
    """The parts that make a search method.

    Args:
        derive: strengths [E, K] a kind → genotype.
        make_module: `(supernet, num_classes=…, channels_last=…, epochs=…, rules=…, …) -> SearchModule`.
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
    space,
    data,
    hardware: Hardware,
    epochs: int,
    seed: int,
    checkpoint_every_s: float,
) -> Genotype:
    """Search in `run`, or go on searching; returns the genotype that the method chooses.

    Args:
        space: a space such as `CellSpace`. data: a prepared `ImageData` for searching.
    """
    if run.done("search"):
        return genotypes.read(run.path / "genotype_best.json")
    with run.stage("search", data=data.fingerprint) as entry:
        history = SearchHistory(run.path, method.derive, list(space.primitives), space.edges)
        board = ArchitectureBoard(history, gate_heatmap, genotype_figure, alpha_heatmap)
        module = None
        lengths = epochs_of(method.phases, epochs)
        for index in range(len(lengths)):
            module = _phase_module(method, index, lengths, module, space, data, hardware, seed)
            if index:
                history.begin_phase()
            several = len(lengths) > 1
            fit(
                module,
                data,
                folder=run.path,
                checkpoints=run.path / "checkpoints" / f"phase_{index + 1}" if several else None,
                epochs=lengths[index],
                hardware=hardware,
                callbacks=[history, board],
                title=f"search {index + 1}/{len(lengths)}" if several else "search",
                checkpoint_every_s=checkpoint_every_s,
            )
            if module.verdict is not None:
                break
        genotype = from_json(history.best["genotype"])
        if method.selection is not None:
            genotype, entry["selection"] = _select(run, method, module, space, data, hardware, seed, checkpoint_every_s)
        _record(entry, module, history, hardware)
    return genotype


def _phase_module(
    method: Method, index: int, lengths: Sequence[int], before: SearchModule | None, space, data, hardware, seed: int
) -> SearchModule:
    """The module of a phase, with what it takes over from the module of the one before."""
    phase = method.phases[index]
    torch.manual_seed(derived_seed(seed, "supernet", *([index] if index else [])))
    mixing = method.mixing if phase.channel_divisor is None else with_divisor(method.mixing, phase.channel_divisor)
    supernet = space.supernet(
        data.input_shape,
        data.num_classes,
        relaxation=copy.deepcopy(method.relaxation),
        mixing=mixing,
        auxiliary_skip=any(rule.auxiliary_skip for rule in method.rules),
        layers=phase.layers,
    )
    if before is not None:
        supernet.keep(strongest_masks(before.supernet, phase.keep or len(space.primitives)))
    first = _first_of_schedule(method.phases, index)
    module = method.make_module(
        supernet,
        num_classes=data.num_classes,
        channels_last=hardware.channels_last,
        epochs=lengths[index],
        rules=copy.deepcopy(list(method.rules)),
        elapsed_epochs=sum(lengths[:index]),
        schedule_start=sum(lengths[:first]),
        schedule_epochs=sum(lengths[first : _end_of_schedule(method.phases, index)]),
    )
    if before is not None:
        module.continue_from(before, weights=phase.continues)
    return module


def _first_of_schedule(phases: Sequence[Phase], index: int) -> int:
    while index and phases[index].continues:
        index -= 1
    return index


def _end_of_schedule(phases: Sequence[Phase], index: int) -> int:
    end = index + 1
    while end < len(phases) and phases[end].continues:
        end += 1
    return end


def _select(
    run: RunFolder, method: Method, module: SearchModule, space, data, hardware, seed: int, checkpoint_every_s: float
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
        checkpoint_every_s=checkpoint_every_s,
    )
    genotype, figures = method.selection(trained)
    genotype.save(run.path / "genotype_best.json")
    return genotype, figures


def _record(entry: dict, module: SearchModule, history: SearchHistory, hardware: Hardware) -> None:
    """The search's figures for the manifest."""
    entry["peak_memory_mib"] = round(peak_memory_mib(hardware.device), 1)
    entry["steps"], entry["alpha_updates"] = module.steps_done, module.alpha_updates
    entry["val_acc_best"], entry["epoch_best"] = history.best["val_acc"], history.best["epoch"]
    if "reason" in history.best:
        entry["stopped"] = history.best["reason"]
    entry["alpha_movement"] = history.rows[-1]["alpha_movement"]
    entry["supernet_parameters"] = sum(p.numel() for p in module.supernet.weight_parameters())

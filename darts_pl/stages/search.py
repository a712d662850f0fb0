"""Stages 3 and 4: search on a supernet, derive genotypes. Files: history.csv, alphas.npz, genotypes, checkpoints."""

from collections.abc import Callable

import torch

from darts_pl import genotype as genotypes
from darts_pl.callbacks import ArchitectureBoard, SearchHistory, peak_memory_mib
from darts_pl.genotype import Genotype
from darts_pl.hardware import Hardware
from darts_pl.lit import SearchModule
from darts_pl.reports.alphas import alpha_heatmap, gate_heatmap
from darts_pl.reports.cell_graph import genotype_figure
from darts_pl.seeds import derived_seed
from darts_pl.stages.fitting import fit
from darts_pl.stages.run import RunFolder


def search(
    run: RunFolder,
    *,
    space,
    data,
    relaxation: torch.nn.Module,
    mixing: Callable,
    derive: Callable,
    make_module: Callable[..., SearchModule],
    hardware: Hardware,
    epochs: int,
    seed: int,
    checkpoint_every_s: float,
) -> Genotype:
    """Search in `run`, or go on searching; returns the genotype with the best validation accuracy.

    Args:
        space: a space such as `CellSpace`. data: a prepared `ImageData` for searching.
        make_module: `(supernet, num_classes=…, channels_last=…) -> SearchModule`.
    """
    if run.done("search"):
        return genotypes.read(run.path / "genotype_best.json")
    with run.stage("search", data=data.fingerprint) as entry:
        torch.manual_seed(derived_seed(seed, "supernet"))
        supernet = space.supernet(data.input_shape, data.num_classes, relaxation=relaxation, mixing=mixing)
        module = make_module(supernet, num_classes=data.num_classes, channels_last=hardware.channels_last)
        history = SearchHistory(run.path, derive, list(space.primitives), space.edges)
        fit(
            module,
            data,
            folder=run.path,
            epochs=epochs,
            hardware=hardware,
            callbacks=[history, ArchitectureBoard(history, gate_heatmap, genotype_figure, alpha_heatmap)],
            title="search",
            checkpoint_every_s=checkpoint_every_s,
        )
        entry["peak_memory_mib"] = round(peak_memory_mib(hardware.device), 1)
        entry["steps"], entry["alpha_updates"] = module.steps_done, module.alpha_updates
        entry["val_acc_best"], entry["epoch_best"] = history.best["val_acc"], history.best["epoch"]
        entry["alpha_movement"] = history.rows[-1]["alpha_movement"]
        entry["supernet_parameters"] = sum(p.numel() for p in supernet.weight_parameters())
    return Genotype.from_json(history.best["genotype"])

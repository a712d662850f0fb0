"""The stages of `darts_pl.search` in order: search, derive, retrain briefly beside baselines, write results."""

import json
from collections.abc import Callable
from functools import partial

from darts_pl.callbacks import write_hparams
from darts_pl.genotype import KNOWN, Genotype, from_json
from darts_pl.reports.run_page import write_report
from darts_pl.stages.baselines import linear_baseline, random_architecture
from darts_pl.stages.run import RunFolder
from darts_pl.stages.sizes import paper_size


def find_architecture(
    run: RunFolder,
    *,
    space,
    search: Callable[[], Genotype],
    retrain: Callable[[RunFolder, Genotype, str], dict] | None,
    random_seed: int | None,
    linear_data,
) -> dict:
    """Run what is not done yet and return the results that `results.json` holds.

    Args:
        search: runs or resumes the search, returns the genotype.
        retrain: `(run, genotype, stage name) -> figures`; None leaves retraining and comparison out.
        random_seed: seed of the random architecture to compare with; None leaves it out.
        linear_data: a prepared data module for the linear baseline; None leaves it out.
    """
    genotype = search()
    retrain = None if retrain is None else partial(retrain, run)
    rows = compare(run, genotype, "searched", space, retrain, random_seed, linear_data) if retrain else []
    found = run.manifest["stages"]["search"]
    figures = {key: found[key] for key in ("val_acc_best", "epoch_best", "alpha_updates", "alpha_movement")}
    figures |= {key: found[key] for key in ("stopped", "selection") if key in found}
    return finish(run, genotype, space, {"search": figures, "rows": rows})


def retrain_only(run: RunFolder, genotype: Genotype, *, space, retrain, random_seed, linear_data) -> dict:
    """The stages of `darts_pl.retrain`: as `find_architecture` with the genotype given."""
    genotype.save(run.path / "genotype_best.json")
    rows = compare(run, genotype, "retrained", space, partial(retrain, run), random_seed, linear_data)
    return finish(run, genotype, space, {"rows": rows})


def compare(run: RunFolder, genotype: Genotype, name: str, space, retrain, random_seed, linear_data) -> list[dict]:
    """Figures of the genotype and of what it is compared with, each trained in a stage of its own.

    The linear baseline, last of the rows, is fitted first: minutes at most, and what is wrong with it shows before the
    long stages.
    """
    linear = [] if linear_data is None else [{"name": "linear baseline", **_linear(run, linear_data)}]
    rows = [{"name": name, **retrain(genotype, "retrain")}]
    if random_seed is not None:
        other = random_architecture(space, random_seed)
        rows.append({"name": "random architecture", **retrain(other, "random")})
    return rows + linear


def finish(run: RunFolder, genotype: Genotype, space, results: dict) -> dict:
    """Write results.json and report.html, mark the run complete."""
    results = {
        "genotype_best": json.loads(genotype.to_json()),
        **results,
        "derived_parameters_paper_size": paper_size(genotype, space.operations),
    }
    if published := {name: known for name, known in KNOWN.items() if known.space == genotype.space}:
        sizes = [{"name": name, "parameters": paper_size(known)} for name, known in published.items()]
        results["published"] = sizes
    run.write_json("results.json", results)
    if not run.done("hparams"):
        with run.stage("hparams"):
            write_hparams(run.path / "tensorboard", run.settings(), final_figures(results))
    run.complete()
    write_report(run.path)
    return results


def final_figures(results: dict) -> dict[str, float]:
    """The figures that runs are compared by: best validation accuracy, test accuracies."""
    figures = {"search/val_acc_best": results["search"]["val_acc_best"]} if "search" in results else {}
    named = {f"test_acc/{row['name'].replace(' ', '_')}": row["test_acc"] for row in results["rows"]}
    return {**figures, **named}


def _linear(run: RunFolder, data) -> dict:
    if not run.done("linear"):
        with run.stage("linear", data=data.fingerprint) as entry:
            entry["figures"] = linear_baseline(data)
    return run.manifest["stages"]["linear"]["figures"]


def summary(run: RunFolder, results: dict) -> str:
    """The closing lines: genotype, figures beside the baselines, where everything lies."""
    found = results["search"]
    lines = ["", _heading(found), *genotype_lines(results["genotype_best"])]
    return "\n".join([*lines, *_table(results["rows"]), *_places(run, results)])


def _heading(found: dict) -> str:
    """What was chosen, and how."""
    updates = f"{found['alpha_updates']} alpha updates"
    if "selection" in found:
        chosen = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in found["selection"].items())
        return f"Genotype (chosen by: {chosen}; {updates}):"
    accuracy = f"validation accuracy {found['val_acc_best']:.1%}, {updates}"
    if "stopped" in found:
        return f"Search stopped: {found['stopped']}.\nGenotype (epoch {found['epoch_best']}, {accuracy}):"
    return f"Genotype (best by validation, epoch {found['epoch_best']}, {accuracy}):"


def retrain_summary(run: RunFolder, results: dict) -> str:
    """The closing lines of a retraining."""
    lines = ["", "Genotype:", *genotype_lines(results["genotype_best"])]
    return "\n".join([*lines, *_table(results["rows"]), *_places(run, results)])


def _table(rows: list[dict]) -> list[str]:
    lines = ["", f"{'':22}{'test accuracy':>14}{'parameters':>13}{'seconds':>10}"] if rows else []
    for row in rows:
        lines.append(f"{row['name']:22}{row['test_acc']:>14.1%}{row['parameters']:>13,}{row['seconds']:>10}")
    return lines


def _places(run: RunFolder, results: dict) -> list[str]:
    lines = ["", f"Run folder  {run.path}", f"Genotype    {run.path / 'genotype_best.json'}"]
    if results["rows"]:
        lines.append(f"Model       {run.path / 'retrain' / 'model.safetensors'}  (darts_pl.load reads it)")
    return [*lines, f"Report      {run.path / 'report.html'}"]


def genotype_lines(genotype: dict) -> list[str]:
    """A genotype's dictionary in lines of text, a cell each."""
    lines = []
    for kind, cell in from_json(json.dumps(genotype)).cells.items():
        nodes = "; ".join(
            f"{state}: " + " + ".join(f"{edge.op}({edge.source})" for edge in node)
            for state, node in enumerate(cell.nodes, start=cell.first_state)
        )
        lines.append(f"  {kind:7} {nodes}")
    return lines

"""Running a notebook and reading what it shows; `python tests/notebook_runs.py NAME ...` saves it with its outputs."""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SAVE = "run python tests/notebook_runs.py with its name"


def executed(name: str, folder: Path, **environment: str) -> nbformat.NotebookNode:
    """The notebook of this name, executed in an empty folder on one thread."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "OMP_NUM_THREADS": "1", **environment})
    notebook.metadata["folder"] = str(folder)
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    """Everything that the cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def scores(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """The printed lines `name: 0.1234`."""
    found = re.findall(r"^([a-z0-9 ,]+): (\d\.\d+)$", printed(notebook), re.MULTILINE)
    return {name: float(value) for name, value in found}


def pictures(notebook: nbformat.NotebookNode) -> list[str]:
    """What drew the pictures that are shown, the beginning of the last line of their cells."""
    return [
        cell.source.splitlines()[-1].split("(")[0]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def tables(notebook: nbformat.NotebookNode) -> list[str]:
    """The tables that are shown, as text."""
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data["text/plain"] for data in shown if "text/html" in data]


def save(name: str) -> None:
    """Execute the notebook of this name and keep its outputs; what tells of this machine alone is left out."""
    no_widgets = "ignore:IProgress not found"  # where ipywidgets is not installed, with the place of a package
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(name, Path(folder), PYTHONWARNINGS=no_widgets)
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each cell ran
    nbformat.write(notebook, NOTEBOOKS / f"{name}.ipynb")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        save(name)

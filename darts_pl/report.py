"""`python -m darts_pl.report FOLDER`: an HTML page of a run, or a comparison of the runs of a sweep."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from darts_pl.commands.explain import explain
from darts_pl.commands.output import OutputClosed, checked_output
from darts_pl.errors import DartsError, RunError
from darts_pl.paths import check_working_folder
from darts_pl.stages.lock import locked


def main(argv: list[str] | None = None) -> int:
    """Write the report and print its path last; 0, or 2 after an error that the user can mend."""
    arguments = _parser().parse_args(argv)
    try:
        check_working_folder()
        with checked_output():
            print(_written(arguments.folder, arguments.output))
    except (DartsError, OSError) as error:
        if (told := explain(error, composing=False)) is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        return 2
    except OutputClosed as closed:
        print(f"{closed.code}; the page is {arguments.output or arguments.folder / 'report.html'}", file=sys.stderr)
        return 2
    return 0


@contextmanager
def _locked(folder: Path, output: Path | None) -> Iterator[None]:
    """The lock of `folder` where the page is written there; one that is written elsewhere waits for no run."""
    if output is not None and output.absolute().parent != folder:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except RunError as error:
            raise RunError(f"{error} A page elsewhere can be written now: --output FILE") from error
        yield


def _written(place: Path, output: Path | None) -> Path:
    """The page of a folder, written: of a search or a pipeline, of a run or the runs of a sweep."""
    from darts_pl.reports.run_files import existing_folder  # here, so that --help waits for no pandas

    folder = existing_folder(place)
    with _locked(folder, output):
        return _writer(folder)(folder, output)


def _writer(folder: Path) -> Callable[[Path, Path | None], Path]:
    """What writes the page of `folder`; the parts that it needs are imported where it is known."""
    from darts_pl.reports.pipeline_files import is_pipeline
    from darts_pl.reports.pipeline_page import write_pipeline_report
    from darts_pl.reports.pipeline_sweep_page import is_pipeline_sweep, write_pipeline_comparison
    from darts_pl.reports.run_files import is_run
    from darts_pl.reports.run_page import write_report
    from darts_pl.reports.sweep_page import write_comparison

    if is_run(folder):
        return write_pipeline_report if is_pipeline(folder) else write_report
    return write_pipeline_comparison if is_pipeline_sweep(folder) else write_comparison


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m darts_pl.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of a run, or of a sweep whose runs are to be compared")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write the page (default: report.html in the folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

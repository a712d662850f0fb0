"""`python -m darts_pl.report FOLDER`: an HTML page of a run, or a comparison of the runs of a sweep."""

import argparse
import sys
from pathlib import Path

from darts_pl.errors import DartsError
from darts_pl.reports.run_files import existing_folder, is_run
from darts_pl.reports.run_page import write_report
from darts_pl.reports.sweep_page import write_comparison


def main(argv: list[str] | None = None) -> int:
    """Write the report and print its path last; 0, or 2 after an error that the user can mend."""
    arguments = _parser().parse_args(argv)
    try:
        folder = existing_folder(arguments.folder)
        write = write_report if is_run(folder) else write_comparison
        print(write(folder, arguments.output))
    except DartsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


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

"""Pictures and pages made from the files of a run: cell graphs, curves, tables, the HTML report.

Nothing here trains or needs torch: everything is read from the run folder or passed in as plain data.
"""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)

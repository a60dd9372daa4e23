"""What runs are on the disk, and what they say."""

from trainviz_cli.runs.find import find_all_runs, find_runs, locate_runs, open_run
from trainviz_cli.runs.found import FoundRun, RunReader

__all__ = ["FoundRun", "RunReader", "find_all_runs", "find_runs", "locate_runs", "open_run"]

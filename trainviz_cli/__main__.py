"""The process behind the command `trainviz`, and behind `python -m trainviz_cli`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Runs the command line, and ends the process with the documented exit code."""
    # What belongs to a process, and so to no library: a command lives for a moment and makes no
    # reference cycles worth collecting; and none multiplies matrices, for which NumPy would start
    # a thread per core at import.
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from trainviz_cli.cli import run_trainviz

        run_trainviz()
    except KeyboardInterrupt:  # while something is still being imported
        sys.exit(130)


if __name__ == "__main__":
    main()

"""Which process of a distributed training this is."""

from __future__ import annotations

import os
import sys

# Launcher's variable for the rank → one that says how many there are, where a rank may stand alone.
_RANK_VARIABLES = {
    "RANK": None,
    "OMPI_COMM_WORLD_RANK": None,
    "PMI_RANK": None,
    "SLURM_PROCID": "SLURM_NTASKS",
}


def rank() -> int:
    """This process's rank: from torch if it is initialised, else from the launcher; 0 alone."""
    torch_distributed = sys.modules.get("torch.distributed")
    if (
        torch_distributed
        and torch_distributed.is_available()
        and torch_distributed.is_initialized()
    ):
        return int(torch_distributed.get_rank())
    for variable, count in _RANK_VARIABLES.items():
        text = os.environ.get(variable, "")
        if text.isdecimal() and (count is None or os.environ.get(count) != "1"):
            return int(text)
    return 0

"""A training config as Python text: written as literals, read back as data, never executed.

Source: the files of MMEngine's `Config.dump`, one `key = value` per top-level key.
"""

from trainviz_cli.codecs.literals.limits import MAX_DEPTH
from trainviz_cli.codecs.literals.read import load_config
from trainviz_cli.codecs.literals.write import dump_config

__all__ = ["MAX_DEPTH", "dump_config", "load_config"]

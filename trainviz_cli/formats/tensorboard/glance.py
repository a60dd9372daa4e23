"""What the ends of a run's event files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.codecs.tfevents import last_events
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats.tensorboard.folders import event_files
from trainviz_cli.model.glance import Glance

if TYPE_CHECKING:
    from pathlib import Path


def glance(log: Path, window: int) -> Glance:
    """What the last events of a run's files say; of each key, what was logged last.

    Raises:
        UnreadableError: Not one of its files can be read.
        NotFoundError: There are none any more.
    """
    seen: dict[Path, dict[str, tuple[float, int]]] = {}  # folder → key → value and its step
    last_steps: dict[Path, int] = {}
    records, modified, exact = 0, 0.0, True
    problem: UnreadableError | None = None
    for prefix, path in event_files(log):
        try:
            status = path.stat()
            events, total = last_events(path, window)
        except FileNotFoundError:
            continue
        except UnreadableError as error:
            problem = error
            continue
        except OSError as error:
            problem = UnreadableError(f"can't read {path}: {error.strerror}")
            continue
        modified = max(modified, status.st_mtime)
        records += total
        here = seen.setdefault(path.parent, {})
        if status.st_size > window:
            exact = False
            here.clear()  # all of it may have been logged again, before the window
        last_steps.update((path.parent, step) for step in events.steps[-1:].tolist())
        for code, row, value in zip(
            events.codes.tolist(), events.rows.tolist(), events.values.tolist(), strict=True
        ):
            here[prefix + events.tags[code]] = value, int(events.steps[row])
    if not seen:
        raise problem or NotFoundError(f"no event file in {log}")
    found = {key: each for here in seen.values() for key, each in here.items()}
    return Glance(
        records,
        max(last_steps.values(), default=None),
        modified,
        {key: value for key, (value, _) in found.items()},
        exact,
        {key: step for key, (value, step) in found.items() if value - value != 0},
    )

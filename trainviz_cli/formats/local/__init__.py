"""Runs in MMEngine's layout, as `LocalVisBackend` and MMEngine itself write them.

Source: docs/run-directory.md; mmengine 0.10.7, visualization/vis_backend.py and runner/runner.py.
"""

from __future__ import annotations

import math
import re
import stat
import sys
from typing import TYPE_CHECKING, Any

from trainviz_cli.codecs.ends import last_records
from trainviz_cli.codecs.records import parse_record
from trainviz_cli.errors import UnreadableError
from trainviz_cli.formats._format import Format, Place
from trainviz_cli.model.glance import Glance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainviz_cli.formats.local.reader import LocalReader
    from trainviz_cli.model.run import Image, Text

_LOG = "scalars.json"
_STAMPS = "scalars.times"
_FOLDER = "vis_data"
_START = r"\d{8}_\d{6}"  # MMEngine names each start by its time
_IMAGE = r"(?s)(?P<name>.+)_(?P<step>-?\d+)\.png"
# Another tool's document over several lines, where ours has an object per line.
_DOCUMENT = rb"\s*(\{\s*\n|\[)"
_NUMBERS = {float, int}
_STEPS = {*_NUMBERS, bool}
_VALUES = {*_STEPS, type(None)}
_MOST = sys.float_info.max


class LocalFormat(Format):
    """`scalars.json` in a folder, in its `vis_data/`, or in MMEngine's `<timestamp>/vis_data/`."""

    name = "local"
    title = "trainviz and MMEngine (LocalVisBackend)"
    recognised_by = "`scalars.json` (JSON Lines with `step`) in the folder or in its `vis_data/`"

    def find_log(self, place: Place) -> Path | None:
        """The `scalars.json` of such a folder, or a file whose lines are such records."""
        if place.is_file:
            is_log = place.path.name == _LOG or _has_step(place.head())
            return place.path if is_log else None
        return _log_in(place) or (
            _log_in(Place.at(place.path / _FOLDER)) if _FOLDER in place.folders else None
        )

    def parts(self, place: Place) -> frozenset[str]:
        """Where the log may be, and the pictures are."""
        del place
        return frozenset({_FOLDER, "vis_image"})

    def starts(self, place: Place) -> Sequence[str]:
        """MMEngine's starts in a `work_dir`, by their time."""
        return sorted(name for name in place.folders if re.fullmatch(_START, name))

    def reader(self, log: Path) -> LocalReader:
        """A reader of the run's scalars."""
        from trainviz_cli.formats.local.reader import LocalReader

        return LocalReader(log)

    def glance(self, log: Path, window: int) -> Glance:
        """What its last records say.

        A validation that counts in epochs stands at the training line before it.
        """
        end = last_records(log, window)
        records = end.records
        if not any("step" in record for record in records):  # their order is the axis
            first = end.total - len(records)
            records = [{**record, "step": first + i} for i, record in enumerate(records)]
        records = [record for record in records if _can_be_step(record.get("step"))]
        last: dict[str, float] = {}
        trained = -1
        for index, record in enumerate(records):
            last.update(record)
            trained = index if "epoch" in record else trained
        if not _NUMBERS.issuperset(map(type, last.values())):
            last = _last_values(records)
        last.pop("step", None)
        odd = [key for key, value in last.items() if not -_MOST <= value <= _MOST]
        return Glance(
            records=end.total,
            last_step=max((record["step"] for record in records[trained:]), default=None),
            modified=end.modified,
            last=last | {key: _as_float(last[key]) for key in odd},
            exact=end.whole,
            nonfinite={
                key: next(
                    each["step"] for each in reversed(records) if type(each.get(key, "")) in _VALUES
                )
                for key in odd
            },
        )

    def images(self, log: Path) -> tuple[Image, ...]:
        """The PNGs below `vis_image/`, by name and step."""
        from trainviz_cli.model.run import Image

        folder = log.parent / "vis_image"
        found = []
        for file in folder.rglob("*.png"):
            match = re.fullmatch(_IMAGE, file.relative_to(folder).as_posix())
            if match:
                found.append(Image(match["name"], int(match["step"]), file))
        return tuple(sorted(found, key=lambda image: (image.name, image.step)))

    def texts(self, log: Path) -> tuple[Text, ...]:
        """The model's tree of modules, `graph.txt`.

        Raises:
            UnreadableError: It can't be opened.
        """
        from trainviz_cli.model.run import Text

        tree = _text_of(log.parent / "graph.txt")
        return () if tree is None else (Text("graph", 0, tree),)

    def config(self, log: Path) -> dict[str, object]:
        """What `config.py` assigns, as data; an empty dict without one.

        Raises:
            UnreadableError: It is no Python, or can't be opened.
        """
        from trainviz_cli.codecs.literals import load_config

        file = log.parent / "config.py"
        source = _text_of(file)
        try:
            return {} if source is None else load_config(source)
        except ValueError as error:
            raise UnreadableError(f"can't read {file}: {error}") from None


FORMAT = LocalFormat()


def _log_in(folder: Place) -> Path | None:
    """The scalar log in a folder, or MMEngine's `<timestamp>.json`, its copy."""
    if _LOG in folder.files and (
        _STAMPS in folder.files or _may_hold_records(folder.head(_LOG))  # only we write stamps
    ):
        return folder.path / _LOG
    # Elsewhere than in `vis_data/`, files of that name hold test results.
    if not folder.files or folder.path.absolute().name != _FOLDER:
        return None
    copies = sorted(name for name in folder.files if re.fullmatch(rf"{_START}\.json", name))
    logs = (name for name in copies if _may_hold_records(folder.head(name)))
    return next((folder.path / name for name in logs), None)


def _may_hold_records(head: bytes) -> bool:
    """Whether a file of the right name is a log, perhaps an empty or damaged one."""
    return re.match(_DOCUMENT, head.removeprefix(b"\xef\xbb\xbf")) is None


def _has_step(head: bytes) -> bool:
    """Whether one of the first lines is a record with a step."""
    records = map(parse_record, head.split(b"\n"))
    return any(record is not None and "step" in record for record in records)


def _last_values(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Each key's last number, where some hold anything else; `null` is NaN, as in reading."""
    last = {}
    for record in records:
        values = {key: value for key, value in record.items() if type(value) in _VALUES}
        last.update({key: _as_float(value) for key, value in values.items()})
    return last


def _as_float(value: float | None) -> float:
    """The value as reading gives it: what no float can hold is infinite."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _can_be_step(step: Any) -> bool:  # noqa: ANN401 - whatever a line holds
    return type(step) in _STEPS and -_MOST <= step <= _MOST


def _text_of(file: Path) -> str | None:
    """What a file says, as far as it is UTF-8; None if it isn't there.

    Raises:
        UnreadableError: It can't be opened.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for ever
            raise UnreadableError(f"can't read {file}: no regular file")
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"can't read {file}: {error.strerror}") from None

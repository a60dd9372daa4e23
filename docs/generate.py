"""Write the pages that come from the code; with `--check`, only say whether they are up to date."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import click
from terminal_svg import terminal_svg

from trainviz_cli.cli import trainviz
from trainviz_cli.formats import all_formats
from trainviz_cli.render.term.dashboard.actions import ACTIONS
from trainviz_cli.runs import find_runs

HERE = Path(__file__).parent
ROOT = HERE.parent
COLUMNS = 84
HOUR_S = 3600
# In the README, what stands between these lines is what the command prints.
SCREEN = r"(?s)(<!-- screen: (trainviz [^\n]*) -->\n).*?(<!-- end of screen -->)"
EXITS = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 2 | wrong usage, or an output that can't be written |
| 3 | not found: a run, a log, a key, a picture |
| 4 | the file can't be read: damaged, not a log, an unknown format |
| 5 | an optional package is missing |
| 6 | refused: a picture that would fill the memory |
| 7 | what `tail --until` waited for did not come |
| 130 | interrupted |

What runs until it is stopped (`tail`, `--follow`) ends with 0 on Ctrl-C. Results go to stdout,
everything else to stderr.

## JSON

`--json` prints one document (`tail`: one a line). A number that isn't finite is `null`; the steps
of such numbers are listed under `nonfinite`. Fields may be added, never renamed.

DOCUMENTS

`updated` is in unix seconds. Where `exact` is false, `records` is an estimate from the end of the
log. `count` is of all samples; what else is said of a key leaves out those that a restart replaced.
`smooth` is there with `--smooth`. A difference (`last_change`, `best_change`) is to the baseline.
In `config_diff`, the names of nested values are dotted, and a run without the value is left out.
"""
DOCUMENTS = {
    "ls": '{"runs": [{"name", "path", "format", "records", "exact", "last_step", "updated", '
    '"live", "last": {KEY: VALUE}, "nonfinite": {KEY: STEP}}]}',
    "show": '{"name", "path", "format", "keys": {KEY: {"count", "first_step", "last_step", '
    '"first", "last", "best", "best_step", "direction", "nonfinite": [STEP]}}, '
    '"images": {NAME: [STEP]}, "config": {…}, '
    '"notes": [{"path", "offset", "message", "skipped", "further"}]}',
    "plot": '{"series": [{"run", "key", "axis", "x", "y", "smooth", "nonfinite": [STEP]}]}',
    "compare": '{"rows": [{"run", "key", "direction", "last", "last_step", "last_change", "best", '
    '"best_step", "best_change", "wins", "nonfinite": [STEP]}], '
    '"config_diff": {KEY: {RUN: VALUE}}}',
    "tail": '{"run", "step", "epoch", "wall_time", "values": {KEY: VALUE}, '
    '"nonfinite": {KEY: [STEP]}}, one a line',
    "formats": '{"formats": [{"name", "title", "recognised_by"}]}',
}


def cli_page() -> str:
    """Every command's help, and what holds for all of them."""
    page = ["# The command line", "", "Generated from the code by `make docs`.", ""]
    group = click.Context(trainviz, info_name="trainviz", **trainviz.context_settings)
    page += ["```text", trainviz.get_help(group), "```", ""]
    for name in trainviz.list_commands(group):
        command = trainviz.get_command(group, name)
        context = click.Context(command, parent=group, info_name=name)
        page += [f"## trainviz {name}", "", "```text", command.get_help(context), "```", ""]
    keys = "".join(f"| `{action.shown}` | {action.help} |\n" for action in ACTIONS)
    page += ["## Keys of trainviz tail", "", f"| key | does |\n|---|---|\n{keys}"]
    rows = "".join(f"| `{name}` | `{fields}` |\n" for name, fields in DOCUMENTS.items())
    table = f"| command | document |\n|---|---|\n{rows}".rstrip()
    return "\n".join([*page, EXITS.replace("DOCUMENTS", table)])


def formats_page() -> str:
    """Every log format."""
    page = ["# Log formats", "", "Generated from the code by `make docs`.", ""]
    page += ["| name | what writes it | recognised by |", "|---|---|---|"]
    page += [
        f"| `{known.name}` | {known.title} | {known.recognised_by} |" for known in all_formats()
    ]
    return "\n".join([*page, ""])


def picture() -> str:
    """What `trainviz plot` prints for the sample runs, as the README shows it."""
    asked = "trainviz plot sample_runs --key mAP"
    return terminal_svg(f"\x1b[1m$ {asked}\x1b[0m\n{printed(f'{asked} --color always')}", COLUMNS)


def readme() -> str:
    """The README, with what its commands print for the sample runs."""

    def screen(found: re.Match[str]) -> str:
        return f"{found[1]}```text\n$ {found[2]}\n{printed(found[2])}```\n{found[3]}"

    return re.sub(SCREEN, screen, (ROOT / "README.md").read_text(encoding="utf-8"))


def printed(command: str) -> str:
    """What a command prints, `COLUMNS` wide, the hour after the last of the sample runs ended."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_runs", Path(folder) / "sample_runs")
        ended = age_runs(Path(folder) / "sample_runs")
        environment = {"COLUMNS": str(COLUMNS), "LINES": "25", "TERM": "xterm-256color"}
        with (
            chdir(folder),
            patch.dict(os.environ, environment),
            patch("time.time", return_value=ended + HOUR_S),
            redirect_stdout(out),
            redirect_stderr(io.StringIO()),
        ):
            trainviz.main(shlex.split(command)[1:], "trainviz", standalone_mode=False)
    out.seek(0)
    return out.read()


def age_runs(folder: Path) -> float:
    """Gives each log the time of its last record, as when it was written; returns the latest."""
    times = []
    for found in find_runs(folder):
        ends = [series.wall_times[-1] for series in found.read().series.values()]
        os.utime(found.log, (max(ends),) * 2)
        times.append(float(max(ends)))
    return max(times)


PAGES = {
    "docs/cli.md": cli_page,
    "docs/formats.md": formats_page,
    "docs/plot.svg": picture,
    "README.md": readme,
}


def main() -> int:
    """Write or check every page; 1 if one was out of date."""
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)} (make docs)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

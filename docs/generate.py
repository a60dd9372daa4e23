"""Write the pages that come from the code; with `--check`, only say whether they are up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
from terminal_svg import terminal_svg

from trainviz_cli.cli import trainviz
from trainviz_cli.formats import all_formats

HERE = Path(__file__).parent
ROOT = HERE.parent
COLUMNS = 84
EXITS = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 2 | wrong usage, or an output that can't be written |
| 3 | not found: a run, a log, a key |
| 4 | the file can't be read: damaged, not a log, an unknown format |
| 130 | interrupted |

Results go to stdout, everything else to stderr.

## JSON

`plot --json` prints one document, `{"series": [{"run", "key", "axis", "x", "y", "nonfinite"}]}`: a
number that isn't finite is `null` in `y`, its step listed under `nonfinite`; with `--smooth`,
`smooth` holds the smoothed values. `formats --json` prints
`{"formats": [{"name", "title", "recognised_by"}]}`. Fields may be added, never renamed.
""".splitlines()


def cli_page() -> str:
    """Every command's help."""
    page = ["# The command line", "", "Generated from the code by `make docs`.", ""]
    group = click.Context(trainviz, info_name="trainviz", **trainviz.context_settings)
    page += ["```text", trainviz.get_help(group), "```", ""]
    for name in trainviz.list_commands(group):
        command = trainviz.get_command(group, name)
        context = click.Context(command, parent=group, info_name=name)
        page += [f"## trainviz {name}", "", "```text", command.get_help(context), "```", ""]
    return "\n".join([*page, *EXITS])


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
    arguments = ["plot", "sample_runs", "--key", "mAP", "--color", "always"]
    environment = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "trainviz_cli", *arguments]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    prompt = "\x1b[1m$ trainviz plot sample_runs --key mAP\x1b[0m\n"
    return terminal_svg(prompt + printed.stdout, COLUMNS)


PAGES = {"cli.md": cli_page, "formats.md": formats_page, "plot.svg": picture}


def main() -> int:
    """Write or check every page; 1 if one was out of date."""
    stale = []
    for name, make in PAGES.items():
        path, text = HERE / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)} (make docs)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

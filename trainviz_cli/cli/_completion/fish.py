"""fish: quotes what it inserts, and chooses among whole words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.cli._completion.ask import ask, in_one_line, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import click

_SCRIPT = r"""function _trainviz_completion
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program trainviz
    string match -q '*/trainviz' -- $words[1]; and test -x $words[1]; and set program $words[1]
    set -e words[1]
    for line in (env _TRAINVIZ_COMPLETE=fish_complete $program $words "$word" \
            2>/dev/null </dev/null)
        switch $line
            case 'plain,*'
                string replace plain, '' -- $line
            case '*'
                # The files that a command would get that fish knows nothing about.
                complete -C "'' $word"
        end
    end
end

complete --command trainviz --no-files --keep-order --arguments '(_trainviz_completion)'
"""


def script() -> str:
    """What fish must run once."""
    return _SCRIPT


def candidates(group: click.Group, arguments: Sequence[str]) -> Iterator[str]:
    """The candidates for fish, which chooses among whole words, and quotes all but a tilde."""
    *words, raw = arguments
    kept, items = ask(group, words, unquoted(raw))
    for item in items:
        value = f"{kept}{item.value}" if item.type == "plain" else ""
        if not value.startswith("~"):
            yield f"{item.type},{value}" + (f"\t{in_one_line(item.help)}" if item.help else "")

"""zsh: quotes what it inserts, and shows what each candidate is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.cli._completion.ask import ask, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import click

_SCRIPT = r"""#compdef trainviz

_trainviz() {
    local line program=trainviz typed=${(Q)words[1]}
    local -a plain described
    [[ $typed == */trainviz && -x $typed ]] && program=$typed
    for line in "${(@f)$(_TRAINVIZ_COMPLETE=zsh_complete "$program" \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null < /dev/null)}"; do
        case $line in
            skip,*) compset -p ${line#skip,} ;;
            file,*) _files ;;
            dir,*) _files -/ ;;
            plain,*) plain+=("${line#plain,}") ;;
            described,*) described+=("${line#described,}") ;;
        esac
    done
    (( $#described )) && _describe -V trainviz described
    # What was typed may stand anywhere in a name, in any case.
    (( $#plain )) && compadd -V trainviz -a \
        -M 'm:{[:lower:][:upper:]}={[:upper:][:lower:]} l:|=* r:|=*' -- plain
}

if [[ ${funcstack[1]-} == _trainviz ]]; then  # this file is the function, on the fpath
    _trainviz "$@"
else
    (( ${+functions[compdef]} )) || { autoload -U compinit && compinit }
    compdef _trainviz trainviz
fi
"""


def script() -> str:
    """What zsh must run once."""
    return _SCRIPT


def candidates(group: click.Group, arguments: Sequence[str]) -> Iterator[str]:
    """The candidates for zsh, which quotes them."""
    *words, word = arguments
    kept, items = ask(group, words, word)
    if kept:
        yield f"skip,{len(kept)}"
    for item in items:
        if item.type != "plain":
            yield f"{item.type},"
        elif item.help:
            yield f"described,{item.value}:{in_one_line(item.help)}"
        else:
            yield f"plain,{item.value}"

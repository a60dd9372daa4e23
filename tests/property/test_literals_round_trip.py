"""Configs come back from their text as they were, and reading any text is harmless."""

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainviz_cli.codecs.literals import dump_config, load_config

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**700), 10**700)
    | st.floats()
    | ANY_TEXT
    | st.binary()
)
KEYS = ANY_TEXT | st.from_regex(r"\w+", fullmatch=True)
VALUES = st.recursive(
    SCALARS | st.sets(SCALARS),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(SCALARS, inner)
    ),
    max_leaves=20,
)
CONFIGS = st.dictionaries(KEYS, VALUES)
TOKENS = "a =|_extra_ =|1|-|'é'|x.y|float('nan')|dict(|set(|f(|(|)|[|]|{|}|,|:|=|*|**|#|\\|\n|\r|\t"
FORMS = (
    "[{0}]|({0},)|{{{0}}}|{{{0}: {1}}}|dict(a={0}, b={1})|dict({0})|dict([({0}, {1})])|dict(**{0})"
)
CALLS = (
    "list({0})|tuple({0})|set({0})|complex({0}, {1})|float({0})|f({0}, {1})|-{0}|{0} + {1}|[*{0}]"
)
EXPRESSIONS = st.recursive(
    SCALARS.map(repr) | st.sampled_from(["x.y", "f'é{x}'", "(lambda: 'é')", "[]", "float('inf')"]),
    lambda inner: st.builds(
        str.format, st.sampled_from(f"{FORMS}|{CALLS}".split("|")), inner, inner
    ),
)
ASSIGNMENTS = st.builds("{} = {}".format, st.sampled_from(["a", "_extra_", "a, b"]), EXPRESSIONS)
SOURCES = (
    ANY_TEXT
    | st.lists(st.sampled_from(TOKENS.split("|")), max_size=30).map(" ".join)
    | st.lists(ASSIGNMENTS, max_size=3).map("\n".join)
)


def canonical(value: object) -> object:
    """The value in a form that compares NaN, -0.0 and types, and ignores the order of items."""
    if isinstance(value, Mapping):
        items = [(canonical(key), canonical(item)) for key, item in value.items()]
        return "dict", sorted(items, key=repr)
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [canonical(item) for item in value]
    if isinstance(value, set):
        return "set", sorted((canonical(item) for item in value), key=repr)
    return type(value).__name__, hex(value) if isinstance(value, int) else repr(value)


@given(CONFIGS)
def test_configs_come_back_as_they_were(config: dict[str, object]) -> None:
    """Every config of literals is read back equal, types, NaN and signs of zero included."""
    assert canonical(load_config(dump_config(config))) == canonical(config)


@given(CONFIGS)
def test_dumps_are_stable(config: dict[str, object]) -> None:
    """What was read from a dump is dumped as the same text."""
    text = dump_config(config)
    assert dump_config(load_config(text)) == text


@given(CONFIGS)
def test_dumps_hold_nothing_but_literals(config: dict[str, object]) -> None:
    """No key and no value becomes code: only literals, and calls of four known names."""
    allowed = {"complex", "dict", "float", "set"}
    for statement in ast.parse(dump_config(config)).body:
        assert isinstance(statement, ast.Assign)
        for node in ast.walk(statement.value):
            assert not isinstance(node, (ast.Attribute, ast.BinOp, ast.JoinedStr, ast.Lambda))
            assert not isinstance(node, ast.Name) or node.id in allowed


@given(SOURCES)
def test_any_text_is_read_or_refused(source: str) -> None:
    """Reading any text gives a dict that can be dumped, or a ValueError of one line."""
    try:
        config = load_config(source)
    except ValueError as error:
        config = {"message": str(error)}
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - most texts raise, but not all
    assert canonical(load_config(dump_config(config))) == canonical(config)


@pytest.fixture(scope="module")
def events() -> Iterator[list[tuple[str, object]]]:
    """What the interpreter executes, imports and opens, as it happens."""
    seen: list[tuple[str, object]] = []
    watched = {"exec", "import", "open", "os.system", "subprocess.Popen"}

    def note(event: str, details: tuple[object, ...]) -> None:
        if event in watched:
            seen.append((event, details[0]))

    sys.addaudithook(note)
    yield seen
    watched.clear()  # a hook cannot be taken away again


@given(SOURCES)
def test_reading_executes_nothing(events: list[tuple[str, object]], source: str) -> None:
    """While any text is read, nothing is executed or imported, and no file is opened."""
    events.clear()
    with suppress(ValueError):
        load_config(source)
    # to quote an error's line the parser tries the file without a name, which cannot be
    assert set(events) <= {("open", "")}


@given(EXPRESSIONS, EXPRESSIONS)
def test_expressions_keep_their_exact_source(first: str, second: str) -> None:
    """Text is cut out as the standard library's own, slower function cuts it."""
    source = f"a = [{first}, f({second})]"
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.Assign)
    assert isinstance(node.value, ast.List)
    value = load_config(source)["a"]
    assert isinstance(value, list)
    assert value[1:] == [ast.get_source_segment(source, node.value.elts[1])]

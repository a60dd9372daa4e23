"""Configs as Python text: what is written, and what is read back without being executed."""

import math
import subprocess
import sys
import warnings
from collections import OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path, PurePosixPath
from textwrap import dedent
from types import MappingProxyType

import numpy as np
import pytest

from trainviz_cli.codecs.literals import MAX_DEPTH, dump_config, load_config


class Phase(Enum):
    """An enum of text."""

    TRAIN = "train"


class Level(IntEnum):
    """An enum that is an int."""

    HIGH = 3


class Shout(str):
    """Text whose own representations are code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "exit()"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "exit()"


@dataclass(frozen=True)
class Optimizer:
    """A config kept as a dataclass."""

    name: str
    betas: tuple[float, float]


class Broken:
    """An object that cannot even be represented."""

    def __repr__(self) -> str:
        raise RuntimeError


class Scalar:
    """A number of some array library that has only ``item``."""

    shape = ()

    def item(self) -> float:
        """The number."""
        return 0.5


Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024 - the untyped kind is the one under test


def nested(depth: int) -> object:
    """A list in a list, so many levels deep."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_top_level_keys_are_assignments_in_their_order() -> None:
    """Each key is one assignment, and the keys are sorted as MMEngine sorts them."""
    text = dump_config({"seed": 1, "model": {"type": "A", "depth": 50}, "Name": None})
    assert text == "Name = None\nmodel = dict(depth=50, type='A')\nseed = 1\n"


def test_no_config_is_no_text() -> None:
    """An empty config is an empty file, and back."""
    assert dump_config({}) == ""
    assert load_config("") == {}


def test_long_values_break_into_one_item_per_line() -> None:
    """What fits in the line stays there; the rest has one item per line, indented by four."""
    steps = [{"type": "LinearLR", "end": 500}, {"type": "M" * 70, "gamma": 0.1, "end": 12}]
    text = dump_config({"steps": steps})
    assert text == dedent(f"""\
        steps = [
            dict(end=500, type='LinearLR'),
            dict(
                end=12,
                gamma=0.1,
                type='{"M" * 70}',
            ),
        ]
        """)


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    """Lines of short values keep within a hundred columns at every depth."""
    config = {"a": {"b" * n: [{"c" * m: m} for m in range(1, 20)] for n in range(1, 40)}}
    assert max(map(len, dump_config(config).splitlines())) <= 100


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "None"),
        (True, "True"),
        (-7, "-7"),
        (-0.0, "-0.0"),
        (1e-4, "0.0001"),
        (math.nan, "float('nan')"),
        (math.inf, "float('inf')"),
        (-math.inf, "float('-inf')"),
        (complex(1, -0.0), "complex(1.0, -0.0)"),
        (..., "..."),
        ("it's", '"it\'s"'),
        ("训练\n\ud800\x1b", "'训练\\n\\ud800\\x1b'"),
        (b"\x00'", 'b"\\x00\'"'),
        ((), "()"),
        ((1,), "(1,)"),
        (("x" * 100,), f"(\n    '{'x' * 100}',\n)"),
        ([], "[]"),
        ({}, "dict()"),
        (set(), "set()"),
        ({10, 9, 2}, "{2, 9, 10}"),
        (frozenset({"b", "a"}), "{'a', 'b'}"),
        ({"class": 1}, "{'class': 1}"),
        ({"__debug__": 1}, "{'__debug__': 1}"),
        ({"\ufb01": 1}, "{'\ufb01': 1}"),
        ({1: "a", None: "b"}, "{1: 'a', None: 'b'}"),
        ({(1, ("b",)): 2}, "{(1, ('b',)): 2}"),
    ],
)
def test_literals_are_written_and_read_back(value: object, literal: str) -> None:
    """Each kind of value has one literal, and its literal reads back as the value."""
    text = f"key = {literal}\n"
    assert dump_config({"key": value}) == text
    config = load_config(text)
    assert config == {"key": value} or repr(config) == repr({"key": value})
    assert dump_config(config) == text


def test_whole_numbers_have_no_digit_limit() -> None:
    """An int with more digits than Python converts to text comes back the same."""
    config = {"big": 10**5000, "low": -(10**5000), "near": 2**2048 - 1}
    assert load_config(dump_config(config)) == config


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (OrderedDict(b=1, a=2), "dict(a=2, b=1)"),
        (defaultdict(int, a=1), "dict(a=1)"),
        (MappingProxyType({"a": 1}), "dict(a=1)"),
        (UserDict(a=1), "dict(a=1)"),
        (UserList([1]), "[1]"),
        (deque([1, 2], maxlen=3), "[1, 2]"),
        ({"a": 1}.keys(), "{'a'}"),
        (bytearray(b"a"), "b'a'"),
        (Point(1, 2), "(1, 2)"),
        (Phase.TRAIN, "'train'"),
        ({Phase.TRAIN: Level.HIGH}, "dict(train=3)"),
        (Shout("hi"), "'hi'"),
        ({Shout("hi"): 1}, "dict(hi=1)"),
        ({Shout("h i"): 1}, "{'h i': 1}"),
        (PurePosixPath("runs/a"), "'runs/a'"),
        (Optimizer("SGD", (0.9, 0.99)), "dict(betas=(0.9, 0.99), name='SGD')"),
        (np.float64(0.5), "0.5"),
        (np.float64("nan"), "float('nan')"),
        (np.complex128(1), "complex(1.0, 0.0)"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (np.bool_(1), "True"),
        (np.str_("a"), "'a'"),
        (np.array("a"), "'a'"),
        (np.arange(4).reshape(2, 2), "[[0, 1], [2, 3]]"),
        ({np.int64(3): 1, "a b": 2}, "{'a b': 2, 3: 1}"),
        (Scalar(), "0.5"),
        (Broken(), "'<Broken>'"),
        (len, "'<built-in function len>'"),
        (int, "\"<class 'int'>\""),
        (Scalar, f'"{Scalar}"'),
        (range(3), "'range(0, 3)'"),
        ({frozenset({1}): 2}, "{'{1}': 2}"),
        ({Optimizer("SGD", (0, 1))}, "{\"dict(betas=(0, 1), name='SGD')\"}"),
    ],
)
def test_other_values_become_plain_literals(value: object, literal: str) -> None:
    """Subclasses, containers, arrays and objects come out as plain data or as text."""
    assert dump_config({"key": value}) == f"key = {literal}\n"


def test_keys_that_cannot_be_assigned_go_into_a_mapping() -> None:
    """Dotted keys, keywords, the dump's own calls and its own name survive the round trip."""
    config = {"model.lr": 0.1, "class": 1, "dict": 2, "_extra_": {"a": 3}, "b": {"c": 4}}
    text = dump_config(config)
    assert text == (
        "b = dict(c=4)\n_extra_ = {'_extra_': dict(a=3), 'class': 1, 'dict': 2, 'model.lr': 0.1}\n"
    )
    assert load_config(text) == config


def test_keys_that_are_no_text_are_kept_as_text() -> None:
    """A top-level key of another type becomes the key of its text."""
    config: dict[object, object] = {1: "a", None: "b", Phase.TRAIN: "c", Path("d"): "d"}
    expected = {"1": "a", "None": "b", "train": "c", "d": "d"}
    assert load_config(dump_config(config)) == expected  # type: ignore[arg-type]


def test_a_foreign_extra_is_only_a_name() -> None:
    """A config that uses the name for something else than a mapping keeps it."""
    assert load_config("_extra_ = 5") == {"_extra_": 5}
    assert load_config("_extra_ = {1: 2}") == {"1": 2}


def test_configs_that_contain_themselves_are_refused() -> None:
    """A cycle is an error of one line, not an endless dump."""
    config: dict[str, object] = {}
    config["again"] = [config]
    with pytest.raises(ValueError, match=r"contains itself$"):
        dump_config(config)


def test_depth_has_one_limit_for_both_ways() -> None:
    """What can be written can be read, and one level more is refused by both."""
    deepest = {"a": nested(MAX_DEPTH)}
    assert load_config(dump_config(deepest)) == deepest
    with pytest.raises(ValueError, match="levels deep"):
        dump_config({"a": nested(MAX_DEPTH + 1)})
    with pytest.raises(ValueError, match="levels deep"):
        load_config(f"a = {'[' * (MAX_DEPTH + 1)}1{']' * (MAX_DEPTH + 1)}")


def test_deep_keys_are_refused() -> None:
    """A key that nests too deeply is refused like a value."""
    key: tuple[object, ...] = ()
    for _ in range(MAX_DEPTH + 1):
        key = (key,)
    with pytest.raises(ValueError, match="levels deep"):
        dump_config({"a": {key: 1}})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("dict()", {}),
        ("dict(a=1, **{'b c': 2})", {"a": 1, "b c": 2}),
        ("dict({'a.b': 1, 2: 3}, a=4)", {"a.b": 1, 2: 3, "a": 4}),
        ("dict([('a', 1), ['b', 2]])", {"a": 1, "b": 2}),
        ("[list(), tuple(), set()]", [[], (), set()]),
        ("list((1, 2))", [1, 2]),
        ("tuple([1, 2])", (1, 2)),
        ("set([1, 2])", {1, 2}),
        ("(1, )", (1,)),
        ("[+1, -1.5, -2j, -float('inf')]", [1, -1.5, -2j, -math.inf]),
        ("0xff", 255),
        ("1_000", 1000),
        ("'a' 'b'\\\n  'c'", "abc"),
        ("r'\\d'", r"\d"),
        ("complex(1, 2)", 1 + 2j),
        ("dict(type=torch.optim.SGD, lr=0.1)", {"type": "torch.optim.SGD", "lr": 0.1}),
        ("[base, 1]", ["base", 1]),
        ("{a.b: 1, 'c': f(2)}", {"a.b": 1, "c": "f(2)"}),
    ],
)
def test_literals_and_calls_on_them_are_data(source: str, value: object) -> None:
    """The literals and calls that configs are written with are read as their values."""
    assert load_config(f"key = {source}") == {"key": value}


@pytest.mark.parametrize(
    "source",
    [
        "2**10**10",
        "1 + 2j",
        "'a' * 10**9",
        "not True",
        "-True",
        "--1",
        "~1",
        "-name",
        "f'{x}'",
        "lambda: 0",
        "[x for x in y]",
        "[*a, 1]",
        "{**a, 'b': 1}",
        "{{_base_.lr}}",
        "{[1]: 2}",
        "dict(a)",
        "dict(['ab'])",
        "dict([(1, 2, 3)])",
        "dict(1, 2)",
        "dict(**a)",
        "list('ab')",
        "list(name)",
        "tuple(a=1)",
        "tuple([1], [2])",
        "set([[1]])",
        "float(nan)",
        "float('1')",
        "complex(0x" + "f" * 400 + ", 1)",
        "int('1')",
        "os.system('true')",
        "yield",
    ],
)
def test_other_expressions_stay_text(source: str) -> None:
    """An expression that is no literal is the text of itself; nothing is computed."""
    assert load_config(f"key = {source}") == {"key": source}


def test_text_is_cut_out_in_characters() -> None:
    """Text behind wide characters, in parentheses and over several lines is exact."""
    source = "a = ['é训', {'é': f('训')}, (\n  b +\n\tc)]\r\nd = g(\r\n  1)\n"
    expected = {"a": ["é训", {"é": "f('训')"}, "b +\n\tc"], "d": "g(\n  1)"}
    assert load_config(source) == expected


def test_last_assignment_wins() -> None:
    """Names are read in their order, chained, annotated and in tuples alike."""
    source = """
        a = b = 1
        b: int = 2
        c, (d, [e]) = 3, (4, [5])
        a, f = a, g = 6, 7
        h: int
        """
    expected = {"a": 6, "b": 2, "c": 3, "d": 4, "e": 5, "f": 7, "g": 7}
    assert load_config(dedent(source)) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "x += 1",
        "x.y = 1",
        "x['y'] = 1",
        "a, b = f()",
        "a, b = 1, 2, 3",
        "a, b = 'ab'",
        "a, b = *c, 1",
        "import os",
        "from a import *",
        "del x",
        "with read_base():\n    from .base import *",
        "def f():\n    y = 1",
        "class C:\n    y = 1",
        "if True:\n    y = 1",
        "for y in z:\n    pass",
        "(y := 1)",
        "'''a docstring'''",
        "raise SystemExit",
    ],
)
def test_other_statements_are_skipped(statement: str) -> None:
    """A statement that does not assign to a name at the top level leaves no trace."""
    assert load_config(f"x = 0\n{statement}\n") == {"x": 0}


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Calls in statements, definitions and values touch nothing; values keep their text."""
    mark = tmp_path / "executed"
    call = f"__import__('os').system('touch {mark}')"
    source = dedent(f"""\
        import os
        os.system('touch {mark}')
        def effect(x=os.system('touch {mark}')):
            os.system('touch {mark}')
        effect()
        a = {call}
        b: {call} = dict(c={call}, d=1)
        """)
    assert load_config(source) == {"a": call, "b": {"c": call, "d": 1}}
    assert not mark.exists()


def test_hostile_text_stays_text_in_the_dump() -> None:
    """Keys and values that look like code are read back as the same text."""
    code = "'); __import__('os').abort() #\n\"\"\"\\"
    config = {code: {code: [code, code.encode()]}, "a = 1\nb": 1, "a": {"b=1, c": 2}}
    text = dump_config(config)
    assert load_config(text) == config
    scope: dict[str, object] = {}
    exec(compile(text, "config", "exec"), scope)  # noqa: S102 - this text is ours: that is the proof
    assert scope["_extra_"] == {code: config[code], "a = 1\nb": 1}


def test_marks_of_other_editors_are_accepted() -> None:
    """A byte order mark, every kind of line end, and tabs change nothing."""
    assert load_config("\ufeffa = 1\r\nb = [\r\n\t2]\rc = 3") == {"a": 1, "b": [2], "c": 3}


def test_invalid_escapes_do_not_warn() -> None:
    """Somebody else's string with an invalid escape is read without a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert load_config(r"a = '\d'") == {"a": r"\d"}
    assert not caught


@pytest.mark.parametrize(
    "source",
    [
        "a = ",
        "a = 1\n  b = 2",
        "{'loss': 0.1",
        "a = '\x00'",
        "a = '\ud800'",
        "a = '\\N{no such name}'",
        "a = " + "9" * 5000,
        "a = " + "[" * 1_000_000,
        "a = " + "-" * 1_000_000 + "1",
        "a = " + "not " * 100_000 + "1",
        "a = " + "lambda: " * 100_000 + "1",
        "a = b" + ".b" * 100_000,
        "a = b" + "()" * 100_000,
        "a = " + "1+" * 100_000 + "1",
        "if 1: pass\n" + "elif 1: pass\n" * 100_000,
        "".join(f"{' ' * depth}if 1:\n" for depth in range(200)),
    ],
    ids=lambda source: source[:12],
)
def test_unreadable_text_is_an_error_of_one_short_line(source: str) -> None:
    """Text that is no Python, or nests without end, is refused and not quoted."""
    with pytest.raises(ValueError, match=r"^[^\n]{1,300}$"):
        load_config(source)


def test_large_files_of_text_are_read_in_linear_time() -> None:
    """Many texts on one long line cost no more than their length."""
    names = ["é.b"] * 50_000
    assert load_config(f"a = [{', '.join(names)}]") == {"a": names}


def test_no_array_library_is_needed() -> None:
    """The module finds arrays by their methods and imports no array library."""
    source = "import sys, trainviz_cli.codecs.literals; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0

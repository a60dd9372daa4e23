"""`trainviz show` as the contract has it: one run on one screen, or as one document."""

import json
import math
import re
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.cli.commands.show import _find_image
from trainviz_cli.codecs.literals import dump_config
from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.runs import open_run

GOLDEN = Path(__file__).parents[1] / "golden" / "local"
NAN, INF = math.nan, math.inf
RUNS = [f"{kind}_seed{seed}" for kind in ("adamw", "sgd") for seed in range(3)]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NASTY = {
    "wide": "训练损失" * 30,
    "combining": "e\u0301" * 60,
    "joined emoji": "👩\u200d🚀" * 30,
    "bidirectional": "left \u202e right \u2066 isolated",
    "escapes": "\x1b[31mred\x1b]0;title\x07",
    "lines": "two\nlines\r\tand\x00more",
    "C1": "\x85\x9b31m",
    "surrogate": "\ud800",
    "10 KB": "k" * 10_000,
    "10 KB wide": "\uff05" * 10_000,
    "empty": "",
}
FILE_NAMES = {
    "wide": "训练损失" * 12,
    "escape": "\x1b[31mred",
    "line": "a\nb",
    "bidirectional": "\u202eleft",
    "blank": "a b",
    "not UTF-8": "\udcff",
    "long": "x" * 200,
}
# Keys as a detector logs them, alike at both ends.
DETECTOR = [
    "coco/bbox_mAP_50_small_objects",
    "coco/bbox_mAP_75_small_objects",
    "train/loss_rpn_bbox_regression",
    "train/loss_roi_bbox_regression",
]
NESTED = """
lr = 0.1
model = dict(type='Net', blocks=[dict(width=64), dict(width=128, stages=(1, 2))], head=dict())
plain = [1, 2.5, None, True]
classes = {0: 'cat', 7: 'dog', (1, 2): 'pair', None: 'none'}
raw = b'\\x00\\xff'
wave = 1 + 2j
point = complex(1, 2)
chosen = {3}
limit = float('inf')
gap = float('nan')
large = 1180591620717411303424
note = ' blank '
nothing = ''
"""


def cells(text: str) -> int:
    """Columns that a terminal gives the text: marks that lie on others none, wide ones two."""
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me"}
        else 2
        if unicodedata.east_asian_width(char) in {"W", "F"}
        else 1
        for char in text
    )


def assert_harmless(ran: Any, width: int = 80) -> None:
    """The run shows, nothing on either stream steers the terminal, and no line is too wide."""
    assert ran.code == 0, ran.err
    wrong = {char for char in ran.out + ran.err if unicodedata.category(char) in STEERING}
    assert wrong <= {"\n"}
    assert max(map(cells, ran.lines)) <= width


def assert_error(ran: Any, code: int) -> tuple[str, str]:
    """The error's line and its hint, after checking that there is nothing else."""
    found = re.fullmatch(r"trainviz: ([^\n]+)\n(?:  hint: ([^\n]+)\n)?", ran.err)
    assert (ran.code, ran.out) == (code, ""), ran
    assert found, ran.err
    return found[1], found[2] or ""


def document(ran: Any) -> dict[str, Any]:
    """The one JSON document on stdout, which holds no constant that JSON doesn't know."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    assert (ran.code, ran.err) == (0, ""), ran.err
    assert ran.out.endswith("\n")
    found = json.loads(ran.out, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def part(ran: Any, head: str) -> list[str]:
    """The lines of one part of the screen, below its head."""
    parts = [text.splitlines() for text in ran.out.rstrip("\n").split("\n\n")]
    return next((lines[1:] for lines in parts if lines[0].split("  ")[0] == head), [])


def with_pictures(folder: Path, *names: str) -> Path:
    """The run, with files where pictures of these names and steps would be."""
    for name in names:
        file = folder / "vis_image" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return folder


def test_one_run_on_one_screen(trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is, its keys, configuration, pictures and damage, in this order."""
    monkeypatch.chdir(run.parent)
    (run / "config.py").write_text("lr = 0.1\nmodel = dict(depth=3)\n")
    with_pictures(run, "val/pred_10", "val/pred_2")
    with (run / "scalars.json").open("a") as log:
        log.write("garbage\n")
    ran = trainviz("show", "exp1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "exp1  local  exp1",
        "2 keys · steps 0–19",
        "",
        "key   count  steps  first  last      best  at step  curve",
        "loss     20   0–19      2   0.1   0.1 min       19  █▄▃▂▂▂▂▁▁▁▁▁▁▁▁▁",
        "acc      20   0–19      0  0.95  0.95 max       19  ▁▂▂▂▃▃▄▄▅▅▆▆▇▇▇█",
        "",
        "config",
        "lr           0.1",
        "model.depth  3",
        "",
        "images    count  steps",
        "val/pred      2  2, 10",
        "",
        "notes",
        "line is no JSON object (scalars.json, at byte 950)",
    ]


def test_a_run_of_a_log_alone_is_its_keys_alone(trainviz: Any, run: Path) -> None:
    """Where there is no configuration, no picture and no damage, there is nothing about them."""
    text = trainviz("show", run).out
    assert text.count("\n\n") == 1
    assert "config" not in text


@pytest.mark.parametrize("name", RUNS)
def test_real_run(trainviz: Any, samples: Path, name: str) -> None:
    """The figures of each real run are those that its log has, key by key."""
    rows = [json.loads(line) for line in (samples / name / "scalars.json").read_text().splitlines()]
    logged: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for key in row.keys() - {"step"}:
            logged.setdefault(key, []).append((row["step"], row[key]))
    told = document(trainviz("show", samples / name, "--json"))
    assert (told["name"], told["format"], told["notes"]) == (name, "local", [])
    assert set(told["keys"]) == set(logged)
    for key, found in told["keys"].items():
        less = "loss" in key or key == "time"
        best = (min if less else max)(value for _, value in logged[key])
        assert found == {
            "count": len(logged[key]),
            "first_step": logged[key][0][0],
            "last_step": logged[key][-1][0],
            "first": logged[key][0][1],
            "last": logged[key][-1][1],
            "best": best,
            "best_step": next(step for step, value in logged[key] if value == best),
            "direction": "min" if less else "max",
            "nonfinite": [],
        }
    assert told["images"] == {"val/predictions": [20, 60, 200, 600]}
    ran = trainviz("show", samples / name)
    assert_harmless(ran)
    assert [line.split()[0] for line in part(ran, "key")] == list(told["keys"])
    assert [line.split()[0] for line in part(ran, "config")] == list(told["config"])
    assert ran.err == ""


@pytest.mark.parametrize("options", [[], ["-v"], ["--ascii"]])
def test_every_key_of_many_is_shown(
    trainviz: Any,
    log: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
) -> None:
    """Five hundred keys have a line each, in the order they were logged."""
    monkeypatch.setenv("COLUMNS", "120")
    keys = [f"layer{i:03}/grad_norm" for i in range(500)]
    run = log(tmp_path / "exp", [dict.fromkeys(keys, i / 7) | {"step": i} for i in range(12)])
    ran = trainviz("show", run, *options)
    assert [line.split()[0] for line in part(ran, "key")] == keys
    assert list(document(trainviz("show", run, "--json"))["keys"]) == keys


@pytest.mark.parametrize("width", [60, 80])
def test_long_keys_can_be_told_apart(
    trainviz: Any, log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Keys of a usual length that are alike at both ends still show where they differ."""
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [dict.fromkeys(DETECTOR, 1 / (1 + i)) | {"step": 1000 * i} for i in range(200)]
    ran = trainviz("show", log(tmp_path / "exp", rows))
    assert len({line.split()[0] for line in part(ran, "key")}) == len(DETECTOR)


@pytest.mark.parametrize("name", NASTY.values(), ids=list(NASTY))
@pytest.mark.parametrize("width", [24, 60, 200])
def test_nasty_names(
    trainviz: Any,
    log: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    width: int,
) -> None:
    """Keys, settings, values and messages that are wide, endless or meant to steer do no harm."""
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [{name: i, "a": 1, "step": i} for i in range(5)] + [{name: "text", "step": 9}]
    run = log(tmp_path / "exp", rows)
    (run / "config.py").write_text(dump_config({"model": {name: name, "b": [name, 1]}}))
    ran = trainviz("show", run, "-v")
    assert_harmless(ran, width)
    told = document(trainviz("show", run, "--json"))
    assert list(told["keys"]) == [name, "a"]
    assert told["config"] == {"model": {name: name, "b": [name, 1]}}


@pytest.mark.parametrize("name", FILE_NAMES.values(), ids=list(FILE_NAMES))
@pytest.mark.parametrize("width", [24, 80, 200])
def test_nasty_run_names(
    trainviz: Any,
    log: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    width: int,
) -> None:
    """A directory's name, too, is text from outside, in the head as in what pictures are called."""
    monkeypatch.setenv("COLUMNS", str(width))
    run = with_pictures(log(tmp_path / name, [{"loss": 1, "step": 0}]), f"{name[:60]}_5")
    assert_harmless(trainviz("show", run), width)
    told = document(trainviz("show", run, "--json"))
    assert (told["name"], told["path"]) == (name, str(run))
    assert told["images"] == {name[:60]: [5]}


def test_control_characters_are_seen(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """An escape in a key is a visible symbol, not nothing."""
    run = log(tmp_path / "exp", [{"\x1b[31mlo\u202ess": 1, "step": 0}])
    assert part(trainviz("show", run), "key")[0].startswith("␛[31mlo�ss ")


def test_what_is_not_finite_is_counted(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A column counts NaN and infinities; the best value is a finite one."""
    values = [3.0, NAN, 1.0, INF, -INF, 2.0, NAN]
    rows = [{"loss": value, "acc": 0.5, "step": 10 * i} for i, value in enumerate(values)]
    run = log(tmp_path / "exp", rows)
    ran = trainviz("show", run)
    head = next(line for line in ran.lines if line.startswith("key"))
    assert head.endswith("NaN, Inf")
    loss, acc = part(ran, "key")
    assert loss.split()[:8] == ["loss", "7", "0–60", "3", "nan", "1", "min", "20"]
    assert loss.split()[-1] == "4"
    assert cells(loss) == cells(head)
    assert cells(acc) < cells(head)
    told = document(trainviz("show", run, "--json"))["keys"]
    assert told["loss"]["nonfinite"] == [10, 30, 40, 60]
    assert (told["loss"]["first"], told["loss"]["last"]) == (3, None)
    assert (told["loss"]["best"], told["loss"]["best_step"]) == (1, 20)
    assert told["acc"]["nonfinite"] == []


def test_the_column_for_what_is_not_finite_comes_when_needed(trainviz: Any, run: Path) -> None:
    """A run of finite values has no such column."""
    assert "NaN" not in trainviz("show", run).out


@pytest.mark.parametrize("values", [[NAN], [NAN, NAN], [INF, -INF], [-INF]])
def test_nothing_finite(trainviz: Any, log: Any, tmp_path: Path, values: list[float]) -> None:
    """A key without any finite value has no best, and JSON has null for it."""
    rows = [{"loss": value, "step": i} for i, value in enumerate(values)]
    run = log(tmp_path / "exp", rows)
    (line,) = part(trainviz("show", run), "key")
    assert line.split()[-1] == str(len(values))
    assert "min" not in line
    found = document(trainviz("show", run, "--json"))["keys"]["loss"]
    assert (found["last"], found["best"], found["best_step"]) == (None, None, None)
    assert found["nonfinite"] == list(range(len(values)))


def test_one_step_for_all(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Where no step tells the samples apart, there is no sign of NaN that nobody logged."""
    run = log(tmp_path / "exp", [{"loss": i, "step": 7} for i in range(9)])
    (line,) = part(trainviz("show", run), "key")
    assert line.split()[:3] == ["loss", "9", "7"]
    assert "×" not in line


def test_a_restart_is_told(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """What a restart replaced is counted, and its best value is not the best any more."""
    rows = [{"loss": value, "step": i} for i, value in enumerate([9, 8, 1, 7])]
    rows += [{"loss": value, "step": i} for i, value in enumerate([6, 5], 2)]
    run = log(tmp_path / "exp", rows)
    ran = trainviz("show", run)
    assert ran.lines[1] == "1 key · steps 0–3 · 1 restart"
    assert part(ran, "key")[0].split()[:8] == ["loss", "6", "0–3", "9", "5", "5", "min", "3"]
    found = document(trainviz("show", run, "--json"))["keys"]["loss"]
    assert (found["count"], found["best"], found["best_step"]) == (6, 5, 3)


def test_damage_is_noted(trainviz: Any) -> None:
    """Each kind of damage has a line with its count, its file and the byte of the first place."""
    ran = trainviz("show", GOLDEN / "damaged")
    assert ran.err == ""
    assert part(ran, "notes")[:3] == [
        "line is no JSON object (scalars.json, at byte 76)",
        "record cut short by the next one (scalars.json, at byte 90)",
        "3 × git conflict marker (scalars.json, first at byte 182)",
    ]
    assert len(part(ran, "notes")) == 5


def test_verbose_lists_each_place(trainviz: Any) -> None:
    """`--verbose` adds the bytes where the same damage was met again."""
    lines = part(trainviz("show", GOLDEN / "damaged", "--verbose"), "notes")
    at = lines.index("3 × git conflict marker (scalars.json, first at byte 182)")
    assert lines[at + 1 : at + 3] == ["  again at byte 224", "  again at byte 274"]
    assert len(lines) == 7


def test_verbose_counts_what_it_cannot_list(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """All places listed and the number of the rest together are all the damage."""
    rows = [{"loss": 1, "step": i} if i % 3 else "garbage" for i in range(900)]
    lines = part(trainviz("show", log(tmp_path / "exp", rows), "-v"), "notes")
    again = [line for line in lines if line.startswith("  again at byte ")]
    assert lines[0] == "300 × line is no JSON object (scalars.json, first at byte 0)"
    rest = re.fullmatch("  and ([0-9]+) more", lines[-1])
    assert rest
    assert 1 + len(again) + int(rest[1]) == 300


def test_many_kinds_of_damage(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Five kinds are shown, the rest is counted, and `--verbose` shows all."""
    rows = [{"loss": i, f"name{i}": "text", "step": i} for i in range(9)]
    run = log(tmp_path / "exp", rows)
    lines = part(trainviz("show", run), "notes")
    assert len(lines) == 6
    assert lines[-1] == "and 4 more notes (--verbose)"
    assert len(part(trainviz("show", run, "-v"), "notes")) == 9


def test_notes_as_json(trainviz: Any) -> None:
    """Each kind of damage with its file, the byte of its first place, and how often it was met."""
    file = GOLDEN / "damaged" / "exp1" / "scalars.json"
    notes = document(trainviz("show", GOLDEN / "damaged", "--json"))["notes"]
    assert {note["path"] for note in notes} == {str(file)}
    found = {note["message"]: (note["offset"], note["skipped"]) for note in notes}
    assert found["line is no JSON object"] == (76, 1)
    assert found["git conflict marker"] == (182, 3)
    assert file.read_bytes()[182:].startswith(b"<<<<<<<")
    marker = next(note for note in notes if note["message"] == "git conflict marker")
    assert marker["further"] == [224, 274]


def test_a_note_leads_to_its_line(trainviz: Any) -> None:
    """At the byte that a note names begins the line it speaks of, whatever stands before it."""
    data = (GOLDEN / "damaged" / "exp1" / "scalars.json").read_bytes()
    notes = document(trainviz("show", GOLDEN / "damaged", "--json"))["notes"]
    assert {note["message"]: data[note["offset"] :].split(b"\n")[0] for note in notes} == {
        "line is no JSON object": b"not a record",
        "record cut short by the next one": b'{"ok": 1, "loss{"loss": 0.5, "step": 3}',
        "git conflict marker": b"<<<<<<< HEAD",
        "'name' holds text, no number": b'{"loss": 0.75, "name": "text", "step": 6}',
        "record without a step": b'{"loss": 9007199254740993, "step": null}',
    }


def test_strict_stops_at_damage(trainviz: Any, samples: Path) -> None:
    """`--strict` is the same error as everywhere, and accepts a sound log."""
    said, _ = assert_error(trainviz("show", GOLDEN / "damaged", "--strict"), 4)
    assert "byte 76: line is no JSON object" in said
    assert trainviz("show", samples / "sgd_seed0", "--strict").code == 0


def test_starts_of_a_work_dir_are_one_run(trainviz: Any) -> None:
    """A training that was resumed is one run with a restart."""
    run = GOLDEN / "resumed" / "work_dir"
    ran = trainviz("show", run)
    assert ran.lines[0].startswith("work_dir  local  ")
    assert ran.lines[1] == "1 key · steps 10–40 · 1 restart"
    told = document(trainviz("show", run, "--json"))
    assert (told["name"], told["path"], told["notes"]) == ("work_dir", str(run), [])
    assert told["keys"]["loss"] == {
        "count": 5,
        "first_step": 10,
        "last_step": 40,
        "first": 4,
        "last": 1,
        "best": 1,
        "best_step": 40,
        "direction": "min",
        "nonfinite": [],
    }


def test_start_that_was_begun_over_is_noted(trainviz: Any) -> None:
    """What a later start replaced is left out of the figures, and a note says so."""
    ran = trainviz("show", GOLDEN / "begun_again")
    assert part(ran, "key")[0].split()[:3] == ["loss", "2", "10–20"]
    (note,) = part(ran, "notes")
    assert note.startswith("starts that a later one began over are left out: 20260101_120000")
    (note,) = document(trainviz("show", GOLDEN / "begun_again", "--json"))["notes"]
    assert (note["offset"], note["skipped"]) == (None, 0)


def test_one_start_can_be_named(trainviz: Any) -> None:
    """Each start of a work_dir is a run by itself, too."""
    start = GOLDEN / "resumed" / "work_dir" / "20260101_120000"
    told = document(trainviz("show", start, "--json"))
    assert told["keys"]["loss"]["count"] == 3


def test_config_and_pictures_of_the_last_start(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Of several starts, the last says what the configuration is, and has the pictures."""
    for day, lr in (("01", 0.1), ("02", 0.2)):
        data = log(tmp_path / "work" / f"202601{day}_120000" / "vis_data", [])
        row = {"loss": 1, "step": int(day)}
        (data / "scalars.json").write_text(json.dumps(row) + "\n")
        (data / "config.py").write_text(f"lr = {lr}\n")
        with_pictures(data, f"pred_{int(day)}")
    told = document(trainviz("show", tmp_path / "work", "--json"))
    assert told["keys"]["loss"]["count"] == 2
    assert told["config"] == {"lr": 0.2}
    assert told["images"] == {"pred": [2]}


@pytest.mark.parametrize("what", ["config", "picture"])
def test_a_run_without_records_that_has_something(
    trainviz: Any, log: Any, tmp_path: Path, what: str
) -> None:
    """A run that has logged no number yet shows what it has."""
    run = log(tmp_path / "exp", [])
    if what == "config":
        (run / "config.py").write_text("lr = 0.1\n")
    else:
        with_pictures(run, "pred_4")
    ran = trainviz("show", run)
    assert (ran.code, ran.lines[1]) == (0, "no record so far")
    assert ("0.1" in ran.out, "pred" in ran.out) == (what == "config", what == "picture")
    told = document(trainviz("show", run, "--json"))
    assert told["keys"] == {}
    assert told["config"] == ({"lr": 0.1} if what == "config" else {})
    assert told["images"] == ({"pred": [4]} if what == "picture" else {})


def test_config_that_cannot_be_parsed(trainviz: Any, run: Path) -> None:
    """It is a note that names the file, and everything else shows."""
    (run / "config.py").write_text("model = (((\n")
    ran = trainviz("show", run)
    assert (ran.code, ran.err) == (0, "")
    assert len(part(ran, "key")) == 2
    assert part(ran, "notes")[0].startswith("can't read ")
    told = document(trainviz("show", run, "--json"))
    assert told["config"] == {}
    (note,) = told["notes"]
    assert str(run / "config.py") in note["message"]
    assert "not Python" in note["message"]


def test_nested_config_is_dotted(trainviz: Any, run: Path) -> None:
    """Every value has a name of its own, unless a list holds nothing but plain values."""
    (run / "config.py").write_text(NESTED)
    lines = part(trainviz("show", run), "config")
    assert [re.split("  +", line, maxsplit=1) for line in lines] == [
        ["lr", "0.1"],
        ["model.type", "Net"],
        ["model.blocks.0.width", "64"],
        ["model.blocks.1.width", "128"],
        ["model.blocks.1.stages", "(1, 2)"],
        ["model.head", "{}"],
        ["plain", "[1, 2.5, None, True]"],
        ["classes.0", "cat"],
        ["classes.7", "dog"],
        ["classes.(1, 2)", "pair"],
        ["classes.None", "none"],
        ["raw", r"b'\x00\xff'"],
        ["wave", "1 + 2j"],
        ["point", "(1+2j)"],
        ["chosen", "{3}"],
        ["limit", "inf"],
        ["gap", "nan"],
        ["large", "1180591620717411303424"],
        ["note", "' blank '"],
        ["nothing", "''"],
    ]


def test_nested_config_as_json(trainviz: Any, run: Path) -> None:
    """What JSON can hold is itself; other names and values are their text; NaN is null."""
    (run / "config.py").write_text(NESTED)
    assert document(trainviz("show", run, "--json"))["config"] == {
        "lr": 0.1,
        "model": {
            "type": "Net",
            "blocks": [{"width": 64}, {"width": 128, "stages": [1, 2]}],
            "head": {},
        },
        "plain": [1, 2.5, None, True],
        "classes": {"0": "cat", "7": "dog", "(1, 2)": "pair", "None": "none"},
        "raw": r"b'\x00\xff'",
        "wave": "1 + 2j",
        "point": "(1+2j)",
        "chosen": [3],
        "limit": None,
        "gap": None,
        "large": 1180591620717411303424,
        "note": " blank ",
        "nothing": "",
    }


def test_long_config(trainviz: Any, run: Path) -> None:
    """The first values show and the rest is counted; `--verbose` and JSON have all."""
    (run / "config.py").write_text("".join(f"a{i:02} = {i}\n" for i in range(30)))
    lines = part(trainviz("show", run), "config")
    assert [line.split()[0] for line in lines[:-1]] == [f"a{i:02}" for i in range(24)]
    assert lines[-1] == "and 6 more values (--verbose)"
    assert len(part(trainviz("show", run, "-v"), "config")) == 30
    assert len(document(trainviz("show", run, "--json"))["config"]) == 30


def test_huge_text_in_a_config(trainviz: Any, run: Path) -> None:
    """A value of a megabyte is shortened on the screen, and whole in the document."""
    text = "head" + "x" * 1_000_000 + "tail"
    (run / "config.py").write_text(f"text = {text!r}\n")
    (line,) = part(trainviz("show", run), "config")
    assert cells(line) <= 80
    assert re.fullmatch("text +headx+…x+tail", line)
    assert document(trainviz("show", run, "--json"))["config"]["text"] == text


@pytest.mark.parametrize("value", ["{0}", "[{0}, 1]", "dict(a=[dict(b={0})])", "-{0}"])
def test_number_of_more_digits_than_python_writes(trainviz: Any, run: Path, value: str) -> None:
    """An endless integer, as a config may hold it, breaks neither the screen nor the document."""
    (run / "config.py").write_text(f"seed = {value.format('0x' + 'f' * 5000)}\nlr = 0.1\n")
    assert_harmless(trainviz("show", run))
    assert document(trainviz("show", run, "--json"))["config"]["lr"] == 0.1


def test_nesting_as_deep_as_a_config_may(trainviz: Any, run: Path) -> None:
    """A hundred levels are shown in one line, and are in the document."""
    (run / "config.py").write_text("a = " + "[" * 90 + "1" + "]" * 90 + "\nb = '\\ud800'\n")
    assert_harmless(trainviz("show", run))
    value = document(trainviz("show", run, "--json"))["config"]["a"]
    for _ in range(90):
        (value,) = value
    assert value == 1


@pytest.fixture
def place(log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with what can be wrong in it."""
    monkeypatch.chdir(tmp_path)
    Path("text.log").write_text("no log\n")
    Path("nothing").mkdir()
    log(tmp_path / "zero", [])
    log(tmp_path / "noise", ["garbage", "more of it"])
    log(tmp_path / "broken", [])
    Path("broken/config.py").write_text("(((")
    log(tmp_path / "pointer", POINTER.splitlines())
    for name in ("a", "b", "c", "d", "e", "f"):
        log(tmp_path / "runs" / name, [{"loss": 1, "step": 1}])
    with_pictures(tmp_path / "runs" / "a", "pred_1")
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--json"], ["--verbose"], ["--ascii"]])
@pytest.mark.parametrize(
    ("arguments", "code", "line", "hint"),
    [
        ("runs", 3, "runs holds 6 runs", "name one: a, b, c, d, e, …"),
        ("missing", 3, "no such file or folder: missing", ""),
        ("missing*", 3, r"nothing matches missing\*", ""),
        ("nothing", 3, "the folder nothing is empty", ""),
        ("text.log", 4, "text.log is no training log", "formats tried: .*local"),
        ("pointer", 4, "pointer/scalars.json is a git-LFS pointer", "git lfs pull"),
        ("pointer/scalars.json", 4, ".*scalars.json is a git-LFS pointer", "git lfs pull"),
        ("zero", 4, "zero holds no record that can be read", ".+"),
        ("noise", 4, "noise holds no record that can be read", ".+"),
        ("broken", 4, "broken holds no record that can be read", ".+"),
        ("", 2, "Missing argument 'RUN'", "trainviz show --help"),
        ("runs/a runs/b", 2, "Got unexpected extra argument", "trainviz show --help"),
    ],
)
@pytest.mark.usefixtures("place")
def test_error_is_one_line(
    trainviz: Any, arguments: str, code: int, line: str, hint: str, options: list[str]
) -> None:
    """The exit code is the documented one, stdout stays empty, and the hint is the cure."""
    said, cure = assert_error(trainviz("show", *arguments.split(), *options), code)
    assert re.match(line, said)
    assert re.match(hint, cure)


@pytest.mark.parametrize("form", ["exp1", "exp1/scalars.json", ".", "exp*", "*/scalars.json"])
def test_run_may_be_named_in_five_ways(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A directory, a log file, a folder with one run, and globs of either lead to the run."""
    monkeypatch.chdir(run.parent)
    assert document(trainviz("show", form, "--json"))["name"] == "exp1"


PICTURES = [
    "val/pred_2",
    "val/pred_10",
    "train/pred_7",
    "train/pred_-3",
    "mask_1",
    "mail@home_3",
    "mask@1_5",
    "deep/er/heat_map_4",
]


@pytest.mark.parametrize(
    ("asked", "name", "step"),
    [
        ("val/pred", "val/pred", 10),
        ("val/pred@2", "val/pred", 2),
        ("val/pred@10", "val/pred", 10),
        ("train/pred", "train/pred", 7),
        ("train/pred@-3", "train/pred", -3),
        ("VAL/pred@2", "val/pred", 2),
        ("val", "val/pred", 10),
        ("heat_map", "deep/er/heat_map", 4),
        ("map@4", "deep/er/heat_map", 4),
        ("deep/*@4", "deep/er/heat_map", 4),
        ("re:^val@2", "val/pred", 2),
        ("mail@home", "mail@home", 3),
        ("mail@home@3", "mail@home", 3),
        ("home", "mail@home", 3),
        ("mask", "mask", 1),
        ("mask@1", "mask@1", 5),
        ("mask@1@5", "mask@1", 5),
    ],
)
def test_picture(log: Any, tmp_path: Path, asked: str, name: str, step: int) -> None:
    """A name, part of one or a pattern means one picture: the newest, or that of the step."""
    run = with_pictures(log(tmp_path / "exp", []), *PICTURES)
    found = _find_image(open_run(run), asked)
    assert (found.name, found.step) == (name, step)
    assert found.path == run / "vis_image" / f"{name}_{step}.png"


def test_exact_name_with_a_step_wins(log: Any, tmp_path: Path) -> None:
    """Where a name ends like a step, who names it whole means it."""
    run = with_pictures(log(tmp_path / "exp", []), "pred_5", "pred@5_1")
    opened = open_run(run)
    assert _find_image(opened, "pred@5")[:2] == ("pred@5", 1)
    assert _find_image(opened, "pred")[:2] == ("pred", 5)


@pytest.mark.parametrize(
    ("asked", "line", "hint"),
    [
        ("val/pred@3", "val/pred has no step 3", "its steps: 2, 10"),
        ("train/pred@3", "train/pred has no step 3", "its steps: -3, 7"),
        ("pred", "'pred' fits 2 images", "one of train/pred, val/pred"),
        ("pred@2", "'pred' fits 2 images", "one of train/pred, val/pred"),
        ("*/pred", r"'\*/pred' fits 2 images", "one of train/pred, val/pred"),
        ("prod", "no image matches 'prod'", "nearest: .*pred"),
        ("zzz@5", "no image matches 'zzz'", "its images: deep/er/heat_map, mail@home"),
        ("@5", "no image matches ''", "its images: "),
        ("val/pred@", "no image matches 'val/pred@'", "nearest: val/pred"),
        ("val/pred@last", "no image matches 'val/pred@last'", "nearest: val/pred"),
        ("val/pred@1.5", "no image matches 'val/pred@1.5'", "nearest: val/pred"),
        ("val/pred@" + "9" * 30, "val/pred has no step 9+|no image matches", ".+"),
        ("val/pred@" + "9" * 5000, "val/pred has no step 9+|no image matches", ".+"),
        ("x" * 9000, "no image matches 'x+…x+'", ".+"),
        ("\x1b[31m", "no image matches '.x1b.31m'", ".+"),
    ],
)
def test_picture_that_is_not_there(
    trainviz: Any, log: Any, tmp_path: Path, asked: str, line: str, hint: str
) -> None:
    """A name or a step that no picture has is not found, and the hint says what there is."""
    run = with_pictures(log(tmp_path / "exp", []), *PICTURES)
    said, cure = assert_error(trainviz("show", run, "--image", asked), 3)
    assert re.match(line, said)
    assert re.match(hint, cure)
    assert len(said) < 1100


def test_picture_of_a_run_without_any(trainviz: Any, run: Path) -> None:
    """The hint says that there are none at all."""
    said, hint = assert_error(trainviz("show", run, "--image", "pred"), 3)
    assert (said, hint) == ("no image matches 'pred'", "it has no images at all")


def test_pattern_that_is_none(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """An invalid pattern is wrong usage, as for keys."""
    run = with_pictures(log(tmp_path / "exp", []), "pred_1")
    assert_error(trainviz("show", run, "--image", "re:("), 2)


def test_picture_does_not_fit_into_json(trainviz: Any, run: Path) -> None:
    """`--image` with `--json` is wrong usage, whether or not there is such a picture."""
    assert_error(trainviz("show", run, "--image", "pred", "--json"), 2)


@settings(deadline=None, max_examples=200)
@given(asked=st.text(max_size=12) | st.from_regex(r"[a-c]{0,2}@?[a-c]{0,2}@?-?\d{0,3}"))
@example("a@1")
@example("c@1@5")
@example("@")
@example("a@-")
@example("a@²")
@example("a@٣")
def test_any_wish_for_a_picture(log: Any, scratch: Path, asked: str) -> None:
    """Whatever is asked for is one of the pictures, or an error of the documented kinds."""
    names = ["a_1", "a_-2", "b@c_3", "c@1_5", "ab/c_12"]
    run = open_run(with_pictures(log(scratch / "pictures", []), *names))
    found = None
    with suppress(NotFoundError, UsageError):
        found = _find_image(run, asked)
    assert found in {None, *run.images}
    if asked in {"a", "b@c", "c@1", "ab/c", "a@1", "c@1@5"}:
        assert found is not None


def test_pictures_by_name_and_step(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Each name has a line with its steps, in the order of the numbers."""
    run = with_pictures(log(tmp_path / "exp", []), *PICTURES, "not-a-picture")
    lines = [re.split("  +", line) for line in part(trainviz("show", run), "images")]
    assert lines == [
        ["deep/er/heat_map", "1", "4"],
        ["mail@home", "1", "3"],
        ["mask", "1", "1"],
        ["mask@1", "1", "5"],
        ["train/pred", "2", "-3, 7"],
        ["val/pred", "2", "2, 10"],
    ]
    told = document(trainviz("show", run, "--json"))["images"]
    assert {name: ", ".join(map(str, steps)) for name, steps in told.items()} == {
        name: steps for name, _, steps in lines
    }


def test_colour_changes_nothing_but_colour(trainviz: Any, samples: Path) -> None:
    """Without its codes a coloured sheet is the plain one, and each code is taken back in line."""
    colored = trainviz("show", samples / "sgd_seed0", "--color", "always")
    plain = trainviz("show", samples / "sgd_seed0")
    assert "\x1b[" not in plain.out
    bare = re.sub(r"\x1b\[[\d;]*m", "", colored.out)
    assert [line.rstrip() for line in bare.split("\n")][1:] == plain.out.split("\n")[1:]
    styled = [re.findall(r"\x1b\[([\d;]*)m", line) for line in colored.lines]
    assert any(styled)
    for codes in filter(None, styled):
        assert len(codes) % 2 == 0
        assert set(codes[1::2]) == {"0"}
        assert "0" not in codes[::2]


@pytest.mark.parametrize(
    ("is_terminal", "options", "colored"),
    [(True, [], True), (False, [], False), (True, ["--color", "never"], False)],
)
def test_colour_only_on_a_terminal(
    trainviz: Any, run: Path, *, is_terminal: bool, options: list[str], colored: bool
) -> None:
    """Colour only on a terminal, unless the user says otherwise."""
    ran = trainviz("show", run, *options, is_terminal=is_terminal)
    assert ("\x1b[" in ran.out) == colored


def eventful(log: Any, folder: Path) -> Path:
    """A run that makes the sheet say all it can say."""
    values = [1.0, 2.0, NAN, INF, -INF, 1e9, -3.0, 0.0, *[1.5] * 30]
    rows: list[Any] = [{"训练损失 loss": v, "epoch": 1, "step": i} for i, v in enumerate(values)]
    rows += [*rows[20:], "garbage", {"训练损失 loss": "text", "step": 200}, "garbage"]
    run = with_pictures(log(folder / ("name-训-" * 20), rows), "训_1", "训_20", "\x1b[31m_5")
    names = "".join(f"训练{i} = '练' * {i}\n" for i in range(40))
    (run / "config.py").write_text(names, "utf-8")
    return run


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200, 300])
@pytest.mark.parametrize("options", [[], ["-v"], ["--ascii"], ["--color", "always"]])
def test_no_line_is_wider_than_the_terminal(
    trainviz: Any,
    log: Any,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    options: list[str],
) -> None:
    """Whatever the run has to say, it stays within `COLUMNS`."""
    monkeypatch.setenv("COLUMNS", str(width))
    for run in (samples / "sgd_seed0", eventful(log, tmp_path)):
        ran = trainviz("show", run, *options)
        assert ran.code == 0
        lines = re.sub(r"\x1b\[[\d;]*m", "", ran.out).splitlines()
        assert max(map(cells, lines)) <= width


@pytest.mark.parametrize("options", [[], ["-v"]])
def test_ascii_is_ascii(trainviz: Any, log: Any, tmp_path: Path, options: list[str]) -> None:
    """`--ascii` draws and writes with nothing else, whatever there is to say."""
    ran = trainviz("show", eventful(log, tmp_path), "--ascii", *options)
    assert ran.code == 0
    assert {char for char in ran.out if not char.isascii()} == set()
    assert ran.lines[1] == "2 keys . steps 0-37 . epoch 1 . 1 restart"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_other_locales_get_ascii(trainviz: Any, log: Any, tmp_path: Path, encoding: str) -> None:
    """Where the locale isn't UTF-8, it is the sheet that `--ascii` draws, and nothing breaks."""
    run = eventful(log, tmp_path)
    ran = trainviz("show", run, "-v", encoding=encoding)
    assert ran.code == 0
    assert ran.out == trainviz("show", run, "-v", "--ascii").out


KEYS = st.text(max_size=12) | st.sampled_from(["loss", "val/mAP", "\x1b[31m", "\ud800", "a\nb"])
NUMBERS = st.floats() | st.integers(-(2**70), 2**70) | st.sampled_from([NAN, INF, -INF, 1e308])
ATOMS = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**200), 2**200)
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | st.complex_numbers()
    | st.sets(st.integers(), max_size=3)
)
CONFIGS = st.dictionaries(
    st.text(max_size=8) | st.integers() | st.none() | st.booleans(),
    st.recursive(
        ATOMS,
        lambda below: (
            st.lists(below, max_size=3)
            | st.tuples(below, below)
            | st.dictionaries(st.text(max_size=4) | st.integers(), below, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.tuples(st.integers(-50, 50) | st.floats(), st.dictionaries(KEYS, NUMBERS, max_size=3)),
        min_size=1,
        max_size=8,
    ),
    config=CONFIGS,
    width=st.integers(24, 120),
)
@example(rows=[(1, {"a": 1.0})], config={"a": {"b": [NAN, {"c": b"\0"}]}}, width=24)
@example(rows=[(-(10**18), {"a": 1}), (10**18, {"a": 2, "epoch": 1})], config={}, width=24)
@example(rows=[(0.5, {"a": 1}), (1e308, {"a": 2, "epoch": 1})], config={}, width=80)
def test_any_run(
    trainviz: Any,
    log: Any,
    scratch: Path,
    rows: list[tuple[float, dict[str, float]]],
    config: dict[Any, object],
    width: int,
) -> None:
    """Any records and any config are one harmless screen and one valid document."""
    records = [values | {"step": step} for step, values in rows]
    run = log(scratch / "any", [{"a": 0, "step": 0}, *records])
    (run / "config.py").write_text(dump_config(config), "utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        assert_harmless(trainviz("show", run, "-v"), width)
    told = document(trainviz("show", run, "--json"))
    fields = {"name", "path", "format", "keys", "images", "config", "notes"}
    assert fields <= set(told)
    logged = {key for record in records for key in record} - {"step"}
    assert set(told["keys"]) - {"a"} <= logged
    for found in told["keys"].values():
        assert found["count"] >= len(found["nonfinite"])
        assert (found["best"] is None) == (found["best_step"] is None)


def test_a_model_alone_is_shown(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Of a run that has stored its model so far, that is said, and no error."""
    run = log(tmp_path / "model", [])
    (run / "graph.txt").write_text("Linear(\x1b[31m2)\n")
    (run / "scalars.times").touch()
    assert part(trainviz("show", run), "texts") == ["graph      1  0"]
    assert document(trainviz("show", run, "--json"))["texts"] == {"graph": [0]}


def test_a_model_that_cannot_be_read(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """It is a note; the rest is shown."""
    run = log(tmp_path / "model", [{"a": 1, "step": 1}])
    (run / "graph.txt").mkdir()
    told = document(trainviz("show", run, "--json"))
    assert told["texts"] == {}
    assert "graph.txt" in told["notes"][0]["message"]
